"""An exporter's clock that is set back: what it writes then is still newer than what it wrote before."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.clusterset import EAST, Clusterset

pytestmark = pytest.mark.looptime

NEW = {"10.1.0.7"}
HEARTBEAT_SECONDS = 12.0


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_restored_broker_does_not_bring_back_endpoints_of_before_the_clock_was_set_back(
    restarted: bool,
) -> None:
    async with Clusterset() as world:
        await world.exported_by("east")
        world["east"].clock.skew_seconds = -3600.0
        if restarted:
            await world["east"].restart()
            await world["east"].ready()
        backup = world.broker.snapshot()
        await world["east"].endpoints("shop", "web", *NEW)
        await world.imported("shop", "web", NEW)

        await world["east"].kill()
        world.broker.restore(backup)
        for _ in range(100):
            assert await world["west"].addresses_of("shop", "web") == NEW
            await asyncio.sleep(0.1)
        assert not EAST & await world["north"].addresses_of("shop", "web")


@pytest.mark.parametrize("restarted", ["never", "before it was taken back", "before it was made again"])
async def test_nor_those_of_an_export_that_was_taken_back_and_made_again(restarted: str) -> None:
    async with Clusterset() as world:
        east, west = world["east"], world["west"]
        await world.exported_by("east")
        await asyncio.sleep(HEARTBEAT_SECONDS)
        backup = world.broker.snapshot()
        east.clock.skew_seconds = -3600.0
        if restarted == "before it was taken back":
            await east.restart()
            await east.ready()
        await east.unexport("shop", "web")
        await world.gone("shop", "web")
        await asyncio.sleep(HEARTBEAT_SECONDS)
        if restarted == "before it was made again":
            await east.restart()
            await east.ready()
        await east.endpoints("shop", "web", *NEW)
        await east.export("shop", "web")
        await world.imported("shop", "web", NEW)

        await east.kill()
        world.broker.restore(backup)
        for _ in range(100):
            assert await west.addresses_of("shop", "web") == NEW
            await asyncio.sleep(0.1)
        assert not EAST & await world["north"].addresses_of("shop", "web")
