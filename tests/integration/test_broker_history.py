"""A real broker, with an etcd of its own, that is restored, wiped or rebuilt under members that never rest.

The members are simulated, and their agents and DNS servers run in this process; what is in doubt here is how
etcd and kube-apiserver behave. An observer sees every import and asks for every name all the time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest

from mcs_controller.api.resources import ENDPOINT_SLICES
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.kube.clock import SystemClock
from mcs_controller.kube.connection.config import load_kubeconfig
from tests.integration.disasters import DISASTERS, Broker
from tests.realkube.clusterset import RealClusterset
from tests.realkube.controlplane import ControlPlaneSpec
from tests.support.agents import AgentProcess
from tests.support.cluster import Cluster
from tests.support.clusterset import MEMBERS, Clusterset
from tests.support.continuity import Continuity
from tests.support.dns import dns_server
from tests.support.reading import addresses_in
from tests.support.shop import Shop
from tests.support.waiting import eventually

pytestmark = [pytest.mark.realkube, pytest.mark.slow]

HEADLESS = ("db-0", "db-1")
SERVICES = ("web-0", "web-1", "web-2", *HEADLESS)
CHURN_SECONDS = 0.3
RIGHT_WITHIN_SECONDS = 30.0


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealClusterset]:
    """Started once: to start it takes longer than any disaster. Shut down, it closes its watches in order."""
    flags = ("--shutdown-watch-termination-grace-period=2s",)
    spec = ControlPlaneSpec("broker", api_server_flags=flags)
    clusterset = RealClusterset(tmp_path_factory.mktemp("history"), [spec])
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(clusterset.start())
    try:
        yield clusterset
    finally:
        clusterset.stop()


@pytest.fixture
async def broker(real: RealClusterset) -> AsyncIterator[Broker]:
    found = Broker(real, MEMBERS)
    await found.set_up()
    yield found
    await found.api.close()


class OpenShop(Shop):
    """Simulated clusters whose agents talk to the real broker, and what all of them export."""

    def __init__(self, world: Clusterset, broker: Broker) -> None:
        super().__init__(world)
        self._broker = broker
        self._starts = 0

    async def open(self, stack: contextlib.AsyncExitStack) -> None:
        self.start_agents()
        self.dns = {}
        for cluster in self.world:
            self.dns[cluster.name] = await stack.enter_async_context(dns_server(cluster.sim.client("dns")))
            await eventually(partial(_is_ready, cluster))
        await self.world.everywhere("shop")
        for name in SERVICES:
            for cluster in self.world:
                headless = {"clusterIP": "None"} if name in HEADLESS else {}
                await self.deploy(cluster.name, name, **headless)

    def start_agents(self) -> None:
        for cluster in self.world:
            self._starts += 1
            cluster.process = AgentProcess(
                AgentConfig(cluster_id=cluster.name, fuse_share=1.0),
                local=cluster.sim.transport("agent"),
                broker=load_kubeconfig(self._broker.plane.kubeconfig()),
                clock=SystemClock(),
                seed=self._starts,
            )

    async def restart_agents(self) -> None:
        """All of them are killed before the first starts again: nobody remembers anything."""
        for cluster in self.world:
            await cluster.kill()
        self.start_agents()

    async def churn(self) -> None:
        number = 0
        while True:
            await asyncio.sleep(CHURN_SECONDS)
            number += 1
            for cluster in self.world:
                address = f"10.{cluster.number}.9.{number % 250}"
                service = SERVICES[number % len(SERVICES)]
                await cluster.endpoints("shop", service, *cluster.addresses(), address)

    async def wanted(self) -> dict[str, set[str]]:
        """What all clusters' own slices say."""
        offered: dict[str, set[str]] = {}
        for name in SERVICES:
            for cluster in self.world:
                body = await cluster.held(ENDPOINT_SLICES, "shop", f"{name}-abc")
                assert body is not None
                offered.setdefault(f"shop/{name}", set()).update(addresses_in([body]))
        return offered


async def _is_ready(cluster: Cluster) -> bool:
    return cluster.agent.agent.synced()


@contextlib.asynccontextmanager
async def opened(broker: Broker) -> AsyncIterator[OpenShop]:
    async with Clusterset(*MEMBERS, start=False) as world, contextlib.AsyncExitStack() as stack:
        shop = OpenShop(world, broker)
        await shop.open(stack)
        yield shop


async def nothing_else() -> None:
    """The agents live through it."""


@pytest.mark.requirement("MCS-LIFE-07", "MCS-IMP-03")
@pytest.mark.parametrize(
    ("disaster", "agents_restart"),
    [
        *((disaster, False) for disaster in DISASTERS),
        ("restored", True),
        ("wiped and rebuilt", True),
        ("all CRDs remade", True),
    ],
)
async def test_a_real_broker_may_lose_what_it_likes(
    disaster: str, agents_restart: bool, broker: Broker
) -> None:
    async with opened(broker) as shop:
        await eventually(shop.wrong, lambda wrong: not wrong)
        backup = await broker.real.back_up()
        async with Continuity(shop.look, shop.steady, every_seconds=0.2) as observer:
            async with shop.churning():
                await asyncio.sleep(3)
                meanwhile = shop.restart_agents if agents_restart else nothing_else
                await DISASTERS[disaster](broker, backup, meanwhile)
                await asyncio.sleep(2)
            await eventually(shop.wrong, lambda wrong: not wrong, RIGHT_WITHIN_SECONDS - 2)
        assert observer.faults == []
