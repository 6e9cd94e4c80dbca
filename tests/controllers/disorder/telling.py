"""A story of disorder, told: users act, and at the same time everything fails that can.

What was in order at the start of a part and that nobody has changed since is to stay as it is, whatever
fails; and a while after the last fault every cluster has what is exported, and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection
from random import Random

from tests.controllers.disorder import plan
from tests.controllers.disorder.agents import Agents
from tests.controllers.disorder.broker import Broker
from tests.controllers.disorder.judge import QUIET_SECONDS, Judge
from tests.controllers.disorder.plan import Event
from tests.controllers.disorder.servers import Servers
from tests.controllers.disorder.story import SHARED, Story
from tests.controllers.disorder.users import Users
from tests.support.clusterset import Clusterset

Act = Callable[[Random], Awaitable[None]]


class Disorder:
    """The driver."""

    def __init__(self, world: Clusterset) -> None:
        self.story = Story(world)
        self._world = world
        self._judge = Judge(self.story)
        self._agents, self._servers = Agents(self.story), Servers(self.story)
        self._broker = Broker(self.story)
        acts = (
            (Users(self.story), plan.USERS + plan.RARE),
            (self._agents, plan.AGENTS),
            (self._servers, plan.SERVERS),
            (self._broker, (*plan.DISASTERS, plan.RAREST)),
        )
        self._acts: dict[str, Act] = {name: getattr(who, name) for who, names in acts for name in names}

    async def tell(self, events: Collection[Event]) -> None:
        """The whole story, until it is over or something was wrong."""
        await self._world.everywhere("shop")
        for name in SHARED:
            for cluster in Random(name).sample(self._world.names, 2):
                await self.story.export(cluster, name)
        for cluster in self._world.names:
            await self.story.export(cluster, f"of-{cluster}")
        if not await self._judge.becomes_right("at the start"):
            return
        for part in range(1 + max((event.part for event in events), default=0)):
            await self._part([event for event in events if event.part == part])
            if self.story.faults:
                return

    async def _part(self, events: Collection[Event]) -> None:
        await self._judge.hold_on_to_what_is_there()
        watching = asyncio.create_task(self._judge.watch())
        backups = asyncio.create_task(self._broker.back_up())
        start_seconds = self.story.now()
        acts = []
        for event in events:
            await asyncio.sleep(max(0.0, start_seconds + event.at_seconds - self.story.now()))
            acts.append(asyncio.create_task(self._do(event)))
        await asyncio.gather(*acts)
        self._servers.heal()
        await self._agents.revive()
        self.story.note("all is healed")
        backups.cancel()
        right = await self._judge.becomes_right("after a part")
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        self._agents.end_replicas()
        if right:
            await asyncio.sleep(QUIET_SECONDS)
            if problem := await self._judge.problem():
                self.story.fault(f"no longer right: {problem}")

    async def _do(self, event: Event) -> None:
        await self._acts[event.act](Random(event.seed))
