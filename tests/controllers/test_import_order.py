"""A burst of exports: what others wait for goes before own imports, which come soon all the same."""

import asyncio

import pytest

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.controllers.services.imports.order import (
    BEHIND_MIN_KEYS,
    BEHIND_SECONDS,
    BehindExports,
)
from tests.support.clusterset import Clusterset
from tests.support.objects import IMPORTS

pytestmark = pytest.mark.looptime

WEB = ServiceKey("shop", "web")
MANY = 80


async def test_an_import_waits_while_many_exports_do_and_never_longer_than_its_bound() -> None:
    order = BehindExports()
    order.keys_ahead = lambda: 10 * BEHIND_MIN_KEYS
    since_seconds, waited_seconds = None, 0.0
    while (again_seconds := order.wait_seconds(WEB, since_seconds)) is not None:
        assert len(order) == 1
        waited_seconds += again_seconds
        await asyncio.sleep(again_seconds)
        since_seconds = order.take(WEB)
    assert waited_seconds == pytest.approx(BEHIND_SECONDS)
    assert len(order) == 0


async def test_an_import_does_not_wait_for_a_few_exports() -> None:
    order = BehindExports()
    order.keys_ahead = lambda: BEHIND_MIN_KEYS - 1
    assert order.wait_seconds(WEB, None) is None
    assert len(order) == 0


async def test_an_import_that_is_no_longer_wanted_waits_no_more() -> None:
    order = BehindExports()
    order.keys_ahead = lambda: BEHIND_MIN_KEYS
    assert order.wait_seconds(WEB, None) is not None
    order.take(WEB)
    assert len(order) == 0


async def deploy_many(world: Clusterset) -> None:
    for number in range(MANY):
        await world["east"].service("shop", f"web-{number}")
        await world["east"].endpoints("shop", f"web-{number}", f"10.1.2.{number + 1}")
    async with asyncio.TaskGroup() as tasks:
        for number in range(MANY):
            tasks.create_task(world["east"].export("shop", f"web-{number}"))


async def test_in_a_burst_nearly_all_is_on_the_broker_before_the_first_own_import() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        for sim in (world.broker, *(one.sim for one in world)):
            sim.faults.delay(0.02)
        await deploy_many(world)
        for number in range(MANY):
            await world.imported("shop", f"web-{number}", {f"10.1.2.{number + 1}"})
        writes = world["east"].agent.wire.writes
        first = next(
            at for at, one in enumerate(writes) if one.startswith("POST") and "serviceimports" in one
        )
        records = [one.startswith("POST") and "exportedservices" in one for one in writes]
        assert sum(records) == MANY
        # Those beside it, and the few that nobody waits for.
        assert sum(records[first:]) < 2 * BEHIND_MIN_KEYS


async def test_while_the_broker_is_slow_own_imports_come_in_time() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        world.broker.faults.delay(1.0, users=["member-east"])
        await deploy_many(world)
        started = asyncio.get_running_loop().time()

        async def all_here() -> bool:
            return len(await world["east"].all_of(IMPORTS, "shop")) == MANY

        await world.until(all_here)
        assert asyncio.get_running_loop().time() - started < 2 * BEHIND_SECONDS
