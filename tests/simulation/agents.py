"""What happens to agents, to their clocks and DNS servers, and to requests that are on their way."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random

from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.membership.presence import Presence
from mcs_controller.kube.client import Client
from tests.simulation.process import Agent
from tests.simulation.story import Story
from tests.simulation.zones import Tell
from tests.support.agents import LoopClock, no_time
from tests.support.waiting import until

LEASE_OVER_SECONDS = 20.0
"""So long after its leader was killed a cluster has another one: the Lease is over after 15 s, then a try."""


class Agents:
    def __init__(self, story: Story, tell: dict[str, Tell]) -> None:
        self._story = story
        self._world = story.world
        self._tell = tell
        self._replicas: list[asyncio.Task[None]] = []

    async def heal(self) -> None:
        """All run again, and no network is odd any more."""
        for replica in self._replicas:
            replica.cancel()
        self._replicas.clear()
        for agent in self._world.agents():
            agent.wire.late_share = agent.wire.repeated_share = 0.0
            agent.wire.moving.set()
        for name in self._world.names:
            self._world.start(name)
            if name not in self._world.zones:
                self._world.start_zone(name, self._tell[name])

    async def lead(self) -> None:
        """Wait until each cluster that elects has a leader, for as long as a Lease may keep it from that."""
        with contextlib.suppress(TimeoutError):
            await until(lambda: all(map(self._works, self._world.layout.replicas)), LEASE_OVER_SECONDS)

    def _works(self, cluster: str) -> bool:
        return any(agent.works for agent in self._world.agents(cluster))

    def _some_agent(self, random: Random) -> Agent | None:
        agents = self._world.agents()
        return random.choice(agents) if agents else None

    async def restart(self, random: Random) -> None:
        if (agent := self._some_agent(random)) is not None:
            self._story.note(f"{agent.name} is restarted")
            self._story.struck.add(agent.wire.cluster)
            await self._world.kill(agent.wire.cluster, agent)
            self._world.start(agent.wire.cluster)

    async def kill_for_a_while(self, random: Random) -> None:
        """All replicas of a cluster."""
        name = self._story.some_cluster(random)
        seconds = random.choice((2.0, 10.0, 25.0, 80.0))
        self._story.note(f"{name}: the agent is killed for {seconds:g} s")
        self._story.struck.add(name)
        await self._world.kill(name)
        await asyncio.sleep(seconds)
        self._story.note(f"{name}: the agent starts")
        self._world.start(name)

    async def second_replica(self, random: Random) -> None:
        """Beside the leader, one that only renews the heartbeat."""
        cluster = self._world[self._story.some_cluster(random)]
        self._story.note(f"{cluster.name}: one more replica, without work")
        replica = Presence(
            AgentConfig(cluster_id=cluster.name),
            Client(cluster.sim.transport("agent"), name="local", work_clock=no_time),
            Client(self._world.broker.transport(f"member-{cluster.name}"), name="broker", work_clock=no_time),
            clock=LoopClock(random.uniform(-2.0, 2.0)),
            random=Random(random.getrandbits(32)),
        )
        self._replicas.append(asyncio.create_task(replica.run()))

    async def clock(self, random: Random) -> None:
        cluster = self._world[self._story.some_cluster(random)]
        seconds = random.choice((-3600.0, -90.0, -5.0, 5.0, 300.0))
        self._story.note(f"{cluster.name}: the clock is set by {seconds:g} s")
        cluster.clock.skew_seconds += seconds

    async def stand_still(self, random: Random) -> None:
        """The process stops (SIGSTOP) and goes on later; what it has sent by then arrives when it goes on."""
        if (agent := self._some_agent(random)) is None:
            return
        seconds = random.choice((3.0, 12.0, 20.0, 40.0))
        self._story.note(f"{agent.name} stands still for {seconds:g} s")
        self._story.struck.add(agent.wire.cluster)
        agent.wire.moving.clear()
        await asyncio.sleep(seconds)
        self._story.note(f"{agent.name} goes on")
        agent.wire.moving.set()

    async def late_requests(self, random: Random) -> None:
        """Limbo: some writes are carried out long after they were sent, when their sender may have died."""
        if (agent := self._some_agent(random)) is None:
            return
        agent.wire.late_share = random.choice((0.1, 0.5))
        agent.wire.late_seconds = random.choice((2.0, 12.0, 40.0))
        self._story.note(
            f"{agent.name}: {agent.wire.late_share:.0%} of writes up to {agent.wire.late_seconds:g} s late"
        )
        self._story.struck.add(agent.wire.cluster)
        await asyncio.sleep(random.choice((5.0, 30.0)))
        self._story.note(f"{agent.name}: writes are in time again")
        agent.wire.late_share = 0.0

    async def repeated_requests(self, random: Random) -> None:
        """Something between repeats requests of which it lost the answer."""
        if (agent := self._some_agent(random)) is None:
            return
        agent.wire.repeated_share = random.choice((0.2, 1.0))
        self._story.note(f"{agent.name}: {agent.wire.repeated_share:.0%} of writes arrive twice")
        self._story.struck.add(agent.wire.cluster)
        await asyncio.sleep(random.choice((5.0, 30.0)))
        self._story.note(f"{agent.name}: writes arrive once again")
        agent.wire.repeated_share = 0.0

    async def restart_zone(self, random: Random) -> None:
        name = self._story.some_cluster(random)
        self._story.note(f"{name}: the DNS server is restarted")
        await self._world.stop_zone(name)
        await asyncio.sleep(random.choice((0.0, 5.0)))
        if name not in self._world.zones:
            self._world.start_zone(name, self._tell[name])
