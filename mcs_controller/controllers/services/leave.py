"""A cluster leaves the clusterset: its exports go, and its own imports too (MCS-LIFE-06).

That a MemberCluster is gone proves nothing (the broker may have been rebuilt), so an agent never does this by
itself: an operator asks for it, when the agent is stopped. Only what carries our marker is touched, and
ServiceExports are the users' own: they stay, without our saying anything of them any more.
"""

from collections.abc import AsyncIterator
from contextlib import suppress

from mcs_controller.api.names import (
    LABEL_MANAGED_BY,
    LABEL_SERVICE_NAME,
    LABEL_SLICE_MANAGED_BY,
    MANAGED_BY,
)
from mcs_controller.api.resources import (
    ENDPOINT_SLICES,
    MCS_API,
    SERVICES,
    service_imports,
)
from mcs_controller.clusterset.identity import member_namespace
from mcs_controller.controllers.membership.withdrawal import remove_all, withdraw_exports
from mcs_controller.kube.client import Client
from mcs_controller.kube.discovery import NotServed, served_resource


async def leave(cluster_id: str, local: Client, broker: Client) -> AsyncIterator[tuple[str, int]]:
    """Each kind of what was removed, and how many; can be repeated. Raises `KubeError`."""
    namespace = member_namespace(cluster_id)
    async for removed in withdraw_exports(broker, namespace):
        yield removed
    # Then the imports, so that nobody is sent where nothing is any more.
    ours = f"{LABEL_MANAGED_BY}={MANAGED_BY}"
    imports = None
    # Where the API is not installed there are no imports.
    with suppress(NotServed):
        imports = await served_resource(local, MCS_API, service_imports)
    if imports is not None:
        yield imports.kind, await remove_all(local, imports, label_selector=ours)
    slices = f"{LABEL_SERVICE_NAME},{LABEL_SLICE_MANAGED_BY}={MANAGED_BY}"
    yield ENDPOINT_SLICES.kind, await remove_all(local, ENDPOINT_SLICES, label_selector=slices)
    yield SERVICES.kind, await remove_all(local, SERVICES, label_selector=ours)
