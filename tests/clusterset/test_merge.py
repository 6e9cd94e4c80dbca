"""Merging: who wins, what is disputed, and what the dispute is called."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.model import AffinityConfig, ExportRecord, ServicePort
from mcs_controller.clusterset.services.merge import by_precedence, merge
from tests.clusterset.builders import HTTP, SECONDS, record
from tests.clusterset.strategies import record_sets

CLIENT_IP = AffinityConfig("ClientIP", 10)
DISPUTES: list[tuple[str, str, Any, Any]] = [
    ("PortConflict", "ports", (HTTP,), (HTTP, ServicePort(53, "dns", "UDP"))),
    ("TypeConflict", "type", "ClusterSetIP", "Headless"),
    ("SessionAffinityConflict", "affinity", AffinityConfig(), CLIENT_IP),
    ("SessionAffinityConfigConflict", "affinity", CLIENT_IP, AffinityConfig("ClientIP", 20)),
    ("LabelsConflict", "labels", (("a", "1"),), (("a", "1"), ("b", "2"))),
    ("AnnotationsConflict", "annotations", (("a", "1"),), ()),
    ("InternalTrafficPolicyConflict", "internal_traffic_policy", "Cluster", "Local"),
    ("TrafficDistributionConflict", "traffic_distribution", None, "PreferClose"),
    ("IPFamilyConflict", "ip_families", ("IPv4",), ("IPv6",)),
]

DECIDED_BY_WINNER = {
    "service",
    "type",
    "affinity",
    "internal_traffic_policy",
    "traffic_distribution",
    "ip_families",
    "labels",
    "annotations",
}


@pytest.mark.requirement("MCS-CON-01", "MCS-CON-05", "MCS-CON-06")
@pytest.mark.parametrize(("reason", "field", "older", "younger"), DISPUTES, ids=[row[0] for row in DISPUTES])
def test_the_oldest_export_decides_and_the_dispute_has_its_own_reason(
    reason: str, field: str, older: Any, younger: Any
) -> None:
    west, east = record("west", 0, **{field: older}), record("east", 1, **{field: younger})
    merged = merge([east, west])
    assert merged.winner == "west"
    assert [conflict.reason for conflict in merged.conflicts] == [reason]
    if field != "ports":
        assert getattr(merged, field) == older
    assert merge([west]).conflicts == ()


@pytest.mark.requirement("MCS-CON-05")
def test_all_reasons_appear_in_the_order_of_the_requirement() -> None:
    merged = merge(
        [
            record("east", affinity=CLIENT_IP, labels=(("a", "1"),), annotations=(("a", "1"),)),
            record(
                "west",
                1,
                ports=(ServicePort(81),),
                type="Headless",
                affinity=AffinityConfig(),
                internal_traffic_policy="Local",
                traffic_distribution="PreferClose",
                ip_families=("IPv6",),
            ),
            record("north", 2, affinity=AffinityConfig("ClientIP", 20)),
        ]
    )
    assert [conflict.reason for conflict in merged.conflicts] == [row[0] for row in DISPUTES]


@pytest.mark.requirement("MCS-CON-01")
def test_equal_age_is_decided_by_cluster_id() -> None:
    records = [record("west", labels=(("a", "w"),)), record("east", labels=(("a", "e"),))]
    merged = merge(records)
    assert (merged.winner, merged.labels) == ("east", (("a", "e"),))
    assert "as old as the export of west, and first by cluster id" in merged.conflicts[0].message


@pytest.mark.requirement("MCS-CON-04")
def test_a_message_tells_field_value_winner_reason_and_how_many_disagree() -> None:
    merged = merge(
        [
            record("east", 0, internal_traffic_policy="Local"),
            record("west", 1),
            record("north", 2),
            record("south", 3, internal_traffic_policy="Local"),
        ]
    )
    assert [conflict.message for conflict in merged.conflicts] == [
        "conflicting internalTrafficPolicy: using Local, by precedence of cluster east "
        f"(the oldest export, of {SECONDS.format(0)}); 2 of 4 clusters disagree: west, north"
    ]


@pytest.mark.requirement("MCS-CON-04")
def test_the_port_message_names_the_union_and_a_missing_value_is_none() -> None:
    merged = merge(
        [
            record("east", 0, ports=(HTTP, ServicePort(53, "", "UDP", "dns"))),
            record("west", 1, traffic_distribution="PreferClose"),
        ]
    )
    port, distribution = (conflict.message for conflict in merged.conflicts)
    assert "using the union http 80/TCP, 53/UDP (dns)," in port
    assert "conflicting trafficDistribution: using none," in distribution


@pytest.mark.requirement("MCS-CON-04")
def test_the_port_message_says_whose_ports_a_full_union_leaves_out() -> None:
    def ports(first: int) -> tuple[ServicePort, ...]:
        return tuple(ServicePort(number, f"p{number}") for number in range(first, first + 60))

    (conflict,) = merge([record("east", ports=ports(1)), record("west", 1, ports=ports(101))]).conflicts
    assert conflict.message.endswith(
        "; ports left out, since an import holds no more than 100: 20 of west; 1 of 2 clusters disagree: west"
    )


@pytest.mark.requirement("MCS-CON-04")
def test_no_text_of_a_member_breaks_a_message_into_lines_or_turns_it_round() -> None:
    evil = "\n\x07\u202eStatus: fine"
    conflicts = merge([record(annotations=(("note", evil),)), record("west", 1)]).conflicts
    assert [one.reason for one in conflicts] == ["AnnotationsConflict"]
    assert "{note: \\n\\x07\\u202eStatus: fine}" in conflicts[0].message


@pytest.mark.requirement("MCS-CON-09")
def test_ports_in_another_order_are_no_conflict() -> None:
    dns = ServicePort(53, "dns", "UDP")
    assert merge([record("east", ports=(HTTP, dns)), record("west", 1, ports=(dns, HTTP))]).conflicts == ()


@pytest.mark.requirement("MCS-CON-14")
def test_timeouts_are_compared_among_the_exports_that_use_client_ip() -> None:
    merged = merge([record("east"), record("west", 1, affinity=CLIENT_IP)])
    assert [conflict.reason for conflict in merged.conflicts] == ["SessionAffinityConflict"]
    merged = merge(
        [
            record("east"),
            record("west", 1, affinity=CLIENT_IP),
            record("north", 2, affinity=AffinityConfig("ClientIP", 20)),
        ]
    )
    assert [conflict.reason for conflict in merged.conflicts] == [
        "SessionAffinityConflict",
        "SessionAffinityConfigConflict",
    ]
    assert "using none, " in merged.conflicts[1].message
    assert "1 of 3 clusters disagree: " in merged.conflicts[1].message


def test_nobody_is_in_conflict_over_the_affinity_of_a_headless_service() -> None:
    merged = merge([record("east", type="Headless"), record("west", 1, type="Headless", affinity=CLIENT_IP)])
    assert merged.conflicts == ()


@pytest.mark.requirement("MCS-CON-09", "MCS-IMP-16")
def test_exported_labels_are_the_winners_whole_map_and_never_mixed() -> None:
    merged = merge([record("east", labels=(("a", "1"),)), record("west", 1, labels=(("b", "2"),))])
    assert merged.labels == (("a", "1"),)


@pytest.mark.requirement("MCS-IMP-13")
def test_all_exporting_clusters_are_listed_once_and_sorted() -> None:
    assert merge([record("west"), record("east", 1), record("north", 2)]).clusters == (
        "east",
        "north",
        "west",
    )


@pytest.mark.requirement("MCS-CON-01", "MCS-NS-09")
@given(st.data(), record_sets)
def test_the_order_of_arrival_is_irrelevant(data: st.DataObject, records: tuple[ExportRecord, ...]) -> None:
    assert merge(data.draw(st.permutations(records))) == merge(records)


@pytest.mark.requirement("MCS-NS-09")
@given(record_sets)
def test_merging_what_was_merged_changes_nothing(records: tuple[ExportRecord, ...]) -> None:
    """A cluster that exports exactly what the import says adds no dispute and changes no value."""
    merged = merge(records)
    winner = by_precedence(records)[0]
    as_merged = record(
        winner.cluster,
        exported_at=winner.exported_at,
        type=merged.type,
        ports=merged.ports,
        affinity=merged.affinity,
        internal_traffic_policy=merged.internal_traffic_policy,
        traffic_distribution=merged.traffic_distribution,
        ip_families=merged.ip_families,
        labels=merged.labels,
        annotations=merged.annotations,
    )
    again = merge([as_merged])
    assert again.conflicts == ()
    for name in DECIDED_BY_WINNER | {"ports"}:
        assert getattr(again, name) == getattr(merged, name)


@pytest.mark.requirement("MCS-CON-01", "MCS-IMP-05", "MCS-IMP-07")
@given(record_sets)
def test_the_winners_values_are_in_the_import(records: tuple[ExportRecord, ...]) -> None:
    merged = merge(records)
    winner = min(records, key=lambda r: (r.exported_at, r.cluster))
    assert merged.winner == winner.cluster
    for name in DECIDED_BY_WINNER:
        assert getattr(merged, name) == getattr(winner, name)
    assert set(winner.ports) <= set(merged.ports)


@pytest.mark.requirement("MCS-CON-06", "MCS-LIFE-02")
@given(st.data(), record_sets)
def test_removing_a_loser_changes_nothing_that_the_winner_decided(
    data: st.DataObject, records: tuple[ExportRecord, ...]
) -> None:
    merged = merge(records)
    losers = [r for r in records if r.cluster != merged.winner]
    if not losers:
        return
    gone = data.draw(st.sampled_from(losers))
    left = merge([r for r in records if r is not gone])
    for name in DECIDED_BY_WINNER | {"winner"}:
        assert getattr(left, name) == getattr(merged, name)
    assert set(left.clusters) == set(merged.clusters) - {gone.cluster}


@pytest.mark.requirement("MCS-CON-03", "MCS-CON-04")
@given(record_sets)
def test_there_is_a_conflict_exactly_while_records_disagree(records: tuple[ExportRecord, ...]) -> None:
    reasons = {conflict.reason for conflict in merge(records).conflicts}

    def differ(value: Any) -> bool:
        return len({value(r) for r in records}) > 1

    assert ("PortConflict" in reasons) == differ(lambda r: frozenset(r.ports))
    assert ("TypeConflict" in reasons) == differ(lambda r: r.type)
    assert ("LabelsConflict" in reasons) == differ(lambda r: r.labels)
    assert ("AnnotationsConflict" in reasons) == differ(lambda r: r.annotations)
    assert ("InternalTrafficPolicyConflict" in reasons) == differ(lambda r: r.internal_traffic_policy)
    assert ("TrafficDistributionConflict" in reasons) == differ(lambda r: r.traffic_distribution)
    assert ("IPFamilyConflict" in reasons) == differ(lambda r: frozenset(r.ip_families))


@given(record_sets)
def test_a_conflict_message_never_counts_nobody_or_everybody(records: tuple[ExportRecord, ...]) -> None:
    for conflict in merge(records).conflicts:
        dissenters = int(conflict.message.rpartition("; ")[2].split(" ")[0])
        assert 1 <= dissenters <= len(records) - 1
