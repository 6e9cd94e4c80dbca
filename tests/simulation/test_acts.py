"""What acts leave behind, and what they excuse, no longer than they must."""

from __future__ import annotations

from mcs_controller.api.resources import MEMBER_CLUSTERS
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
