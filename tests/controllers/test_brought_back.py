"""An export that was withdrawn, and that a restore of the broker brings back, is none: for 20 seconds."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from mcs_controller.clusterset.model import ExportRecord
from mcs_controller.controllers.services.stores.withdrawn import (
    DOUBTED_SECONDS,
    ON_ITS_WAY_SECONDS,
    REMEMBERED_MAX,
    Withdrawn,
)
from mcs_controller.kube.store import Entry
from tests.clusterset.builders import WEB, record
from tests.controllers.keeping import World

pytestmark = pytest.mark.looptime


def exporters(world: World) -> list[str]:
    return [one.cluster for one in world.retained.records(WEB)]


def withdrawn() -> World:
    """East's record was written at 1 s and withdrawn at 5 s."""
    world = World()
    world.record(changed_at_seconds=1.0)
    world.slice()
    world.record(changed_at_seconds=5.0, withdrawn=True)
    world.lose_record()
    world.news()
    return world


async def test_it_counts_neither_at_once_nor_when_its_member_writes_it_in_an_earlier_time() -> None:
    world = withdrawn()
    world.record(version=3, changed_at_seconds=1.0)
    assert exporters(world) == []
    world.record(changed_at_seconds=2.0)
    assert exporters(world) == []
    assert world.kept() == {}


async def test_it_counts_after_20_s_for_good_and_the_service_is_told() -> None:
    world = withdrawn()
    world.record(version=3, changed_at_seconds=1.0)
    await asyncio.sleep(DOUBTED_SECONDS - 1)
    world.record(version=4, changed_at_seconds=2.0)
    assert exporters(world) == []
    assert world.news() == []

    await asyncio.sleep(1)
    assert exporters(world) == ["east"]
    assert world.news() == ["released web"]
    world.record(changed_at_seconds=3.0)
    assert exporters(world) == ["east"]


async def test_what_its_member_writes_later_counts_at_once() -> None:
    world = withdrawn()
    world.record(version=3, changed_at_seconds=1.0)
    world.record(changed_at_seconds=6.0)
    assert exporters(world) == ["east"]
    await asyncio.sleep(DOUBTED_SECONDS)
    assert world.news() == []


@pytest.mark.parametrize(
    "again", [{"uid": "another", "changed_at_seconds": 2.0}, {"changed_at_seconds": 6.0}, {}]
)
async def test_an_export_that_was_made_again_counts_at_once(again: dict[str, Any]) -> None:
    """Also if the member's clock was set back, or its times are unknown."""
    world = withdrawn()
    world.record(**again)
    assert exporters(world) == ["east"]
    world.record(**again | {"changed_at_seconds": 3.0})
    assert exporters(world) == ["east"]


def started_after_its_withdrawal() -> World:
    """East's first statement that is heard here is of 2026-01-01: it exports nothing."""
    world = World()
    world.look_again(3)
    world.look("east")
    world.news()
    return world


STATED_SECONDS = datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC).timestamp()
BEFORE_SECONDS = STATED_SECONDS - ON_ITS_WAY_SECONDS


async def test_what_was_withdrawn_before_a_start_counts_only_after_20_s_once_its_member_stated_it() -> None:
    world = started_after_its_withdrawal()
    world.record(changed_at_seconds=BEFORE_SECONDS)
    world.record("north", changed_at_seconds=BEFORE_SECONDS)
    await asyncio.sleep(DOUBTED_SECONDS - 1)
    assert exporters(world) == ["north"]
    await asyncio.sleep(1)
    assert exporters(world) == ["east", "north"]
    assert world.news() == ["released web"]
    world.record(changed_at_seconds=BEFORE_SECONDS + 1.0)
    assert exporters(world) == ["east", "north"]


@pytest.mark.parametrize("written_at_seconds", [BEFORE_SECONDS + 1, STATED_SECONDS + 1, 0.0])
async def test_what_may_have_been_on_its_way_or_was_written_later_or_at_no_known_time_counts_at_once(
    written_at_seconds: float,
) -> None:
    world = started_after_its_withdrawal()
    world.record(changed_at_seconds=written_at_seconds)
    assert exporters(world) == ["east"]


async def test_what_was_here_when_its_member_stated_it_counts_again_at_once_when_it_is_back() -> None:
    """It was lost, and kept; or left out for its member's limits."""
    world = World()
    world.record(changed_at_seconds=BEFORE_SECONDS)
    world.look_again(3)
    world.look("east", records=1)
    world.lose_record()
    world.record(changed_at_seconds=BEFORE_SECONDS)
    assert (exporters(world), world.kept()) == (["east"], {})

    world.left_out = {"shop.web"}
    world.lose_record()
    assert exporters(world) == []
    world.left_out.clear()
    world.record(changed_at_seconds=BEFORE_SECONDS)
    assert exporters(world) == ["east"]


@pytest.mark.parametrize(
    "why", ["made anew", "set back", "removed", "released", "let go", "far ahead", "does not agree"]
)
async def test_a_statement_that_says_nothing_of_what_was_written_before_is_none_for_that(why: str) -> None:
    world = World()
    if why == "far ahead":
        world.believed_until_seconds = BEFORE_SECONDS
    if why == "let go":
        world.record(changed_at_seconds=BEFORE_SECONDS)
    world.look_again(3)
    world.look("east", records=len(exporters(world)), slices=1 if why == "does not agree" else 0)
    if why == "made anew":
        world.heard["east"] = replace(world.heard["east"], object_uid="another")
        world.look_again()
    elif why == "set back":
        world.heard["east"] = replace(world.heard["east"], newest="2026-01-01T00:00:00.000000Z")
        world.look_again()
    elif why == "released":
        world.released.add("east")
        world.look_again()
        world.released.clear()
    elif why == "let go":
        world.lose_record()
        world.retained.let_go(WEB)
    elif why == "removed":
        east = world.members.pop("east")
        world.look_again()
        world.members["east"] = east
    world.record(changed_at_seconds=BEFORE_SECONDS)
    assert exporters(world) == ["east"]


async def test_when_it_goes_again_or_is_withdrawn_again_nothing_is_kept() -> None:
    world = withdrawn()
    world.record(version=3, changed_at_seconds=1.0)
    world.lose_slice()
    world.lose_record()
    assert (exporters(world), world.kept(), world.sources()) == ([], {}, [])

    world.record(version=3, changed_at_seconds=1.0)
    world.record(changed_at_seconds=7.0, withdrawn=True)
    world.lose_record()
    world.record(version=3, changed_at_seconds=1.0)
    assert (exporters(world), world.kept()) == ([], {})


async def test_withdrawn_again_it_counts_no_more_when_its_time_is_over() -> None:
    world = withdrawn()
    world.record(version=3, changed_at_seconds=1.0)
    world.record(version=4, changed_at_seconds=2.0)
    world.news()
    world.record(changed_at_seconds=7.0, withdrawn=True)
    await asyncio.sleep(2 * DOUBTED_SECONDS)
    assert world.news() == []
    assert world.retained.accounted("east", WEB)


async def test_while_it_is_there_the_absence_of_the_export_is_proven() -> None:
    world = withdrawn()
    world.record(version=3, changed_at_seconds=1.0)
    assert world.retained.accounted("east", WEB)
    await asyncio.sleep(DOUBTED_SECONDS)
    assert not world.retained.accounted("east", WEB)


async def test_a_member_that_was_removed_is_forgotten() -> None:
    world = withdrawn()
    east = world.members.pop("east")
    world.look_again()
    world.members["east"] = east
    world.record(version=3, changed_at_seconds=1.0)
    assert exporters(world) == ["east"]


@pytest.mark.parametrize("how", ["believed", "written later", "its time is over"])
async def test_whose_withdrawal_is_forgotten_is_doubted_no_more_whatever_comes_back(how: str) -> None:
    memory = Withdrawn(lambda key: None)

    def entry(at_seconds: float) -> Entry[ExportRecord]:
        value = record("east", changed_at_seconds=at_seconds)
        return Entry("mcs-member-east", "shop.web", "uid", "1", value)

    memory.remember(entry(5.0))
    assert memory.is_back(entry(4.0))
    assert memory.doubts("east", WEB)
    if how == "believed":
        memory.believe(entry(4.0))
    elif how == "its time is over":
        await asyncio.sleep(DOUBTED_SECONDS + 1)
    else:
        assert not memory.is_back(entry(6.0))
    assert not memory.doubts("east", WEB)
    assert not memory.is_back(entry(4.0))


async def test_the_latest_withdrawals_of_each_member_are_remembered() -> None:
    memory = Withdrawn(lambda key: None)

    def entry(cluster: str, number: int, at_seconds: float) -> Entry[ExportRecord]:
        value = record(cluster, changed_at_seconds=at_seconds)
        return Entry(f"mcs-member-{cluster}", "shop.web", f"uid-{number}", "1", value)

    memory.remember(entry("north", 0, 5.0))
    for number in (0, *range(REMEMBERED_MAX), 0, REMEMBERED_MAX):
        memory.remember(entry("east", number, 5.0))
    remembered = [memory.is_back(entry("east", number, 4.0)) for number in (0, 1, 2, REMEMBERED_MAX)]
    assert remembered == [True, False, True, True]
    assert memory.is_back(entry("north", 0, 4.0))
