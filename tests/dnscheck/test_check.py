"""The checker against our own server, which it must find right, and against servers that are wrong."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from ipaddress import IPv6Address
from random import Random

import pytest
from dnslib import AAAA, QTYPE, RR, SOA, SRV, TXT, A, DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.model import Endpoint, ImportedSlice, LocalImport, ServicePort, SlicePort
from mcs_controller.dns.config import DnsConfig
from mcs_controller.dns.server.answer_server import AnswerServer
from mcs_controller.dns.server.sockets import bind_all
from mcs_controller.dnscheck.check import Checker, Difference
from mcs_controller.dnscheck.client import QueryFailed
from mcs_controller.dnscheck.expected import Expectation, expected_answers, expected_of_zone
from tests.dns.test_names import endpoints, slice_ports
from tests.dns.zonetext import Server, headless, packed, piece, ready, vip

Z = "clusterset.local."
WEB, DB = f"web.shop.svc.{Z}", f"db.shop.svc.{Z}"

Services = list[tuple[LocalImport, list[ImportedSlice]]]


def expected(services: Services) -> list[Expectation]:
    result = list(expected_of_zone(Z, "check-x"))
    for imported, slices in services:
        result += expected_answers(imported, slices, Z)
    return result


SHOP: Services = [
    (
        vip("shop/web", "10.96.0.1", "fd00::1", ports=(ServicePort(80, "http"), ServicePort(9, ""))),
        [piece("shop/web", "east", ready("10.0.0.1"))],
    ),
    (vip("shop/pending", ports=()), []),
    (
        headless("shop/db"),
        [
            piece("shop/db", "east", *(ready(f"10.0.0.{n}") for n in range(1, 101))),
            piece("shop/db", "west", ready("fd02::1", hostname="a"), family="IPv6"),
            piece("shop/db", "a.b", ready("10.2.0.1", hostname="x"), ports=(SlicePort(1, "p", "UDP"),)),
        ],
    ),
    (headless("shop/away"), [piece("shop/away", "east", Endpoint(("10.4.0.1",), ready=False))]),
]


class Ours:
    """Our server on loopback."""

    def __init__(self) -> None:
        self.server = AnswerServer(DnsConfig(), random=Random(1))
        self.server.open()
        for imported, slices in SHOP:
            self.server.update(imported.service, packed(imported, *slices))
        self.pairs = bind_all((("127.0.0.1", 0),))
        self.address = self.pairs[0].address


@pytest.fixture
async def ours() -> AsyncIterator[Ours]:
    ours = Ours()
    await ours.server.serve(0, ours.pairs)
    yield ours
    await ours.server.stop()


async def differences(address: tuple[str, int], services: Services = SHOP) -> list[Difference]:
    return await Checker(address, random=Random(1)).check(expected(services))


async def test_our_server_answers_all_as_it_should_truncated_answers_included(ours: Ours) -> None:
    checker = Checker(ours.address, random=Random(1))

    assert await checker.check(expected(SHOP)) == []

    assert checker.asked == len(expected(SHOP)) > 200
    assert ours.server.counters.tcp.requests[0] > 0


async def test_what_has_changed_is_told(ours: Ours) -> None:
    changed = [
        (vip("shop/web", "10.96.0.2"), []),
        (headless("shop/db"), [piece("shop/db", "east", ready("10.0.0.1"), ready("10.0.0.200"))]),
        (headless("shop/missing"), [piece("shop/missing", "east", ready("10.9.0.1"))]),
    ]

    found = await differences(ours.address, changed)
    rows = {(row.name, row.type): (row.expected, row.found) for row in found}

    assert rows[WEB, "A"] == ("10.96.0.2", "without 10.96.0.2, with 10.96.0.1")
    assert rows[WEB, "AAAA"] == ("no data", "fd00::1")
    assert rows[WEB, "SRV"][1] == f"with 9 {WEB}"
    assert rows[DB, "A"][1].startswith("without 10.0.0.200, with 10.0.0.10, 10.0.0.100, 10.0.0.11 and ")
    assert rows[f"10-0-0-200.east.{DB}", "A"] == ("10.0.0.200", "no such name")
    assert rows[f"missing.shop.svc.{Z}", "A"] == ("10.9.0.1", "no such name")


Change = Callable[[DNSRecord], None]


class Wrong(asyncio.DatagramProtocol):
    """A server that says whatever a test wants."""

    def __init__(self, change: Change) -> None:
        self._change = change

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        reply = DNSRecord.parse(data).reply(ra=0)
        self._change(reply)
        self._transport.sendto(bytes(reply.pack()), address)  # type: ignore[attr-defined]


def nothing(reply: DNSRecord) -> None:
    """No data, and no SOA."""


def with_records(*records: RR, aa: int = 1, additional: Iterable[RR] = ()) -> Change:
    def change(reply: DNSRecord) -> None:
        reply.header.aa = aa
        for record in records:
            reply.add_answer(record)
        for record in additional:
            reply.add_ar(record)

    return change


def with_soa(minimum: int) -> Change:
    def change(reply: DNSRecord) -> None:
        reply.add_auth(RR(Z, QTYPE.SOA, ttl=minimum, rdata=SOA("ns", "h", (1, 2, 3, 4, minimum))))

    return change


def refused(reply: DNSRecord) -> None:
    reply.header.rcode = 5


IP = RR(WEB, QTYPE.A, ttl=4, rdata=A("10.96.0.1"))
EAST = f"east.{WEB}"
TARGET = RR(WEB, QTYPE.SRV, ttl=4, rdata=SRV(0, 100, 80, WEB))
ONE_IP = Expectation(WEB, "A", "records", "MCS-DNS-05", frozenset({"10.96.0.1"}))
ONE_PORT = Expectation(WEB, "SRV", "records", "MCS-DNS-09", frozenset({f"80 {WEB}"}))
NO_DATA = Expectation(WEB, "AAAA", "no data", "MCS-DNS-19")
RESERVED = Expectation(EAST, "A", "no records", "MCS-DNS-12")
THREE = frozenset(f"10.1.0.{number}" for number in (1, 2, 3))
ENDPOINTS = Expectation(DB, "A", "records", "MCS-DNS-06", THREE)
IPS = Expectation(WEB, "A", "records", "MCS-DNS-05", THREE)


def of_db(number: int) -> RR:
    return RR(DB, QTYPE.A, ttl=4, rdata=A(f"10.1.0.{number}"))


@pytest.mark.parametrize(
    ("expectation", "change", "found"),
    [
        (ONE_IP, with_records(IP), []),
        (ONE_IP, with_records(IP, aa=0), ["AA is not set"]),
        (ONE_IP, with_records(IP, IP), ["2 records, 1 different ones"]),
        (ONE_IP, with_soa(4), ["no data"]),
        (ONE_IP, refused, ["REFUSED"]),
        (ONE_IP, nothing, ["no data", "no SOA"]),
        (ONE_PORT, with_records(TARGET), []),
        (ONE_PORT, with_records(TARGET, additional=[IP]), ["authority or additional records"]),
        (NO_DATA, with_soa(5), []),
        (NO_DATA, with_soa(30), ["30 s"]),
        (NO_DATA, nothing, ["no SOA"]),
        (NO_DATA, with_records(RR(WEB, QTYPE.AAAA, rdata=AAAA("fd00::1"))), ["fd00::1"]),
        (RESERVED, with_soa(4), []),
        (RESERVED, with_records(RR(EAST, QTYPE.A, rdata=A("10.0.0.1"))), ["10.0.0.1"]),
        (ENDPOINTS, with_records(of_db(1), of_db(3)), []),
        (ENDPOINTS, with_records(of_db(1), of_db(4)), ["without 10.1.0.2, 10.1.0.3, with 10.1.0.4"]),
        (ENDPOINTS, with_records(of_db(1), of_db(1)), ["2 records, 1 different ones"]),
        (ENDPOINTS, with_soa(4), ["no data"]),
        (ENDPOINTS, with_records(TARGET), ["without 10.1.0.1, 10.1.0.2, 10.1.0.3"]),
        (IPS, with_records(of_db(1), of_db(3)), ["without 10.1.0.2"]),
        (
            Expectation(f"dns-version.{Z}", "TXT", "records", "x", frozenset({"1.0.0"})),
            with_records(RR(f"dns-version.{Z}", QTYPE.TXT, rdata=TXT("1.1.0"))),
            ["without 1.0.0, with 1.1.0"],
        ),
    ],
)
async def test_each_kind_of_mistake_has_its_words(
    expectation: Expectation, change: Change, found: list[str]
) -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: Wrong(change), local_addr=("127.0.0.1", 0))
    try:
        address = transport.get_extra_info("sockname")
        assert [row.found for row in await Checker(address, random=Random(1)).check([expectation])] == found
    finally:
        transport.close()


async def test_more_endpoints_than_a_message_has_room_for_are_rightly_told_in_part(ours: Ours) -> None:
    """Our own server does that: each time another part, over TCP, of addresses and of SRV records."""
    many = [ready(f"10.{100 + n // 250}.{n % 250}.1") for n in range(4500)]
    large = headless("shop/large"), [piece("shop/large", "east", *many[:1000], name="0")]
    for number in range(1, 5):
        part = many[number * 1000 : (number + 1) * 1000]
        large[1].append(piece("shop/large", "east", *part, name=str(number)))
    ours.server.update(large[0].service, packed(large[0], *large[1]))
    name = f"large.shop.svc.{Z}"
    asked = [each for each in expected([large]) if each.name in (name, f"_pg._tcp.{name}")]
    checker = Checker(ours.address, random=Random(1), timeout_seconds=20)

    assert [len(each.data) for each in asked if each.type in ("A", "SRV")] == [4500, 4500, 4500]
    assert await checker.check(asked) == []
    assert checker.partial == {(name, "A"), (name, "SRV"), (f"_pg._tcp.{name}", "SRV")}


async def test_a_server_that_is_not_there_is_an_error_and_no_difference() -> None:
    (pair,) = bind_all((("127.0.0.1", 0),))
    address = pair.address
    pair.close()

    with pytest.raises(QueryFailed, match=f"port {address[1]} over UDP"):
        await Checker(address, random=Random(1), timeout_seconds=0.2).check([ONE_IP])


@pytest.mark.requirement("MCS-DNS-06", "MCS-DNS-07", "MCS-DNS-08", "MCS-DNS-10", "MCS-DNS-12", "MCS-DNS-14")
@given(
    st.lists(
        st.tuples(
            st.one_of(st.sampled_from(["east", "west", "a.b", "b"]), st.text(max_size=70)),
            st.lists(endpoints, max_size=5),
            slice_ports,
            st.sampled_from(["IPv4", "IPv6"]),
        ),
        max_size=4,
    ),
    st.booleans(),
    st.sampled_from(["shop/db", f"{'n' * 63}/{'s' * 63}"]),
)
def test_whatever_the_objects_are_our_answers_are_what_the_specification_asks(
    slices: list[tuple[str, list[Endpoint], tuple[SlicePort, ...], str]], is_headless: bool, service: str
) -> None:
    pieces = [
        piece(service, cluster, *some, ports=ports, family=family, name=str(number))  # type: ignore[arg-type]
        for number, (cluster, some, ports, family) in enumerate(slices)
    ]
    ports = tuple(ServicePort(port.port, port.name, port.protocol) for each in slices for port in each[2])
    imported = headless(service, ports) if is_headless else vip(service, "10.96.0.1", ports=ports)
    server = Server()
    server.put(imported, *pieces)

    for expectation in expected_answers(imported, pieces, Z):
        try:
            reply = server.ask(expectation.name, expectation.type)
        except UnicodeError:
            continue  # such a name cannot be asked for
        data = {_data(rr) for rr in reply.raw.rr}
        wanted = {"records": "NOERROR", "no data": "NOERROR", "no such name": "NXDOMAIN"}
        assert data == expectation.data, expectation
        assert reply.rcode == wanted.get(expectation.outcome, reply.rcode), expectation


def _data(rr: RR) -> str:
    if rr.rtype == QTYPE.SRV:
        return f"{rr.rdata.port} {str(rr.rdata.target).lower()}"
    return str(IPv6Address(str(rr.rdata))) if rr.rtype == QTYPE.AAAA else str(rr.rdata)
