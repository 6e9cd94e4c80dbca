"""All of ours in a member cluster, to prove that nothing is left of it, and to remove what Helm does not.

What the agent made is in `leftovers.py`. Beside it there is what installed the components: objects of the
chart, by its label, in whatever kinds the API server serves; objects of `mcs-controller rbac`, by their
names; the namespace that `join` made; the stub in the cluster's own DNS; and the kinds of the MCS API, which
hold the users' ServiceExports.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mcs_controller.api.names import LABEL_CHART
from mcs_controller.api.resources import (
    CONFIG_MAPS,
    CUSTOM_RESOURCE_DEFINITIONS,
    EXPORT_POLICIES,
    IMPORT_POLICIES,
    MCS_API,
    NAMESPACES,
    RBAC_GROUP,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICE_EXPORT_POLICIES,
    Resource,
    service_exports,
    service_imports,
)
from mcs_controller.install.cluster_dns.config_maps import Edit, uninstalling
from mcs_controller.install.cluster_dns.editing import BACKUP, config_maps
from mcs_controller.install.cluster_properties import clusterset_property, definition
from mcs_controller.install.lease import LeaseName
from mcs_controller.install.leftovers import (
    Leftover,
    credential,
    imported,
    lease,
    leftovers_of,
    reported,
)
from mcs_controller.install.planning import is_ours
from mcs_controller.install.rights import rights_of
from mcs_controller.kube.client import Client, JsonObject
from mcs_controller.kube.discovery import NotServed, served_resource, stored_resources
from mcs_controller.kube.lookup import find

CHART_OF_MEMBER: Final = "mcs-controller"

_POLICIES: Final = (EXPORT_POLICIES, IMPORT_POLICIES, SERVICE_EXPORT_POLICIES)
_RIGHTS: Final = (
    "agent",
    "properties",
    "managed-properties",
    "reports",
    "policies",
    "service-export-policies",
    "dns",
    "users",
)
_OF_EVERY_NAMESPACE: Final = {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")}
_PASSING: Final = frozenset({"Event", "Endpoints"})


@dataclass(frozen=True, slots=True)
class Installation:
    """What there is. `removable` are in the order in which they can be removed.

    `of_helm` go with the chart; `foreign` have our names, but others made them. `dns` are the edits that take
    the stub out. `definitions` are those of the MCS API and of policies, with `exports` ServiceExports of
    users, and that of cluster properties if nobody else has any. `member`: the credential for the broker is
    there that `join` made. `holder` holds the agent's Lease, "" if nobody does. `unknown` says what could not
    be looked at.
    """

    removable: Sequence[Leftover]
    of_helm: Sequence[Leftover]
    foreign: Sequence[Leftover]
    dns: Sequence[Edit]
    definitions: Sequence[Leftover]
    exports: int
    member: bool
    holder: str
    unknown: Sequence[str]


async def look(
    client: Client, namespace: str, lease_name: LeaseName, dns_namespace: str, zone: str
) -> Installation:
    """Read it. Raises `KubeError`, `ClusterDnsError`."""
    leases, holder = await lease(client, lease_name)
    secrets, secret = await credential(client, namespace)
    kinds, unknown = await stored_resources(client)
    of_chart = await _of_chart(client, kinds)
    found = [*(await imported(client)), *(await reported(client)), *(await clusterset_property(client))]
    found += [*secrets, *leases]
    found += await _rights(client, namespace, {one.row for one in of_chart})
    found += leftovers_of(CONFIG_MAPS, _there(await find(client, CONFIG_MAPS, BACKUP, dns_namespace)))
    edits = uninstalling(await config_maps(client, dns_namespace), zone)
    place = _there(await find(client, NAMESPACES, namespace))
    found += leftovers_of(NAMESPACES, [one for one in place if is_ours(one)])
    foreign = leftovers_of(SECRETS, [] if secrets else _there(secret))
    foreign += leftovers_of(NAMESPACES, [one for one in place if not is_ours(one)])
    definitions: list[JsonObject] = []
    for resource in (service_exports(), service_imports(), *_POLICIES):
        definitions += _there(await find(client, CUSTOM_RESOURCE_DEFINITIONS, resource.crd_name))
    definitions += await definition(client)
    return Installation(
        removable=found,
        of_helm=of_chart,
        foreign=foreign,
        dns=[edit for edit in edits if edit.changes],
        definitions=leftovers_of(CUSTOM_RESOURCE_DEFINITIONS, definitions),
        exports=await _exports(client),
        member=bool(secrets),
        holder=holder,
        unknown=unknown,
    )


async def others_in(client: Client, namespace: str) -> list[str]:
    """What a namespace holds that no namespace has by itself. Raises `KubeError`."""
    kinds, _ = await stored_resources(client)
    return [
        f"{kind.kind} {one['metadata']['name']}"
        for kind in kinds
        if kind.namespaced and kind.kind not in _PASSING
        for one in (await client.list(kind, namespace=namespace)).items
        if (kind.kind, one["metadata"]["name"]) not in _OF_EVERY_NAMESPACE
    ]


async def _of_chart(client: Client, kinds: Sequence[Resource]) -> list[Leftover]:
    """The objects of the chart's release, found by its label; pods and the like go with what owns them."""
    found: list[Leftover] = []
    for kind in kinds:
        if kind.kind in _PASSING:
            continue
        listed = await client.list(kind, label_selector=f"{LABEL_CHART}={CHART_OF_MEMBER}")
        found += leftovers_of(kind, listed.items)
    return found


async def _rights(client: Client, namespace: str, of_chart: set[tuple[str, str, str]]) -> list[Leftover]:
    """What `mcs-controller rbac` printed and somebody applied."""
    found: list[Leftover] = []
    for body in reversed(rights_of(*_RIGHTS)):
        if body["kind"] == NAMESPACES.kind:
            continue
        metadata = body["metadata"]
        resource = _resource_of(body["kind"])
        place = namespace if resource.namespaced else ""
        one = leftovers_of(resource, _there(await find(client, resource, metadata["name"], place)))
        found += [left for left in one if left.row not in of_chart]
    return found


def _resource_of(kind: str) -> Resource:
    if kind == SERVICE_ACCOUNTS.kind:
        return SERVICE_ACCOUNTS
    return Resource(RBAC_GROUP, "v1", f"{kind.lower()}s", kind, namespaced=not kind.startswith("Cluster"))


async def _exports(client: Client) -> int:
    try:
        exports = await served_resource(client, MCS_API, service_exports)
    except NotServed:
        return 0
    return len((await client.list(exports)).items)


def _there(body: JsonObject | None) -> list[JsonObject]:
    return [] if body is None else [body]
