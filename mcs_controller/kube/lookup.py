"""Reads an object that may be missing."""

from mcs_controller.api.resources import Resource
from mcs_controller.kube.client import Client, JsonObject
from mcs_controller.kube.errors import NotFound


async def find(
    client: Client,
    resource: Resource,
    name: str,
    namespace: str = "",
    *,
    timeout_seconds: float | None = None,
) -> JsonObject | None:
    """The object, None if there is none. Raises `KubeError`."""
    try:
        return await client.get(resource, name, namespace, timeout_seconds=timeout_seconds)
    except NotFound:
        return None
