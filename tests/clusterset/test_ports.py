"""The union of ports, who declares which, and the names that a derived Service needs."""

from dataclasses import replace

import pytest
from hypothesis import given

from mcs_controller.clusterset.model import MAX_PORTS, ExportRecord, ServicePort
from mcs_controller.clusterset.services.merge import by_precedence
from mcs_controller.clusterset.services.ports import (
    crowded_out,
    declared,
    derived_ports,
    merge_ports,
    ports_given_up,
)
from mcs_controller.clusterset.syntax import is_dns_label
from tests.clusterset.builders import record
from tests.clusterset.strategies import port_lists, record_sets


def port(text: str) -> ServicePort:
    """`name:number/PROTOCOL`, the protocol left out for TCP."""
    name, _, rest = text.rpartition(":")
    number, _, protocol = rest.partition("/")
    return ServicePort(int(number), name, protocol or "TCP")


def ports(text: str) -> tuple[ServicePort, ...]:
    return tuple(map(port, text.split()))


UNIONS = [
    ("one cluster", ["http:80 dns:53/UDP"], "http:80 dns:53/UDP"),
    ("the same ports", ["http:80", "http:80"], "http:80"),
    ("C10: one more each", ["tcp:42 udp:42/UDP", "tcp:42 stcp:142/SCTP"], "tcp:42 udp:42/UDP stcp:142/SCTP"),
    ("C11: the name is taken", ["tcp:42 udp:42/UDP", "tcp:43"], "tcp:42 udp:42/UDP"),
    ("the number is taken", ["http:80", "web:80"], "http:80"),
    ("one number in two protocols", ["dns:53/UDP", "dns-tcp:53"], "dns:53/UDP dns-tcp:53"),
    ("three clusters, one pass (CON-10)", ["x:80", "y:80", "y:90"], "x:80 y:90"),
    ("the empty name counts once", [":80", ":81"], ":80"),
    ("unnamed and named", [":80", "dns:53/UDP"], ":80 dns:53/UDP"),
]


@pytest.mark.requirement("MCS-CON-09", "MCS-CON-10")
@pytest.mark.parametrize(
    ("oldest_first", "union"), [row[1:] for row in UNIONS], ids=[row[0] for row in UNIONS]
)
def test_the_union_takes_each_port_whose_name_and_number_are_free(
    oldest_first: list[str], union: str
) -> None:
    records = [record(f"c{age}", age, ports=ports(text)) for age, text in enumerate(oldest_first)]
    assert merge_ports(records) == ports(union)


@pytest.mark.requirement("MCS-CON-09")
@given(record_sets)
def test_no_two_merged_ports_share_a_name_or_a_number_for_any_number_of_clusters(
    records: tuple[ExportRecord, ...],
) -> None:
    ordered = by_precedence(records)
    merged = merge_ports(ordered)
    assert len({p.name for p in merged}) == len(merged)
    assert len({(p.protocol, p.port) for p in merged}) == len(merged)
    assert merged[: len(ordered[0].ports)] == ordered[0].ports, "all of the winner's ports are in the union"
    for left_out in {p for r in records for p in r.ports} - set(merged):
        assert any(
            left_out.name == p.name or (left_out.protocol, left_out.port) == (p.protocol, p.port)
            for p in merged
        ), "a port is only left out for one that it collides with"


def numbered(first: int, count: int) -> tuple[ServicePort, ...]:
    return tuple(ServicePort(number, f"p{number}") for number in range(first, first + count))


@pytest.mark.requirement("MCS-CON-09", "MCS-CON-10")
def test_the_union_is_full_with_as_many_ports_as_an_export_may_have_oldest_first() -> None:
    oldest = record("c0", 0, ports=numbered(1, 60))
    next_oldest = record("c1", 1, ports=(*numbered(1, 10), *numbered(101, 50)))
    youngest = record("c2", 2, ports=(ServicePort(1, "other"), *numbered(201, 3)))
    ordered = [oldest, next_oldest, youngest]
    merged = merge_ports(ordered)
    assert merged == numbered(1, 60) + numbered(101, 40)
    assert len(merged) == MAX_PORTS
    # What collides has another reason to be left out.
    assert crowded_out(ordered, merged) == (("c1", 10), ("c2", 3))


def test_nothing_is_crowded_out_of_a_union_that_is_just_full() -> None:
    ordered = [record("c0", ports=numbered(1, 60)), record("c1", 1, ports=numbered(61, 40))]
    merged = merge_ports(ordered)
    assert merged == numbered(1, 100)
    assert crowded_out(ordered, merged) == ()


@pytest.mark.requirement("MCS-CON-11")
def test_a_cluster_declares_only_the_merged_ports_that_it_has_exactly() -> None:
    merged = ports("http:80 dns:53/UDP metrics:9090")
    other = record("west", ports=ports("http:8080 dns:53/UDP web:9090"))
    assert declared(merged, other) == {port("dns:53/UDP")}


@pytest.mark.requirement("MCS-CON-11")
def test_another_application_protocol_does_not_keep_a_cluster_from_serving_a_port() -> None:
    merged = (replace(port("http:80"), app_protocol="h2c"),)
    assert declared(merged, record(ports=ports("http:80"))) == set(merged)


@given(record_sets)
def test_every_merged_port_is_declared_by_some_cluster(records: tuple[ExportRecord, ...]) -> None:
    merged = merge_ports(by_precedence(records))
    assert frozenset().union(*(declared(merged, r) for r in records)) == set(merged)


@pytest.mark.requirement("MCS-EPS-09", "MCS-IMP-18")
@pytest.mark.parametrize(
    ("merged", "on_service"),
    [
        (":80", "tcp-80:80"),
        (":53/UDP", "udp-53:53/UDP"),
        ("http:80", "http:80"),
        (":80 dns:53/UDP", "tcp-80:80 dns:53/UDP"),
        ("dns:53/UDP :80", "dns:53/UDP tcp-80:80"),
        (":80 tcp-80:81", "tcp-80-2:80 tcp-80:81"),
        (":80 tcp-80:81 tcp-80-2:82", "tcp-80-3:80 tcp-80:81 tcp-80-2:82"),
    ],
)
def test_an_unnamed_port_gets_a_name_that_no_other_has(merged: str, on_service: str) -> None:
    assert derived_ports(ports(merged)) == ports(on_service)


@given(port_lists)
def test_the_api_server_takes_the_ports_of_the_derived_service(merged: tuple[ServicePort, ...]) -> None:
    on_service = derived_ports(merged)
    assert len({p.name for p in on_service}) == len(merged)
    assert all(is_dns_label(p.name) for p in on_service)
    assert [(p.protocol, p.port, p.app_protocol) for p in on_service] == [
        (p.protocol, p.port, p.app_protocol) for p in merged
    ]


@pytest.mark.requirement("MCS-CON-06", "MCS-EPS-09")
@pytest.mark.parametrize(
    ("held", "wanted", "given_up"),
    [
        ("http:80", "http:80", set()),
        ("http:80", "http:80 dns:53/UDP", set()),
        ("http:80 dns:53/UDP", "http:80", {("dns", "UDP")}),
        ("http:80", "web:80", {("http", "TCP")}),
        ("http:80", "http:81", {("http", "TCP")}),
        ("dns:53/UDP", "dns:53", {("dns", "UDP")}),
        (":80", "tcp-80:80", {("", "TCP")}),
        ("a:80 b:81", "b:80 a:81", {("a", "TCP"), ("b", "TCP")}),
    ],
)
def test_a_port_is_given_up_when_its_name_goes_or_comes_to_mean_another_number(
    held: str, wanted: str, given_up: set[tuple[str, str]]
) -> None:
    assert ports_given_up(ports(held), ports(wanted)) == given_up
