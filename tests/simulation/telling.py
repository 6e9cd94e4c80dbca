"""A story, told: users act while everything fails that can; then all is healed, and judged."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from random import Random
from typing import Any, cast

from mcs_controller.api.resources import MEMBER_CLUSTERS
from tests.simulation import plan as acts
from tests.simulation.agents import Agents
from tests.simulation.audit import Audit
from tests.simulation.broker import Broker
from tests.simulation.drills import Drills
from tests.simulation.meddlers import Meddlers
from tests.simulation.members import Members
from tests.simulation.moments import Moments
from tests.simulation.plan import Event, Plan
from tests.simulation.quiet import Quiet
from tests.simulation.rules import held
from tests.simulation.servers import Servers
from tests.simulation.silence import Silence
from tests.simulation.story import NAMESPACE, SHARED, Fault, Story
from tests.simulation.users import Users
from tests.simulation.world import World
from tests.support.observer.expected import Expected
from tests.support.virtual_loop import run_virtually
from tests.support.write_trace import WriteTrace

Act = Callable[[Random], Coroutine[Any, Any, None]]

SILENCE_SECONDS = 40.0
"""A member that has not renewed its heartbeat for as long may soon be taken for dead."""


@dataclass(frozen=True)
class Outcome:
    """What a plan led to; `digest` is the hash of all writes of all servers, in their order."""

    plan: Plan
    faults: tuple[Fault, ...]
    lines: tuple[str, ...]
    digest: str
    seconds: float

    @property
    def invariant(self) -> str:
        """The first that did not hold, "" if all did."""
        return self.faults[0].invariant if self.faults else ""


def tell(plan: Plan) -> Outcome:
    """The whole story, in virtual time, until it is over or something was wrong."""
    return run_virtually(_tell(plan))


async def _tell(plan: Plan) -> Outcome:
    async with World(plan.layout, plan.seed) as world:
        trace = WriteTrace(world.clusterset)
        story = Story(world, Expected())
        await Telling(story).tell(plan)
        return Outcome(plan, tuple(story.faults), tuple(story.lines), trace.digest(), story.now())


class Telling:
    """The driver of one story."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._world = story.world
        self._audit = Audit(story)
        self._moments = Moments(story)
        self._quiet = Quiet(story, self._audit, self._moments)
        self._agents = Agents(story, {name: self._moments.listener(name) for name in self._world.names})
        self._servers, self._broker = Servers(story), Broker(story)
        self._members = Members(story, self._broker)
        self._members.on_restore = (self._moments.look_again, self._audit.restored)
        actors = (
            (Users(story), acts.USERS + acts.RARE),
            (self._agents, acts.AGENTS + acts.NETWORK),
            (self._servers, acts.SERVERS),
            (Meddlers(story), acts.MEDDLERS),
            (self._members, acts.MEMBERS),
            (self._broker, (*acts.DISASTERS, acts.RAREST, acts.LATE_SLIP)),
            (Drills(story, self._broker), acts.ALL_DRILLS),
        )
        self._acts = {name: cast(Act, getattr(who, name)) for who, names in actors for name in names}
        self._silence = Silence()

    async def tell(self, plan: Plan) -> None:
        story = self._story
        await self._world.clusterset.everywhere(NAMESPACE)
        for name in self._world.names:
            story.expected.namespace(name, NAMESPACE)
        await self._agents.heal()
        for name in SHARED:
            for cluster in Random(name).sample(self._world.names, 2):
                await story.export(cluster, name)
        for cluster in self._world.names:
            await story.export(cluster, f"of-{cluster}")
        if not await self._quiet.comes("at the start"):
            return
        for part in range(plan.parts):
            await self._part([event for event in plan.events if event.part == part])
            if story.faults:
                return

    async def _part(self, events: list[Event]) -> None:
        story = self._story
        story.struck.clear()
        self._moments.observer.disturbed()
        self._silence = Silence()
        watching = asyncio.create_task(self._watch())
        backups = asyncio.create_task(self._broker.back_up())
        start_seconds = story.now()
        async with asyncio.TaskGroup() as running:
            for event in events:
                await asyncio.sleep(max(0.0, start_seconds + event.at_seconds - story.now()))
                running.create_task(self._acts[event.act](Random(event.seed)))
        self._servers.heal()
        await self._agents.heal()
        await self._world.network.all_arrived()
        self._quiet.check_alive()
        story.note("all is healed")
        await self._agents.lead()
        self._moments.observer.healed()
        backups.cancel()
        right = not story.faults and await self._quiet.comes("after a part")
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        story.end_excuses()
        self._moments.hear_again()
        if right:
            await self._quiet.stays()
        self._quiet.check_alive()
        self._moments.judge()

    async def _watch(self) -> None:
        while True:
            self._see_heartbeats()
            self._moments.judge()
            self._quiet.check_alive()
            await asyncio.sleep(1.0)

    def _see_heartbeats(self) -> None:
        """A member that is silent is dead by policy: only its imports are expected until the part is over."""
        for one in held(self._world.broker, MEMBER_CLUSTERS):
            name, beat = one["metadata"]["name"], (one.get("status") or {}).get("heartbeat", "")
            if self._silence.look(name, beat, self._story.now()) > SILENCE_SECONDS:
                self._story.note(f"{name} is silent: nothing of it is expected but its imports")
                self._story.excuse_silent(name)
                self._silence.forget(name)
