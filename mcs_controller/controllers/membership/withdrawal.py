"""Withdraws all exports of a member when no agent does it: the cluster leaves, or has a new id.

As by an agent, each record is marked as withdrawn before it and its slices are deleted. So importers drop the
export at once, and do not wait for a statement that would never come (docs/decisions/0008-proof.md).
"""

from collections.abc import AsyncIterator
from typing import Any

from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import NotFound


async def withdraw_exports(broker: Client, namespace: str) -> AsyncIterator[tuple[str, str]]:
    """Yields kind and name of each object once it is deleted; can be repeated. Raises `KubeError`."""
    for record in (await broker.list(EXPORTED_SERVICES, namespace=namespace)).items:
        await _mark(broker, record)
    for resource in (EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES):
        for one in (await broker.list(resource, namespace=namespace)).items:
            name, uid = one["metadata"]["name"], one["metadata"]["uid"]
            try:
                await broker.delete(resource, name, namespace=namespace, uid=uid)
            except NotFound:
                continue
            yield resource.kind, name


async def _mark(broker: Client, record: dict[str, Any]) -> None:
    body = {**record, "spec": {**(record.get("spec") or {}), "withdrawn": True}}
    try:
        await broker.update(EXPORTED_SERVICES, body)
    except NotFound:
        return
