"""The observer's own faults: what is planted is found, at its time."""

from __future__ import annotations

import json

import pytest

from tests.observer.world import BOUND_SECONDS, IP, ONE, TWO, WEB, World
from tests.support.observer.observer import Import


def test_of_a_dead_exporter_the_endpoints_may_go_and_the_import_may_not() -> None:
    world = World()
    world.expected.excused(exporter="east", endpoints_only=True)
    world.shows()
    assert world.found() == []
    world.observer.saw("west", WEB, None)
    assert "import gone" in {one.kind for one in world.observer.findings}


def test_what_stays_is_no_finding() -> None:
    world = World()
    for _ in range(3):
        world.after(100)
        world.shows(ONE, TWO)
        world.answers(IP)
    assert world.found() == []
    assert world.observer.wrong() == []


def test_a_hole_of_a_tenth_of_a_second_is_found() -> None:
    world = World()
    world.shows(ONE)
    world.after(0.125)
    assert world.observer.wrong() == [f"west: {WEB} lacks {TWO}"]
    world.shows(ONE, TWO)
    world.after(10)
    assert world.found() == [("hole", 0, 0.125)]
    assert world.observer.totals()["endpoint_seconds_missing"] == 0.125
    assert f"west: hole: {WEB} {TWO} (of east) is not there, for 0.125 s" in str(world.observer.findings[0])


def test_what_was_seen_around_a_finding_can_be_told() -> None:
    world = World()
    world.shows(TWO)
    world.observer.saw("west", "shop/other", None)
    world.after(1)
    world.shows(ONE, TWO)
    world.after(60)
    world.shows(ONE)
    first, second = world.observer.findings
    act, before, after = world.observer.around(first)
    assert act == f"100.000 s: users: {WEB} is offered by east {ONE} {TWO}"
    assert before.startswith("131.000 s: west: shop/web is ")
    assert (ONE in before, TWO in before) == (False, True)
    assert after.startswith("132.000 s: ")
    assert ONE in after
    (then,) = world.observer.around(second)
    assert then.startswith("192.000 s: ")


def test_what_users_did_before_a_finding_can_be_told() -> None:
    world = World()
    world.expected.endpoints("east", WEB, [TWO])
    world.expected.exported("east", "shop/other", [ONE])
    world.after(50)
    world.expected.endpoints("east", WEB, [TWO, ONE])
    world.expected.exported("west", WEB, [])
    world.after(11)
    world.shows(ONE)
    first, second, _ = world.observer.around(world.observer.findings[0])
    assert first == f"181.000 s: users: {WEB} is offered by east {ONE} {TWO}"
    assert second == f"181.000 s: users: {WEB} is offered by east {ONE} {TWO}; west "


def test_a_hole_is_open_and_grows_until_it_ends() -> None:
    world = World()
    world.shows()
    world.after(2)
    assert world.found() == [("hole", 0, None), ("hole", 0, None)]
    assert world.observer.totals()["endpoint_seconds_missing"] == 4
    world.after(1)
    world.shows(ONE)
    world.after(5)
    totals = json.loads(json.dumps(world.observer.totals()))
    assert (totals["holes"], totals["endpoint_seconds_missing"], totals["longest_hole_seconds"]) == (2, 11, 8)


def test_a_removal_by_users_ends_a_hole() -> None:
    world = World()
    world.shows(ONE)
    world.after(1)
    world.expected.endpoints("east", WEB, [ONE])
    world.after(5)
    assert world.found() == [("hole", 0, 1)]
    assert world.observer.wrong() == []


def test_two_states_at_one_time_are_a_hole_of_no_length() -> None:
    world = World()
    world.shows(ONE)
    world.shows(ONE, TWO)
    assert world.found() == [("hole", 0, 0)]


def test_a_changed_ip_is_found() -> None:
    world = World()
    world.shows(ONE, TWO, ips=("10.97.0.5",))
    assert world.found() == [("ip changed", 0, 0)]
    assert world.observer.totals()["ips_changed"] == 1


def test_a_lost_ip_is_found_until_it_is_back() -> None:
    world = World()
    world.shows(ONE, TWO, ips=())
    world.after(3)
    world.shows(ONE, TWO)
    assert world.found() == [("ip changed", 0, 3)]


def test_an_ip_of_one_more_family_and_its_loss_are_no_change() -> None:
    world = World()
    world.shows(ONE, TWO, ips=(IP, "fd00::4"))
    world.shows(ONE, TWO)
    assert world.found() == []


def test_an_import_deleted_and_remade_is_found() -> None:
    world = World()
    world.shows(ONE, TWO, uid="")
    world.after(0.5)
    world.shows(ONE, TWO, uid="u2")
    assert world.found() == [("import gone", 0, 0.5)]


def test_an_import_that_is_another_one_is_found_though_nobody_saw_it_go() -> None:
    world = World()
    world.shows(ONE, TWO, uid="u2")
    assert world.found() == [("import gone", 0, 0)]


def test_an_import_that_goes_with_all_it_has_leaves_holes() -> None:
    world = World()
    world.observer.saw("west", WEB, None)
    assert sorted(kind for kind, _, _ in world.found()) == ["hole", "hole", "import gone"]
    world.answers()
    assert world.found()[-1] == ("dns", 0, None)


def test_what_stays_after_its_bound_is_a_leftover() -> None:
    world = World()
    world.expected.endpoints("east", WEB, [ONE])
    world.after(BOUND_SECONDS)
    assert world.found() == []
    assert world.observer.wrong() == [f"west: {WEB} has {TWO} too much"]
    world.after(2)
    assert world.found() == [("leftover", BOUND_SECONDS, None)]
    world.shows(ONE)
    assert world.found() == [("leftover", BOUND_SECONDS, 2)]


def test_an_import_that_stays_is_a_leftover() -> None:
    world = World()
    world.expected.unexported("east", WEB)
    world.shows()
    world.after(BOUND_SECONDS + 1)
    assert world.found() == [("leftover", BOUND_SECONDS, None)]
    assert f"west: {WEB} has an import" in world.observer.wrong()


def test_a_leftover_counts_only_from_when_all_is_healed() -> None:
    world = World()
    world.observer.disturbed()
    world.expected.endpoints("east", WEB, [ONE])
    world.after(1000)
    assert world.found() == []
    world.observer.healed()
    world.after(BOUND_SECONDS)
    assert world.found() == []
    world.after(1)
    assert world.found() == [("leftover", 1000 + BOUND_SECONDS, None)]


def test_an_address_that_nobody_offers_is_found_at_once() -> None:
    world = World()
    world.shows(ONE, TWO, "10.6.6.6")
    world.after(1)
    world.shows(ONE, TWO)
    assert world.found() == [("stranger", 0, 1)]


def test_an_addition_may_be_told_a_moment_late() -> None:
    world = World()
    world.shows(ONE, TWO, "10.1.0.3")
    world.after(1)
    world.expected.endpoints("east", WEB, [ONE, TWO, "10.1.0.3"])
    assert world.found() == []
    world.shows(ONE, TWO)
    assert world.found() == [("hole", 1, None)]


def test_blind_time_is_counted_and_no_bound_runs_in_it() -> None:
    world = World()
    world.observer.blind("west")
    world.expected.endpoints("east", WEB, [ONE])
    world.after(50)
    assert world.found() == []
    assert world.observer.wrong()[0] == "west: cannot be seen"
    world.shows(ONE, TWO)
    world.observer.sees("west")
    world.after(BOUND_SECONDS)
    assert world.found() == []
    assert world.observer.totals()["blind_seconds"] == 50
    world.after(1)
    assert world.found() == [("leftover", 50 + BOUND_SECONDS, None)]


def test_what_is_missing_after_a_blind_time_is_found() -> None:
    world = World()
    world.observer.blind("west")
    world.after(50)
    world.shows(ONE)
    world.observer.sees("west")
    assert world.found() == [("hole", 50, None)]


@pytest.mark.parametrize("said", [(), ("10.97.0.9",), (IP, "10.97.0.9")])
def test_a_lying_answer_is_found_until_the_right_one(said: tuple[str, ...]) -> None:
    world = World()
    world.answers(*said)
    world.after(0.1)
    world.answers(IP)
    world.after(1)
    assert [(kind, began) for kind, began, _ in world.found()] == [("dns", 0)]
    assert world.observer.totals()["dns_seconds"] == pytest.approx(0.1)


def test_a_lie_about_endpoints_is_found() -> None:
    world = World(headless=True)
    world.answers(ONE)
    world.answers(ONE, TWO, "10.6.6.6")
    world.answers(ONE, TWO)
    assert world.found() == [("dns", 0, 0), ("dns", 0, 0)]


def test_dns_may_take_its_time_to_learn_of_what_is_new() -> None:
    world = World(headless=True)
    world.expected.endpoints("east", WEB, [ONE, TWO, "10.1.0.3"])
    world.shows(ONE, TWO, "10.1.0.3")
    world.answers(ONE, TWO)
    assert world.found() == []
    assert world.observer.wrong() == [
        f"west: {WEB} is said to have {ONE}, {TWO} by DNS, not {ONE}, {TWO}, 10.1.0.3"
    ]
    world.answers(ONE, TWO, "10.1.0.3")
    assert world.observer.wrong() == []


def test_silence_of_dns_is_found_unless_it_is_down_on_purpose() -> None:
    world = World()
    world.observer.dns_down("west")
    world.observer.answered("west", WEB, None, "timeout")
    assert world.found() == []
    assert world.observer.wrong() == [f"west: {WEB} has no answer in DNS"]
    world.answers()
    assert world.found() == [("dns", 0, None)]
    world.answers(IP)
    world.observer.dns_up("west")
    world.observer.answered("west", WEB, None, "SERVFAIL")
    world.after(1)
    world.answers(IP)
    assert world.found() == [("dns", 0, 0), ("dns", 0, 1)]
    assert "no answer: SERVFAIL" in world.observer.findings[1].what


def test_names_of_exporters_are_judged() -> None:
    world = World()
    world.expected.exported("west", WEB, ["10.2.0.1"])
    addresses = (ONE, TWO, "10.2.0.1")
    world.shows(*addresses, clusters=frozenset({"east"}))
    assert world.observer.wrong() == [f"west: {WEB} names east, not east, west"]
    world.shows(*addresses, clusters=frozenset({"east", "west"}))
    assert world.observer.wrong() == []
    world.shows(*addresses, clusters=frozenset({"west", "south"}))
    world.after(1)
    world.shows(*addresses, clusters=frozenset({"east", "west"}))
    assert world.found() == [("clusters", 0, 1), ("clusters", 0, 1)]


def test_a_namespace_that_nobody_told_of_is_nobodys_business() -> None:
    world = World()
    world.observer.saw("west", "kube-system/dns", Import("x", (), frozenset({"10.9.0.1"})))
    assert world.found() == []
    assert world.observer.wrong() == []


def test_an_import_that_nobody_exports_is_a_stranger() -> None:
    world = World()
    world.observer.saw("west", "shop/other", Import("x", (), frozenset()))
    assert world.found() == [("stranger", 0, None)]


def test_names_are_asked_for_until_dns_has_forgotten_them() -> None:
    world = World()
    assert world.observer.to_ask("west") == [WEB]
    world.expected.unexported("east", WEB)
    world.observer.saw("west", WEB, None)
    assert world.observer.to_ask("west") == [WEB]
    world.answers()
    assert world.observer.to_ask("west") == []
