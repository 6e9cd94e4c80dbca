"""The fuse against mass withdrawal."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset import fuse
from mcs_controller.clusterset.fuse import (
    MEMBERS_MINIMUM,
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
    (over,) = fuse.held(held, silent=(), missing=(), generation=3)
    assert (over.type, over.status) == ("mcs-controller.io/Held", "False")
    assert not was_held(replace(imported, conditions=(over,)))


def test_an_import_that_never_was_held_has_no_such_condition() -> None:
    imported = LocalImport(ServiceKey("shop", "web"), "uid", 3, ImportSpec("ClusterSetIP", ()))
    assert fuse.held(imported, silent=(), missing=(), generation=3) == ()
    (held,) = fuse.held(imported, silent=("east", "west"), missing=("east",), generation=3)
    assert (held.status, held.reason) == ("True", "MembersSilent")
    assert "east, west" in held.message
    assert not was_held(replace(imported, conditions=(held,)))


def test_an_import_of_which_something_is_missing_says_whose_and_how_to_let_it_go() -> None:
    imported = LocalImport(ServiceKey("shop", "web"), "uid", 3, ImportSpec("ClusterSetIP", ()))
    (held,) = fuse.held(imported, silent=(), missing=("east", "west"), generation=3)
    assert (held.status, held.reason) == ("True", "ExportsMissing")
    assert "east, west" in held.message
    assert "--namespace shop web mcs-controller.io/withdraw=allowed" in held.message
    # The fuse goes by what was lost at once, and not by this.
    assert not was_held(replace(imported, conditions=(held,)))
    assert "the exporting clusters" in held_for_missing_exports(imported, ("",)).message
