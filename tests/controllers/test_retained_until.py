"""Whose word ends what is kept, when it counts, and who is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from mcs_controller.clusterset.membership.statement import statement
from mcs_controller.clusterset.model import Member, SourceSlice
from mcs_controller.clusterset.services.naming import imported_slice_name
from mcs_controller.controllers.services.stores import retained as module
from mcs_controller.controllers.services.stores.retained import DOUBT_AGAIN_SECONDS
from mcs_controller.kube.store import Entry
from tests.clusterset.builders import WEB
from tests.controllers.keeping import API, AT, SLICE, World, exported

pytestmark = pytest.mark.looptime


async def test_a_record_that_is_withdrawn_lets_the_slices_of_its_cluster_go_and_no_others() -> None:
    world = exported("east", "north")
    for cluster in ("east", "north"):
        world.lose_slice(cluster)
    world.news()
    world.record("east", withdrawn=True)
    assert world.sources() == [("north", "web-abc")]
    assert world.news() == ["let go mcs-member-east shop.web-abc"]
    assert world.retained.accounted("east", WEB)
    assert not world.retained.accounted("north", WEB)


async def test_an_operator_lets_all_of_one_service_go() -> None:
    world = exported("east", "north")
    world.lose_slice("east")
    world.lose_record("north")
    world.retained.let_go(API)
    assert len(world.kept()) == 2
    world.retained.let_go(WEB)
    assert world.kept() == {}
    assert world.retained.services() == set()


async def test_a_statement_that_agrees_ends_all_that_is_kept_of_its_member_and_is_told() -> None:
    world = exported("east", "north")
    world.look_again(3)
    world.look("east", records=1, slices=1)
    assert world.news() == ["accounted east"]
    for cluster in ("east", "north"):
        world.lose_slice(cluster)
    world.news()
    for _ in range(2):
        world.look()
    world.look("east", records=1, slices=0)
    assert world.sources() == [("north", "web-abc")]
    assert world.news() == ["let go mcs-member-east shop.web-abc", "released web"]
    assert world.retained.slice_accounted("east", SLICE)
    assert not world.retained.everybody_accounted()


async def test_after_a_statement_that_agrees_older_contents_are_read_once_more_before_they_count() -> None:
    world = exported("east")
    world.slice(at_seconds=5.0)
    world.look_again(3)
    world.look("east", records=1, slices=1)
    world.slice(version=5, at_seconds=3.0)
    for _ in range(2):
        world.look()
    world.news()
    await asyncio.sleep(10)
    read_before = asyncio.get_running_loop().time() - 1

    world.look("east", records=1, slices=1)
    world.read_at_seconds = read_before
    world.look_again()
    assert world.news() == ["read again mcs-member-east shop.web-abc"] * 2
    assert world.kept() == {("slice", "older"): 1}

    # Then one that is older still: the read was before it.
    world.read_at_seconds = asyncio.get_running_loop().time()
    world.slice(version=4, at_seconds=2.0)
    await asyncio.sleep(1)
    for _ in range(2):
        world.look()
    world.look("east", records=1, slices=1)
    assert world.kept() == {("slice", "older"): 1}

    world.read_at_seconds = asyncio.get_running_loop().time()
    await asyncio.sleep(1)
    world.news()
    world.look_again()
    assert world.news() == ["let go mcs-member-east shop.web-abc", "released web"]
    assert [one.changed_at_seconds for one in world.retained.slices(WEB)] == [2.0]

    # What was read in that time proves nothing of what becomes older later.
    world.slice(at_seconds=7.0)
    world.slice(version=3, at_seconds=6.0)
    for _ in range(2):
        world.look()
    world.look("east", records=1, slices=1)
    assert world.kept() == {("slice", "older"): 1}


async def test_all_that_is_older_has_to_be_read_once_more() -> None:
    world = exported("east")
    world.slice(at_seconds=5.0)
    world.slice(version=5, at_seconds=3.0)
    world.slice(name="web-def", at_seconds=5.0)
    world.slice(name="web-def", version=4, at_seconds=3.0)
    world.look_again(3)
    world.look("east", records=1, slices=2)
    world.unread = {"shop.web-def"}
    world.read_at_seconds = asyncio.get_running_loop().time()
    world.look_again()
    assert world.kept() == {("slice", "older"): 2}

    world.unread = set()
    world.look_again()
    assert world.kept() == {}


async def test_after_a_start_slices_older_than_imported_are_read_once_more_before_they_count() -> None:
    world = exported("east", "north")
    (east,) = (one for one in world.slices if one.value.cluster == "east")
    older: list[Entry[SourceSlice]] | None = None
    world.retained.compare_with_imported(lambda cluster: older if cluster == "east" else [])
    world.look_again(3)
    world.look("north", records=1, slices=1)
    world.look("east", records=1, slices=1)
    assert world.news() == ["accounted north"]

    older = [east]
    world.look_again()
    assert world.news() == ["read again mcs-member-east shop.web-abc"]
    assert not world.retained.slice_accounted("east", SLICE)
    world.read_at_seconds = asyncio.get_running_loop().time()
    world.look_again()
    assert world.news() == ["accounted east"]


async def test_a_statement_that_does_not_agree_ends_nothing_and_has_all_listed_again_once_in_a_while() -> (
    None
):
    world = exported()
    world.look_again(3)
    world.look("east", records=1, slices=2)
    world.look_again()
    assert world.news() == []
    world.look_again()
    assert world.news() == ["list again"]
    world.look_again(3)
    assert world.news() == []
    assert not world.retained.accounted("east", WEB)

    await asyncio.sleep(DOUBT_AGAIN_SECONDS - 1)
    world.look_again()
    assert world.news() == []
    await asyncio.sleep(1)
    world.look_again()
    assert world.news() == ["list again"]


async def test_a_member_that_stated_and_states_no_more_ends_nothing() -> None:
    world = exported()
    world.look_again(3)
    world.look("east", records=1, slices=1)
    world.lose_slice()
    for _ in range(2):
        world.look()
    world.look("east", records=1, slices=1)
    world.members["east"] = Member("east")
    world.look_again(3)
    assert world.sources() == [("east", "web-abc")]
    del world.members["east"]
    world.look_again()
    assert world.sources() == [("east", "web-abc")]


async def test_of_a_member_that_is_removed_or_may_go_everything_kept_goes_with_the_next_look() -> None:
    for removed in (True, False):
        world = exported("east", "north")
        world.lose_slice("east")
        world.lose_record("east")
        world.lose_slice("north")
        world.news()
        if removed:
            del world.members["east"]
            world.removed.add("east")
        else:
            world.released.add("east")
        world.look()
        assert world.sources() == [("north", "web-abc")]
        assert world.news() == [
            "accounted east",
            *("let go mcs-member-east shop.web", "released web"),
            *("let go mcs-member-east shop.web-abc", "released web"),
        ]
        world.look()
        assert world.news() == []


async def test_a_member_that_states_nothing_is_waited_for_however_long_it_is_there() -> None:
    world = exported()
    world.lose_slice()
    world.news()
    for _ in range(20):
        await asyncio.sleep(10)
        world.look()
    assert world.sources() == [("east", "web-abc")]
    assert world.news() == []
    assert not world.retained.accounted("east", WEB)

    world.look("east", records=1, slices=0)
    assert world.sources() == []
    assert world.retained.accounted("east", WEB)


async def test_a_statement_that_a_restore_brings_back_ends_nothing_though_a_newer_one_waits_to_agree() -> (
    None
):
    world = exported()
    world.look_again(3)
    world.look("east", records=1, slices=2)
    world.members["east"] = replace(
        world.members["east"], exported=statement(AT.format(0, 0), ["shop.web"], ["shop.web-abc"])
    )
    world.look_again()
    assert not world.retained.slice_accounted("east", "another")


@pytest.mark.parametrize("lost", [True, False])
async def test_a_member_whose_clock_was_set_back_is_read_more_often_while_something_waits_for_it(
    lost: bool,
) -> None:
    world = exported()
    world.look_again(3)
    world.look("east", records=1, slices=1)
    if lost:
        world.lose_slice()
    world.hurried = 0
    world.heard["east"] = replace(world.heard["east"], setbacks=1)
    world.look_again()
    assert world.hurried == lost


async def test_as_long_as_the_stores_are_not_current_nobody_is_heard() -> None:
    world = exported()
    world.current = False
    world.look_again(3)
    world.look("east", records=1, slices=1)
    world.current = True
    world.look_again()
    assert world.news() == [], "it counts from when the stores are current again"
    world.look_again()
    world.look("east", records=1, slices=1)
    assert world.news() == ["accounted east"]


async def test_after_the_stores_were_not_current_for_a_while_statements_are_heard_anew() -> None:
    world = exported()
    world.look_again(3)
    world.current = False
    world.look("east", records=1, slices=1)
    world.look_again(3)
    assert world.news() == []
    world.current = True
    world.look_again()
    world.look("east", records=1, slices=1)
    assert world.news() == []
    world.look("east", records=1, slices=1)
    assert world.news() == ["accounted east"]


# Memory


async def test_of_one_member_so_many_withdrawals_are_remembered_and_none_once_it_is_accounted_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PROVEN_NAMES_MAX", 2)
    world = World()
    for number in range(3):
        name = f"web-{number}"
        world.slice(name=name, endpoints=())
        world.lose_slice(name=name)
    known = [
        world.retained.slice_accounted("east", imported_slice_name("web", "east", f"web-{number}"))
        for number in range(3)
    ]
    assert known == [True, True, False]


async def test_whose_exports_are_kept_is_told_with_the_time_of_the_next_to_be_told() -> None:
    world = exported("east", "north")
    world.lose_slice("east")
    await asyncio.sleep(4)
    world.lose_record("north")
    assert world.retained.held_clusters(WEB) == ((), 6.0)
    assert world.retained.held_clusters(API) == ((), None)
    await asyncio.sleep(6)
    assert world.retained.held_clusters(WEB) == (("east",), 4.0)
    await asyncio.sleep(4)
    assert world.retained.held_clusters(WEB) == (("east", "north"), None)
