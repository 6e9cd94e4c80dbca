"""The ServiceExportPolicies of a cluster, and all Services and ServiceExports that they are about."""

import asyncio
from dataclasses import replace
from typing import Final

from mcs_controller.api.names import CONDITION_HELD
from mcs_controller.api.resources import (
    MCS_API,
    NAMESPACES,
    SERVICE_EXPORT_POLICIES,
    SERVICES,
    service_exports,
)
from mcs_controller.cli.explaining.policies import policy_bodies
from mcs_controller.cli.explaining.reading import Reading, Unread
from mcs_controller.clusterset.explain.bulk_here import BulkHere, LiveServices
from mcs_controller.clusterset.fields import child
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.namespaces import namespace_active
from mcs_controller.clusterset.services.policies.bulk.plan import Known
from mcs_controller.clusterset.services.policies.bulk.service_policy import (
    ServicePolicy,
    decode_candidate,
    decode_present,
    decode_service_policy,
)
from mcs_controller.kube.client import JsonObject
from mcs_controller.kube.discovery import NotServed, preferred_version

_ACCEPTED: Final = "Accepted"


async def read_bulk(reading: Reading, namespace: str, export: JsonObject | Unread | None) -> BulkHere:
    """The policies of the cluster, or of the namespace alone for who may not read the others.

    `export` is the ServiceExport of the service.
    """
    bodies = await policy_bodies(reading, SERVICE_EXPORT_POLICIES, or_in=namespace)
    present = reading.decoded(decode_present, export)
    if isinstance(bodies, Unread):
        return BulkHere(Known(doubt="the ServiceExportPolicies could not be read"), export=present)
    policies = reading.all_decoded(decode_service_policy, bodies)
    held = frozenset(one.key for one in policies if _says(one, CONDITION_HELD, "True"))
    asked = any(_says(one, _ACCEPTED, status) for one in policies for status in ("True", "False"))
    return BulkHere(Known.of(policies), asked, present, held)


async def read_services(reading: Reading, bulk: BulkHere) -> BulkHere:
    """With all that the policies of the cluster are about, as far as that can be read."""

    async def get() -> str:
        try:
            return await preferred_version(reading.client, MCS_API, service_exports)
        except NotServed:
            return ""

    version = await reading.attempt("the version of the MCS API", get, "")
    if not version:
        return bulk
    exports, services, spaces = await asyncio.gather(
        reading.many("all ServiceExports", service_exports(version)),
        reading.many("all Services", SERVICES),
        reading.many("all namespaces", NAMESPACES),
    )
    if isinstance(exports, Unread) or isinstance(services, Unread) or isinstance(spaces, Unread):
        return bulk
    live = LiveServices(
        dict(reading.all_decoded(lambda body: (_key(body), decode_candidate(body)), services)),
        dict(reading.all_decoded(lambda body: (_key(body), decode_present(body)), exports)),
        frozenset(_key(body).name for body in spaces if not namespace_active(body)),
    )
    return replace(bulk, live=live)


def _says(policy: ServicePolicy, kind: str, status: str) -> bool:
    return any((one.type, one.status) == (kind, status) for one in policy.conditions)


def _key(body: JsonObject) -> ServiceKey:
    metadata = child(body, "metadata")
    return ServiceKey(str(metadata.get("namespace") or ""), str(metadata.get("name")))
