"""What the specification asks of a server for given objects, question by question: reckoned by hand here."""

import re

import pytest

from mcs_controller.clusterset.model import Endpoint, ImportedSlice, LocalImport, ServicePort, SlicePort
from mcs_controller.dnscheck.expected import Expectation, expected_answers, expected_of_zone
from tests.dns.zonetext import headless, piece, ready, vip

Z = "mesh.example."
WEB, DB = f"web.shop.svc.{Z}", f"db.shop.svc.{Z}"


def table(text: str) -> list[str]:
    """Rows, blanks folded; W and D stand for the services' names."""
    lines = (" ".join(line.split()) for line in text.strip().splitlines())
    return [re.sub(r"\bD\b", DB, re.sub(r"\bW\b", WEB, line)) for line in lines]


def rows(imported: LocalImport, *slices: ImportedSlice) -> list[str]:
    return [row(each) for each in expected_answers(imported, slices, Z)]


def row(each: Expectation) -> str:
    data = "; ".join(sorted(each.data))
    return f"{each.name} {each.type} | {each.outcome} | {each.rule} | {data}".strip()


def test_a_clusterset_ip_has_its_addresses_its_ports_and_nothing_of_its_endpoints() -> None:
    ports = (ServicePort(80, "HTTP"), ServicePort(81, "http"), ServicePort(53, "dns", "UDP"), ServicePort(9))
    web = vip("Shop/Web", "10.96.0.1", "FD00::1", "10.96.0.2", "nonsense", "fe80::1%eth0", ports=ports)

    assert rows(web, piece("Shop/Web", "East", ready("10.0.0.1", hostname="a"))) == table(
        """
        W A | records | MCS-DNS-05 | 10.96.0.1; 10.96.0.2
        W AAAA | records | MCS-DNS-05 | fd00::1
        W SRV | records | MCS-DNS-09 | 53 W; 80 W; 81 W; 9 W
        _http._tcp.W SRV | records | MCS-DNS-08 | 80 W; 81 W
        _dns._udp.W SRV | records | MCS-DNS-08 | 53 W
        east.W A | no records | MCS-DNS-12 |
        east.W AAAA | no records | MCS-DNS-12 |
        east.W SRV | no records | MCS-DNS-12 |
        """
    )


def test_a_clusterset_ip_that_is_pending_exists_and_has_nothing() -> None:
    assert rows(vip("shop/web", ports=())) == table("""
        W A | no data | MCS-DNS-19 |
        W AAAA | no data | MCS-DNS-19 |
        W SRV | no data | MCS-DNS-19 |
        """)


def test_a_headless_service_has_its_ready_endpoints_and_their_names() -> None:
    ports = (SlicePort(5432, "Pg"), SlicePort(9187))
    east = piece(
        "shop/db",
        "East",
        ready("10.1.0.1", hostname="Db-0"),
        Endpoint(("10.1.0.2",)),
        Endpoint(("10.1.0.3",), terminating=True),
        Endpoint(("10.1.0.4",), ready=False, hostname="x"),
        Endpoint(("10.1.0.5",), ready=True, terminating=True, hostname="going"),
        ports=ports,
    )
    six = piece("shop/db", "East", ready("fd01::1", hostname="db-0"), family="IPv6", ports=())

    assert rows(headless("shop/db"), east, six) == table(f"""
        D A | records | MCS-DNS-06 | 10.1.0.1; 10.1.0.2; 10.1.0.5
        D AAAA | records | MCS-DNS-06 | fd01::1
        D SRV | records | MCS-DNS-09 | {both(5432)}; {both(9187)}
        _pg._tcp.D SRV | records | MCS-DNS-10 | {both(5432)}
        db-0.east.D A | records | MCS-DNS-07 | 10.1.0.1
        db-0.east.D AAAA | records | MCS-DNS-07 | fd01::1
        10-1-0-2.east.D A | records | MCS-DNS-07 | 10.1.0.2
        10-1-0-2.east.D AAAA | no data | MCS-DNS-19 |
        going.east.D A | records | MCS-DNS-07 | 10.1.0.5
        going.east.D AAAA | no data | MCS-DNS-19 |
        east.D A | no records | MCS-DNS-12 |
        east.D AAAA | no records | MCS-DNS-12 |
        east.D SRV | no records | MCS-DNS-12 |
        """)


def both(port: int) -> str:
    return "; ".join(f"{port} {host}.east.{DB}" for host in ("10-1-0-2", "db-0", "going"))


def test_endpoints_that_can_have_no_name_have_addresses_all_the_same() -> None:
    odd = piece(
        "shop/db",
        "_odd",
        ready("10.3.0.1", hostname="a"),
        ready("fd00::1"),
        ready("nonsense"),
        ready("10.3.0.2", hostname="-"),
        ready("10.3.0.3", "10.3.0.4", hostname="a" * 64),
    )

    assert rows(headless("shop/db"), odd) == table("""
        D A | records | MCS-DNS-06 | 10.3.0.1; 10.3.0.2; 10.3.0.3; 10.3.0.4
        D AAAA | no data | MCS-DNS-19 |
        D SRV | no data | MCS-DNS-19 |
        _odd.D A | no records | MCS-DNS-12 |
        _odd.D AAAA | no records | MCS-DNS-12 |
        _odd.D SRV | no records | MCS-DNS-12 |
        """)


def test_a_cluster_is_not_asked_for_where_that_is_the_name_of_a_host() -> None:
    six = piece("shop/db", "a.b", ready("FD02::A"), family="IPv6", ports=())
    host = piece("shop/db", "b", ready("10.2.0.1", hostname="a"), ports=())

    assert rows(headless("shop/db"), six, host) == table("""
        D A | records | MCS-DNS-06 | 10.2.0.1
        D AAAA | records | MCS-DNS-06 | fd02::a
        D SRV | no data | MCS-DNS-19 |
        fd02--a.a.b.D A | no data | MCS-DNS-19 |
        fd02--a.a.b.D AAAA | records | MCS-DNS-07 | fd02::a
        a.b.D A | records | MCS-DNS-07 | 10.2.0.1
        a.b.D AAAA | no data | MCS-DNS-19 |
        b.D A | no records | MCS-DNS-12 |
        b.D AAAA | no records | MCS-DNS-12 |
        b.D SRV | no records | MCS-DNS-12 |
        """)


def test_a_headless_service_without_a_ready_endpoint_does_not_exist() -> None:
    away = piece("shop/db", "east", Endpoint(("10.4.0.1",), ready=False))

    assert rows(headless("shop/db"), away) == table("""
        D A | no such name | MCS-DNS-06 |
        D AAAA | no such name | MCS-DNS-06 |
        D SRV | no such name | MCS-DNS-09 |
        east.D A | no records | MCS-DNS-12 |
        east.D AAAA | no records | MCS-DNS-12 |
        east.D SRV | no records | MCS-DNS-12 |
        """)


def test_the_zone_tells_its_version_and_denies_what_is_in_no_namespace() -> None:
    assert [row(each) for each in expected_of_zone(Z, "x-y")] == [
        f"dns-version.{Z} TXT | records | schema version | 1.0.0",
        f"x-y.svc.{Z} A | no such name | MCS-DNS table |",
        f"x-y.x-y.svc.{Z} A | no such name | MCS-DNS table |",
    ]


@pytest.mark.parametrize(("name", "is_asked"), [("s" * 63, True), ("s" * 64, False), ("a..b", False)])
def test_a_service_whose_name_cannot_be_asked_for_has_no_answers(name: str, is_asked: bool) -> None:
    assert bool(rows(vip(f"shop/{name}", "10.96.0.1"))) is is_asked


LONGEST = "n" * 63
ROOM = 253 - len(f".{LONGEST}.svc.{Z}".rstrip("."))
"""For what stands before the namespace."""


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
def test_names_have_253_characters_at_most(more: int, fits: bool) -> None:
    service, cluster = "s" * 63, "c" * 63
    host = "h" * (ROOM - 63 - 1 - 63 - 1 + more)
    slices = piece(f"{LONGEST}/{service}", cluster, ready("10.0.0.1", hostname=host), ports=())

    names = {each.name for each in expected_answers(headless(f"{LONGEST}/{service}"), [slices], Z)}

    assert (f"{host}.{cluster}.{service}.{LONGEST}.svc.{Z}" in names) is fits


@pytest.mark.parametrize(
    ("port", "is_named"),
    [("p" * 62, True), ("p" * 63, False), ("", False), ("-p", False), ("p.q", False), ("p_q", False)],
)
def test_a_port_has_a_name_of_its_own_only_where_that_can_be_a_label(port: str, is_named: bool) -> None:
    found = rows(vip("shop/web", ports=(ServicePort(80, port),)))

    assert (f"_{port}._tcp.{WEB} SRV | records | MCS-DNS-08 | 80 {WEB}" in found) is is_named
    assert f"{WEB} SRV | records | MCS-DNS-09 | 80 {WEB}" in found


@pytest.mark.parametrize(
    ("rtype", "record_bytes", "datum"),
    [
        ("A", 10 + 4, "10.{0}.{1}.1"),
        ("AAAA", 10 + 16, "fd00::{0}:{1}"),
        ("SRV", 10 + 6 + len("10000 t00000.x."), "10000 t{0:03}{1:02}.x."),
    ],
)
def test_more_records_than_a_message_has_room_for_may_be_told_in_part(
    rtype: str, record_bytes: int, datum: str
) -> None:
    most = 65535 // (len(WEB) + 1 + record_bytes)

    def of(count: int) -> Expectation:
        data = frozenset(datum.format(number // 100, number % 100) for number in range(count))
        assert len(data) == count
        return Expectation(WEB, rtype, "records", "MCS-DNS-05", data)

    assert not of(most).may_be_part
    assert of(most + 1).may_be_part


def test_one_endpoint_may_be_a_part_of_a_headless_service_and_not_of_a_clusterset_ip() -> None:
    assert Expectation(DB, "A", "records", "MCS-DNS-06", frozenset({"10.0.0.1"})).may_be_part
    assert not Expectation(DB, "A", "records", "MCS-DNS-05", frozenset({"10.0.0.1"})).may_be_part
