"""What a user, or another controller, does to an API server by hand."""

from typing import Any

from mcs_controller.api.resources import Resource
from mcs_controller.kube.client import Client


async def write_status(client: Client, resource: Resource, body: dict[str, Any]) -> None:
    """Write the status that `body` has, if nobody wrote the object since it was read."""
    metadata = body["metadata"]
    patch = {"metadata": {"resourceVersion": metadata["resourceVersion"]}, "status": body["status"]}
    await client.patch(
        resource, metadata["name"], patch, namespace=metadata["namespace"], subresource="status"
    )
