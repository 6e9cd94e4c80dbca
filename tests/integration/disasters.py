"""What can happen to a real broker, with an etcd of its own; and the broker itself.

A disaster calls `meanwhile` once, when the loss is there and nothing has been mended yet.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path

from mcs_controller.api.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    MEMBER_CLUSTERS,
    NAMESPACES,
    Resource,
)
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.config import load_kubeconfig
from mcs_controller.kube.errors import KubeError
from tests.realkube.clusterset import RealClusterset
from tests.realkube.controlplane import ControlPlane
from tests.support.crds import crds
from tests.support.objects import Object, member_cluster, namespace_body
from tests.support.waiting import eventually

KINDS = (MEMBER_CLUSTERS, EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES)
BUMP_REVISION = 1_000_000_000
"""What etcd's guide proposes: more than was ever written since the snapshot."""
ADMISSIONS_APART_SECONDS = 1.0

Meanwhile = Callable[[], Awaitable[None]]


class Broker:
    """The real one, as its administrator has it."""

    def __init__(self, real: RealClusterset, members: Sequence[str]) -> None:
        self.real = real
        self.members = members
        self.plane: ControlPlane = real["broker"]
        self.api = Client(load_kubeconfig(self.plane.kubeconfig()))

    async def set_up(self) -> None:
        """Our kinds, and each member's place with nothing in it, whatever was there before."""
        there = await self._names(CUSTOM_RESOURCE_DEFINITIONS)
        await self.install(*(kind for kind in KINDS if kind.crd_name not in there))
        there = await self._names(NAMESPACES)
        for member in self.members:
            namespace = f"mcs-member-{member}"
            if namespace not in there:
                await self._create(NAMESPACES, namespace_body(namespace))
            for kind in KINDS:
                await self.plane.call("DELETE", kind.path(namespace))
            await self.admit_again(member)

    async def install(self, *kinds: Resource) -> None:
        for crd in crds(*(kind.crd_name for kind in kinds)):
            await self._create(CUSTOM_RESOURCE_DEFINITIONS, crd)

    async def uninstall(self, *kinds: Resource) -> None:
        for kind in kinds:
            await self.api.delete(CUSTOM_RESOURCE_DEFINITIONS, kind.crd_name)

    async def admit(self, member: str) -> None:
        await self._create(NAMESPACES, namespace_body(f"mcs-member-{member}"))
        await self.admit_again(member)

    async def admit_again(self, member: str) -> None:
        await self._create(MEMBER_CLUSTERS, member_cluster(member))

    async def _create(self, resource: Resource, body: Object) -> None:
        """A kind that has just been installed, or was deleted a moment ago, takes its time."""

        async def done() -> bool:
            with contextlib.suppress(KubeError):
                await self.api.create(resource, body)
                return True
            return False

        await eventually(done, bool)

    async def _names(self, resource: Resource) -> set[str]:
        return {one["metadata"]["name"] for one in (await self.api.list(resource)).items}


async def restored(broker: Broker, backup: Path, meanwhile: Meanwhile, *, bump_revision: int = 0) -> None:
    async with broker.real.down() as etcd:
        await etcd.restore(backup, bump_revision=bump_revision)
        await meanwhile()


async def wiped_and_rebuilt(broker: Broker, backup: Path, meanwhile: Meanwhile) -> None:
    async with broker.real.down() as etcd:
        await etcd.restore(None)
        await meanwhile()
    await broker.install(*KINDS)
    for member in broker.members:
        await broker.admit(member)
        await asyncio.sleep(ADMISSIONS_APART_SECONDS)


async def crds_remade(
    broker: Broker, backup: Path, meanwhile: Meanwhile, *, kinds: Sequence[Resource]
) -> None:
    await broker.uninstall(*kinds)
    await meanwhile()
    await broker.install(*kinds)
    if MEMBER_CLUSTERS in kinds:
        for member in broker.members:
            await broker.admit_again(member)


async def a_namespace_remade(broker: Broker, backup: Path, meanwhile: Meanwhile) -> None:
    member = broker.members[0]
    await broker.api.delete(NAMESPACES, f"mcs-member-{member}")
    await meanwhile()
    await broker.admit(member)


Disaster = Callable[[Broker, Path, Meanwhile], Coroutine[None, None, None]]
DISASTERS: dict[str, Disaster] = {
    "restored": restored,
    "restored with a bumped revision": partial(restored, bump_revision=BUMP_REVISION),
    "wiped and rebuilt": wiped_and_rebuilt,
    "all CRDs remade": partial(crds_remade, kinds=KINDS),
    "CRD of records remade": partial(crds_remade, kinds=[EXPORTED_SERVICES]),
    "CRD of slices remade": partial(crds_remade, kinds=[EXPORTED_ENDPOINT_SLICES]),
    "a member namespace remade": a_namespace_remade,
}
