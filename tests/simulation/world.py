"""The clusterset of a story: a broker, clusters, and in each the agent's replicas and a DNS zone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from random import Random
from types import TracebackType
from typing import Self

from mcs_controller.controllers.config import AgentConfig
from mcs_controller.kube.client import Client
from mcs_controller.simcluster.storage.versions import Snapshot
from tests.simulation.plan import Layout
from tests.simulation.process import Agent
from tests.simulation.wire import Network, Wire
from tests.simulation.zones import ClusterZone, Tell
from tests.support.agents import no_time
from tests.support.cluster import Cluster
from tests.support.clusterset import Clusterset


class World:
    """Everything runs inside its `async with`."""

    def __init__(self, layout: Layout, seed: int) -> None:
        self.layout = layout
        self.random = Random(f"{seed} world")
        self.clusterset = Clusterset(*layout.clusters, seed=seed, start=False)
        self.broker = self.clusterset.broker
        self.broker_api = self.clusterset.broker_api
        self.names = self.clusterset.names
        self.network = Network()
        self.zones: dict[str, ClusterZone] = {}
        self.starts = 0
        self._agents: dict[str, list[Agent]] = {name: [] for name in self.names}

    def __getitem__(self, name: str) -> Cluster:
        return self.clusterset[name]

    def __iter__(self) -> Iterator[Cluster]:
        return iter(self.clusterset)

    @property
    def empty_broker(self) -> Snapshot:
        return self.clusterset.empty_broker

    async def __aenter__(self) -> Self:
        await self.clusterset.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.network.lose_all()
        for name in self.names:
            await self.kill(name)
        for zone in self.zones.values():
            await zone.close()
        await self.clusterset.__aexit__(kind, error, traceback)

    # Agents

    def agents(self, name: str = "") -> list[Agent]:
        """The replicas that run, of one cluster or of all."""
        return [agent for cluster in ([name] if name else self.names) for agent in self._agents[cluster]]

    def start(self, name: str) -> None:
        """As many replicas as are to run and do not."""
        while len(self._agents[name]) < self.layout.replicas.get(name, 1):
            self.starts += 1
            replica = f"{name}-{self.starts}"
            cluster = self[name]
            self._agents[name].append(
                Agent(
                    AgentConfig(cluster_id=name, fuse_share=self.layout.fuse_share),
                    Wire(replica, name, self.network, Random(self.random.getrandbits(64))),
                    local=partial(cluster.sim.transport, "agent"),
                    broker=partial(self.broker.transport, f"member-{name}"),
                    clock=cluster.clock,
                    random=Random(self.random.getrandbits(64)),
                    elects=name in self.layout.replicas,
                )
            )

    async def kill(self, name: str, agent: Agent | None = None) -> None:
        """One replica, or all of the cluster's."""
        for one in self.agents(name):
            if agent is None or one is agent:
                self._agents[name].remove(one)
                await one.kill()

    # Zones

    def start_zone(self, name: str, tell: Tell) -> None:
        client = Client(self[name].sim.transport("dns"), name="dns", work_clock=no_time)
        self.zones[name] = ClusterZone(client, Random(self.random.getrandbits(64)), tell)

    async def stop_zone(self, name: str) -> None:
        if (zone := self.zones.pop(name, None)) is not None:
            await zone.close()
