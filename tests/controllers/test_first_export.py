"""What is new on the broker comes there whole: slices first, and then the record that makes it an export."""

import pytest

from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES
from tests.controllers.mars import record, slice_
from tests.support.clusterset import EAST, Clusterset
from tests.support.objects import IMPORTS

pytestmark = pytest.mark.looptime

SLICES = EXPORTED_ENDPOINT_SLICES.plural


def on_the_broker(writes: list[str]) -> list[str]:
    """Kinds of what was created there, in order."""
    kinds = [one.rpartition("/")[2] for one in writes if one.startswith("POST")]
    return [one for one in kinds if one.startswith("exported")]


async def test_a_new_export_has_its_slices_on_the_broker_before_its_record() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await world["east"].endpoints("shop", "web", "10.1.0.3", name="web-more")
        await world["east"].deploy("shop", "web")
        await world.imported("shop", "web", {*EAST, "10.1.0.3"})

        assert on_the_broker(world["east"].agent.wire.writes) == [SLICES, SLICES, EXPORTED_SERVICES.plural]


async def test_a_slice_that_the_broker_refuses_does_not_keep_a_new_export_from_being_there() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        refused = world.broker.faults.fail(422, verbs=["create"], resources=[SLICES])
        await world["east"].deploy("shop", "web")
        await world.settle()

        assert (await world["east"].conditions("shop", "web"))["Ready"][0] == "False"
        assert await world["west"].import_of("shop", "web") is not None

        refused.lift()
        await world.imported("shop", "web", EAST, within_seconds=120)


async def test_an_agent_that_dies_between_slice_and_record_is_made_up_for_by_the_next() -> None:
    async with Clusterset("east", "west", start=False) as world:
        await world.everywhere("shop")
        east = world["east"]
        process = east.start()
        world["west"].start()
        await east.ready()
        await east.deploy("shop", "web")
        process.wire.cut_after_writes = len(process.wire.writes) + 1
        await process.wire.cut.wait()
        await east.kill()
        assert on_the_broker(process.wire.writes) in ([], [SLICES])

        east.start()
        await world.imported("shop", "web", EAST)


async def test_slices_whose_record_never_came_go_when_the_export_went_while_no_agent_ran() -> None:
    async with Clusterset("east", "west", start=False) as world:
        await world.everywhere("shop")
        await world.publish("east", EXPORTED_ENDPOINT_SLICES, "shop.web-x", **slice_())
        for one in world:
            one.start()

        async def is_gone() -> bool:
            return not await world.records()

        await world.until(is_gone, within_seconds=60)


async def test_slices_without_a_record_cost_importers_nothing_and_count_once_it_comes() -> None:
    async with Clusterset("west") as world:
        await world.admit("mars")
        await world.everywhere("shop")
        before = world["west"].agent.reconciles("imports")
        await world.publish("mars", EXPORTED_ENDPOINT_SLICES, "shop.web-x", **slice_())
        await world.settle()
        assert world["west"].agent.reconciles("imports") == before

        await world.publish("mars", EXPORTED_SERVICES, "shop.web", **record())
        await world.imported("shop", "web", {"10.9.0.1"})


async def test_a_slice_that_comes_after_its_record_counts_at_once() -> None:
    async with Clusterset("west") as world:
        await world.admit("mars")
        await world.everywhere("shop")
        await world.publish("mars", EXPORTED_SERVICES, "shop.web", **record())
        await world.settle()
        assert await world["west"].held(IMPORTS, "shop", "web") is not None

        await world.publish("mars", EXPORTED_ENDPOINT_SLICES, "shop.web-x", **slice_())
        await world.imported("shop", "web", {"10.9.0.1"})
