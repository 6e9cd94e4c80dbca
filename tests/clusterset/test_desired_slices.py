"""The imported slices of a merged service."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.model import (
    Endpoint,
    ExportRecord,
    ImportedSlice,
    ServicePort,
    SlicePort,
    SourceSlice,
)
from mcs_controller.clusterset.services.desired import derived_service, imported_slices, with_ports_in_use
from mcs_controller.clusterset.services.merge import merge
from mcs_controller.clusterset.services.naming import derived_service_name, imported_slice_name
from tests.clusterset.builders import HTTP, WEB, record, source_slice
from tests.clusterset.strategies import record_sets


def imported(
    records: list[ExportRecord], slices: list[SourceSlice], **fields: Any
) -> tuple[ImportedSlice, ...]:
    options: dict[str, Any] = {"own_cluster": "east", "owner_uid": "si"}
    return imported_slices(merge(records), {r.cluster: r for r in records}, slices, **options | fields)


def by_cluster(found: tuple[ImportedSlice, ...]) -> dict[str, ImportedSlice]:
    return {slice_.source_cluster: slice_ for slice_ in found}


@pytest.mark.requirement("MCS-EPS-01", "MCS-EPS-02", "MCS-EPS-04", "MCS-EPS-08", "MCS-EPS-15")
def test_each_source_slice_of_every_exporter_and_of_this_cluster_has_one() -> None:
    records = [record("east"), record("west", 1)]
    slices = [source_slice("west", "b"), source_slice("west", "a"), source_slice("east")]
    found = imported(records, slices)
    assert [(s.source_cluster, s.name) for s in found] == [
        ("east", imported_slice_name("web", "east", "web-abc")),
        ("west", imported_slice_name("web", "west", "a")),
        ("west", imported_slice_name("web", "west", "b")),
    ]
    assert {(s.service, s.derived_service, s.owner_uid) for s in found} == {
        (WEB, derived_service_name(WEB), "si")
    }


@pytest.mark.requirement("MCS-EPS-04")
def test_slices_of_a_headless_service_belong_to_no_kubernetes_service() -> None:
    (found,) = imported([record(type="Headless")], [source_slice()])
    assert found.derived_service == ""


@pytest.mark.requirement("MCS-EXP-02", "MCS-LIFE-02")
def test_a_cluster_that_does_not_export_the_service_has_no_part_in_it() -> None:
    found = imported([record("west")], [source_slice("east"), source_slice("west")])
    assert [slice_.source_cluster for slice_ in found] == ["west"]


@pytest.mark.requirement("MCS-LIFE-03", "MCS-LIFE-05")
def test_the_endpoints_of_a_silent_cluster_are_withdrawn_and_its_ports_stay() -> None:
    records = [record("west", ports=(HTTP, ServicePort(53, "dns", "UDP"))), record("east", 1)]
    found = imported(records, [source_slice("east"), source_slice("west")], withdrawn=frozenset({"west"}))
    assert [slice_.source_cluster for slice_ in found] == ["east"]
    assert len(merge(records).ports) == 2


@pytest.mark.requirement("MCS-EPS-05", "MCS-IMP-10")
def test_a_family_that_the_merged_service_does_not_offer_is_left_out() -> None:
    records = [record("east"), record("west", 1, ip_families=("IPv4", "IPv6"))]
    six = source_slice("west", "six", family="IPv6", endpoints=(Endpoint(("fd00::1",)),))
    assert [slice_.content.address_type for slice_ in imported(records, [six, source_slice()])] == ["IPv4"]


@pytest.mark.requirement("MCS-CON-11", "MCS-EPS-10")
def test_a_slice_keeps_only_the_ports_that_its_own_cluster_declares_as_merged() -> None:
    """C26: one name, two numbers. The port leads to the cluster that has it, and to no other."""
    records = [record("west"), record("east", 1, ports=(ServicePort(8080, "http"), ServicePort(9, "own")))]
    ports = (SlicePort(8080, "http"), SlicePort(9999, "own"))
    found = by_cluster(
        imported(records, [source_slice("west", ports=ports), source_slice("east", ports=ports)])
    )
    assert found["west"].content.ports == (SlicePort(8080, "http"),)
    assert found["east"].content.ports == (SlicePort(9999, "own"),)
    assert found["west"].content.endpoints, "a slice keeps its endpoints"


@pytest.mark.requirement("MCS-EPS-10")
def test_a_slice_whose_cluster_declares_no_merged_port_stays_without_ports() -> None:
    records = [record("west"), record("east", 1, ports=(ServicePort(8080, "http"),))]
    (found,) = imported(records, [source_slice("east")])
    assert found.content.ports == ()


@pytest.mark.requirement("MCS-EPS-09")
def test_an_unnamed_port_is_called_in_the_slice_as_in_the_derived_service_and_as_in_the_import() -> None:
    records = [
        record("west", ports=(ServicePort(80),)),
        record("east", 1, ports=(ServicePort(53, "dns", "UDP"),)),
    ]
    slice_ = source_slice("west", ports=(SlicePort(8080, ""),))
    (found,) = imported(records, [slice_])
    assert found.content.ports == (SlicePort(8080, "tcp-80"), SlicePort(8080, ""))
    headless = [replace(r, type="Headless") for r in records]
    (found,) = imported(headless, [slice_])
    assert found.content.ports == (SlicePort(8080, ""),)


@pytest.mark.requirement("MCS-EPS-09", "MCS-CON-11")
@given(record_sets, st.data())
def test_every_port_of_a_slice_leads_to_a_port_of_the_derived_service_that_its_cluster_declares(
    records: tuple[ExportRecord, ...], data: st.DataObject
) -> None:
    merged = merge(records)
    source = data.draw(st.sampled_from(records))
    slice_ = source_slice(
        source.cluster,
        ports=tuple(SlicePort(1000 + p.port, p.name, p.protocol) for p in source.ports),
        family=merged.ip_families[0],
    )
    (found,) = imported(list(records), [slice_])
    service = derived_service(merged, owner_uid="si")
    on_service = {p.name: p for p in merged.ports}
    on_service.update((p.name, p) for p in (service.ports if service else ()))
    declared = {(p.protocol, p.port) for p in source.ports}
    as_merged = {(p.name, p.protocol, p.port) for p in merged.ports}
    agreed = [p for p in source.ports if (p.name, p.protocol, p.port) in as_merged]
    assert list(dict.fromkeys(p.port for p in found.content.ports)) == [
        *dict.fromkeys(1000 + p.port for p in agreed)
    ]
    if service is not None:
        reached = {p.name for p in found.content.ports}
        assert {
            p.name for p in service.ports if (p.protocol, p.port) in {(p.protocol, p.port) for p in agreed}
        } <= reached
    for port in found.content.ports:
        leads_to = on_service[port.name]
        assert leads_to.protocol == port.protocol
        assert (leads_to.protocol, leads_to.port) in declared
        assert port.port == 1000 + leads_to.port, "and to the number that this cluster serves it on"


@pytest.mark.requirement("MCS-EPS-11")
def test_only_own_endpoints_keep_their_node() -> None:
    records = [record("west"), record("east", 1)]
    found = by_cluster(imported(records, [source_slice("east"), source_slice("west")]))
    assert [e.node_name for e in found["east"].content.endpoints] == ["n1"]
    assert [e.node_name for e in found["west"].content.endpoints] == [""]


@pytest.mark.requirement("MCS-EPS-07")
def test_an_endpoint_keeps_addresses_conditions_hostname_and_zone() -> None:
    endpoint = Endpoint(("10.1.0.1",), False, True, True, "web-0", "z1")
    (found,) = imported([record("west")], [source_slice("west", endpoints=(endpoint,))])
    assert found.content.endpoints == (endpoint,)


def zoned(cluster: str, *zones: str) -> SourceSlice:
    endpoints = tuple(Endpoint((f"10.1.0.{n}",), zone=zone) for n, zone in enumerate(zones, 1))
    return source_slice(cluster, endpoints=endpoints)


@pytest.mark.requirement("MCS-EPS-13")
@pytest.mark.parametrize("distribution", ["PreferClose", "PreferSameZone"])
def test_every_endpoint_is_meant_for_its_own_zone_when_the_winner_asks_for_it(distribution: str) -> None:
    records = [record("west", traffic_distribution=distribution), record("east", 1)]
    found = by_cluster(imported(records, [zoned("west", "z1", "z2"), zoned("east", "z1")]))
    assert [e.hint_zones for e in found["west"].content.endpoints] == [("z1",), ("z2",)]
    assert [e.hint_zones for e in found["east"].content.endpoints] == [("z1",)]


@pytest.mark.requirement("MCS-EPS-13")
@pytest.mark.parametrize(
    ("fields", "slices"),
    [
        ({"traffic_distribution": None}, [zoned("west", "z1")]),
        ({"traffic_distribution": "InventedLater"}, [zoned("west", "z1")]),
        ({"traffic_distribution": "PreferClose", "type": "Headless"}, [zoned("west", "z1")]),
        ({"traffic_distribution": "PreferClose"}, [zoned("west", "z1"), zoned("east", "z1", "")]),
    ],
    ids=["not asked for", "unknown", "headless", "an endpoint without a zone"],
)
def test_otherwise_no_endpoint_has_a_hint(fields: dict[str, Any], slices: list[SourceSlice]) -> None:
    found = imported([record("west", **fields), record("east", 1)], slices)
    assert {e.hint_zones for s in found for e in s.content.endpoints} == {()}


@pytest.mark.requirement("MCS-EPS-13", "MCS-LIFE-03")
def test_an_endpoint_that_is_withdrawn_does_not_take_the_hints_of_the_others() -> None:
    records = [record("west", traffic_distribution="PreferClose"), record("east", 1)]
    found = imported(records, [zoned("west", ""), zoned("east", "z1")], withdrawn=frozenset({"west"}))
    assert [e.hint_zones for s in found for e in s.content.endpoints] == [("z1",)]


@pytest.mark.requirement("MCS-NS-09")
@given(st.permutations(["a", "b", "c"]))
def test_the_order_of_source_slices_is_irrelevant(names: list[str]) -> None:
    slices = [source_slice("west", name) for name in names]
    assert imported([record("west")], slices) == imported(
        [record("west")], sorted(slices, key=lambda s: s.name)
    )


def _slice(*ports: SlicePort) -> ImportedSlice:
    (found,) = imported([record("east")], [source_slice("east")])
    return replace(found, content=replace(found.content, ports=ports))


@pytest.mark.requirement("MCS-CON-06", "MCS-EPS-09")
def test_while_the_service_has_the_old_name_the_slice_has_both() -> None:
    wanted, held = _slice(SlicePort(8080, "web")), _slice(SlicePort(8080, "http"), SlicePort(9000, "gone"))
    found = with_ports_in_use(wanted, held, {("http", "TCP")})
    assert found.content.ports == (SlicePort(8080, "web"), SlicePort(8080, "http"))
    assert found.content.endpoints == wanted.content.endpoints


@pytest.mark.requirement("MCS-CON-06", "MCS-EPS-09")
def test_while_a_name_means_the_old_number_in_the_service_it_does_so_in_the_slice() -> None:
    wanted, held = _slice(SlicePort(8081, "http")), _slice(SlicePort(8080, "http"))
    assert with_ports_in_use(wanted, held, {("http", "TCP")}) == held
    assert with_ports_in_use(wanted, held, {("http", "UDP")}) == wanted


@pytest.mark.requirement("MCS-EPS-09")
def test_a_new_slice_and_one_whose_ports_stay_are_as_they_are_wanted() -> None:
    wanted = _slice(SlicePort(8080, "web"))
    assert with_ports_in_use(wanted, None, {("http", "TCP")}) is wanted
    assert with_ports_in_use(wanted, _slice(SlicePort(8080, "http")), set()) is wanted
