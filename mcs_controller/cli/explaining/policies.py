"""The policies of a cluster, and all that they may end."""

import asyncio
from typing import Final

from mcs_controller.api.names import CONDITION_HELD
from mcs_controller.api.resources import (
    EXPORT_POLICIES,
    IMPORT_POLICIES,
    MCS_API,
    NAMESPACES,
    POLICY_GROUP,
    SERVICES,
    Resource,
    service_exports,
    service_imports,
)
from mcs_controller.cli.explaining.reading import READ_WITHIN_SECONDS, UNREAD, Reading, Unread
from mcs_controller.clusterset.explain.parts import condition_of
from mcs_controller.clusterset.explain.policies_here import Live, LiveExport, LiveImport, PoliciesHere
from mcs_controller.clusterset.fields import child, string_pairs
from mcs_controller.clusterset.model import LocalExport, ServiceKey
from mcs_controller.clusterset.namespaces import namespace_labels
from mcs_controller.clusterset.services import decode
from mcs_controller.clusterset.services.policies.policy import decode_policy
from mcs_controller.clusterset.services.policies.verdict import REASONS
from mcs_controller.kube.client import JsonObject
from mcs_controller.kube.discovery import NotServed, preferred_version, served_versions
from mcs_controller.kube.errors import Forbidden, NotFound

_ACCEPTED: Final = "Accepted"


async def read_policies(reading: Reading, export: LocalExport | None) -> tuple[PoliciesHere, PoliciesHere]:
    """The ExportPolicies and ImportPolicies. An agent that asks them says so on each, or on the export."""
    exports, imports = await asyncio.gather(
        policy_bodies(reading, EXPORT_POLICIES), policy_bodies(reading, IMPORT_POLICIES)
    )
    valid = condition_of(export, "Valid")
    refused = valid is not None and valid.status == "False" and valid.reason in REASONS
    return _policies(reading, exports, "ExportPolicies", asked=refused), _policies(
        reading, imports, "ImportPolicies"
    )


async def policy_bodies(
    reading: Reading, resource: Resource, *, or_in: str = ""
) -> list[JsonObject] | Unread:
    """All policies of a kind, none if it is not installed.

    `or_in` is a namespace, which is read alone if all may not be.
    """

    async def get() -> list[JsonObject]:
        if not await served_versions(reading.client, POLICY_GROUP):
            return []
        try:
            return await listed("")
        except Forbidden:
            if not or_in:
                raise
            return await listed(or_in)
        except NotFound:
            return []

    async def listed(namespace: str) -> list[JsonObject]:
        found = await reading.client.list(resource, namespace=namespace, timeout_seconds=READ_WITHIN_SECONDS)
        return found.items

    return await reading.attempt(f"the {resource.kind} objects", get, UNREAD)


def _policies(
    reading: Reading, bodies: list[JsonObject] | Unread, several: str, *, asked: bool = False
) -> PoliciesHere:
    if isinstance(bodies, Unread):
        return PoliciesHere(asked=asked, doubt=f"the {several} could not be read")
    found = reading.all_decoded(decode_policy, bodies)
    conditions = [one for policy in found for one in policy.conditions]
    held = (one.message for one in conditions if (one.type, one.status) == (CONDITION_HELD, "True"))
    return PoliciesHere(found, asked or any(one.type == _ACCEPTED for one in conditions), next(held, ""))


async def read_live(reading: Reading) -> Live | None:
    """All that the cluster exports and imports now; None if that could not be read."""

    async def get() -> str:
        try:
            return await preferred_version(reading.client, MCS_API, service_exports)
        except NotServed:
            return ""

    version = await reading.attempt("the version of the MCS API", get, "")
    if not version:
        return None
    exports, imports, spaces = await asyncio.gather(
        reading.many("all ServiceExports", service_exports(version)),
        reading.many("all ServiceImports", service_imports(version)),
        reading.many("all namespaces", NAMESPACES),
    )
    if isinstance(exports, Unread) or isinstance(imports, Unread) or isinstance(spaces, Unread):
        return None
    live = {one.service for one in reading.all_decoded(decode.service_export, exports) if _is_live(one)}
    services = await reading.many("all Services", SERVICES, holds=lambda body: _key(body) in live)
    if isinstance(services, Unread):
        return None
    return Live(
        reading.all_decoded(_live_export, services),
        tuple(
            LiveImport(one.service, cluster)
            for one in reading.all_decoded(decode.service_import, imports)
            if one.managed and not one.deleting
            for cluster in one.clusters
        ),
        dict(reading.all_decoded(lambda body: (_key(body).name, namespace_labels(body)), spaces)),
    )


def _is_live(export: LocalExport) -> bool:
    """Whether it is on the broker: the agent says so."""
    ready = condition_of(export, "Ready")
    return not export.deleting and ready is not None and ready.status == "True"


def _key(body: JsonObject) -> ServiceKey:
    metadata = child(body, "metadata")
    return ServiceKey(str(metadata.get("namespace") or ""), str(metadata.get("name")))


def _live_export(body: JsonObject) -> LiveExport:
    return LiveExport(_key(body), string_pairs(child(body, "metadata"), "labels"))
