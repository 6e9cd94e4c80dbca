"""Cluster objects of the cluster-registry (clusterregistry.k8s.io/v1alpha1), which is retired (CR-01..04).

A cluster there has an address for each client network, and a reference for its users and one for controllers.
A consumer of ClusterProfiles chooses by the order of its provider file instead, so each of these becomes an
access provider: NAME for controllers, NAME-user for users, each with -internal or -external where there are
several addresses.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mcs_controller.access.registries.importing import (
    Registration,
    Target,
    access_of,
    conditions,
    registration_of,
    secret_config,
)
from mcs_controller.clusterset.errors import cut
from mcs_controller.clusterset.fields import an_object, child, items, text

API_VERSION: Final = "clusterregistry.k8s.io/v1alpha1"
KIND: Final = "Cluster"
ENDPOINTS_MAX: Final = 16
CONDITIONS_MAX: Final = 64


def read_cluster(body: Mapping[str, Any], target: Target) -> Registration:
    """What a Cluster says. Raises `MalformedObject`."""
    found = registration_of(body, KIND)
    spec = child(body, "spec")
    _read_access(found, spec, target.provider)
    health: Mapping[str, Any] = {}
    for raw in items(child(body, "status"), "conditions", CONDITIONS_MAX):
        if text(an_object(raw, "conditions"), "type") == "OK":
            health = raw
    found.conditions = conditions(
        text(health, "status"),
        text(health, "reason"),
        text(health, "message"),
        text(health, "lastTransitionTime"),
        text(health, "lastHeartbeatTime"),
        target,
        KIND,
    )
    return found


def _read_access(found: Registration, spec: Mapping[str, Any], provider: str) -> None:
    api = child(spec, "kubernetesApiEndpoints")
    endpoints = [an_object(one, "serverEndpoints") for one in items(api, "serverEndpoints", ENDPOINTS_MAX)]
    if not endpoints:
        found.notes.append("it has no address, so that its profile has no access provider")
    ca = text(api, "caBundle")
    taken: set[str] = set()
    for whose, config in _logins(found, child(spec, "authInfo")):
        for endpoint in endpoints:
            network = _network(text(endpoint, "clientCIDR")) if len(endpoints) > 1 else ""
            name = _free(f"{provider}{whose}{network}", taken)
            found.access.append(access_of(name, text(endpoint, "serverAddress"), ca, config))
    if len(endpoints) > 1:
        names = ", ".join(str(one["name"]) for one in found.access)
        found.notes.append(f"its access providers are {names}: a provider file needs one of them")


def _logins(
    found: Registration, auth_info: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, str] | None]]:
    """How to log in, controllers first: the end of the provider's name, and what the plugin is told."""
    named = False
    for field, suffix in (("controller", ""), ("user", "-user")):
        reference = child(auth_info, field)
        if not text(reference, "name"):
            continue
        named = True
        kind = text(reference, "kind") or "Secret"
        if kind == "Secret":
            yield suffix, secret_config(found, reference)
        else:
            found.notes.append(
                f"authInfo.{field} is a {cut(kind, 80)}: only a plugin of your own knows what that is"
            )
            yield suffix, {"kind": kind, "name": text(reference, "name"), **_namespace(reference)}
    if not named:
        yield "", None


def _namespace(reference: Mapping[str, Any]) -> dict[str, str]:
    namespace = text(reference, "namespace")
    return {"namespace": namespace} if namespace else {}


def _network(client_cidr: str) -> str:
    try:
        network = ipaddress.ip_network(client_cidr, strict=False)
    except ValueError:
        return "-external"
    return "-internal" if network.prefixlen and network.is_private else "-external"


def _free(name: str, taken: set[str]) -> str:
    count, free = 1, name
    while free in taken:
        count += 1
        free = f"{name}-{count}"
    taken.add(free)
    return free
