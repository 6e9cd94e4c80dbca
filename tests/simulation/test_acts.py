"""What acts leave behind, and what they excuse, no longer than they must."""

from __future__ import annotations

import asyncio

from mcs_controller.api.resources import MEMBER_CLUSTERS
from tests.simulation.broker import Broker
from tests.simulation.moments import Moments
from tests.simulation.plan import Layout
from tests.simulation.rules import held
from tests.simulation.story import Story
from tests.simulation.world import World
from tests.support.observer.expected import Expected
from tests.support.observer.observer import Import
from tests.support.virtual_loop import run_virtually

SMALL = Layout(("east", "west", "north"), {})
WEB, OLD_IP, IP = "shop/web", "10.97.0.4", "10.97.0.5"


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


def test_only_what_a_dns_server_says_before_it_asks_again_may_be_from_before() -> None:
    async def story() -> None:
        async with World(SMALL, 1) as world:
            told = Story(world, Expected())
            moments = Moments(told)
            told.expected.namespace("west", "shop")
            told.expected.exported("east", WEB, ["10.1.0.1"])

            def is_said_to_have(ip: str) -> None:
                moments.observer.saw("west", WEB, Import("u1", (IP,), frozenset({"10.1.0.1"})))
                moments.observer.answered("west", WEB, frozenset({ip}))
                moments.judge()

            is_said_to_have(IP)
            await asyncio.sleep(10.0)
            told.stale_dns["west"] = told.now() + 10.0
            await asyncio.sleep(10.0)
            is_said_to_have(OLD_IP)
            assert told.faults == []
            is_said_to_have(IP)
            await asyncio.sleep(0.1)
            is_said_to_have(OLD_IP)
            assert [one.invariant for one in told.faults] == ["I-DNS"]

    run_virtually(story())
