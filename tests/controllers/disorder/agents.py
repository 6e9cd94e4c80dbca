"""What happens to the agents of a clusterset in disorder, and to their clocks."""

from __future__ import annotations

import asyncio
from random import Random

from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.membership.presence import Presence
from mcs_controller.kube.client import Client
from tests.controllers.disorder.story import Story
from tests.support.agents import LoopClock
from tests.support.cluster import Cluster


class Agents:
    def __init__(self, story: Story) -> None:
        self._story = story
        self._world = story.world
        self._replicas: list[asyncio.Task[None]] = []

    def end_replicas(self) -> None:
        for replica in self._replicas:
            replica.cancel()
        self._replicas.clear()

    async def revive(self) -> None:
        for cluster in self._world:
            if cluster.process is None:
                cluster.start()
            elif cluster.process.task.done():
                self._story.fault(f"the agent of {cluster.name} ended: {cluster.process.task!r}")

    async def restart(self, random: Random) -> None:
        cluster = self._world[random.choice(self._world.names)]
        if cluster.process is not None:
            self._story.note(f"{cluster.name}: the agent is restarted")
            await cluster.restart()

    async def kill_for_a_while(self, random: Random) -> None:
        cluster = self._world[random.choice(self._world.names)]
        if cluster.process is None:
            return
        seconds = random.choice((2.0, 10.0, 25.0, 80.0))
        self._story.note(f"{cluster.name}: the agent is killed for {seconds:g} s")
        await cluster.kill()
        await asyncio.sleep(seconds)
        self._start_again(cluster)

    def _start_again(self, cluster: Cluster) -> None:
        if cluster.process is None:
            self._story.note(f"{cluster.name}: the agent starts")
            cluster.start()

    async def second_replica(self, random: Random) -> None:
        """Beside the leader, one that only renews the heartbeat."""
        cluster = self._world[random.choice(self._world.names)]
        self._story.note(f"{cluster.name}: a second replica")
        replica = Presence(
            AgentConfig(cluster_id=cluster.name),
            Client(cluster.sim.transport("agent"), name="local"),
            self._world.broker.client(f"member-{cluster.name}"),
            clock=LoopClock(random.uniform(-2.0, 2.0)),
            random=Random(random.getrandbits(32)),
        )
        self._replicas.append(asyncio.create_task(replica.run()))

    async def clock(self, random: Random) -> None:
        cluster = self._world[random.choice(self._world.names)]
        seconds = random.choice((-3600.0, -90.0, -5.0, 5.0, 300.0))
        self._story.note(f"{cluster.name}: the clock is set by {seconds:g} s")
        cluster.clock.skew_seconds += seconds
