"""What both kinds of old registration have in common when they become a ClusterProfile (CR-05).

The result is one-shot: nobody keeps the profile up to date afterwards. So its health says as of when it was
seen, and `Joined` is Unknown until a cluster manager takes it over. Names of Secrets are carried over, and no
credential; whoever applies the result decides about the status, which is a subresource.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mcs_controller.access.errors import UnusableRegistration
from mcs_controller.access.profiles import CONFIG_EXTENSION, PEM_BEGIN, checked_server
from mcs_controller.api.names import LABEL_MANAGED_BY
from mcs_controller.api.resources import cluster_profiles
from mcs_controller.clusterset.errors import MalformedObject, cut
from mcs_controller.clusterset.fields import child, string_pairs, text
from mcs_controller.clusterset.syntax import is_subdomain, seconds_of_time, string_map, valid_labels

MANAGER_LABEL: Final = "x-k8s.io/cluster-manager"
PROPERTY_DOMAIN: Final = "mcs-controller.io"
IMPORTED: Final = "Imported"
PROPERTY_MAX_CHARS: Final = 1024
MESSAGE_MAX_CHARS: Final = 1024

_RESERVED_LABELS: Final = (MANAGER_LABEL, "multicluster.x-k8s.io/", LABEL_MANAGED_BY)
"""With the last one a hub would take the profile for its own, and delete it for want of a member."""
_REASON: Final = re.compile(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?")
_STATUSES: Final = ("True", "False", "Unknown")


@dataclass(frozen=True, slots=True)
class Target:
    """Where the profiles belong: their manager, the name of their access provider, and their namespace.

    `now` is the time of the import, as `2026-01-01T00:00:00Z`.
    """

    manager: str
    provider: str
    namespace: str
    now: str


@dataclass(slots=True)
class Registration:
    """What was read of one registered cluster. `notes` say what of it no ClusterProfile can say."""

    name: str
    kind: str
    labels: Mapping[str, str]
    access: list[dict[str, Any]] = field(default_factory=list)
    conditions: list[dict[str, str]] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)
    version: str = ""
    notes: list[str] = field(default_factory=list)


def registration_of(body: Mapping[str, Any], kind: str) -> Registration:
    """Name and labels of a registered cluster. Raises `MalformedObject`."""
    metadata = child(body, "metadata")
    name = text(metadata, "name")
    if not is_subdomain(name):
        raise MalformedObject(f"its name {cut(name, 80)!r} is not that of an object")
    labels = dict(valid_labels(string_map(dict(string_pairs(metadata, "labels")))))
    kept = {key: value for key, value in labels.items() if not key.startswith(_RESERVED_LABELS)}
    return Registration(name, kind, kept)


def profile_of(found: Registration, target: Target) -> dict[str, Any]:
    """The ClusterProfile. Raises `UnusableRegistration`."""
    # As the hub names profiles: a manager's name has no dot, so that those of two never meet (CP-05).
    name = f"{target.manager}.{found.name}"
    if not is_subdomain(name):
        raise UnusableRegistration(
            f"{found.kind} {cut(found.name, 80)}: {cut(name, 80)} is too long for a name"
        )
    status: dict[str, Any] = {"conditions": found.conditions}
    if found.version:
        status["version"] = {"kubernetes": cut(found.version, 64)}
    if found.properties:
        status["properties"] = [
            {"name": key, "value": value} for key, value in sorted(found.properties.items())
        ]
    if found.access:
        status["accessProviders"] = found.access
    return {
        "apiVersion": cluster_profiles().api_version,
        "kind": cluster_profiles().kind,
        "metadata": {
            "name": name,
            "namespace": target.namespace,
            "labels": {**found.labels, MANAGER_LABEL: target.manager},
        },
        "spec": {"displayName": found.name, "clusterManager": {"name": target.manager}},
        "status": status,
    }


def access_of(
    name: str, server: str, ca: str, config: Mapping[str, str] | None, **more: Any
) -> dict[str, Any]:
    """One access provider. An address without a scheme is one of https. Raises `MalformedObject`."""
    if "://" not in server:
        server = f"https://{server}"
    cluster: dict[str, Any] = {"server": checked_server(server), **more}
    if ca:
        cluster["certificate-authority-data"] = _checked_ca(ca)
    if config:
        cluster["extensions"] = [{"name": CONFIG_EXTENSION, "extension": dict(config)}]
    return {"name": name, "cluster": cluster}


def secret_config(found: Registration, reference: Mapping[str, Any]) -> dict[str, str]:
    """What a plugin is told of a Secret: its name, as `secretreader` wants it, and its namespace if any.

    `secretreader` does not read the namespace, which is noted; a plugin of others may.
    """
    name, namespace = text(reference, "name"), text(reference, "namespace")
    if not namespace:
        return {"clusterName": name}
    found.notes.append(
        f"the plugin secretreader ignores the namespace {cut(namespace, 80)} of Secret {cut(name, 80)}, and "
        "looks in that of the consumer's kubeconfig"
    )
    return {"clusterName": name, "namespace": namespace}


def conditions(
    healthy: str, reason: str, message: str, since: str, seen: str, target: Target, kind: str
) -> list[dict[str, str]]:
    """ControlPlaneHealthy as it was last `seen`, and Joined, of which nothing is known any more (CR-04)."""
    as_of = f" (as of {seen})" if _time(seen) else ""
    told = f"{cut(message, MESSAGE_MAX_CHARS - 100)}{as_of}".strip() or f"imported from a {kind}"
    return [
        {
            "type": "ControlPlaneHealthy",
            "status": healthy if healthy in _STATUSES else "Unknown",
            "reason": reason if len(reason) <= 256 and _REASON.fullmatch(reason) else IMPORTED,
            "message": told,
            "lastTransitionTime": _time(since) or _time(seen) or target.now,
        },
        {
            "type": "Joined",
            "status": "Unknown",
            "reason": IMPORTED,
            "message": f"imported from a {kind}: no cluster manager has said yet that it manages the cluster",
            "lastTransitionTime": target.now,
        },
    ]


def _time(value: str) -> str:
    return value if seconds_of_time(value) is not None else ""


def _checked_ca(encoded: str) -> str:
    encoded = "".join(encoded.split())
    try:
        pem = base64.b64decode(encoded, validate=True)
    except ValueError:
        pem = b""
    if PEM_BEGIN not in pem:
        raise MalformedObject("caBundle is no base64 of a PEM certificate")
    return encoded
