"""Reads what the checks want to know of a member cluster, all of it at once."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from mcs_controller.api.names import (
    CLUSTER_ID_PROPERTY,
    CLUSTERSET_PROPERTY,
    LABEL_KUBERNETES_SERVICE_NAME,
    LABEL_MANAGED_BY,
    LABEL_SERVICE_NAME,
    LABEL_SLICE_MANAGED_BY,
    MANAGED_BY,
)
from mcs_controller.api.resources import (
    ABOUT_API,
    ABOUT_GROUP,
    CONFIG_MAPS,
    ENDPOINT_SLICES,
    EXPORT_POLICIES,
    IMPORT_POLICIES,
    MCS_API,
    MCS_VERSIONS,
    NAMESPACES,
    NODES,
    SERVICE_EXPORT_POLICIES,
    SERVICES,
    cluster_properties,
    service_exports,
    service_imports,
)
from mcs_controller.clusterset.conditions import decode_conditions
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.fields import child, integer, text
from mcs_controller.clusterset.model import LocalImport, ServiceKey
from mcs_controller.clusterset.services import decode
from mcs_controller.install.checks.facts import (
    CheckConfig,
    ClusterFacts,
    DerivedService,
    JsonObject,
    PolicyFacts,
    Review,
    SliceFacts,
)
from mcs_controller.install.checks.model import Unknown
from mcs_controller.install.checks.reading import ahead_seconds, definition, known, listed, read_lease
from mcs_controller.install.checks.reviews import Account, reviewed, rights_of_rules
from mcs_controller.install.cluster_dns.config_maps import NAMES
from mcs_controller.install.rules import rules_of
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import Clock
from mcs_controller.kube.discovery import served_resource, served_versions, serves
from mcs_controller.kube.errors import NotFound
from mcs_controller.kube.lookup import find

MCS_CRDS: Final = tuple(kind().crd_name for kind in (service_exports, service_imports))
CLUSTER_DNS_SERVICES: Final = ("kube-dns", "coredns", "rke2-coredns-rke2-coredns")
"""What the Service of a cluster's own DNS is called: the first by convention, the others by some."""

KUBE_PROXY: Final = "kube-proxy"
"""The ConfigMap of kube-proxy as kubeadm installs it, in kube-system."""

_AGENT, _DNS = "mcs-agent", "mcs-dns"
_OURS: Final = f"{LABEL_MANAGED_BY}={MANAGED_BY}"
_OUR_SLICES: Final = f"{LABEL_SERVICE_NAME},{LABEL_SLICE_MANAGED_BY}={MANAGED_BY}"


async def read_cluster(client: Client, config: CheckConfig, clock: Clock) -> ClusterFacts:
    """All facts of this cluster; `version` is Unknown if its API server does not answer."""
    version = await known(_version(client))
    if isinstance(version, Unknown):
        return unread(Unknown(f"this cluster: {version.reason}", tried=True))
    service = config.dns_service
    async with asyncio.TaskGroup() as group:
        start = group.create_task
        uid = start(known(_uid(client)))
        about = start(known(served_versions(client, ABOUT_GROUP)))
        property_id = start(known(_property(client, CLUSTER_ID_PROPERTY)))
        clusterset = start(known(_property(client, CLUSTERSET_PROPERTY)))
        ahead = start(known(ahead_seconds(client, clock)))
        crds = start(known(_crds(client)))
        served = start(known(_served(client)))
        agent = start(known(_agent_rights(client, config)))
        properties = start(known(_rights(client, config, _AGENT, "agent-properties")))
        renewal = start(known(_rights(client, config, _AGENT, "agent-credential", config.namespace)))
        dns = start(known(_rights(client, config, _DNS, "dns")))
        lease = start(known(read_lease(client, config.lease)))
        imports = start(known(_imports(client)))
        exports = start(known(_exports(client)))
        derived = start(known(_derived(client)))
        slices = start(known(_slices(client)))
        config_maps = start(known(_config_maps(client, config.dns_namespace)))
        dns_service = start(known(find(client, SERVICES, service.name, service.namespace)))
        dns_slices = start(known(_slices_of(client, service)))
        cluster_dns = start(known(_cluster_dns_service(client, config.dns_namespace)))
        pod_cidrs = start(known(_pod_cidrs(client)))
        kube_proxy = start(known(find(client, CONFIG_MAPS, KUBE_PROXY, "kube-system")))
        policies = start(known(_policies(client)))
    return ClusterFacts(
        version=version,
        uid=uid.result(),
        about=about.result(),
        property_id=property_id.result(),
        property_clusterset=clusterset.result(),
        ahead_seconds=ahead.result(),
        crds=crds.result(),
        served=served.result(),
        agent_rights=agent.result(),
        properties_rights=properties.result(),
        renewal_rights=renewal.result(),
        dns_rights=dns.result(),
        lease=lease.result(),
        imports=imports.result(),
        exports=exports.result(),
        derived=derived.result(),
        slices=slices.result(),
        config_maps=config_maps.result(),
        dns_service=dns_service.result(),
        dns_slices=dns_slices.result(),
        cluster_dns_service=cluster_dns.result(),
        pod_cidrs=pod_cidrs.result(),
        kube_proxy=kube_proxy.result(),
        policies=policies.result(),
    )


def unread(why: Unknown) -> ClusterFacts:
    """Nothing is known, for one reason."""
    return ClusterFacts(*[why] * len(ClusterFacts.__slots__))


async def _served(client: Client) -> tuple[str, ...]:
    """The versions in which both kinds of the MCS API are served; others may share its group."""
    kinds = (service_exports, service_imports)
    return tuple([one for one in MCS_VERSIONS if all([await serves(client, kind(one)) for kind in kinds])])


async def _version(client: Client) -> str:
    return str((await client.get_raw("/version")).get("gitVersion", ""))


async def _uid(client: Client) -> str:
    return str((await client.get(NAMESPACES, "kube-system"))["metadata"]["uid"])


async def _property(client: Client, name: str) -> str | None:
    try:
        properties = await served_resource(client, ABOUT_API, cluster_properties)
        found = await client.get(properties, name)
    except NotFound:
        return None
    value = (found.get("spec") or {}).get("value")
    return value if isinstance(value, str) else ""


async def _crds(client: Client) -> dict[str, JsonObject | None]:
    return {name: await definition(client, name) for name in MCS_CRDS}


async def _agent_rights(client: Client, config: CheckConfig) -> tuple[Review, ...]:
    everywhere = await _rights(client, config, _AGENT, "agent")
    rules = [_named(rule, config.lease.name) for rule in rules_of("agent-lease")]
    own = list(rights_of_rules(rules, config.lease.namespace))
    return (*everywhere, *await reviewed(client, Account(config.namespace, _AGENT), own))


def _named(rule: dict[str, Any], lease_name: str) -> dict[str, Any]:
    """The rule for the Lease that the agent uses."""
    of_lease = rule["resources"] == ["leases"] and rule.get("resourceNames")
    return {**rule, "resourceNames": [lease_name]} if of_lease else rule


async def _rights(
    client: Client, config: CheckConfig, account: str, role: str, namespace: str = ""
) -> tuple[Review, ...]:
    rights = list(rights_of_rules(rules_of(role), namespace))
    return await reviewed(client, Account(config.namespace, account), rights)


async def _imports(client: Client) -> tuple[LocalImport, ...]:
    found = []
    for body in await listed(client, await served_resource(client, MCS_API, service_imports)):
        try:
            found.append(decode.service_import(body))
        except MalformedObject:
            continue  # The agent cannot read it either, and so holds nothing of it.
    return tuple(found)


async def _exports(client: Client) -> frozenset[ServiceKey]:
    exports = await served_resource(client, MCS_API, service_exports)
    return frozenset(map(_key, await listed(client, exports)))


async def _derived(client: Client) -> tuple[DerivedService, ...]:
    found = []
    for body in await listed(client, SERVICES, _OURS):
        key = _key(body)
        imported = ServiceKey(key.namespace, _labels(body).get(LABEL_SERVICE_NAME, ""))
        if not body["metadata"].get("deletionTimestamp"):
            found.append(DerivedService(key, imported))
    return tuple(found)


async def _slices(client: Client) -> tuple[SliceFacts, ...]:
    found = []
    for body in await listed(client, ENDPOINT_SLICES, _OUR_SLICES):
        try:
            piece = decode.imported_slice(body)
        except MalformedObject:
            continue
        if piece is not None and not body["metadata"].get("deletionTimestamp"):
            addresses = [address for one in piece.content.endpoints for address in one.addresses]
            found.append(SliceFacts(piece.service, piece.name, piece.source_cluster, tuple(addresses)))
    return tuple(found)


async def _slices_of(client: Client, service: ServiceKey) -> tuple[JsonObject, ...]:
    selector = f"{LABEL_KUBERNETES_SERVICE_NAME}={service.name}"
    return tuple(await listed(client, ENDPOINT_SLICES, selector, service.namespace))


async def _config_maps(client: Client, namespace: str) -> Mapping[str, JsonObject]:
    found = [(name, await find(client, CONFIG_MAPS, name, namespace)) for name in NAMES]
    return {name: body for name, body in found if body is not None}


async def _cluster_dns_service(client: Client, namespace: str) -> JsonObject | None:
    for name in CLUSTER_DNS_SERVICES:
        found = await find(client, SERVICES, name, namespace)
        if found is not None:
            return found
    return None


async def _pod_cidrs(client: Client) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for node in await listed(client, NODES):
        spec = node.get("spec") or {}
        found |= dict.fromkeys(spec.get("podCIDRs") or [spec.get("podCIDR")])
    return tuple(cidr for cidr in found if cidr)


async def _policies(client: Client) -> dict[str, tuple[PolicyFacts, ...]]:
    found: dict[str, tuple[PolicyFacts, ...]] = {}
    for resource in (EXPORT_POLICIES, IMPORT_POLICIES, SERVICE_EXPORT_POLICIES):
        try:
            found[resource.kind] = tuple(map(_policy, await listed(client, resource)))
        except NotFound:
            found[resource.kind] = ()
    return found


def _policy(body: JsonObject) -> PolicyFacts:
    metadata = body["metadata"]
    namespace, name = text(metadata, "namespace"), text(metadata, "name")
    return PolicyFacts(
        f"{namespace}/{name}" if namespace else name,
        integer(metadata, "generation") or 0,
        decode_conditions(child(body, "status").get("conditions")),
    )


def _key(body: JsonObject) -> ServiceKey:
    return ServiceKey(str(body["metadata"].get("namespace", "")), str(body["metadata"]["name"]))


def _labels(body: JsonObject) -> dict[str, str]:
    return body["metadata"].get("labels") or {}
