"""What the administrators of clusters do, by accident or to mend: CRDs, and members' places on the broker."""

from __future__ import annotations

import asyncio
from functools import partial

from mcs_controller.api.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    MEMBER_CLUSTERS,
    NAMESPACES,
    Resource,
)
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import AlreadyExists, NotFound
from tests.faults.users import until_done
from tests.faults.world import World
from tests.realkube.product import member_manifest
from tests.support.crds import crds
from tests.support.objects import Object, member_cluster

BROKER_KINDS = (MEMBER_CLUSTERS, EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES)


async def install(api: Client, *kinds: Resource) -> None:
    """Create these CRDs, and wait until the kinds are served."""
    for crd in crds(*(kind.crd_name for kind in kinds)):
        await _create(api, CUSTOM_RESOURCE_DEFINITIONS, crd)
    for kind in kinds:
        await until_done(partial(_is_served, api, kind))


async def uninstall(api: Client, *kinds: Resource) -> None:
    """Delete these CRDs, and wait until they are gone with all that was of these kinds."""
    for kind in kinds:
        await api.delete(CUSTOM_RESOURCE_DEFINITIONS, kind.crd_name)
    for kind in kinds:
        await gone(api, CUSTOM_RESOURCE_DEFINITIONS, kind.crd_name)


async def gone(api: Client, kind: Resource, name: str, namespace: str = "") -> None:
    """Wait until the object is no longer there."""
    while True:
        try:
            await api.get(kind, name, namespace)
        except NotFound:
            return
        await asyncio.sleep(0.1)


async def member_clusters(world: World) -> None:
    """Create the MemberCluster of every member again."""
    for name in world.members:
        await _create(world.broker_api, MEMBER_CLUSTERS, member_cluster(name))


async def admit(world: World, member: str) -> None:
    """A member's place on the broker, from nothing, with a new credential."""
    await world.broker.plane.kubectl("apply", "-f", "-", stdin=member_manifest(member))
    await world[member].renew_broker_credential()


async def remove_namespace(api: Client, name: str) -> None:
    """Delete it, and wait until it is gone with all that was in it."""
    await api.delete(NAMESPACES, name)
    await gone(api, NAMESPACES, name)


async def _create(api: Client, kind: Resource, body: Object) -> None:
    """A kind that has just been installed, or was deleted a moment ago, takes its time."""

    async def done() -> None:
        try:
            await api.create(kind, body)
        except AlreadyExists:
            return

    await until_done(done)


async def _is_served(api: Client, kind: Resource) -> None:
    await api.list(kind)
