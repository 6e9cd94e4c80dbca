"""Lines that are made when somebody looks, once for all who look, and never of a term that is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from prometheus_client import Histogram

from mcs_controller.clusterset.board.rows import ServiceFacts
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.page.lag_history import EVERY_SECONDS, RECENT_SECONDS, LagHistory
from mcs_controller.page.snapshot import AFTER_ERROR_SECONDS, FORGET_SECONDS, FRESH_SECONDS, Services
from tests.clusterset.builders import record

pytestmark = pytest.mark.looptime


class Held:
    """What a term holds, and how often it was read."""

    def __init__(self, *names: str) -> None:
        self.of = object()
        self.names = names
        self.exporter = "east"
        self.reads = 0
        self.failure: Exception | None = None

    def services(self) -> list[ServiceKey]:
        self.reads += 1
        if self.failure is not None:
            raise self.failure
        return [ServiceKey("shop", name) for name in self.names]

    def facts(self, key: ServiceKey) -> ServiceFacts:
        return ServiceFacts(
            key, (record(self.exporter, service=key),), frozenset(), (), (), None, None, (), True
        )


class World:
    def __init__(self) -> None:
        self.held: Held | None = Held("web")
        self.services = Services("north", lambda: cast(Any, self.held))

    async def names(self, within_seconds: float = 5.0) -> list[str] | None:
        rows = await self.services.rows(within_seconds)
        return None if rows is None else [row.service.name for row in rows]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    task = asyncio.create_task(world.services.run())
    yield world
    task.cancel()
    await asyncio.wait([task])


async def test_however_many_look_the_lines_are_made_once(world: World) -> None:
    assert world.held is not None
    assert await asyncio.gather(*(world.names() for _ in range(50))) == [["web"]] * 50
    assert world.held.reads == 1
    await asyncio.sleep(FRESH_SECONDS)
    world.held.names = ("api", "web")
    assert await world.names() == ["api", "web"]
    assert world.held.reads == 2


async def test_nothing_is_read_while_nobody_looks_and_what_was_read_is_forgotten(world: World) -> None:
    held = world.held
    assert held is not None
    assert await world.names() == ["web"]
    await asyncio.sleep(2 * FORGET_SECONDS)
    assert held.reads == 1
    assert await world.names() == ["web"]
    assert held.reads == 2


async def test_lines_of_a_term_that_is_over_are_never_shown(world: World) -> None:
    assert await world.names() == ["web"]
    world.held = None
    assert await world.names() is None
    world.held = Held("db")
    assert await world.names() == ["db"]


async def test_a_line_is_made_anew_when_its_facts_are_others(world: World) -> None:
    assert world.held is not None
    for exporter in ("east", "west"):
        world.held.exporter = exporter
        rows = await world.services.rows(5.0)
        assert [one.clusters for one in rows or ()] == [(exporter,)]
        await asyncio.sleep(FRESH_SECONDS)


async def test_who_has_no_time_gets_lines_that_are_old_and_none_that_are_forgotten(world: World) -> None:
    assert await world.names() == ["web"]
    await asyncio.sleep(2 * FRESH_SECONDS)
    assert await world.names(within_seconds=0.0) == ["web"]
    await asyncio.sleep(3 * FORGET_SECONDS)
    assert await world.names(within_seconds=0.0) is None


async def test_who_asked_in_one_term_gets_no_lines_of_the_next(world: World) -> None:
    asked = asyncio.create_task(world.names())
    await asyncio.sleep(0)
    world.held = Held("db")
    assert await asked is None
    assert await world.names() == ["db"]


async def test_an_error_is_told_and_the_page_comes_back(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    assert world.held is not None
    world.held.failure = ValueError("a store that is not as it should be")
    assert await world.names(within_seconds=1.0) is None
    assert "a store that is not as it should be" in caplog.text
    world.held.failure = None
    await asyncio.sleep(AFTER_ERROR_SECONDS)
    assert await world.names() == ["web"]


async def test_recent_lag_is_that_of_the_last_minutes() -> None:
    present = Histogram("mcs_export_to_import_seconds", "Lag.", buckets=(0.1, 1.0), registry=None)
    history = LagHistory(lambda: present)
    task = asyncio.create_task(history.run())
    try:
        await asyncio.sleep(1)
        present.observe(0.05)
        await asyncio.sleep(RECENT_SECONDS / 2)
        assert history.recent() is not None
        await asyncio.sleep(RECENT_SECONDS)
        assert history.recent() is None
        assert [one.lag.changes for one in history.points()] == [1]
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_lag_is_remembered_for_as_long_as_one_term_lasts() -> None:
    def histogram() -> Histogram:
        return Histogram("mcs_export_to_import_seconds", "Lag.", buckets=(0.1, 1.0), registry=None)

    present = histogram()
    history = LagHistory(lambda: present)
    task = asyncio.create_task(history.run())
    try:
        await asyncio.sleep(1)
        assert (history.recent(), history.points()) == (None, ())
        present.observe(0.05)
        present.observe(0.05)
        recent = history.recent()
        assert recent is not None
        assert (recent.changes, recent.p50_seconds) == (2, 0.05)
        await asyncio.sleep(EVERY_SECONDS)
        assert [one.lag.changes for one in history.points()] == [2]
        await asyncio.sleep(RECENT_SECONDS)
        present = histogram()
        assert (history.recent(), history.points()) == (None, ())
        await asyncio.sleep(EVERY_SECONDS)
        for _ in range(3):
            present.observe(0.05)
        again = history.recent()
        assert again is not None
        assert again.changes == 3
    finally:
        task.cancel()
        await asyncio.wait([task])
