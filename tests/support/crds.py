"""Our CustomResourceDefinitions as an administrator installs them, or as a test wants them."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from functools import cache

from mcs_controller.api.crd import all_crds
from mcs_controller.api.resources import CUSTOM_RESOURCE_DEFINITIONS, MCS_GROUP, Resource
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import NotFound
from tests.support.objects import Object
from tests.support.waiting import eventually

MCS_CRDS = tuple(f"{plural}.{MCS_GROUP}" for plural in ("serviceexports", "serviceimports"))
BROKER_CRDS = tuple(
    f"{plural}.broker.mcs-controller.io"
    for plural in ("memberclusters", "exportedservices", "exportedendpointslices")
)

INVENTORY_CRDS = ("memberreports.broker.mcs-controller.io", "clusterprofiles.multicluster.x-k8s.io")


def crds(*names: str) -> list[Object]:
    """Those of these names, in the order asked for; fresh ones that may be changed."""
    return [copy.deepcopy(_by_name()[name]) for name in names]


@cache
def _by_name() -> dict[str, Object]:
    return {crd["metadata"]["name"]: crd for crd in all_crds()}


async def install(client: Client, *names: str, edit: Callable[[Object], None] | None = None) -> None:
    """Create them, after `edit` has changed each."""
    for crd in crds(*names):
        if edit is not None:
            edit(crd)
        await client.create(CUSTOM_RESOURCE_DEFINITIONS, crd)


async def remove(client: Client, *names: str) -> None:
    """Delete those of these names that are there."""
    for name in names:
        with contextlib.suppress(NotFound):
            await client.delete(CUSTOM_RESOURCE_DEFINITIONS, name)


async def create_once_served(client: Client, resource: Resource, body: Object) -> None:
    """The first object of a kind: a real API server serves one some time after its definition was made."""

    async def created() -> bool:
        with contextlib.suppress(NotFound):
            await client.create(resource, body)
            return True
        return False

    await eventually(created)


def without_farewell(crd: Object) -> None:
    """Make the broker's definitions those of a version in which nobody says farewell."""
    if crd["spec"]["names"]["kind"] == "MemberCluster":
        for version in crd["spec"]["versions"]:
            status = version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
            del status["letGo"], status["leaving"]
