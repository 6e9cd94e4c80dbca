"""East's presence on the broker by itself, step by step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random

from mcs_controller.api.resources import MEMBER_CLUSTERS
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.membership.presence import Names, Presence
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.transport import Request, Response, Transport
from mcs_controller.kube.errors import Timeout
from mcs_controller.kube.fence import LeaseFence
from tests.support.agents import LoopClock
from tests.support.clusterset import Clusterset
from tests.support.objects import Object
from tests.support.transports import PassingTransport

SOMETHING: Names = (frozenset({"shop.web"}), frozenset())
OUR_MISSING = "our MemberCluster was missing for a while"
OUR_OTHER = "our MemberCluster was created anew"
OUR_OLDER = "our MemberCluster is older than the one that we wrote"


class Interrupted(PassingTransport):
    """A way to the broker on which something happens before a write, or a read is never answered."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.before_write: Callable[[], Awaitable[object]] | None = None
        self.lose_read = False
        self.lost = asyncio.Event()

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        if request.method == "GET" and self.lose_read:
            self.lose_read = False
            self.lost.set()
            await asyncio.sleep(timeout_seconds)
            raise Timeout("no answer")
        if request.method == "PATCH" and self.before_write is not None:
            happens, self.before_write = self.before_write, None
            await happens()
        return await super().request(request, timeout_seconds=timeout_seconds)


class East:
    """The presence of one cluster, step by step, and what the broker then holds."""

    def __init__(self, world: Clusterset) -> None:
        self.world = world
        self.clock = LoopClock()
        self.wire = Interrupted(world.broker.transport("member-east"))
        self.fence = LeaseFence(LoopClock())
        self.fence.prove(float("inf"), self.fence.offset_seconds())
        broker = Client(self.wire, name="broker")
        self.presence = Presence(
            AgentConfig(cluster_id="east"),
            Client(world["east"].sim.transport("agent"), name="local"),
            broker,
            clock=self.clock,
            random=Random(3),
            leaders_broker=broker.fenced(self.fence),
        )
        self.breaks: list[str] = []
        self.changes = 0
        self.end = self.presence.listen(changed=self._changed, broke=self.breaks.append)

    def _changed(self) -> None:
        self.changes += 1

    def states(self, names: Names | None) -> None:
        self.presence.exported = lambda: names

    async def step(self, *, after_seconds: float = 1.0) -> None:
        await asyncio.sleep(after_seconds)
        await self.presence.step()

    async def status(self) -> Object:
        found = await self.world.broker_api.get(MEMBER_CLUSTERS, "east", "mcs-member-east")
        status: Object = found.get("status") or {}
        return status

    async def edit(self, **status: object) -> None:
        await self.world.broker_api.patch(
            MEMBER_CLUSTERS, "east", {"status": status}, namespace="mcs-member-east", subresource="status"
        )

    async def heartbeats_within(self, seconds: float) -> int:
        seen = set()
        for _ in range(int(seconds * 2)):
            await asyncio.sleep(0.5)
            seen.add((await self.status())["heartbeat"])
        return len(seen)


@asynccontextmanager
async def east_alone() -> AsyncIterator[East]:
    async with Clusterset("east", start=False) as world:
        yield East(world)
