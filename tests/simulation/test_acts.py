"""What acts leave behind, and what they excuse, no longer than they must."""

from __future__ import annotations

import asyncio

from mcs_controller.api.resources import MEMBER_CLUSTERS
from tests.simulation.agents import LEASE_OVER_SECONDS, Agents
from tests.simulation.broker import Broker
from tests.simulation.plan import Layout
from tests.simulation.rules import held
from tests.simulation.story import Story
from tests.simulation.world import World
from tests.support.observer.expected import Expected
from tests.support.virtual_loop import run_virtually

SMALL = Layout(("east", "west", "north"), {})


def test_limits_that_were_lifted_do_not_come_back_with_an_older_state_of_the_broker() -> None:
    async def story() -> None:
        async with World(SMALL, 1) as world:
            broker = Broker(Story(world, Expected()))
            for name in ("east", "north"):
                await broker.limit(name, {"services": 1})
            backup = world.broker.snapshot()
            await broker.limit("north", None)
            await broker.go_back(0.0, backup, 0)
            limits = {
                one["metadata"]["name"]: one["spec"].get("limits")
                for one in held(world.broker, MEMBER_CLUSTERS)
            }
            assert limits == {"east": {"services": 1}, "north": None, "west": None}

    run_virtually(story())


def test_bounds_count_once_a_cluster_whose_leader_was_killed_has_another_or_should_have() -> None:
    async def story() -> None:
        async with World(Layout(SMALL.clusters, {"east": 2}), 1) as world:
            agents = Agents(Story(world, Expected()), {})
            loop = asyncio.get_running_loop()
            world.start("east")
            await agents.lead()
            await world.kill("east")
            world.start("east")
            killed_at_seconds = loop.time()
            await agents.lead()
            assert any(agent.works for agent in world.agents("east"))
            assert 15.0 <= loop.time() - killed_at_seconds < LEASE_OVER_SECONDS

            world["east"].sim.faults.fail(500, resources=["leases"], users=["agent"])
            await world.kill("east")
            world.start("east")
            killed_at_seconds = loop.time()
            await agents.lead()
            assert not any(agent.works for agent in world.agents("east"))
            assert loop.time() - killed_at_seconds == LEASE_OVER_SECONDS

    run_virtually(story())


def test_where_nobody_elects_a_leader_they_count_at_once() -> None:
    async def story() -> None:
        async with World(SMALL, 1) as world:
            began_seconds = asyncio.get_running_loop().time()
            await Agents(Story(world, Expected()), {}).lead()
            assert asyncio.get_running_loop().time() == began_seconds

    run_virtually(story())
