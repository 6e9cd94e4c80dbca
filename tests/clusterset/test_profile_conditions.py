"""What a profile says of its member in each case, and what of a profile that is held has to be written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mcs_controller.clusterset.inventory.profile import (
    Known,
    decode_profile,
    differs,
    has_more,
    is_joined,
)
from mcs_controller.clusterset.inventory.report import Health, Report
from tests.clusterset.test_inventory import EAST, MANAGER, stored, target

WELL = Report("v1.36.4", Health("True", "Healthy", "the API server is ready"))
ILL = Report("v1.36.4", Health("False", "ApiServerNotReady", "etcd"))
NOBODY = replace(EAST, member=replace(EAST.member, heartbeat=""))
LEAVING = replace(EAST, member=replace(EAST.member, leaving="2026-11-20T10:00:00.000000Z"))
HELD = {
    "well": stored(target(Known(EAST, WELL))),
    "silent": stored(target(Known(EAST, WELL, silent=True))),
    "leaving": stored(target(Known(LEAVING, WELL))),
    "": None,
}


@pytest.mark.requirement("CP-12", "CP-13")
@pytest.mark.parametrize(
    ("known", "held", "healthy", "joined"),
    [
        (Known(EAST, WELL), "", ("True", "Healthy"), ("True", "MemberJoined")),
        (Known(EAST, ILL), "well", ("False", "ApiServerNotReady"), ("True", "MemberJoined")),
        (Known(EAST), "", ("Unknown", "NoReport"), ("True", "MemberJoined")),
        (Known(EAST, Report("v1")), "", ("Unknown", "NoReport"), ("True", "MemberJoined")),
        (Known(EAST, WELL, silent=True), "well", ("Unknown", "MemberSilent"), ("True", "MemberJoined")),
        (Known(EAST, WELL, leaderless=True), "", ("Unknown", "NoLeader"), ("True", "MemberJoined")),
        (
            Known(EAST, WELL, silent=True, leaderless=True),
            "",
            ("Unknown", "MemberSilent"),
            ("True", "MemberJoined"),
        ),
        # Of a heartbeat that nobody here has seen change, what was said stays.
        (Known(EAST, WELL, unproven=True), "well", ("True", "Healthy"), ("True", "MemberJoined")),
        (Known(EAST, WELL, unproven=True), "", ("True", "Healthy"), ("True", "MemberJoined")),
        (Known(EAST, WELL, unproven=True), "silent", ("Unknown", "MemberSilent"), ("True", "MemberJoined")),
        (Known(EAST, WELL), "silent", ("True", "Healthy"), ("True", "MemberJoined")),
        (Known(NOBODY, WELL), "", ("Unknown", "NoReport"), ("False", "NeverJoined")),
        (Known(NOBODY, WELL, silent=True), "", ("Unknown", "NoReport"), ("False", "NeverJoined")),
        # What was reported before it left is no word of how it is now, whoever renews its heartbeat.
        (Known(LEAVING, WELL), "well", ("Unknown", "MemberLeaves"), ("False", "MemberLeaves")),
        (Known(LEAVING, WELL), "silent", ("Unknown", "MemberLeaves"), ("False", "MemberLeaves")),
        (Known(LEAVING, ILL, silent=True), "", ("Unknown", "MemberLeaves"), ("False", "MemberLeaves")),
        (Known(LEAVING), "well", ("Unknown", "MemberLeaves"), ("False", "MemberLeaves")),
        (Known(EAST, WELL), "leaving", ("True", "Healthy"), ("True", "MemberJoined")),
        (
            Known(LEAVING, WELL, removed=True),
            "well",
            ("Unknown", "MemberRemoved"),
            ("False", "MemberRemoved"),
        ),
        (Known(NOBODY, removed=True), "well", ("Unknown", "MemberRemoved"), ("False", "MemberRemoved")),
    ],
)
def test_how_a_member_is_and_whether_it_is_one(
    known: Known, held: str, healthy: tuple[str, str], joined: tuple[str, str]
) -> None:
    want = target(known, HELD[held])
    said = {one["type"]: (one["status"], one["reason"]) for one in want.status["status"]["conditions"]}
    assert (said["ControlPlaneHealthy"], said["Joined"]) == (healthy, joined)
    assert is_joined(stored(want)) == (joined[0] == "True")


@pytest.mark.requirement("CP-02", "CP-08")
@pytest.mark.parametrize(
    ("label", "ours"),
    [
        ("x-k8s.io/cluster-manager", True),
        ("multicluster.x-k8s.io/inventory-member-id", True),
        ("mcs-controller.io/managed-by", False),
    ],
)
@pytest.mark.parametrize("change", [None, "changed"])
def test_each_label_that_somebody_takes_or_changes_is_put_back_or_gives_the_profile_away(
    label: str, ours: bool, change: str | None
) -> None:
    want = target(Known(EAST, WELL))
    labels: dict[str, Any] = {**want.profile["metadata"]["labels"], label: change}
    raw = {**want.profile, "metadata": {"labels": {key: one for key, one in labels.items() if one}}}
    held = decode_profile({**raw, "status": want.status["status"]}, MANAGER)
    assert held.ours == ours
    assert not ours or differs(held, want) == (True, False)


def test_a_name_is_written_where_it_differs_and_taken_back_where_there_is_none() -> None:
    want, unnamed = target(Known(EAST, WELL)), target(Known(replace(EAST, display_name=""), WELL))
    assert differs(stored(unnamed), want) == (True, False)
    assert differs(stored(want), unnamed) == (False, False)
    assert has_more(stored(want), unnamed) == (True, False)
    assert has_more(stored(unnamed), want) == has_more(stored(want), want) == (False, False)


def test_a_profile_that_ends_is_known_to_end() -> None:
    want = target(Known(EAST, WELL))
    metadata = {**want.profile["metadata"], "deletionTimestamp": "2026-11-20T10:00:00Z"}
    assert decode_profile({**want.profile, "metadata": metadata}, MANAGER).ending
    assert not stored(want).ending


@pytest.mark.requirement("CP-14")
@pytest.mark.parametrize("rules", [[{"a": "1"}, {"b": "2"}], [{"name": "x", "a": 1}, {"name": "x", "a": 2}]])
def test_lists_whose_entries_have_no_key_of_their_own_are_compared_as_they_are(rules: list[Any]) -> None:
    way = {"name": "corp", "cluster": {"server": "https://east", "extensions": [{"name": "x"}]}}

    def with_rules(found: list[Any]) -> Any:
        cluster = {**way["cluster"], "extensions": [{"name": "x", "extension": {"rules": found}}]}  # type: ignore[dict-item]
        return target(Known(replace(EAST, access=({**way, "cluster": cluster},))))

    assert differs(stored(with_rules(rules)), with_rules(rules)) == (False, False)
    assert differs(stored(with_rules(rules)), with_rules(rules[::-1])) == (False, True)
