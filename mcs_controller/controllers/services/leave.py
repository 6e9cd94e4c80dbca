"""A cluster leaves the clusterset: its exports and its own imports are removed (MCS-LIFE-06).

An agent never does this by itself: a missing MemberCluster proves nothing, since the broker may have been
rebuilt. An operator runs it after stopping the agent. Only objects with our label are removed. ServiceExports
belong to the users: they stay, and we no longer write their status.
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
    """Yields each removed kind and how many objects; can be repeated. Raises `KubeError`."""
    namespace = member_namespace(cluster_id)
    async for removed in withdraw_exports(broker, namespace):
        yield removed
    # The imports go before slices and Services, so that clients are not sent to missing endpoints.
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
