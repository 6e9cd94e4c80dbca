"""A simulated member cluster in virtual time: its API server, its users and controllers, and its agent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from mcs_controller.api.resources import ENDPOINT_SLICES, SERVICES
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.kube.connection.transport import Transport
from mcs_controller.kube.fence import Fence
from mcs_controller.simcluster.cluster import SimCluster
from tests.support.agents import AgentProcess, LoopClock, no_time
from tests.support.objects import EXPORTS, HTTP_ENDPOINTS, IMPORTS, Object, endpoint, slice_body
from tests.support.reading import id_of, plain
from tests.support.site import Site
from tests.support.waiting import eventually

SLOW_AFTER_SECONDS = 2.0
"""What takes longer is looked at once a second."""


class Cluster(Site):
    """Cluster `number` of a clusterset; its agent runs between `start` and `kill`."""

    def __init__(
        self,
        name: str,
        broker: SimCluster,
        *,
        number: int,
        seed: int,
        service_cidrs: Sequence[str] = (),
        skew_seconds: float = 0.0,
    ) -> None:
        self.clock = LoopClock(skew_seconds)
        self.sim = SimCluster(
            name,
            service_cidrs=service_cidrs or (f"10.{95 + number}.0.0/16",),
            clock=LoopClock(skew_seconds),
            random=Random(f"{seed}{name}"),
            work_clock=no_time,
        )
        super().__init__(name, self.sim.client())
        self.process: AgentProcess | None = None
        self.settings: dict[str, Any] = {}
        self.broker = broker
        self.number = number
        self._seed = seed
        self._starts = 0

    # The agent

    @property
    def agent(self) -> AgentProcess:
        assert self.process is not None, f"no agent runs in {self.name}"
        return self.process

    def start(
        self,
        *,
        through: Callable[[Transport], Transport] = lambda transport: transport,
        fence: Fence | None = None,
        **settings: Any,
    ) -> AgentProcess:
        """An agent that reaches its servers `through` something, and writes as its `fence` allows."""
        assert self.process is None
        self._starts += 1
        self.process = AgentProcess(
            AgentConfig(**{"cluster_id": self.name, **self.settings, **settings}),
            local=through(self.sim.transport("agent")),
            broker=through(self.broker.transport(f"member-{self.name}")),
            clock=self.clock,
            seed=self._seed + self._starts,
            fence=fence,
        )
        return self.process

    async def kill(self) -> list[str]:
        """What it wrote in its life."""
        process, self.process = self.agent, None
        await process.kill()
        return process.wire.writes

    async def restart(self, **settings: Any) -> AgentProcess:
        await self.kill()
        return self.start(**settings)

    async def ready(self) -> None:
        await eventually(
            self._is_ready, slow_after_seconds=SLOW_AFTER_SECONDS, what=lambda: self.agent.agent.problems()
        )

    async def _is_ready(self) -> bool:
        if self.agent.task.done():
            await self.agent.task
        return self.agent.agent.synced()

    # What users and the cluster's own controllers do

    async def endpoints(
        self,
        namespace: str,
        service: str,
        *addresses: str,
        name: str = "",
        ports: Sequence[Object] = (HTTP_ENDPOINTS,),
        labels: Object | None = None,
        **fields: Any,
    ) -> Object:
        """The slice of a Service as the cluster's endpoint controller would make it, created or replaced."""
        found = [
            endpoint(
                address,
                nodeName=f"{self.name}-node",
                targetRef={"kind": "Pod", "namespace": namespace, "name": f"{service}-{address}"},
            )
            | fields
            for address in addresses
        ]
        made = slice_body(service, found, namespace, name=name, ports=ports, labels=labels)
        return await self.put(ENDPOINT_SLICES, made)

    async def deploy(self, namespace: str, name: str, *addresses: str, **spec: Any) -> None:
        """A Service, its slice and its export."""
        await self.service(namespace, name, **spec)
        await self.endpoints(namespace, name, *(addresses or self.addresses()))
        await self.export(namespace, name)

    def addresses(self) -> tuple[str, ...]:
        """Two pods, in a network that tells the clusters apart."""
        return f"10.{self.number}.0.1", f"10.{self.number}.0.2"

    async def contents(self) -> Object:
        """All that an agent may write, without what no two runs share."""
        found: Object = {}
        for resource in (EXPORTS, IMPORTS, SERVICES, ENDPOINT_SLICES):
            for held in await self.all_of(resource):
                found[id_of(resource, held)] = plain(held)
        return found
