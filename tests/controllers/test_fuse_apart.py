"""The mass withdrawal of one member is its own: nobody else's unexport waits for it."""

from functools import partial

import pytest

from mcs_controller.api.resources import EXPORTED_SERVICES
from tests.controllers.test_fuse import exported, held, names
from tests.controllers.test_import_cap import mars_exports, named
from tests.support.cluster import Cluster
from tests.support.clusterset import Clusterset

pytestmark = pytest.mark.looptime

MARS = 30


async def _mars_takes_all_back(world: Clusterset, *services: tuple[str, str]) -> None:
    """With `services` of others imported, as (cluster, name)."""
    await world.admit("mars")
    await world.everywhere("shop")
    for cluster, name in services:
        await world[cluster].deploy("shop", name)
    await mars_exports(world, range(MARS))
    await world.settle()
    for one in world:
        assert await names(one) == named(range(MARS)) | {name for _, name in services}
    for name in sorted(named(range(MARS))):
        said = {"spec": {"withdrawn": True}}
        await world.broker_api.patch(EXPORTED_SERVICES, f"shop.{name}", said, namespace="mcs-member-mars")
    await world.settle()
    for one in world:
        assert len(await held(one)) >= MARS / 3


async def _lacks(cluster: Cluster, name: str) -> bool:
    return await cluster.import_of("shop", name) is None


@pytest.mark.requirement("MCS-LIFE-01", "MCS-LIFE-07")
async def test_what_one_member_takes_back_at_once_holds_up_no_unexport_of_the_others() -> None:
    async with Clusterset("east", "west") as world:
        await _mars_takes_all_back(world, ("east", "web"), ("west", "api"))
        before = {one.name: await held(one) for one in world}

        await world["east"].unexport("shop", "web")
        await world["west"].unexport("shop", "api")

        for one in world:
            for name in ("web", "api"):
                await world.until(partial(_lacks, one, name))
        await world.settle()
        for one in world:
            assert await held(one) == before[one.name] == await names(one)
            assert await one.slices_of("shop", "web") == []


@pytest.mark.requirement("MCS-LIFE-01", "MCS-LIFE-07")
async def test_after_a_restart_the_one_members_are_still_held_and_the_others_still_go() -> None:
    async with Clusterset("east", "west") as world:
        await _mars_takes_all_back(world, ("east", "web"))
        west = world["west"]
        before = await held(west)

        await west.kill()
        await world["east"].unexport("shop", "web")
        await world.settle()
        west.start()

        await world.until(partial(_lacks, west, "web"), within_seconds=60)
        await world.settle()
        assert await held(west) == before == await names(west)


@pytest.mark.requirement("MCS-LIFE-07")
async def test_what_several_take_back_at_once_is_held_whosever_it_is() -> None:
    async with Clusterset("east", "west", "north") as world:
        await exported(world, 14, 14)
        for number in range(14):
            for name in ("east", "west"):
                await world[name].unexport("shop", f"{name}-{number}")
        await world.settle()

        left = await held(world["north"])
        assert left == await names(world["north"])
        for name in ("east", "west"):
            assert any(one.startswith(name) for one in left)
