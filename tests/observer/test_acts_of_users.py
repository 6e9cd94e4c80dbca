"""What users do is no finding; what they take back and offer again may vanish once, until its bound."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.observer.world import BOUND_SECONDS, IP, ONE, TWO, WEB, World


def scale_down(world: World) -> None:
    world.expected.endpoints("east", WEB, [ONE])
    world.shows(ONE)


def unexport(world: World) -> None:
    world.expected.unexported("east", WEB)
    world.observer.saw("west", WEB, None)
    world.answers()


def lose_the_namespace(world: World) -> None:
    world.expected.namespace_gone("west", "shop")
    world.observer.saw("west", WEB, None)
    world.answers()


def lose_the_exporters_namespace(world: World) -> None:
    world.expected.namespace_gone("east", "shop")
    world.observer.saw("west", WEB, None)
    world.answers()


def die(world: World) -> None:
    world.expected.excused(exporter="east")
    world.observer.saw("west", WEB, None)
    world.answers()


def die_for_west(world: World) -> None:
    world.expected.excused(exporter="east", place="west")
    world.shows(ONE)


def excuse_west(world: World) -> None:
    world.expected.excused(place="west")
    world.shows("10.6.6.6", ips=("10.97.0.9",), uid="u3")
    world.answers("10.97.0.8")


def remake_the_export(world: World) -> None:
    world.expected.unexported("east", WEB)
    world.after(0.1)
    world.expected.exported("east", WEB, [ONE, TWO])
    world.observer.saw("west", WEB, None)
    world.answers()
    world.after(0.1)
    world.shows(ONE, TWO, uid="u2", ips=("10.97.0.9",))
    world.answers("10.97.0.9")


def remake_the_export_unseen(world: World) -> None:
    world.expected.unexported("east", WEB)
    world.expected.exported("east", WEB, [ONE, TWO])
    world.shows(ONE, TWO, uid="u2", ips=("10.97.0.9",))
    world.answers("10.97.0.9")


def become_headless(world: World) -> None:
    world.expected.exported("east", WEB, [ONE, TWO], headless=True)
    world.shows(ips=())
    world.answers()
    world.shows(ONE, TWO, ips=())
    world.answers(ONE, TWO)


def leave_the_type_to_others(world: World) -> None:
    """East's export is the oldest, and so decides, until it is made again."""
    world.expected.exported("north", WEB, [], headless=True)
    world.expected.exported("south", WEB, [])
    world.after(BOUND_SECONDS + 1)
    world.expected.unexported("east", WEB)
    world.expected.exported("east", WEB, [ONE, TWO])
    world.shows(ONE, TWO, ips=())
    world.answers(ONE, TWO)


@pytest.mark.parametrize(
    "act",
    [
        scale_down,
        unexport,
        lose_the_namespace,
        lose_the_exporters_namespace,
        die,
        die_for_west,
        excuse_west,
        remake_the_export,
        remake_the_export_unseen,
        become_headless,
        leave_the_type_to_others,
    ],
)
def test_what_users_do_is_no_finding(act: Callable[[World], None]) -> None:
    world = World()
    act(world)
    assert world.found() == []
    assert world.observer.wrong() == []
    world.after(1000)
    assert world.found() == []


def test_after_a_change_of_type_a_restore_may_bring_the_old_one_back_once_until_the_bound() -> None:
    """A name that has come to lead to endpoints leads to an IP again, until the old export is taken back."""
    world = World()
    world.expected.exported("north", WEB, ["10.3.0.1"], headless=True)
    world.shows(ONE, TWO, "10.3.0.1")
    world.after(BOUND_SECONDS + 1)
    world.expected.unexported("east", WEB)
    world.shows("10.3.0.1", ips=())
    world.answers("10.3.0.1")
    world.answers(IP)
    world.answers("10.3.0.1")
    assert world.found() == []
    world.answers()
    assert world.found() == [("dns", BOUND_SECONDS + 1, None)]


def test_while_exporters_disagree_an_ip_may_go_when_one_of_them_changes_and_at_no_other_time() -> None:
    world = World()
    world.expected.exported("north", WEB, [], headless=True)
    world.after(BOUND_SECONDS + 1)
    world.expected.endpoints("north", WEB, ["10.3.0.1"])
    world.shows(ONE, TWO, "10.3.0.1", ips=())
    assert world.found() == [("ip changed", BOUND_SECONDS + 1, None)]


def test_an_ip_may_come_and_go_while_one_of_the_exporters_that_disagree_is_excused_altogether() -> None:
    world = World()
    world.expected.exported("north", WEB, [], headless=True)
    world.after(BOUND_SECONDS + 1)
    world.expected.excused(exporter="north")
    world.after(BOUND_SECONDS + 1)
    for ips in ((), (IP,), ()):
        world.shows(ONE, TWO, ips=ips)
    world.expected.expected_again(exporter="north")
    world.shows(ONE, TWO)
    assert world.found() == []

    world.after(BOUND_SECONDS + 1)
    world.shows(ONE, TWO, ips=())
    assert [kind for kind, _, _ in world.found()] == ["ip changed"]


def test_an_ip_stays_while_an_exporter_that_disagrees_is_dead() -> None:
    world = World()
    world.expected.exported("north", WEB, [], headless=True)
    world.after(BOUND_SECONDS + 1)
    world.expected.excused(exporter="north", endpoints_only=True)
    world.shows(ONE, TWO, ips=())
    assert [kind for kind, _, _ in world.found()] == ["ip changed"]


def test_what_was_taken_back_and_offered_again_may_vanish_once_until_the_bound() -> None:
    world = World()
    world.expected.endpoints("east", WEB, [ONE])
    world.expected.endpoints("east", WEB, [ONE, TWO])
    world.shows(ONE)
    assert world.found() == []
    world.shows(ONE, TWO)
    world.shows(ONE)
    assert world.found() == [("hole", 0, None)]


def test_what_is_excused_is_counted_and_timed() -> None:
    world = World()
    world.expected.unexported("east", WEB)
    world.expected.exported("east", WEB, [ONE, TWO])
    world.observer.saw("west", WEB, None)
    world.after(2)
    world.shows(ONE, uid="u2", ips=("10.97.0.9",))
    world.after(1)
    world.expected.endpoints("east", WEB, [ONE])
    assert world.found() == []
    totals = world.observer.totals()
    assert (totals["holes"], totals["holes_excused"], totals["endpoint_seconds_excused"]) == (0, 2, 5)
    assert (totals["imports_gone"], totals["imports_gone_excused"]) == (0, 1)


@pytest.mark.parametrize("disturbed_first", [False, True])
def test_after_the_bound_it_may_not(disturbed_first: bool) -> None:
    world = World()
    world.expected.endpoints("east", WEB, [ONE])
    world.expected.endpoints("east", WEB, [ONE, TWO])
    world.after(BOUND_SECONDS + 1)
    if disturbed_first:
        world.observer.disturbed()
    world.shows(ONE)
    assert world.found() == [("hole", BOUND_SECONDS + 1, None)]


NEW, NEWER = "10.1.0.3", "10.1.0.4"


def remade(*, headless: bool = False) -> World:
    """East took the service back and exported it again half a second later, with another endpoint."""
    world = World(headless=headless)
    world.expected.unexported("east", WEB)
    world.after(0.5)
    world.expected.exported("east", WEB, [NEW], headless=headless)
    return world


@pytest.mark.parametrize("headless", [False, True])
def test_endpoints_of_an_export_made_again_may_vanish_once_when_its_withdrawal_arrives(
    headless: bool,
) -> None:
    world = remade(headless=headless)
    world.expected.endpoints("east", WEB, [NEW, NEWER])
    for shown in ((NEW, NEWER), ()):
        # The watch of slices was ahead of the watch of records.
        world.shows(*shown)
        world.answers(*(shown if headless else (IP,)))
    assert world.found() == []
    world.shows(NEW, NEWER)
    world.shows(NEW)
    assert world.found() == [("hole", 0.5, None)]


def bring_back_what_was_taken_back(world: World) -> None:
    """The broker is restored, and for a moment the record of the former export is there again."""
    world.shows(clusters=frozenset({"east"}), uid="u2", ips=())
    world.observer.saw("west", WEB, None)


def test_an_import_that_a_restore_brings_back_may_be_withdrawn_once_until_the_new_export_arrives() -> None:
    world = World()
    world.expected.unexported("east", WEB)
    world.observer.saw("west", WEB, None)
    world.after(0.5)
    world.expected.exported("east", WEB, [NEW])
    bring_back_what_was_taken_back(world)
    assert world.found() == []
    bring_back_what_was_taken_back(world)
    assert {one.kind for one in world.observer.findings} == {"import gone"}


def test_what_is_exported_again_long_after_it_was_taken_back_may_not_be_withdrawn() -> None:
    world = World()
    world.expected.unexported("east", WEB)
    world.observer.saw("west", WEB, None)
    world.after(BOUND_SECONDS + 1)
    world.expected.exported("east", WEB, [NEW])
    bring_back_what_was_taken_back(world)
    assert {one.kind for one in world.observer.findings} == {"import gone"}


def test_an_exporters_name_that_a_restore_brings_back_may_go_once_and_the_import_of_others_may_not() -> None:
    world = World()
    world.expected.exported("north", WEB, [])
    both, north = frozenset({"east", "north"}), frozenset({"north"})
    world.shows(ONE, TWO, clusters=both)
    world.after(BOUND_SECONDS + 1)
    world.expected.unexported("east", WEB)
    world.shows(clusters=north)
    world.expected.exported("east", WEB, [])
    for named in (both, north, both):
        world.shows(clusters=named)
    assert world.found() == []
    world.shows(clusters=north)
    assert {one.kind for one in world.observer.findings} == {"clusters"}
    world.observer.saw("west", WEB, None)
    assert {one.kind for one in world.observer.findings} == {"clusters", "import gone"}


def test_after_the_bound_of_the_withdrawal_they_may_not() -> None:
    world = remade()
    world.shows(NEW)
    world.after(BOUND_SECONDS)
    world.shows()
    assert world.found() == [("hole", BOUND_SECONDS + 0.5, None)]


def test_endpoints_first_offered_after_that_bound_may_not() -> None:
    world = remade()
    world.shows(NEW)
    world.after(BOUND_SECONDS)
    world.expected.endpoints("east", WEB, [NEW, NEWER])
    world.shows(NEW, NEWER)
    world.shows(NEW)
    assert world.found() == [("hole", BOUND_SECONDS + 0.5, None)]


def test_new_endpoints_of_who_took_nothing_back_may_not_vanish() -> None:
    world = remade()
    world.expected.exported("north", WEB, ["10.3.0.1"])
    world.shows(NEW, "10.3.0.1")
    world.shows(NEW)
    assert world.found() == [("hole", 0.5, None)]


def test_new_endpoints_of_an_export_that_stayed_may_not_vanish() -> None:
    world = World()
    world.expected.endpoints("east", WEB, [NEW])
    world.shows(NEW)
    world.shows()
    assert world.found() == [("hole", 0, None)]


def offered_twice_unseen(world: World) -> None:
    """While nobody in west can know, as the broker is away."""
    world.observer.disturbed()
    world.expected.endpoints("east", WEB, [NEW])
    world.after(BOUND_SECONDS + 1)
    world.expected.endpoints("east", WEB, [])
    world.after(BOUND_SECONDS + 1)
    world.expected.endpoints("east", WEB, [NEW, NEWER])


@pytest.mark.parametrize("headless", [False, True])
def test_each_state_of_endpoints_that_were_offered_twice_unseen_may_be_seen_later(headless: bool) -> None:
    world = World(headless=headless)
    offered_twice_unseen(world)
    for addresses in ((NEW,), (), (NEW, NEWER)):
        world.shows(*addresses)
        world.answers(*(addresses if headless else world.ips))
    assert world.found() == []
    world.shows()
    assert [kind for kind, _, _ in world.found()] == ["hole", "hole"]


def test_until_the_bound_after_the_disturbance() -> None:
    world = World()
    offered_twice_unseen(world)
    world.shows()
    world.observer.healed()
    world.after(BOUND_SECONDS + 1)
    world.shows(NEW, NEWER)
    world.shows()
    assert {kind for kind, _, _ in world.found()} == {"hole"}
    assert len(world.found()) == 2


def test_nor_when_they_were_taken_back_so_long_before_the_disturbance() -> None:
    world = World()
    world.expected.endpoints("east", WEB, [NEW])
    world.expected.endpoints("east", WEB, [])
    world.shows()
    world.after(BOUND_SECONDS + 1)
    world.observer.disturbed()
    world.expected.endpoints("east", WEB, [NEW])
    world.shows(NEW)
    world.shows()
    assert world.found() == [("hole", BOUND_SECONDS + 1, None)]


def test_who_was_excused_took_nothing_back() -> None:
    world = World()
    world.expected.endpoints("east", WEB, [NEW])
    world.expected.excused(exporter="east")
    world.expected.expected_again(exporter="east")
    world.shows(NEW)
    world.shows()
    assert world.found() == [("hole", 0, None)]


def test_who_is_expected_again_is_missed_once_it_was_seen() -> None:
    world = World()
    die(world)
    world.expected.expected_again(exporter="east")
    assert world.found() == []
    assert f"west: {WEB} has no import" in world.observer.wrong()
    world.shows(ONE, TWO)
    world.answers(IP)
    world.shows(ONE)
    assert world.found() == [("hole", 0, None)]


def test_others_are_missed_while_one_is_excused() -> None:
    world = World()
    world.expected.exported("west", WEB, ["10.2.0.1"])
    world.shows(ONE, TWO, "10.2.0.1")
    world.expected.excused(exporter="east")
    world.shows()
    assert world.found() == [("hole", 0, None)]
    assert "10.2.0.1 (of west)" in world.observer.findings[0].what
