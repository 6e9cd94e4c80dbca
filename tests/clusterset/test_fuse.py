"""The fuse against mass withdrawal."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset import fuse
from mcs_controller.clusterset.fuse import (
    MEMBERS_MINIMUM,
    WITNESSED_SECONDS,
    Hold,
    ends_at,
    held_before_seconds,
    held_for_mass_withdrawal,
    held_for_missing_exports,
    holds,
    is_released,
    was_held,
    would_trip,
)
from mcs_controller.clusterset.model import ImportSpec, LocalImport, ServiceKey
from mcs_controller.clusterset.services.metadata import exportable_annotations


@pytest.mark.requirement("MCS-LIFE-07")
@pytest.mark.parametrize(
    ("imported", "lost", "trips"),
    [
        (0, 0, False),
        (100, 0, False),
        (100, 50, False),
        (100, 51, True),
        (9, 9, False),
        (10, 10, True),
        (19, 10, True),
        (20, 10, False),
    ],
)
def test_it_trips_on_more_than_half_and_at_least_ten(imported: int, lost: int, trips: bool) -> None:
    assert would_trip(imported, lost) is trips


@pytest.mark.parametrize(
    ("members", "silent", "trips"), [(1, 1, False), (2, 1, False), (2, 2, True), (4, 2, False), (4, 3, True)]
)
def test_most_members_at_once_trip_it_but_never_a_single_one(members: int, silent: int, trips: bool) -> None:
    assert would_trip(members, silent, minimum=MEMBERS_MINIMUM) is trips


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_losing_more_never_makes_it_safer(imported: int, lost: int) -> None:
    assert would_trip(imported, lost + 1) >= would_trip(imported, lost)


@pytest.mark.parametrize(
    ("before", "missing", "tripping", "after"),
    [
        (False, 0, False, False),
        (False, 5, False, False),
        (False, 12, True, True),
        (True, 12, True, True),
        (True, 1, False, True),
        (True, 0, False, False),
        (True, 0, True, False),
        (False, 0, True, False),
    ],
)
def test_it_holds_until_nothing_is_missing_any_more(
    before: bool, missing: int, tripping: bool, after: bool
) -> None:
    assert holds(before, missing=missing, tripping=tripping) is after


def test_an_operators_leave_is_one_annotation_with_one_value() -> None:
    assert is_released((("mcs-controller.io/withdraw", "allowed"), ("other", "x")))
    assert not is_released((("mcs-controller.io/withdraw", "true"),))
    assert not is_released(())


def test_a_members_word_cannot_be_an_operators_leave() -> None:
    assert exportable_annotations((("mcs-controller.io/withdraw", "allowed"),)) == ()


def test_what_was_held_is_known_from_the_import_and_told_with_the_cure() -> None:
    imported = LocalImport(ServiceKey("shop", "web"), "uid", 3, ImportSpec("ClusterSetIP", ()))
    condition = held_for_mass_withdrawal(imported)
    assert (condition.type, condition.status) == ("mcs-controller.io/Held", "True")
    assert (
        "kubectl annotate serviceimport --namespace shop web mcs-controller.io/withdraw=allowed"
        in condition.message
    )
    held = replace(imported, conditions=(condition,))
    assert was_held(held)
    assert not was_held(imported)
    over = fuse.held(held, silent=(), missing=(), generation=3)
    assert (over.type, over.status) == ("mcs-controller.io/Held", "False")
    assert not was_held(replace(imported, conditions=(over,)))


def test_an_import_that_is_held_for_silent_members_says_whose_and_is_not_held_by_the_fuse() -> None:
    imported = LocalImport(ServiceKey("shop", "web"), "uid", 3, ImportSpec("ClusterSetIP", ()))
    held = fuse.held(imported, silent=("east", "west"), missing=("east",), generation=3)
    assert (held.status, held.reason) == ("True", "MembersSilent")
    assert "east, west" in held.message
    assert not was_held(replace(imported, conditions=(held,)))


def test_an_import_of_which_something_is_missing_says_whose_and_how_to_let_it_go() -> None:
    imported = LocalImport(ServiceKey("shop", "web"), "uid", 3, ImportSpec("ClusterSetIP", ()))
    held = fuse.held(imported, silent=(), missing=("east", "west"), generation=3)
    assert (held.status, held.reason) == ("True", "ExportsMissing")
    assert "east, west" in held.message
    assert "--namespace shop web mcs-controller.io/withdraw=allowed" in held.message
    # The fuse goes by what was lost at once, and not by this.
    assert not was_held(replace(imported, conditions=(held,)))
    assert "the exporting clusters" in held_for_missing_exports(imported, ("",)).message


def test_a_hold_says_when_it_ends_by_itself_and_one_without_an_end_says_that() -> None:
    imported = LocalImport(ServiceKey("shop", "web"), "uid", 3, ImportSpec("ClusterSetIP", ()))
    hold = Hold((("east", 0.0),), 1800.0, ends_at="2026-01-01T00:30:00Z")
    assert ends_at(held_for_mass_withdrawal(imported, hold)) == "2026-01-01T00:30:00Z"
    endless = held_for_mass_withdrawal(imported, Hold((("east", 0.0),), 0.0))
    assert ends_at(endless) == ""
    assert "it does not end by itself" in endless.message


clusters = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.floats(0, 1e6), min_size=1)


@pytest.mark.requirement("MCS-LIFE-07")
@given(clusters, st.floats(1, 1e5), st.floats(0, 1e5))
def test_a_hold_always_ends_once_every_exporter_has_gone_on_stating(
    words: dict[str, float], seconds: float, more_seconds: float
) -> None:
    hold = Hold(tuple(words.items()), seconds)
    assert hold.left_seconds(lambda one: words[one]) == seconds
    assert hold.left_seconds(lambda one: words[one] + 1.001 * seconds + more_seconds) == 0.0


@pytest.mark.requirement("MCS-LIFE-07")
@given(clusters, st.floats(1, 1e5), st.floats(0, 1e5), st.floats(0, 1e5))
def test_a_hold_never_ends_while_one_exporter_is_silent_but_for_what_was_held_before(
    words: dict[str, float], seconds: float, before_seconds: float, more_seconds: float
) -> None:
    silent = next(iter(words))
    hold = Hold(tuple(words.items()), seconds, before_seconds)
    left = hold.left_seconds(lambda one: words[one] + (more_seconds if one != silent else 0.0))
    assert left == max(0.0, seconds - before_seconds)


@given(st.floats(0, 1e9))
def test_a_hold_of_no_seconds_has_no_end(word_seconds: float) -> None:
    assert Hold((("east", 0.0),), 0.0).left_seconds(lambda one: word_seconds) == float("inf")


@pytest.mark.parametrize(
    ("since", "hold_seconds", "before_seconds"),
    [
        ("2026-01-01T11:50:00Z", 1800.0, 600.0),
        ("2026-01-01T11:00:00Z", 1800.0, 1800.0 - WITNESSED_SECONDS),
        ("2026-01-01T13:00:00Z", 1800.0, 0.0),
        ("", 1800.0, 0.0),
        ("yesterday", 1800.0, 0.0),
        ("2026-01-01T11:00:00Z", 200.0, 0.0),
        ("2026-01-01T11:00:00Z", 0.0, 0.0),
    ],
)
def test_what_an_earlier_process_held_counts_but_for_the_last_minutes(
    since: str, hold_seconds: float, before_seconds: float
) -> None:
    assert held_before_seconds(since, 1_767_268_800.0, hold_seconds) == before_seconds
