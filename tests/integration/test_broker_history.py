"""A real broker, with an etcd of its own, that is restored, wiped or rebuilt under members that never rest.

The members are simulated and run in this process; what is in doubt here is how etcd and kube-apiserver
behave. An observer sees every import all the time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from pathlib import Path

import pytest

from mcs_controller.api.crd import all_crds
from mcs_controller.api.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    ENDPOINT_SLICES,
    MCS_GROUP,
    MEMBER_CLUSTERS,
    NAMESPACES,
)
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import SystemClock
from mcs_controller.kube.config import load_kubeconfig
from mcs_controller.kube.errors import KubeError
from tests.controllers.clusterset import Clusterset, member_cluster
from tests.controllers.processes import AgentProcess
from tests.integration.sites import eventually
from tests.realkube.clusterset import RealClusterset
from tests.realkube.controlplane import ControlPlane, ControlPlaneSpec
from tests.support.continuity import Continuity, look_at

pytestmark = [pytest.mark.realkube, pytest.mark.slow]

NAMES = ("east", "west")
SERVICES = 4
BROKER_CRDS = tuple(one for one in all_crds() if one["spec"]["group"] != MCS_GROUP)
RIGHT_WITHIN_SECONDS = 30.0


class Broker:
    """The real one."""

    def __init__(self, real: RealClusterset) -> None:
        self.real = real
        self.plane: ControlPlane = real["broker"]
        self.api = Client(load_kubeconfig(self.plane.kubeconfig()))

    async def install(self, *plurals: str) -> None:
        for crd in BROKER_CRDS:
            if not plurals or crd["spec"]["names"]["plural"] in plurals:
                await self._persistently(partial(self.api.create, CUSTOM_RESOURCE_DEFINITIONS, crd))

    async def admit(self, name: str) -> None:
        namespace = {"metadata": {"name": f"mcs-member-{name}"}}
        await self._persistently(partial(self.api.create, NAMESPACES, namespace))
        await self.admit_again(name)

    async def admit_again(self, name: str) -> None:
        await self._persistently(partial(self.api.create, MEMBER_CLUSTERS, member_cluster(name)))

    async def _persistently(self, do: Callable[[], Coroutine[None, None, object]]) -> None:
        """A kind that has just been installed, or was deleted a moment ago, takes its time."""

        async def done() -> bool:
            with contextlib.suppress(KubeError):
                await do()
                return True
            return False

        await eventually(done, bool)


async def restored(broker: Broker, backup: Path) -> None:
    await broker.real.restore(backup)


async def restored_with_a_bumped_revision(broker: Broker, backup: Path) -> None:
    await broker.real.restore(backup, bump_revision=1000)


async def wiped_and_rebuilt(broker: Broker, backup: Path) -> None:
    await broker.real.restore(None)
    await broker.install()
    for name in NAMES:
        await broker.admit(name)
        await asyncio.sleep(1)


async def crds_remade(broker: Broker, backup: Path, *, plurals: tuple[str, ...]) -> None:
    for plural in plurals:
        await broker.api.delete(CUSTOM_RESOURCE_DEFINITIONS, f"{plural}.broker.mcs-controller.io")
    await broker.install(*plurals)
    if "memberclusters" in plurals:
        for name in NAMES:
            await broker.admit_again(name)


async def a_namespace_remade(broker: Broker, backup: Path) -> None:
    await broker.api.delete(NAMESPACES, "mcs-member-east")
    await broker.admit("east")


Disaster = Callable[[Broker, Path], Coroutine[None, None, None]]
ALL = ("memberclusters", "exportedservices", "exportedendpointslices")
DISASTERS: dict[str, Disaster] = {
    "restored": restored,
    "restored with a bumped revision": restored_with_a_bumped_revision,
    "wiped and rebuilt": wiped_and_rebuilt,
    "all CRDs remade": partial(crds_remade, plurals=ALL),
    "CRD of slices remade": partial(crds_remade, plurals=ALL[2:]),
    "a member namespace remade": a_namespace_remade,
}


@contextlib.asynccontextmanager
async def members(broker: Broker) -> AsyncIterator[Clusterset]:
    """Simulated clusters whose agents talk to the real broker."""
    world = Clusterset(*NAMES, start=False)
    async with world:
        for cluster in world:
            cluster.process = AgentProcess(
                AgentConfig(cluster_id=cluster.name, fuse_share=1.0),
                local=cluster.sim.transport("agent"),
                broker=load_kubeconfig(broker.plane.kubeconfig()),
                clock=SystemClock(),
                seed=1,
            )
        for cluster in world:
            agent = cluster.agent.agent

            async def is_ready(ready: Callable[[], bool] = agent.synced) -> bool:
                return ready()

            await eventually(is_ready, bool)
        yield world


async def churn(world: Clusterset) -> None:
    number = 0
    while True:
        await asyncio.sleep(0.3)
        number += 1
        for position, cluster in enumerate(world, start=1):
            address = f"10.{position}.9.{number % 250}"
            service = f"web-{number % SERVICES}"
            await cluster.endpoints("shop", service, *cluster.addresses(), address)


@pytest.mark.requirement("MCS-LIFE-07", "MCS-IMP-03")
@pytest.mark.parametrize("disaster", DISASTERS)
async def test_a_real_broker_may_lose_what_it_likes(disaster: str, tmp_path: Path) -> None:
    async with RealClusterset(tmp_path, [ControlPlaneSpec("broker")]) as real:
        broker = Broker(real)
        await broker.install()
        for name in NAMES:
            await broker.admit(name)
        async with members(broker) as world:
            await world.everywhere("shop")
            steady: dict[str, set[str]] = {}
            for number in range(SERVICES):
                for cluster in world:
                    await cluster.deploy("shop", f"web-{number}")
                    steady.setdefault(f"shop/web-{number}", set()).update(cluster.addresses())
            look = partial(look_at, world.apis)

            async def is_right() -> bool:
                wanted = await offered(world)
                found = await look()
                return len(found) == SERVICES * len(NAMES) and all(
                    set(one.addresses) == wanted[service] for (_, service), one in found.items()
                )

            await eventually(is_right, bool)
            backup = await real.back_up()
            changes = asyncio.create_task(churn(world))
            async with Continuity(look, steady, every_seconds=0.2) as observer:
                await asyncio.sleep(3)
                await DISASTERS[disaster](broker, backup)
                await asyncio.sleep(2)
                changes.cancel()
                await world.until(is_right, within_seconds=RIGHT_WITHIN_SECONDS)
            assert observer.faults == []
        await broker.api.close()


async def offered(world: Clusterset) -> dict[str, set[str]]:
    """Of each service, what all clusters' own slices say."""
    found: dict[str, set[str]] = {}
    for number in range(SERVICES):
        for cluster in world:
            body = await cluster.held(ENDPOINT_SLICES, "shop", f"web-{number}-abc")
            assert body is not None
            for endpoint in body["endpoints"]:
                found.setdefault(f"shop/web-{number}", set()).update(endpoint["addresses"])
    return found
