"""What must be so once nothing disturbs any more: everything right soon, then nobody writes, all alive.

I-QUIET-EXACT  every cluster and the broker hold exactly what the rules say
I-LEFTOVER     and nothing besides
I-QUIET-IDLE   after that agents write nothing but heartbeats and leases
I-ALIVE        no agent and no DNS server ended by itself
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from mcs_controller.clusterset.model import ServiceKey
from tests.simulation.audit import Audit
from tests.simulation.exact import EXACT, Problem, broker_problems, member_problems
from tests.simulation.members import MALLORY
from tests.simulation.moments import Moments
from tests.simulation.process import Agent
from tests.simulation.rules import wanted
from tests.simulation.story import NAMESPACE, Story

RIGHT_SECONDS = 60.0
IDLE_SECONDS = 60.0
SETTLE_SECONDS = 15.0
LOOK_SECONDS = 2.0
RETAINED = "mcs_retained_objects"


class Quiet:
    def __init__(self, story: Story, audit: Audit, moments: Moments) -> None:
        self._story = story
        self._world = story.world
        self._audit = audit
        self._moments = moments

    async def comes(self, when: str) -> bool:
        """Whether all becomes right in time."""
        began = self._story.now()
        while problems := self._problems():
            if self._story.now() - began > RIGHT_SECONDS:
                for one in problems[:5]:
                    self._story.fault(one.invariant, f"{when}, after {RIGHT_SECONDS:g} s: {one.text}")
                return False
            await asyncio.sleep(LOOK_SECONDS)
        self._story.note(f"right {self._story.now() - began:.0f} s {when}")
        return True

    async def stays(self) -> None:
        """Nothing happens: what was right stays so, and nobody writes."""
        await asyncio.sleep(SETTLE_SECONDS)
        before = self._audit.writes.copy()
        await asyncio.sleep(IDLE_SECONDS)
        for (server, kind), count in sorted((self._audit.writes - before).items()):
            self._story.fault("I-QUIET-IDLE", f"{count} writes of {kind} in {server}")
        for one in self._problems():
            self._story.fault(one.invariant, f"no longer so: {one.text}")

    def check_alive(self) -> None:
        for agent in self._world.agents():
            if end := agent.end():
                self._story.fault("I-ALIVE", f"{agent.name} ended: {end}")
        for name, zone in self._world.zones.items():
            if end := zone.end():
                self._story.fault("I-ALIVE", f"the DNS server of {name} ended: {end}")

    def _problems(self) -> list[Problem]:
        return list(self._each_problem())

    def _each_problem(self) -> Iterator[Problem]:
        due = wanted({cluster.name: cluster.sim for cluster in self._world})
        for cluster in self._world:
            blocked = frozenset(
                ServiceKey(NAMESPACE, name) for place, name in self._story.blocked if place == cluster.name
            )
            yield from member_problems(cluster.name, cluster.sim, due, blocked)
        yield from broker_problems(self._world.broker, due, frozenset({MALLORY}))
        for place, zone in self._world.zones.items():
            if not zone.is_open:
                yield Problem(EXACT, f"{place}: the zone is not complete")
        self._moments.hear_again()
        for text in self._moments.observer.wrong():
            yield Problem(EXACT, text)
        for agent in self._world.agents():
            if kept := _retained(agent):
                yield Problem(EXACT, f"{agent.name} still retains {kept}")


def _retained(agent: Agent) -> list[dict[str, str]]:
    """The labels of what it keeps although the broker lacks it. LookupError: a leader does not say."""
    told = agent.registry.restricted_registry([RETAINED]).collect()
    samples = [sample for metric in told for sample in metric.samples]
    if agent.works and not samples:
        raise LookupError(f"{agent.name} leads and has no {RETAINED}")
    return [sample.labels for sample in samples if sample.value]
