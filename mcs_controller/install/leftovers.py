"""What an agent made in its own cluster and is still there, and how it is removed (MCS-LIFE-06).

Everything is found by its marker, or by the name that only the agent uses; what others made is never touched.
ServiceExports belong to the users: they stay, without what the agent said of them.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from mcs_controller.api.names import (
    ANNOTATION_LEAVING,
    LABEL_MANAGED_BY,
    LABEL_SERVICE_NAME,
    LABEL_SLICE_MANAGED_BY,
    MANAGED_BY,
)
from mcs_controller.api.resources import (
    ENDPOINT_SLICES,
    LEASES,
    MCS_API,
    SECRETS,
    SERVICES,
    Resource,
    service_exports,
    service_imports,
)
from mcs_controller.clusterset.services.export import CONDITION_TYPES
from mcs_controller.install.lease import LeaseName
from mcs_controller.install.objects import SECRET
from mcs_controller.install.planning import is_ours
from mcs_controller.kube.client import Client, JsonObject
from mcs_controller.kube.discovery import NotServed, served_resource
from mcs_controller.kube.errors import NotFound
from mcs_controller.kube.lookup import find

AGENT: Final = "mcs-agent"
"""The name of the agent's Deployment in the chart."""

_OURS: Final = f"{LABEL_MANAGED_BY}={MANAGED_BY}"
_OUR_SLICES: Final = f"{LABEL_SERVICE_NAME},{LABEL_SLICE_MANAGED_BY}={MANAGED_BY}"


@dataclass(frozen=True, slots=True)
class Leftover:
    """One object that is to go; with `keeps` only the conditions of a user's object go.

    One to be `announced` is first marked as going, for the admission policy that protects it.
    """

    resource: Resource
    name: str
    namespace: str
    uid: str
    keeps: bool = False
    announced: bool = False

    @property
    def row(self) -> tuple[str, str, str]:
        """Kind, namespace and name."""
        return self.resource.kind, self.namespace, self.name


def leftovers_of(resource: Resource, bodies: Iterable[JsonObject]) -> list[Leftover]:
    """These objects, each to be deleted."""
    found = (one["metadata"] for one in bodies)
    return [Leftover(resource, one["name"], one.get("namespace", ""), one["uid"]) for one in found]


async def imported(local: Client) -> list[Leftover]:
    """Imports, imported slices and derived Services, in the order in which they are to be removed.

    The imports go first, so that clients are not sent to endpoints that are missing. Raises `KubeError`.
    """
    found: list[Leftover] = []
    # Where the API is not installed there are no imports.
    with suppress(NotServed):
        imports = await served_resource(local, MCS_API, service_imports)
        found += leftovers_of(imports, (await local.list(imports, label_selector=_OURS)).items)
    for resource, selector in ((ENDPOINT_SLICES, _OUR_SLICES), (SERVICES, _OURS)):
        found += leftovers_of(resource, (await local.list(resource, label_selector=selector)).items)
    return found


async def reported(local: Client) -> list[Leftover]:
    """The users' ServiceExports that have conditions of ours. Raises `KubeError`."""
    try:
        exports = await served_resource(local, MCS_API, service_exports)
    except NotServed:
        return []
    found = [
        body
        for body in (await local.list(exports)).items
        if any(one.get("type") in CONDITION_TYPES for one in _conditions(body))
    ]
    return [replace(one, keeps=True) for one in leftovers_of(exports, found)]


async def credential(local: Client, namespace: str) -> tuple[list[Leftover], JsonObject | None]:
    """The Secret with the credential for the broker: to be deleted if `join` made it, and as it is."""
    body = await find(local, SECRETS, SECRET, namespace)
    return leftovers_of(SECRETS, [body] if body is not None and is_ours(body) else []), body


async def lease(local: Client, name: LeaseName) -> tuple[list[Leftover], str]:
    """The Lease of the agents, and who holds it, "" if nobody does."""
    body = await find(local, LEASES, name.name, name.namespace)
    holder = ((body or {}).get("spec") or {}).get("holderIdentity") or ""
    return leftovers_of(LEASES, [] if body is None else [body]), str(holder)


async def remove(local: Client, leftover: Leftover) -> None:
    """Remove it; one that is gone is not missed. Raises `KubeError`, `Conflict` if it is another by now."""
    with suppress(NotFound):
        if leftover.keeps:
            await _clear(local, leftover)
            return
        if leftover.announced:
            mark = {"metadata": {"uid": leftover.uid, "annotations": {ANNOTATION_LEAVING: "true"}}}
            await local.patch(leftover.resource, leftover.name, mark, namespace=leftover.namespace)
        await local.delete(leftover.resource, leftover.name, namespace=leftover.namespace, uid=leftover.uid)


async def _clear(local: Client, leftover: Leftover) -> None:
    body = await local.get(leftover.resource, leftover.name, leftover.namespace)
    kept = [one for one in _conditions(body) if one.get("type") not in CONDITION_TYPES]
    patch = {
        "metadata": {"resourceVersion": body["metadata"]["resourceVersion"]},
        "status": {"conditions": kept or None},
    }
    await local.patch(
        leftover.resource, leftover.name, patch, namespace=leftover.namespace, subresource="status"
    )


def _conditions(body: JsonObject) -> Sequence[dict[str, Any]]:
    return (body.get("status") or {}).get("conditions") or ()
