"""What one export amounts to, and what its ServiceExport is told."""

import re
from typing import Any

import pytest

from mcs_controller.clusterset.model import (
    AffinityConfig,
    Condition,
    Endpoint,
    ExportRecord,
    ServicePort,
)
from mcs_controller.clusterset.services.export import (
    conflict_condition,
    evaluate_export,
    published_slice,
    ready_condition,
    without_endpoints,
)
from mcs_controller.clusterset.services.merge import merge
from tests.clusterset.builders import HTTP, SECONDS, WEB, local_export, local_service, record, source_slice

REASON = re.compile(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?")


@pytest.mark.requirement("MCS-EXP-07", "MCS-EXP-10", "MCS-CON-02")
def test_a_valid_export_has_the_services_values_and_the_exports_age_and_labels() -> None:
    export = local_export(labels=(("tier", "web"),), annotations=(("note", "x"),))
    service = local_service(
        ports=(HTTP, ServicePort(53, "dns", "UDP")),
        affinity=AffinityConfig("ClientIP", 10),
        internal_traffic_policy="Local",
        traffic_distribution="PreferClose",
        ip_families=("IPv6", "IPv4"),
    )
    found = evaluate_export(export, service, "east")
    assert found.valid == Condition("Valid", "True", "Valid", "", observed_generation=3)
    assert found.record == ExportRecord(
        cluster="east",
        service=WEB,
        exported_at=SECONDS.format(1),
        type="ClusterSetIP",
        ports=service.ports,
        affinity=service.affinity,
        internal_traffic_policy="Local",
        traffic_distribution="PreferClose",
        ip_families=("IPv6", "IPv4"),
        labels=(("tier", "web"),),
        annotations=(("note", "x"),),
    )


@pytest.mark.requirement("MCS-EXP-04")
@pytest.mark.parametrize("kind", ["ClusterIP", "NodePort", "LoadBalancer"])
def test_services_with_a_cluster_ip_of_any_type_become_clustersetip(kind: str) -> None:
    found = evaluate_export(local_export(), local_service(type=kind), "east")
    assert found.record is not None
    assert found.record.type == "ClusterSetIP"


@pytest.mark.requirement("MCS-EXP-04")
def test_a_headless_service_becomes_headless() -> None:
    found = evaluate_export(local_export(), local_service(headless=True, cluster_ips=()), "east")
    assert found.record is not None
    assert found.record.type == "Headless"


@pytest.mark.requirement("MCS-EXP-05", "MCS-CON-08")
@pytest.mark.parametrize("kind", ["ExternalName", "InventedLater"])
def test_a_service_of_another_type_is_not_exported(kind: str) -> None:
    found = evaluate_export(local_export(), local_service(type=kind), "east")
    assert found.record is None
    assert (found.valid.status, found.valid.reason) == ("False", "InvalidServiceType")
    assert kind in found.valid.message


@pytest.mark.requirement("MCS-EXP-07", "MCS-CON-08")
def test_a_service_that_does_not_fit_an_export_is_not_exported_and_says_why() -> None:
    found = evaluate_export(local_export(), local_service(unreadable="ports has 101 items"), "east")
    assert found.record is None
    assert (found.valid.status, found.valid.reason) == ("False", "InvalidService")
    assert found.valid.message == (
        "Service shop/web cannot be exported: ports has 101 items; change that in the Service"
    )


@pytest.mark.requirement("MCS-EXP-06", "MCS-CON-08")
def test_without_a_service_or_with_one_that_is_going_nothing_is_exported() -> None:
    for service in (None, local_service(deleting=True)):
        found = evaluate_export(local_export(), service, "east")
        assert found.record is None
        assert (found.valid.status, found.valid.reason) == ("False", "NoService")
        assert found.valid.observed_generation == 3


@pytest.mark.requirement("MCS-EXP-18")
def test_a_derived_service_of_ours_is_not_exported() -> None:
    found = evaluate_export(local_export(), local_service(managed=True), "east")
    assert found.record is None
    assert (found.valid.status, found.valid.reason) == ("False", "InvalidServiceType")
    assert "derived" in found.valid.message


@pytest.mark.requirement("MCS-EXP-13")
def test_an_export_that_is_being_deleted_exports_nothing() -> None:
    assert evaluate_export(local_export(deleting=True), local_service(), "east").record is None


@pytest.mark.requirement("MCS-IMP-17", "MCS-NS-09")
def test_the_exporter_drops_the_labels_that_importers_would_drop() -> None:
    export = local_export(labels=(("not ok", "1"), ("ok", "1")), annotations=(("mcs-controller.io/x", "1"),))
    found = evaluate_export(export, local_service(), "east").record
    assert found is not None
    assert (found.labels, found.annotations) == ((("ok", "1"),), ())


def test_the_exporting_user_is_told_what_is_not_carried() -> None:
    assert evaluate_export(local_export(labels=(("ok", "1"),)), local_service(), "east").valid.message == ""
    export = local_export(
        labels=(("helm.sh/chart", "web"), ("ok", "1")),
        annotations=(("note", "bell\x07"), ("spelt\nwrong", "x"), ("t", "x")),
    )
    assert evaluate_export(export, local_service(), "east").valid == Condition(
        "Valid",
        "True",
        "Valid",
        "not carried to imports, since reserved, not valid or too many: label helm.sh/chart, "
        "annotation note, annotation spelt\\nwrong",
        3,
    )


@pytest.mark.requirement("MCS-EXP-08")
def test_ready_is_true_only_once_exported() -> None:
    assert ready_condition("Exported") == Condition("Ready", "True", "Exported")
    assert ready_condition("Pending", "waiting") == Condition("Ready", "False", "Pending", "waiting")
    assert ready_condition("Failed", "no", observed_generation=3) == Condition(
        "Ready", "False", "Failed", "no", 3
    )


@pytest.mark.requirement("MCS-EXP-09")
def test_without_a_conflict_the_condition_says_so() -> None:
    found = conflict_condition(merge([record("east"), record("west", 1)]), observed_generation=3)
    assert found == Condition("Conflict", "False", "NoConflicts", "", 3)


@pytest.mark.requirement("MCS-CON-05", "MCS-API-12")
def test_several_reasons_are_joined_with_a_comma_and_no_space() -> None:
    merged = merge(
        [
            record("east"),
            record("west", 1, type="Headless", ports=(ServicePort(81, "x"),), labels=(("a", "1"),)),
        ]
    )
    found = conflict_condition(merged)
    assert (found.status, found.reason) == ("True", "PortConflict,TypeConflict,LabelsConflict")
    assert REASON.fullmatch(found.reason)
    *told, advice = found.message.split("; this ends ")
    assert told == ["; ".join(conflict.message for conflict in merged.conflicts)]
    assert advice == "when all clusters that export shop/web agree, or those that do not unexport it"


@pytest.mark.requirement("MCS-API-12")
def test_the_longest_conflict_message_fits_a_condition() -> None:
    annotations = tuple((f"key-{number}", "v" * 16_000) for number in range(15))
    ports = tuple(ServicePort(number, f"port-{number}") for number in range(1, 101))
    merged = merge([record("east", annotations=annotations, ports=ports), record("west", 1)])
    assert 0 < len(conflict_condition(merged).message) <= 32_768


@pytest.mark.requirement("MCS-EPS-11")
@pytest.mark.parametrize("kept_at_home", [{"node_name": "n1"}, {"hint_zones": ("z1",)}], ids=["node", "hint"])
def test_a_published_slice_names_no_node_and_gives_no_hint(kept_at_home: dict[str, Any]) -> None:
    own = source_slice(endpoints=(Endpoint(("10.1.0.1",), zone="z1", **kept_at_home),))
    assert published_slice(own).content.endpoints == (Endpoint(("10.1.0.1",), zone="z1"),)


def test_a_slice_without_nodes_is_published_as_it_is() -> None:
    own = source_slice(endpoints=(Endpoint(("10.1.0.1",)),))
    assert published_slice(own) is own


@pytest.mark.requirement("MCS-EXP-08")
@pytest.mark.parametrize(
    ("ready", "has_selector", "says"),
    [
        ([], True, "its selector matches no pod"),
        ([], False, "it has no selector, so that somebody has to write its EndpointSlices"),
        ([False], True, "no endpoint of Service shop/web is ready (1 is not)"),
        ([False, False], False, "no endpoint of Service shop/web is ready (2 are not)"),
        ([False, True], True, ""),
        # A slice that does not say it counts as ready.
        ([False, None], True, ""),
    ],
)
def test_whoever_exports_a_service_without_an_endpoint_in_use_is_told_why(
    ready: list[bool | None], has_selector: bool, says: str
) -> None:
    endpoints = tuple(Endpoint((f"10.1.0.{number}",), ready=one) for number, one in enumerate(ready, 1))
    slices = [source_slice(endpoints=(one,)) for one in endpoints]
    told = without_endpoints(local_service(has_selector=has_selector), slices)
    assert (says in told) if says else told == ""
