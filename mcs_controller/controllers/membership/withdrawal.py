"""Withdraws all exports of a member when no agent does it: the cluster leaves, or has a new id.

As by an agent, each record is marked as withdrawn before it and its slices are deleted. So importers drop the
export at once, and do not wait for a statement that would never come (docs/decisions/0008-proof.md).
"""

from collections.abc import AsyncIterator
from typing import Any

from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES, Resource
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import NotFound


async def withdraw_exports(broker: Client, namespace: str) -> AsyncIterator[tuple[str, int]]:
    """Yields each removed kind and how many objects; can be repeated. Raises `KubeError`."""
    for record in (await broker.list(EXPORTED_SERVICES, namespace=namespace)).items:
        await _mark(broker, record)
    for resource in (EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES):
        yield resource.kind, await remove_all(broker, resource, namespace=namespace)


async def remove_all(
    client: Client, resource: Resource, *, namespace: str = "", label_selector: str = ""
) -> int:
    """Delete all objects of a kind; returns how many were deleted. Raises `KubeError`."""
    removed = 0
    for one in (await client.list(resource, namespace=namespace, label_selector=label_selector)).items:
        metadata = one["metadata"]
        try:
            await client.delete(
                resource, metadata["name"], namespace=metadata["namespace"], uid=metadata["uid"]
            )
        except NotFound:
            continue
        removed += 1
    return removed


async def _mark(broker: Client, record: dict[str, Any]) -> None:
    body = {**record, "spec": {**(record.get("spec") or {}), "withdrawn": True}}
    try:
        await broker.update(EXPORTED_SERVICES, body)
    except NotFound:
        return
