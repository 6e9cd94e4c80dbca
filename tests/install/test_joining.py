"""Whether a cluster may join."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mcs_controller.clusterset.model import Member
from mcs_controller.install.errors import InstallError
from mcs_controller.install.joining import (
    agreed_id,
    check_one_clusterset,
    check_same_member,
    clocks_problem,
)
from mcs_controller.install.members import age_text, member_row

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(("of_kubeconfig", "given"), [("east", None), (None, "east"), ("east", "east")])
def test_the_id_comes_from_the_kubeconfig_or_is_given(of_kubeconfig: str | None, given: str | None) -> None:
    assert agreed_id(of_kubeconfig, given) == "east"


def test_without_either_the_cluster_says_it_and_two_are_refused() -> None:
    assert agreed_id(None, None) is None
    with pytest.raises(InstallError, match="the broker's kubeconfig is for west"):
        agreed_id("west", "east")


@pytest.mark.requirement("ABT-09")
def test_a_cluster_of_another_clusterset_is_told_to_leave_it_first() -> None:
    for held, clusterset in (("", "prod"), ("prod", "prod"), ("prod", "")):
        check_one_clusterset(held, clusterset)
    with pytest.raises(InstallError, match=r"in clusterset test already .* run `leave` for that one first"):
        check_one_clusterset("test", "prod")


def test_a_cluster_does_not_change_its_id_by_joining_again() -> None:
    check_same_member(None, "east", "mcs-system/mcs-broker")
    check_same_member("east", "east", "mcs-system/mcs-broker")
    with pytest.raises(InstallError, match="has joined as west already"):
        check_same_member("west", "east", "mcs-system/mcs-broker")


@pytest.mark.parametrize(
    ("member", "broker", "told"),
    [
        (NOW, NOW, None),
        (NOW + timedelta(seconds=5), NOW, None),
        (None, NOW, None),
        (NOW, None, None),
        (NOW + timedelta(seconds=90), NOW, "90 s ahead of the broker's"),
        (NOW, NOW + timedelta(hours=1), "3600 s behind the broker's"),
    ],
)
def test_clocks_that_differ_are_told(
    member: datetime | None, broker: datetime | None, told: str | None
) -> None:
    found = clocks_problem(member, broker)
    assert (found is None) == (told is None)
    assert (told or "") in (found or "")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "now"), (0, "now"), (59, "59s ago"), (60, "1m ago"), (7300, "2h ago"), (200_000, "2d ago")],
)
def test_ages_are_told_in_their_largest_unit(seconds: float, text: str) -> None:
    assert age_text(seconds) == text


def test_a_member_that_never_joined_is_shown_as_such() -> None:
    assert member_row(Member("east"), 0.0) == ("east", "never", "-", "-", "-", "-", "-")
