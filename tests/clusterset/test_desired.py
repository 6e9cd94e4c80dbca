"""The ServiceImport that a merged service must have in an importing cluster."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from mcs_controller.clusterset.conditions import MAX_MESSAGE_CHARS
from mcs_controller.clusterset.model import (
    AddressFamily,
    AffinityConfig,
    Condition,
    Endpoint,
    ExportRecord,
    LocalImport,
    MergedService,
    SourceSlice,
)
from mcs_controller.clusterset.services.desired import (
    DesiredImport,
    ImportMetadata,
    import_conditions,
    import_differs,
    import_metadata,
    import_spec,
    wants_clusterset_ip,
    withdrawn_by_conditions,
)
from mcs_controller.clusterset.services.merge import merge
from mcs_controller.clusterset.services.naming import derived_service_name
from mcs_controller.clusterset.syntax import family_of
from tests.clusterset.builders import WEB, record, source_slice
from tests.clusterset.strategies import record_sets

FOUR_IP, SIX_IP = "10.96.0.9", "fd00::9"


def merged(**fields: Any) -> MergedService:
    return merge([record(**fields)])


@pytest.mark.requirement("MCS-IMP-16", "MCS-IMP-17", "MCS-API-15")
def test_an_import_carries_the_exported_metadata_and_our_marks() -> None:
    found = import_metadata(merged(labels=(("tier", "web"),), annotations=(("note", "x"),)))
    assert found == ImportMetadata(
        labels=(("mcs-controller.io/managed-by", "mcs-controller.io"), ("tier", "web")),
        annotations=(
            ("multicluster.kubernetes.io/derived-service", derived_service_name(WEB)),
            ("note", "x"),
        ),
    )


@pytest.mark.requirement("MCS-IMP-18")
def test_a_headless_import_names_no_derived_service() -> None:
    assert import_metadata(merged(type="Headless")).annotations == ()


@pytest.mark.requirement("MCS-IMP-12", "MCS-IMP-09")
def test_the_first_version_has_type_and_ports_and_promises_no_family_before_the_ip() -> None:
    service = merged(ip_families=("IPv4", "IPv6"))
    spec = import_spec(service)
    assert (spec.type, spec.ports) == ("ClusterSetIP", service.ports)
    assert (spec.ips, spec.ip_families) == ((), ())


@pytest.mark.requirement("MCS-IMP-09", "MCS-IMP-10")
@pytest.mark.parametrize(
    ("exported", "allocated", "ips", "families"),
    [
        (("IPv4",), (FOUR_IP,), (FOUR_IP,), ("IPv4",)),
        (("IPv4", "IPv6"), (FOUR_IP, SIX_IP), (FOUR_IP, SIX_IP), ("IPv4", "IPv6")),
        # The order is that of the derived Service, whose primary family cannot change.
        (("IPv4", "IPv6"), (SIX_IP, FOUR_IP), (SIX_IP, FOUR_IP), ("IPv6", "IPv4")),
        # A dual-stack importer offers no family that nothing exports.
        (("IPv4",), (SIX_IP, FOUR_IP), (FOUR_IP,), ("IPv4",)),
        # A single-stack importer offers what it has.
        (("IPv4", "IPv6"), (SIX_IP,), (SIX_IP,), ("IPv6",)),
    ],
)
def test_ips_and_families_are_those_of_the_derived_service_that_are_exported(
    exported: tuple[AddressFamily, ...],
    allocated: tuple[str, ...],
    ips: tuple[str, ...],
    families: tuple[AddressFamily, ...],
) -> None:
    spec = import_spec(merged(ip_families=exported), allocated)
    assert (spec.ips, spec.ip_families) == (ips, families)


@pytest.mark.requirement("MCS-IMP-10", "MCS-IMP-14")
def test_an_import_whose_families_the_cluster_does_not_serve_still_says_what_the_service_has() -> None:
    spec = import_spec(merged(ip_families=("IPv6",)), (), ("IPv4",))
    assert (spec.ips, spec.ip_families) == ((), ("IPv6",))


@pytest.mark.requirement("MCS-IMP-10", "MCS-IMP-11", "MCS-DNS-09")
def test_a_headless_import_has_all_exported_families_and_never_an_ip() -> None:
    spec = import_spec(merged(type="Headless", ip_families=("IPv6", "IPv4")), (FOUR_IP,), ("IPv4",))
    assert (spec.ips, spec.ip_families) == ((), ("IPv6", "IPv4"))


@pytest.mark.requirement("MCS-IMP-06", "MCS-IMP-07")
def test_policies_and_affinity_are_the_winners() -> None:
    spec = import_spec(
        merge(
            [
                record(
                    affinity=AffinityConfig("ClientIP", 10),
                    internal_traffic_policy="Local",
                    traffic_distribution="PreferClose",
                ),
                record("west", 1),
            ]
        )
    )
    assert spec.affinity == AffinityConfig("ClientIP", 10)
    assert spec.internal_traffic_policy == "Local"
    assert spec.traffic_distribution == "PreferClose"


@pytest.mark.requirement("MCS-IMP-09", "MCS-IMP-10")
@given(record_sets)
def test_an_import_with_ips_has_as_many_families_in_the_same_order(
    records: tuple[ExportRecord, ...],
) -> None:
    for allocated in ((), (FOUR_IP,), (SIX_IP,), (FOUR_IP, SIX_IP), (SIX_IP, FOUR_IP)):
        service = merge(records)
        spec = import_spec(service, allocated)
        assert set(spec.ip_families) <= set(service.ip_families)
        if spec.ips:
            assert tuple(map(family_of, spec.ips)) == spec.ip_families


def desired(service: MergedService) -> DesiredImport:
    return DesiredImport(WEB, import_spec(service, (FOUR_IP,)), import_metadata(service))


@pytest.mark.requirement("MCS-IMP-17")
def test_an_import_is_written_only_when_something_differs() -> None:
    wanted = desired(merged(labels=(("tier", "web"),)))
    held = LocalImport(WEB, "si", 1, wanted.spec, wanted.metadata.labels, wanted.metadata.annotations)
    assert not import_differs(held, wanted)
    assert import_differs(replace(held, labels=(*held.labels, ("formerly", "exported"))), wanted)
    assert import_differs(replace(held, annotations=()), wanted)
    assert import_differs(replace(held, spec=replace(held.spec, ips=())), wanted)


def ready(service: MergedService, ips: tuple[str, ...] = (FOUR_IP,), **kw: Any) -> Condition:
    spec = import_spec(service, ips, kw.get("families", ()))
    (condition,) = import_conditions(service, spec, **kw)
    assert condition.type == "Ready"
    return condition


@pytest.mark.requirement("MCS-IMP-14")
def test_an_import_is_ready_once_it_has_its_ip() -> None:
    assert ready(merged(), observed_generation=4) == Condition("Ready", "True", "Ready", "", 4)
    waiting = ready(merged(), ips=())
    assert (waiting.status, waiting.reason) == ("False", "Pending")


@pytest.mark.requirement("MCS-IMP-14")
def test_a_headless_import_is_ready_without_an_ip() -> None:
    assert ready(merged(type="Headless"), ips=()).status == "True"


IPV6_NOT_SERVED = (
    "IPv6 is not served in this cluster, so no client here reaches endpoints that have only IPv6"
)


@pytest.mark.requirement("MCS-IMP-14")
def test_a_family_that_the_cluster_does_not_serve_is_reported() -> None:
    none = ready(merged(ip_families=("IPv6",)), ips=(), families=("IPv4",))
    assert (none.status, none.reason) == ("False", "IPFamilyNotSupported")
    assert none.message == IPV6_NOT_SERVED
    some = ready(merged(ip_families=("IPv4", "IPv6")))
    assert (some.status, some.message) == ("True", IPV6_NOT_SERVED)


@pytest.mark.requirement("MCS-IMP-14")
def test_an_error_on_the_way_is_reported_with_its_cause() -> None:
    found = ready(merged(), error="422 Invalid: no such port")
    assert (found.status, found.reason) == ("False", "Pending")
    assert found.message == "422 Invalid: no such port"


@pytest.mark.requirement("MCS-LIFE-05")
def test_withdrawn_clusters_are_named_while_the_import_stays_ready() -> None:
    found = ready(merged(), withdrawn={"west", "north"})
    assert found.status == "True"
    assert found.message == (
        "no heartbeat from cluster north: its endpoints are withdrawn until its agent is heard again; "
        "no heartbeat from cluster west: its endpoints are withdrawn until its agent is heard again"
    )


def test_however_many_are_withdrawn_the_message_has_room() -> None:
    """An API server takes no more than 32,768 characters of a condition's message."""
    found = ready(merged(), withdrawn={f"cluster-{number:05}" for number in range(1_000)})
    assert len(found.message) <= MAX_MESSAGE_CHARS
    assert len(found.message) > MAX_MESSAGE_CHARS - 100


@pytest.mark.parametrize(
    ("kind", "ips", "slices", "wants"),
    [
        ("ClusterSetIP", (), [], False),
        ("ClusterSetIP", (), [source_slice()], True),
        ("ClusterSetIP", (), [source_slice(endpoints=())], False),
        ("ClusterSetIP", (), [source_slice(endpoints=()), source_slice("west")], True),
        ("ClusterSetIP", (), [source_slice(endpoints=(Endpoint(("10.1.0.1",), ready=False),))], True),
        ("ClusterSetIP", (FOUR_IP,), [], True),
        ("ClusterSetIP", (FOUR_IP,), [source_slice(endpoints=())], True),
        ("Headless", (), [source_slice()], False),
        ("Headless", (FOUR_IP,), [source_slice()], False),
    ],
)
def test_an_import_gets_an_ip_with_its_first_endpoint_and_keeps_the_one_that_it_has(
    kind: str, ips: tuple[str, ...], slices: list[SourceSlice], wants: bool
) -> None:
    assert wants_clusterset_ip(merged(type=kind), slices, ips) is wants
    if not ips:
        assert wants_clusterset_ip(merged(type=kind), slices) is wants


def test_the_clusters_whose_endpoints_are_withdrawn_are_read_back_from_the_conditions() -> None:
    merged = merge([record("east"), record("west-2", 1)])
    said = import_conditions(merged, import_spec(merged, ("10.96.0.1",)), withdrawn=["west-2", "east"])
    assert withdrawn_by_conditions(said) == {"east", "west-2"}
    assert (
        withdrawn_by_conditions(import_conditions(merged, import_spec(merged, ("10.96.0.1",)))) == frozenset()
    )
