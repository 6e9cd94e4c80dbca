"""What is kept of slices and records that vanish or come back in an older story."""

from __future__ import annotations

import asyncio

import pytest

from mcs_controller.clusterset.model import Endpoint
from tests.clusterset.builders import WEB
from tests.controllers.keeping import API, SLICE, exported

pytestmark = pytest.mark.looptime


async def test_a_slice_that_vanishes_is_kept_while_its_service_is_exported_by_that_cluster() -> None:
    world = exported("east")
    world.slice("north")
    world.lose_slice("north")
    assert (world.kept(), world.news()) == ({}, [])

    world.lose_slice()
    assert world.kept() == {("slice", "missing"): 1}
    assert world.news() == ["retain mcs-member-east shop.web-abc"]
    assert world.hurried == 1
    assert world.sources() == [("east", "web-abc")]
    assert world.sources(API) == []
    assert world.retained.services() == {WEB}


async def test_a_slice_that_vanishes_after_its_record_is_kept_with_it() -> None:
    world = exported()
    world.lose_record()
    world.lose_slice()
    assert world.kept() == {("record", "missing"): 1, ("slice", "missing"): 1}
    assert len(world.retained.records(WEB)) == 1
    assert world.news() == ["retain mcs-member-east shop.web", "retain mcs-member-east shop.web-abc"]


async def test_a_slice_of_a_withdrawn_record_is_not_kept() -> None:
    world = exported()
    world.record(withdrawn=True)
    world.lose_slice()
    world.lose_record()
    assert world.kept() == {}


async def test_a_slice_that_was_emptied_before_it_went_is_not_kept_and_known_to_be_gone() -> None:
    world = exported()
    assert not world.retained.slice_accounted("east", SLICE)
    world.slice(endpoints=())
    world.lose_slice()
    assert world.kept() == {}
    assert world.retained.slice_accounted("east", SLICE)
    assert not world.retained.slice_accounted("north", SLICE)
    assert not world.retained.slice_accounted("east", "another")

    world.slice()
    assert not world.retained.slice_accounted("east", SLICE)


async def test_what_is_left_out_here_is_not_kept() -> None:
    world = exported()
    world.left_out = {"shop.web", "shop.web-abc"}
    world.lose_record()
    world.lose_slice()
    assert (world.kept(), world.news()) == ({}, [])


@pytest.mark.parametrize("how", ["removed", "released"])
async def test_nothing_is_kept_of_a_member_that_was_removed_or_may_go(how: str) -> None:
    world = exported("east", "north")
    if how == "removed":
        world.removed.add("east")
    else:
        world.released.add("east")
    world.lose_slice()
    world.lose_record()
    assert world.kept() == {}
    assert world.retained.accounted("east", WEB)
    assert world.retained.slice_accounted("east", SLICE)
    assert not world.retained.everybody_accounted()

    world.slice("north", at_seconds=2.0)
    world.slice("north", version=1, at_seconds=1.0)
    world.slice("east", at_seconds=2.0)
    world.slice("east", version=1, at_seconds=1.0)
    assert world.kept() == {("slice", "older"): 1}


# Older stories


async def test_the_later_story_of_a_slice_stands_until_its_member_has_written_anew() -> None:
    world = exported()
    world.slice(at_seconds=5.0, endpoints=(Endpoint(("10.1.0.5",)),))
    world.slice(version=5, at_seconds=3.0, endpoints=(Endpoint(("10.1.0.3",)),))
    assert world.kept() == {("slice", "older"): 1}
    assert [one.changed_at_seconds for one in world.retained.slices(WEB)] == [5.0]
    assert world.news() == []

    # An older one still, and then the object itself goes.
    world.slice(at_seconds=4.0)
    assert world.kept() == {("slice", "older"): 1}
    world.lose_slice()
    assert world.kept() == {("slice", "missing"): 1}
    assert [one.changed_at_seconds for one in world.retained.slices(WEB)] == [5.0]
    world.slice(at_seconds=4.5)
    assert world.kept() == {("slice", "older"): 1}
    assert [one.changed_at_seconds for one in world.retained.slices(WEB)] == [5.0]

    world.news()
    world.slice(at_seconds=5.0)
    assert (world.kept(), world.news()) == ({}, ["let go mcs-member-east shop.web-abc"])
    assert len(world.sources()) == 1


async def test_the_mark_of_an_export_that_was_made_again_is_an_older_story() -> None:
    world = exported()
    world.record(changed_at_seconds=5.0)
    world.record(version=5, changed_at_seconds=3.0, withdrawn=True)
    assert world.kept() == {("record", "older"): 1}
    assert [one.changed_at_seconds for one in world.retained.records(WEB)] == [5.0]
    assert not world.retained.accounted("east", WEB)
    world.lose_slice()
    assert world.sources() == [("east", "web-abc")]

    # That it goes is no withdrawal, and it may come back.
    world.lose_record()
    assert world.kept() == {("record", "missing"): 1, ("slice", "missing"): 1}
    world.record(changed_at_seconds=4.0, withdrawn=True)
    assert world.kept() == {("record", "older"): 1, ("slice", "missing"): 1}
    assert [one.changed_at_seconds for one in world.retained.records(WEB)] == [5.0]

    world.record(changed_at_seconds=6.0, withdrawn=True)
    assert (world.kept(), world.sources(), world.retained.records(WEB)) == ({}, [], ())
    assert world.retained.accounted("east", WEB)


async def test_a_member_that_exports_again_what_an_older_mark_withdrew_has_the_last_word() -> None:
    world = exported()
    world.record(changed_at_seconds=5.0)
    world.record(version=5, changed_at_seconds=3.0, withdrawn=True)
    world.record(changed_at_seconds=6.0)
    assert world.kept() == {}
    assert [one.changed_at_seconds for one in world.retained.records(WEB)] == [6.0]


async def test_a_member_that_states_nothing_of_what_an_older_mark_withdrew_wants_it_so() -> None:
    world = exported()
    world.record(changed_at_seconds=5.0)
    world.record(version=5, changed_at_seconds=3.0, withdrawn=True)
    world.lose_slice()
    world.look_again(2)
    world.look("east", records=0, slices=0)
    assert len(world.retained.records(WEB)) == 1
    world.read_at_seconds = asyncio.get_running_loop().time()
    world.look_again()
    assert (world.kept(), world.retained.records(WEB)) == ({}, ())


@pytest.mark.parametrize("how", ["removed", "released"])
async def test_an_older_mark_counts_where_its_member_was_removed_or_may_go(how: str) -> None:
    world = exported()
    world.record(changed_at_seconds=5.0)
    (world.removed if how == "removed" else world.released).add("east")
    world.record(version=5, changed_at_seconds=3.0, withdrawn=True)
    assert (world.kept(), world.retained.records(WEB)) == ({}, ())


@pytest.mark.parametrize(("before", "after"), [(5.0, 5.0), (5.0, 6.0), (0.0, 0.0), (5.0, 0.0)])
async def test_an_older_version_is_no_older_story_by_itself(before: float, after: float) -> None:
    world = exported()
    world.slice(at_seconds=before)
    world.slice(version=5, at_seconds=after)
    assert world.kept() == {}


async def test_an_older_story_in_a_newer_version_is_a_clock_that_was_set() -> None:
    world = exported()
    world.slice(at_seconds=5.0)
    world.slice(at_seconds=3.0)
    assert world.kept() == {}
