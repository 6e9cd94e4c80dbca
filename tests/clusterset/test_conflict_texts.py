"""What the user of a ServiceExport is told of each kind of dispute."""

from typing import Any

import pytest

from mcs_controller.clusterset.model import AffinityConfig, ServicePort
from mcs_controller.clusterset.services.merge import merge
from tests.clusterset.builders import HTTP, record

TEN = AffinityConfig("ClientIP", 10)


@pytest.mark.parametrize(
    ("field", "older", "younger", "reason", "what", "in_use"),
    [
        (
            "ports",
            (HTTP,),
            (HTTP, ServicePort(53, "dns", "UDP")),
            "PortConflict",
            "ports",
            "the union http 80/TCP, dns 53/UDP",
        ),
        ("type", "ClusterSetIP", "Headless", "TypeConflict", "type", "ClusterSetIP"),
        ("type", "Headless", "ClusterSetIP", "TypeConflict", "type", "Headless"),
        ("affinity", TEN, AffinityConfig(), "SessionAffinityConflict", "sessionAffinity", "ClientIP"),
        (
            "affinity",
            TEN,
            AffinityConfig("ClientIP", 20),
            "SessionAffinityConfigConflict",
            "sessionAffinityConfig",
            "10 s",
        ),
        (
            "internal_traffic_policy",
            "Local",
            "Cluster",
            "InternalTrafficPolicyConflict",
            "internalTrafficPolicy",
            "Local",
        ),
        (
            "traffic_distribution",
            "PreferClose",
            None,
            "TrafficDistributionConflict",
            "trafficDistribution",
            "PreferClose",
        ),
        ("labels", (("a", "1"),), (("a", "2"),), "LabelsConflict", "exported labels", "{a: 1}"),
        (
            "annotations",
            (("a", "1"),),
            (("a", "2"),),
            "AnnotationsConflict",
            "exported annotations",
            "{a: 1}",
        ),
    ],
)
def test_a_conflict_names_the_field_the_value_in_use_who_won_why_and_how_many_disagree(
    field: str, older: Any, younger: Any, reason: str, what: str, in_use: str
) -> None:
    (conflict,) = merge(
        [record("east", 0, **{field: older}), record("west", 1, **{field: younger})]
    ).conflicts

    assert (conflict.reason, conflict.message) == (
        reason,
        f"conflicting {what}: using {in_use}, by precedence of cluster east "
        "(the oldest export, of 2026-01-01T00:00:00Z); 1 of 2 clusters disagree: west",
    )


def test_a_conflict_over_families_names_who_differs() -> None:
    records = [record("east", 0, ip_families=("IPv4",)), record("west", 1, ip_families=("IPv6",))]

    (conflict,) = merge(records).conflicts

    assert (conflict.reason, conflict.message) == (
        "IPFamilyConflict",
        "conflicting ipFamilies: using IPv4, by precedence of cluster east "
        "(the oldest export, of 2026-01-01T00:00:00Z); 1 of 2 clusters disagree: west",
    )


def test_the_first_by_its_id_among_exports_of_one_age_is_said_to_be_that() -> None:
    (conflict,) = merge([record("east"), record("west", type="Headless")]).conflicts

    assert "by precedence of cluster east (as old as the export of west, and first by cluster id)" in (
        conflict.message
    )
