"""What a user, or another controller, does to an API server by hand."""

from __future__ import annotations

from mcs_controller.api.resources import Resource
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import NotFound
from tests.support.objects import Object


async def put(client: Client, resource: Resource, body: Object) -> Object:
    """Create the object, or write it over what is there."""
    metadata = body["metadata"]
    try:
        held = await client.get(resource, metadata["name"], metadata.get("namespace", ""))
    except NotFound:
        return await client.create(resource, body)
    version = {"resourceVersion": held["metadata"]["resourceVersion"]}
    return await client.update(resource, {**body, "metadata": {**metadata, **version}})


async def write_status(client: Client, resource: Resource, body: Object) -> None:
    """Write the status that `body` has, if nobody wrote the object since it was read."""
    metadata = body["metadata"]
    patch = {"metadata": {"resourceVersion": metadata["resourceVersion"]}, "status": body["status"]}
    await client.patch(
        resource, metadata["name"], patch, namespace=metadata["namespace"], subresource="status"
    )
