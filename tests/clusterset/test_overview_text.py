"""What the screen shows, and that it fits into any terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.overview.document import document
from mcs_controller.clusterset.overview.model import (
    AgentSeen,
    BrokerSeen,
    ClusterAway,
    ClusterSeen,
    Dispute,
    DnsRate,
    ExportsSeen,
    ImportsSeen,
    Lag,
    Leader,
    MemberSeen,
    Overview,
    Trouble,
    Unknown,
)
from mcs_controller.clusterset.overview.text import WIDTH_MIN, screen

WEB, CART = ServiceKey("shop", "web"), ServiceKey("shop", "cart")
NO_PODS = Unknown("its API server has no pods to ask: give --dns-metrics URL")
EAST = ClusterSeen(
    "east",
    "",
    "u1",
    Leader("mcs-agent-6c9d7-x2k4p", 0.0),
    ExportsSeen(4, (Dispute(CART, "PortConflict", ("east",)),), ()),
    ImportsSeen(6, 1, (Trouble(WEB, "held", "MassWithdrawal", "ends by itself at 12:30"),)),
    AgentSeen(Lag(0.08, 1.25, 120, 60.0), True, (("west", 90.0),)),
    DnsRate(1234.0, 0.0),
)
MEMBERS = (
    MemberSeen("east", "u1", 1.0, 4, "0.1.0"),
    MemberSeen("north", "", None, None, ""),
    MemberSeen("west", "", 90.0, 3, "0.1.0"),
)
BROKER = BrokerSeen(MEMBERS, 7, 6, (Dispute(CART, "PortConflict", ("east", "west")),))
ALL = Overview("2026-01-01 12:00:00 UTC", BROKER, (EAST, ClusterAway("west", "no answer within 5 s", 12.0)))


def text(overview: Overview, width: int = 100, height: int | None = None) -> list[str]:
    return [line.text for line in screen(overview, width=width, height=height)]


def test_one_screen_says_how_the_clusterset_is() -> None:
    assert text(ALL) == [
        "Clusterset at 2026-01-01 12:00:00 UTC",
        "2 problems and 3 warnings: 3 members, 6 services in 7 exports, 6 imports, 1 held",
        "",
        "MEMBER  HEARTBEAT  EXPORTS  IMPORTS  CONFLICTS  HELD  LAG p50/p99      DNS  LEADER",
        "north   never            -        -          0     -            -        -  -",
        "west    1m ago           3        -          1     -            -        -  away",
        "east    1s ago           4        6          1     1    80ms/1.2s  1,234/s  mcs-agent-6c9d7-x2k4p",
        "",
        "NOT AS IT SHOULD BE",
        "away             west: for 12s: no answer within 5 s",
        "dead             west: no heartbeat for 1m, its endpoints are withdrawn: look at its agent, and its",
        "                 way to the broker",
        "conflict         shop/cart: PortConflict (east, west): conditions of the ServiceExports say what is",
        "                 used",
        "held             shop/web in east: MassWithdrawal: ends by itself at 12:30",
        "never joined     north: has a MemberCluster on the broker and has not joined: run `mcs-controller",
        "                 join` there",
        "`mcs-controller explain shop/cart` says more",
    ]


def test_tones_say_what_is_bad() -> None:
    tones = {line.text.partition(" ")[0]: line.tone for line in screen(ALL)}
    assert (tones["west"], tones["north"], tones["east"]) == ("problem", "warning", "plain")
    assert (tones["away"], tones["held"], tones["2"]) == ("problem", "warning", "problem")
    well = Overview("now", BrokerSeen((), 0, 0, ()), ())
    assert screen(well)[1].text.startswith("Nothing is wrong that can be seen from here: 0 members, ")
    assert screen(well)[1].tone == "good"
    blind = ClusterSeen("west", "", "", NO_PODS, NO_PODS, NO_PODS, NO_PODS, NO_PODS)
    verdict = screen(Overview("now", Unknown("none"), (blind,)))[1]
    assert verdict == ("Nothing could be read", "warning")


def test_on_a_narrow_terminal_titles_are_short_the_leader_is_cut_and_the_last_columns_go() -> None:
    assert text(ALL, width=80)[3:7:3] == [
        "MEMBER  HEARD   EXPORTS  IMPORTS  CONFL.  HELD  LAG p50/p99      DNS  LEADER",
        "east    1s ago        4        6       1     1    80ms/1.2s  1,234/s  …9d7-x2k4p",
    ]
    assert text(ALL, width=64)[3].split()[-1] == "p50/p99"


def test_what_is_not_known_says_why_and_once_for_several_clusters() -> None:
    def blind(name: str) -> ClusterSeen:
        nothing = ImportsSeen(0, 0, ())
        return ClusterSeen(name, "", "", Leader("a", 0.0), ExportsSeen(0, (), ()), nothing, NO_PODS, NO_PODS)

    shown = text(Overview("now", Unknown("no broker was named"), (blind("east"), blind("west"))))
    assert shown[shown.index("NOT KNOWN") + 1 :] == [
        "members and conflicts of all clusters: no broker was named",
        "lag of east, west: its API server has no pods to ask: give --dns-metrics URL",
        "DNS rate of east, west: its API server has no pods to ask: give --dns-metrics URL",
    ]


def test_many_members_fit_in_one_screen_and_those_that_are_not_well_stay() -> None:
    members = [MemberSeen(f"m{number:03}", "", 1.0, 3, "0.1.0") for number in range(200)]
    members[150] = MemberSeen("m150", "", 99.0, 3, "0.1.0")
    shown = text(Overview("now", BrokerSeen(tuple(members), 600, 300, ()), ()), width=80, height=23)
    assert len(shown) <= 23
    assert shown[4].startswith("m150")
    assert any(line.startswith("... and ") and "all well: -o json has all" in line for line in shown)


def test_texts_of_others_bring_no_control_codes_to_the_terminal() -> None:
    trouble = Trouble(WEB, "export not ready", "Failed", "\x1b[2J\nrm\u202e")
    exports = ExportsSeen(1, (), (trouble,))
    seen = ClusterSeen("e", "", "", NO_PODS, exports, NO_PODS, NO_PODS, Unknown("\x1b[31m"))
    assert "\x1b" not in "".join(text(Overview("now", Unknown("\x07"), (seen,))))
    assert "\x07" not in "".join(text(Overview("now", Unknown("\x07"), (seen,))))


@given(
    width=st.integers(1, 200),
    height=st.integers(1, 60),
    members=st.integers(0, 60),
    troubles=st.integers(0, 40),
    clusters=st.integers(0, 6),
)
def test_it_fits_into_any_terminal(
    width: int, height: int, members: int, troubles: int, clusters: int
) -> None:
    found = tuple(Trouble(ServiceKey("shop", f"s{one}"), "held", "Why", "x" * 300) for one in range(troubles))
    seen = [
        ClusterSeen(f"c{one}", "", "", NO_PODS, NO_PODS, ImportsSeen(9, 9, found), NO_PODS, NO_PODS)
        for one in range(clusters)
    ]
    broker = BrokerSeen(
        tuple(MemberSeen(f"member-{one}", "", 50.0 * (one % 3), 1, "") for one in range(members)), 1, 1, ()
    )
    lines = screen(Overview("now", broker, tuple(seen)), width=width, height=height)
    assert len(lines) <= height
    assert all(len(line.text) <= max(width, WIDTH_MIN) for line in lines)


def test_programs_get_all_of_it_and_why_something_is_null() -> None:
    blind = ClusterSeen("west", "", "", NO_PODS, NO_PODS, NO_PODS, NO_PODS, NO_PODS)
    told = document(Overview("now", BROKER, (EAST, blind, ClusterAway("north", "why", 3.0))))
    east, west, north = told["clusters"]
    assert east["agent"]["lag"] == {
        "p50Seconds": 0.08,
        "p99Seconds": 1.25,
        "changes": 120,
        "overSeconds": 60.0,
    }
    assert (east["dns"]["perSecond"], east["leader"]["holder"]) == (1234.0, "mcs-agent-6c9d7-x2k4p")
    assert east["imports"]["notWell"][0]["name"] == "web"
    assert (west["imports"], west["agent"]) == (None, None)
    assert told["notKnown"]["clusters.west.imports"] == NO_PODS.reason
    assert north == {"name": "north", "away": {"seconds": 3.0, "reason": "why"}}
    assert told["broker"]["members"][1] == {
        "name": "north",
        "heartbeatAgeSeconds": None,
        "services": None,
        "version": None,
    }
    assert {one["what"] for one in told["findings"]} >= {"conflict", "away", "held"}


@pytest.mark.parametrize("seconds", [0.0, 59.0, 3600.0, 200_000.0])
def test_an_age_is_in_its_largest_whole_unit(seconds: float) -> None:
    broker = BrokerSeen((MemberSeen("east", "", seconds, None, ""),), 0, 0, ())
    shown = {0.0: "0s ago", 59.0: "59s ago", 3600.0: "1h ago", 200_000.0: "2d ago"}[seconds]
    assert any(f"east    {shown}" in line for line in text(Overview("now", broker, ())))
