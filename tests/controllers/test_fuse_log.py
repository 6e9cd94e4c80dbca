"""A member whose services go and return all the time fills no log of the others."""

import asyncio

import pytest

from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES
from tests.controllers.mars import record, slice_
from tests.support.clusterset import Clusterset
from tests.support.objects import Object

pytestmark = pytest.mark.looptime

SERVICES, FLIPS = 12, 20


@pytest.mark.parametrize("what", ["exports", "endpoints"])
async def test_a_fuse_that_trips_and_recovers_each_second_says_so_once_in_a_minute(
    what: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Clusterset("west", dead_member_policy="keep") as world:
        await world.admit("mars")
        await world.everywhere("shop")
        for number in range(SERVICES):
            name = f"s{number}"
            await world.publish("mars", EXPORTED_SERVICES, f"shop.{name}", **record(name))
            await world.publish("mars", EXPORTED_ENDPOINT_SLICES, f"shop.{name}-x", **slice_(name))
        await world.settle()
        caplog.clear()
        for flip in range(2 * FLIPS):
            for number in range(SERVICES):
                await _change(world, number, what, gone=flip % 2 == 0)
            await asyncio.sleep(0.5)
        tripped = [one for one in caplog.messages if "mcs-controller fuse status" in one]
        recovered = [one for one in caplog.messages if one.startswith("recovered: no")]
        assert (len(tripped), len(recovered)) == (1, 1)

        await asyncio.sleep(60)
        for number in range(SERVICES):
            await _change(world, number, what, gone=True)
        await world.settle()
        assert sum("mcs-controller fuse status" in one for one in caplog.messages) == 2


async def _change(world: Clusterset, number: int, what: str, *, gone: bool) -> None:
    kind, name, spec = EXPORTED_SERVICES, f"shop.s{number}", Object(withdrawn=gone)
    if what == "endpoints":
        kind, name = EXPORTED_ENDPOINT_SLICES, f"shop.s{number}-x"
        spec = {"endpoints": [] if gone else [{"addresses": ["10.9.0.1"]}]}
    await world.broker_api.patch(kind, name, {"spec": spec}, namespace="mcs-member-mars")
