"""The fuse against mass withdrawal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.fuse import MEMBERS_MINIMUM, FuseState, next_state, would_trip

CLOSED, HOLDING, RELEASED = FuseState.CLOSED, FuseState.HOLDING, FuseState.RELEASED


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
    ("before", "tripping", "release", "after"),
    [
        (CLOSED, False, False, CLOSED),
        (CLOSED, True, False, HOLDING),
        (HOLDING, True, False, HOLDING),
        (HOLDING, False, False, CLOSED),
        (HOLDING, True, True, RELEASED),
        (RELEASED, True, False, RELEASED),
        (RELEASED, False, False, CLOSED),
        (CLOSED, False, True, CLOSED),
    ],
)
def test_it_holds_until_the_data_is_back_or_an_operator_lets_the_loss_through(
    before: FuseState, tripping: bool, release: bool, after: FuseState
) -> None:
    assert next_state(before, tripping=tripping, release=release) is after
    assert after.holds is (after is HOLDING)
