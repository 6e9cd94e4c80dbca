"""Who answers a cluster that leaves, who does not, and who is not waited for."""

from __future__ import annotations

from typing import Any

import pytest

from mcs_controller.api.names import MAX_LET_GO
from mcs_controller.clusterset.membership.farewell import Importer, asked, in_state, observe
from mcs_controller.clusterset.membership.member import decode_member, encode_let_go
from mcs_controller.clusterset.model import Member
from tests.support.objects import member_cluster

SINCE = "2026-01-01T00:00:05.000000Z"
EARLIER = "2026-01-01T00:00:04.000000Z"


def west(beat: str = "1", let_go: dict[str, str] | None = None) -> Member:
    return Member("west", heartbeat=beat, let_go=let_go)


def states(*reads: tuple[float, Member]) -> list[str]:
    """What is known of west after each read."""
    found: list[str] = []
    known: dict[str, Importer] = {}
    for at_seconds, member in reads:
        known = observe(known, [Member("east", heartbeat="9"), member], "east", SINCE, at_seconds)
        assert set(known) == {"west"}
        found.append(known["west"].state)
    return found


def test_only_an_answer_to_this_very_question_counts() -> None:
    assert states((0, west(let_go={"east": EARLIER, "north": SINCE})), (10, west("2", {"east": SINCE}))) == [
        "unheard",
        "let go",
    ]


def test_who_answers_others_but_not_us_holds_something_once_it_has_had_time_to_look() -> None:
    reads = [(10.0 * n, west(str(n), {})) for n in range(5)]
    assert states(*reads) == ["unheard"] * 3 + ["holds"] * 2


def test_who_answers_nobody_is_of_a_version_that_says_nothing() -> None:
    reads = [(10.0 * n, west(str(n))) for n in range(5)]
    assert states(*reads) == ["unheard"] * 3 + ["mute"] * 2


@pytest.mark.parametrize("said", [None, {}, {"east": EARLIER}])
def test_who_does_not_renew_its_heartbeat_is_silent_after_half_a_minute_and_heard_when_it_is_back(
    said: dict[str, str] | None,
) -> None:
    assert states((0, west(let_go=said)), (29.9, west(let_go=said)), (30, west(let_go=said))) == [
        "unheard",
        "unheard",
        "silent",
    ]
    assert states((0, west(let_go=said)), (31, west(let_go=said)), (32, west("2", said)))[1:] == [
        "silent",
        "unheard",
    ]


def test_who_has_answered_may_fall_silent() -> None:
    assert states((0, west(let_go={"east": SINCE})), (99, west(let_go={"east": SINCE}))) == ["let go"] * 2


def test_who_was_never_there_or_is_removed_holds_nothing() -> None:
    known = observe({}, [west(""), Member("north", heartbeat="1")], "east", SINCE, 0.0)
    assert in_state(known, "unheard") == ["north"]
    assert observe(known, [], "east", SINCE, 1.0) == {}


def test_too_many_that_leave_are_answered_by_the_latest() -> None:
    members = [Member(f"m{n:03}", leaving=f"2026-01-01T00:00:00.{n:06}Z") for n in range(MAX_LET_GO + 5)]
    found = asked([*members, Member("stays")])
    assert len(found) == MAX_LET_GO
    assert set(found) == {f"m{n:03}" for n in range(5, MAX_LET_GO + 5)}
    assert found["m007"] == "2026-01-01T00:00:00.000007Z"


def decoded(**status: Any) -> Member:
    body = member_cluster("west")
    body["metadata"]["namespace"] = "mcs-member-west"
    return decode_member({**body, "status": status})


def test_what_a_member_says_is_read_as_it_was_written() -> None:
    said = {"east": SINCE, "north": EARLIER}
    member = decoded(letGo=encode_let_go(said), leaving=SINCE)
    assert (member.let_go, member.leaving) == (said, SINCE)
    assert [one["member"] for one in encode_let_go({"b": SINCE, "a": SINCE})] == ["a", "b"]
    assert (decoded().let_go, decoded().leaving) == (None, "")
    assert decoded(letGo=[]).let_go == {}


@pytest.mark.parametrize(
    "said",
    [[1], [None], ["east"], [{}], [{"member": 1, "leaving": SINCE}], [{"member": "east", "leaving": "now"}]],
)
def test_what_cannot_be_read_of_it_is_no_answer_and_no_reason_to_doubt_the_rest(said: Any) -> None:
    member = decoded(letGo=[*said, {"member": "north", "leaving": SINCE}], leaving=7, heartbeat="1")
    assert (member.let_go, member.leaving, member.heartbeat) == ({"north": SINCE}, "", "1")


def test_no_member_can_say_more_than_the_definition_allows() -> None:
    said = encode_let_go({f"m{n:03}": SINCE for n in range(MAX_LET_GO + 1)})
    assert len(decoded(letGo=said).let_go or ()) == MAX_LET_GO
    assert decoded(letGo="all").let_go is None
