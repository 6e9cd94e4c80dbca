"""The worst first, in words that a listener understands, and no more than a page holds."""

from mcs_controller.clusterset.board.rows import MemberRow, MemberState, ServiceRow
from mcs_controller.clusterset.board.summary import FINDINGS_MAX, Counts, Summary, by_cause, summary
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.overview.findings import Severity
from mcs_controller.clusterset.overview.model import Trouble
from tests.clusterset.board.test_listing import row


def member(name: str, state: MemberState = "alive", age_seconds: float = 1.0) -> MemberRow:
    return MemberRow(name, state, age_seconds, 1, 0, "1.0", f"uid-{name}")


def seen(*members: MemberRow, services: tuple[ServiceRow, ...] = (), reaches_broker: bool = True) -> Summary:
    return summary("north", members, services, reaches_broker=reaches_broker, member_timeout_seconds=60.0)


def test_where_all_is_well_that_is_said() -> None:
    found = seen(member("east"), member("north", "this cluster"), services=(row("web"),))
    assert (found.findings, found.text) == ((), "Nothing was found that should be otherwise.")
    assert found.counts == Counts(2, 1, 0, 1, 0, 0, 0)


def test_what_needs_attention_is_counted() -> None:
    found = seen(services=(row("cart", "conflict"), row("web", "no namespace here"), row("here")))
    assert found.counts == Counts(0, 3, 1, 2, 1, 0, 1)


def test_the_worst_comes_first() -> None:
    held = row("db", "held")._replace(troubles=(Trouble(ServiceKey("shop", "db"), "held", "Fuse", "late"),))
    found = seen(
        member("east", "held", 90.0),
        member("west", "dead", 90.0),
        member("south", "never joined"),
        member("far", "missing"),
        member("old", "leaving"),
        services=(row("cart", "conflict"), held),
        reaches_broker=False,
    )
    assert [(one.what, one.place) for one in found.findings] == [
        ("dead", "west"),
        ("no broker", "north"),
        ("held", "east"),
        ("missing", "far"),
        ("leaving", "old"),
        ("conflict", "shop/cart"),
        ("held", "shop/db in north"),
        ("never joined", "south"),
    ]
    assert found.text == "2 problems, 6 warnings."


def test_one_cause_that_keeps_much_of_an_agent_from_being_ready_is_one_line() -> None:
    away = "http://broker: Connection refused"
    problems = {
        "membership": f"cannot renew the membership: {away}",
        "broker: slices": f"cannot list slices: {away}",
        "first list": "not read yet",
        "broker: services": f"cannot list services: {away}",
    }
    assert by_cause(problems) == (
        ("broker: services and 2 more", f"cannot list services: {away}"),
        ("first list", "not read yet"),
    )
    assert by_cause({}) == ()


def test_members_that_are_held_or_leaving_are_not_called_dead() -> None:
    found = seen(member("east", "held", 90.0), member("old", "leaving", 90.0))
    assert all(one.severity is Severity.WARNING for one in found.findings)
    assert "endpoints are kept" in found.findings[0].text


def test_of_thousands_of_findings_a_page_shows_a_few_and_counts_the_rest() -> None:
    found = seen(services=tuple(row(f"svc-{number}", "conflict") for number in range(3000)))
    assert (len(found.findings), found.more, found.counts.conflicts) == (
        FINDINGS_MAX,
        3000 - FINDINGS_MAX,
        3000,
    )
    assert found.text == "0 problems, 3000 warnings."


def test_more_problems_than_a_page_holds_are_still_called_problems() -> None:
    number = FINDINGS_MAX + 5
    dead = [member(f"m-{index}", "dead", 90.0) for index in range(number)]
    found = seen(*dead, member("new", "held", 90.0))
    assert (len(found.findings), found.more) == (FINDINGS_MAX, 6)
    assert found.text == f"{number} problems, 1 warning."
