"""The world, started once for the tests of this folder, and again after a fault that left it broken."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from tests.faults.world import World

WorldNow = Callable[[], Awaitable[World]]


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def world_now(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WorldNow]:
    """Gives the world that runs, a new one if that is not whole."""
    worlds: list[World] = []

    async def now() -> World:
        if worlds and not worlds[-1].whole:
            await worlds[-1].stop()
        if not worlds or not worlds[-1].whole:
            worlds.append(World(tmp_path_factory.mktemp("world")))
            await worlds[-1].start()
        return worlds[-1]

    yield now
    for world in worlds:
        await world.stop()


@pytest_asyncio.fixture(loop_scope="package")
async def world(world_now: WorldNow) -> World:
    """One in which all is as its users want it."""
    return await world_now()
