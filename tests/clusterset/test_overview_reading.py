"""From what lies on API servers to an overview: what counts, what is not well, and how each is called."""

from dataclasses import replace

import pytest

from mcs_controller.api.names import CONDITION_HELD
from mcs_controller.clusterset.model import (
    Condition,
    ImportSpec,
    LocalExport,
    LocalImport,
    Member,
    ServiceKey,
    Statement,
)
from mcs_controller.clusterset.overview.findings import Severity, findings
from mcs_controller.clusterset.overview.model import (
    AgentSeen,
    BrokerSeen,
    ClusterAway,
    ClusterSeen,
    Dispute,
    DnsRate,
    ImportsSeen,
    Leader,
    MemberSeen,
    NoAnswer,
    Overview,
    Refused,
    Trouble,
    Unknown,
    WrongCredential,
)
from mcs_controller.clusterset.overview.reading import (
    broker_seen,
    exports_seen,
    imports_seen,
    leader_seen,
    shown_name,
)
from mcs_controller.clusterset.overview.text import screen
from tests.clusterset.builders import HTTP, WEB, local_export, record

NOW = "2026-01-01T12:00:00Z"
NOW_SECONDS = 1_767_268_800.0
API = ServiceKey("shop", "api")
NOT_ASKED = Unknown("it was not asked")


def imported(name: str, *conditions: Condition, **fields: object) -> LocalImport:
    base = LocalImport(ServiceKey("shop", name), "uid", 1, ImportSpec("ClusterSetIP", ()), managed=True)
    return replace(base, conditions=conditions, **fields)  # type: ignore[arg-type]


def cluster(name: str = "east", **fields: object) -> ClusterSeen:
    base = ClusterSeen(name, "", "", NOT_ASKED, NOT_ASKED, NOT_ASKED, NOT_ASKED, NOT_ASKED)
    return replace(base, **fields)  # type: ignore[arg-type]


def overview(*clusters: ClusterSeen | ClusterAway, broker: BrokerSeen | Unknown = NOT_ASKED) -> Overview:
    return Overview("now", broker, clusters)


def told(view: Overview) -> list[tuple[str, str]]:
    return [(one.what, one.place) for one in findings(view)]


def test_the_broker_is_counted_as_importers_see_it() -> None:
    members = [
        Member("west", heartbeat=NOW, allowed_namespaces=("shop",), exported=Statement(NOW, 2, 3, "0" * 16)),
        Member("east", cluster_uid="u1", version="0.1.0"),
    ]
    other_port = (replace(HTTP, port=81),)
    records = [
        record("east"),
        record("west", 1, ports=other_port),
        record("west", service=API),
        record("east", service=API, withdrawn=True),
        record("west", service=ServiceKey("bank", "ledger")),
        record("gone"),
    ]
    seen = broker_seen(members, records, NOW_SECONDS + 5)
    assert (seen.exports, seen.services) == (3, 2)
    assert seen.members == (
        MemberSeen("east", "u1", None, None, "0.1.0"),
        MemberSeen("west", "", 5.0, 2, ""),
    )
    assert seen.disputes == (Dispute(WEB, "PortConflict", ("east", "west")),)


def test_owners_settle_what_would_be_told_of_as_a_conflict_the_same_way_as_for_importers() -> None:
    members = [Member("east"), Member("west", owns=frozenset({"shop"}))]
    records = [record("east"), record("west", 1, traffic_distribution="PreferClose")]
    (dispute,) = broker_seen(members, records, NOW_SECONDS).disputes
    assert dispute.reason == "TrafficDistributionConflict"


def test_an_export_that_is_not_valid_is_told_of_once() -> None:
    conditions = (
        Condition("Valid", "False", "NoService", "there is none"),
        Condition("Ready", "False", "Pending", "not valid"),
        Condition("Conflict", "True", "PortConflict"),
    )
    going = local_export(service=API, deleting=True)
    seen = exports_seen([local_export(conditions=conditions), going], "east")
    assert seen.count == 1
    assert seen.troubles == (Trouble(WEB, "export not valid", "NoService", "there is none"),)
    assert seen.conflicts == (Dispute(WEB, "PortConflict", ("east",)),)


def test_imports_of_others_are_left_out_and_held_ones_counted() -> None:
    held = Condition(CONDITION_HELD, "True", "MassWithdrawal", f"it ends by itself at {NOW}, or later")
    waiting = Condition("Ready", "False", "Pending", "waiting for the clusterset IP")
    seen = imports_seen(
        [
            imported("web", held),
            imported("api", waiting),
            imported("well", Condition("Ready", "True", "Ready")),
            imported("theirs", waiting, managed=False),
            imported("going", waiting, deleting=True),
        ]
    )
    assert (seen.count, seen.held) == (3, 1)
    assert seen.troubles == (
        Trouble(API, "import not ready", "Pending", "waiting for the clusterset IP"),
        Trouble(WEB, "held", "MassWithdrawal", f"ends by itself at {NOW}"),
    )


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"holderIdentity": "agent-1_ab12", "renewTime": NOW, "leaseDurationSeconds": 15}, ("agent-1", 0.0)),
        ({"holderIdentity": "agent-1", "renewTime": NOW, "leaseDurationSeconds": 4}, ("agent-1", 6.0)),
        ({"holderIdentity": "", "renewTime": NOW, "leaseDurationSeconds": 1}, ("", 0.0)),
        ({}, ("", 0.0)),
    ],
)
def test_a_lease_says_who_leads_and_whether_it_is_late(
    spec: dict[str, object], expected: tuple[str, float]
) -> None:
    assert leader_seen({"spec": spec}, NOW_SECONDS + 10) == expected


def test_a_cluster_is_called_as_the_member_that_it_is() -> None:
    broker = BrokerSeen((MemberSeen("east", "u1", None, None, ""),), 0, 0, ())
    assert shown_name("u1", "id", "file", broker) == "east"
    assert shown_name("u2", "id", "file", broker) == "id"
    assert shown_name("", "", "file", NOT_ASKED) == "file"


def test_members_are_judged_by_their_heartbeat() -> None:
    ages = {"a": 1.0, "b": 45.0, "c": 3600.0, "d": None}
    members = tuple(MemberSeen(name, "", age, None, "") for name, age in ages.items())
    view = overview(broker=BrokerSeen(members, 0, 0, ()))
    assert told(view) == [("dead", "c"), ("never joined", "d"), ("silent", "b")]
    assert "no heartbeat for 1h" in findings(view)[0].text
    assert told(replace(view, member_timeout_seconds=100.0)) == [("dead", "c"), ("never joined", "d")]


def test_without_the_broker_members_are_judged_by_what_agents_say() -> None:
    agent = AgentSeen(Unknown("nothing yet"), True, (("north", 90.0), ("west", 2.0)))
    view = overview(cluster(agent=agent), cluster("south", agent=replace(agent, members=(("north", 80.0),))))
    assert told(view) == [("dead", "north")]
    assert "80" not in findings(view)[0].text
    assert "no heartbeat for 1m" in findings(view)[0].text
    # Whoever heard of it last is right, be it the first or the last that is asked.
    for first, last in ((2.0, 90.0), (90.0, 2.0)):
        agents = [replace(agent, members=(("north", age_seconds),)) for age_seconds in (first, last)]
        assert told(overview(*(cluster(agent=one) for one in agents))) == []


def test_what_is_wrong_with_clusters_and_the_broker() -> None:
    broker = BrokerSeen((), 0, 0, (), away="connection refused", away_seconds=61.0)
    view = overview(
        ClusterAway("west", "no answer within 5 s", 3.0),
        cluster(
            leader=Leader("", 0.0),
            agent=AgentSeen(NOT_ASKED, False, ()),
            dns=DnsRate(10.0, 2.5),
        ),
        cluster("north", leader=Leader("agent-1", 20.0)),
        broker=broker,
    )
    assert told(view) == [
        ("DNS", "east"),
        ("away", "the broker"),
        ("away", "west"),
        ("no broker", "east"),
        ("no leader", "east"),
        ("no leader", "north"),
    ]
    assert all(one.severity is Severity.PROBLEM for one in findings(view))
    assert "agent-1 should have renewed the Lease 20s ago" in findings(view)[-1].text


def test_an_agent_that_does_not_say_whether_it_reaches_the_broker_is_not_accused() -> None:
    assert told(overview(cluster(agent=AgentSeen(NOT_ASKED, None, ())))) == []


def test_the_worst_comes_first_and_what_is_held_is_no_problem_yet() -> None:
    held = imported("api", Condition(CONDITION_HELD, "True", "MassWithdrawal"))
    waiting = imported("web", Condition("Ready", "False", "Pending", "waiting"))
    found = findings(overview(cluster(imports=imports_seen([held, waiting]))))
    assert [(one.severity, one.what) for one in found] == [
        (Severity.PROBLEM, "import not ready"),
        (Severity.WARNING, "held"),
    ]


def test_one_trouble_in_several_clusters_is_one_finding() -> None:
    waiting = imported("web", Condition("Ready", "False", "Pending", "waiting"))
    both = [cluster(name, imports=imports_seen([waiting])) for name in ("west", "east")]
    (found,) = findings(overview(*both))
    assert (found.what, found.place, found.text) == (
        "import not ready",
        "shop/web in east, west",
        "Pending: waiting",
    )


def test_one_cause_that_hits_many_services_is_one_finding_that_names_some_and_counts_the_rest() -> None:
    def missing(name: str) -> LocalExport:
        message = f"there is no Service shop/{name}: create it"
        conditions = (Condition("Valid", "False", "NoService", message),)
        return local_export(service=ServiceKey("shop", name), conditions=conditions)

    east = cluster("east", exports=exports_seen([missing(name) for name in "dbaec"], "east"))
    (found,) = findings(overview(east))
    assert found.place == "shop/a, shop/b, shop/c and 2 more in east"
    assert found.text == "NoService: there is no Service NAMESPACE/NAME: create it"
    assert [one.name for one in found.services] == ["a", "b", "c", "d", "e"]
    one = cluster("east", exports=exports_seen([missing("a")], "east"))
    assert findings(overview(one))[0].text == "NoService: there is no Service shop/a: create it"


def test_holds_of_one_cause_that_end_at_different_times_are_one_finding() -> None:
    ends = [Trouble(ServiceKey("shop", name), "held", "MembersSilent", f"ends {name}") for name in "bca"]
    (found,) = findings(overview(cluster("west", imports=ImportsSeen(3, 3, tuple(ends)))))
    assert found.place == "shop/a, shop/b, shop/c in west"
    assert found.text == "MembersSilent: ends a (the first), ends c (the last)"


def test_services_with_different_causes_or_in_other_clusters_are_told_of_apart() -> None:
    def refused(name: str, message: str) -> LocalExport:
        conditions = (Condition("Ready", "False", "Failed", message),)
        return local_export(service=ServiceKey("shop", name), conditions=conditions)

    east = cluster(
        "east", exports=exports_seen([refused("a", "too many"), refused("b", "forbidden")], "east")
    )
    west = cluster("west", exports=exports_seen([refused("c", "too many")], "west"))
    assert [one.place for one in findings(overview(east, west))] == [
        "shop/a in east",
        "shop/b in east",
        "shop/c in west",
    ]


@pytest.mark.parametrize(
    ("broker", "says"),
    [
        (NoAnswer("no answer within 5 s"), "away"),
        (WrongCredential("Unauthorized"), "not read"),
        (Refused("the API server that was named as the broker serves no MemberClusters"), "not read"),
    ],
)
def test_a_broker_that_was_asked_and_not_read_is_a_problem(broker: Unknown, says: str) -> None:
    (found,) = findings(overview(cluster("east"), broker=broker))
    assert (found.severity, found.what, found.place) == (Severity.PROBLEM, says, "the broker")
    assert found.text.startswith(broker.reason)
    lines = screen(overview(cluster("east"), broker=broker))
    assert lines[1].text.startswith("1 problem: the broker is not read")


def test_a_cluster_that_does_not_reach_the_broker_is_told_of_once_though_it_is_silent_for_the_others() -> (
    None
):
    east = cluster("east", agent=AgentSeen(NOT_ASKED, False, ()))
    broker = BrokerSeen((MemberSeen("east", "u1", 90.0, 1, ""),), 0, 0, ())
    (found,) = findings(overview(east, broker=broker))
    assert (found.what, found.place) == ("no broker", "east")
    assert "for 1m, so that the others withdraw its endpoints" in found.text
    broker = BrokerSeen((MemberSeen("east", "u1", 1.0, 1, ""),), 0, 0, ())
    assert "withdraw" not in findings(overview(east, broker=broker))[0].text


def test_a_broker_that_nobody_could_ask_is_no_problem() -> None:
    assert findings(overview(cluster("east"), broker=Unknown("give --broker-kubeconfig"))) == []


def test_a_cluster_that_takes_no_credential_of_the_reader_is_a_problem() -> None:
    refused = WrongCredential("Unauthorized")
    (found,) = findings(overview(cluster("west", exports=refused, imports=refused)))
    assert (found.severity, found.what, found.place) == (Severity.PROBLEM, "not read", "west")
    may_not = Refused("forbidden")
    assert findings(overview(cluster("west", exports=may_not, imports=may_not))) == []


def test_a_conflict_is_told_of_once_with_all_of_its_clusters() -> None:
    conflict = local_export(conditions=(Condition("Conflict", "True", "PortConflict"),))
    east = cluster(exports=exports_seen([conflict], "east"))
    broker = BrokerSeen((), 2, 1, (Dispute(WEB, "PortConflict", ("east", "west")),))
    for view, clusters in ((overview(east), "(east)"), (overview(east, broker=broker), "(east, west)")):
        (found,) = findings(view)
        assert (found.what, found.place) == ("conflict", "shop/web")
        assert clusters in found.text


@pytest.mark.parametrize(
    ("uid", "todo"), [("", "run `mcs-controller join` there"), ("u1", "install it there")]
)
def test_a_member_that_never_spoke_is_to_join_or_to_get_an_agent(uid: str, todo: str) -> None:
    (found,) = findings(overview(broker=BrokerSeen((MemberSeen("d", uid, None, None, ""),), 0, 0, ())))
    assert found.what == "never joined"
    assert todo in found.text
