"""Whether a kind of policies is being deleted: its objects vanish then, though nobody deleted one of them.

A CRD that is deleted may be served for as long as a finalizer holds it up, or one of its objects.
"""

from mcs_controller.api.resources import CUSTOM_RESOURCE_DEFINITIONS, Resource
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import Forbidden, NotFound


async def is_ending(client: Client, resource: Resource) -> bool | None:
    """Whether the CRD of the kind is being deleted, or gone; None if it may not be read.

    Raises `KubeError`.
    """
    try:
        crd = await client.get(CUSTOM_RESOURCE_DEFINITIONS, resource.crd_name)
    except NotFound:
        return True
    except Forbidden:
        return None
    return crd["metadata"].get("deletionTimestamp") is not None


def ending_text(resource: Resource) -> str:
    """What follows from it, for people."""
    return (
        f"the kind {resource.kind} is being deleted: its CRD {resource.crd_name} is gone, or waits for a "
        "finalizer"
    )
