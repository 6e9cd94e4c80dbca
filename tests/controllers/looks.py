"""What one cluster knows of the members, look by look, beside others that beat or are silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from mcs_controller.api.resources import MEMBER_CLUSTERS
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.membership.presence import Presence
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import rfc3339_micro
from mcs_controller.kube.connection.transport import Request, Response, Transport
from mcs_controller.kube.errors import Timeout
from tests.support.agents import LoopClock
from tests.support.clusterset import Clusterset
from tests.support.objects import Object
from tests.support.transports import PassingTransport

LOOK_SECONDS = 10.0


class WatchCache(PassingTransport):
    """A way to the broker whose watch cache can be `behind`: it then lists the members as it did before.

    `lists_past_it` counts the lists that it did not answer. After `lose` the answer to the next look never
    comes; `lost` is set then.
    """

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.behind = False
        self.lists_past_it = 0
        self.lose = False
        self.lost = asyncio.Event()
        self._listed: Response | None = None

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        if request.method != "GET" or ("resourceVersion", "0") not in request.query:
            self.lists_past_it += request.method == "GET" and request.path.endswith("/memberclusters")
            return await super().request(request, timeout_seconds=timeout_seconds)
        if self.lose:
            self.lose = False
            self.lost.set()
            await asyncio.sleep(timeout_seconds)
            raise Timeout("no answer")
        if self._listed is None or not self.behind:
            self._listed = await super().request(request, timeout_seconds=timeout_seconds)
        return self._listed


class North:
    """What north knows of the members, look by look; all of them beat unless they are `silent`."""

    def __init__(self, world: Clusterset, **settings: object) -> None:
        self.world = world
        config = AgentConfig(cluster_id="north", **settings)  # type: ignore[arg-type]
        self.cache = WatchCache(world.broker.transport("member-north"))
        self.broker = Client(self.cache, name="broker")
        self.presence = Presence(
            config,
            Client(world["north"].sim.transport("agent"), name="local"),
            self.broker,
            clock=LoopClock(),
            random=Random(3),
        )
        self.members = Membership(config, self.presence, self.broker, clock=LoopClock(), random=Random(4))
        self.silent: set[str] = set()
        self.told: list[str] = []
        self.looked = 0
        self.members.on_change(self.told.append)
        self.members.on_read(self._looked)

    def _looked(self) -> None:
        self.looked += 1

    async def look(self, times: int = 1, *, after_seconds: float = LOOK_SECONDS) -> None:
        for _ in range(times):
            await asyncio.sleep(after_seconds)
            for one in (await self.world.broker_api.list(MEMBER_CLUSTERS)).items:
                cluster = one["metadata"]["name"]
                if cluster != "north" and cluster not in self.silent:
                    await self.status(cluster, heartbeat=rfc3339_micro(LoopClock().now()))
            if "north" not in self.silent:
                await self.presence.step()
            await self.members.step()

    async def next_look(self) -> None:
        before = self.looked
        for _ in range(200):
            await asyncio.sleep(0.1)
            if self.looked != before:
                return

    async def status(self, cluster: str, **status: object) -> None:
        await self.patch(cluster, {"status": status}, "status")

    async def spec(self, cluster: str, **spec: object) -> None:
        await self.patch(cluster, {"spec": spec})

    async def patch(self, cluster: str, patch: Object, subresource: str = "") -> None:
        await self.world.broker_api.patch(
            MEMBER_CLUSTERS, cluster, patch, namespace=f"mcs-member-{cluster}", subresource=subresource
        )

    async def remove(self, *clusters: str) -> None:
        for cluster in clusters:
            await self.world.broker_api.delete(MEMBER_CLUSTERS, cluster, namespace=f"mcs-member-{cluster}")

    def news(self) -> list[str]:
        told, self.told[:] = list(self.told), []
        return told


@asynccontextmanager
async def north(*others: str, **settings: object) -> AsyncIterator[North]:
    async with Clusterset(*(others or ("east", "west")), "north", start=False) as world:
        one = North(world, **settings)
        await one.presence.step()
        await one.look(2)
        one.news()
        yield one
