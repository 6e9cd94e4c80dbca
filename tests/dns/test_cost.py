"""What questions cost: of every type, for every name, however many endpoints a service has."""

from collections.abc import Iterator
from functools import partial
from random import Random

import pytest

from mcs_controller.clusterset.model import Endpoint, ServicePort, SlicePort
from mcs_controller.dns.answers import answer_cache as keeping
from mcs_controller.dns.answers import fastpath
from mcs_controller.dns.answers.fastpath import make_responder
from tests.dns.cost import in_seconds_like_plain_ones, steps
from tests.dns.invariants import PLAIN, check_cost, most_steps
from tests.dns.test_protocol import both, header, query, with_opt
from tests.dns.zonetext import Server, headless, piece, read, ready, vip

Z = "clusterset.local"
WEB, FEW = f"web.shop.svc.{Z}", f"few.shop.svc.{Z}"
BIG, NAMED = f"big.shop.svc.{Z}", f"named.shop.svc.{Z}"
ENDPOINTS = 5_000
FIRST_TIMES_A_PLAIN_QUESTION = 1_500
"""About five milliseconds, once after a change of the service."""

TYPES = {
    "A": 1,
    "NS": 2,
    "SOA": 6,
    "MX": 15,
    "TXT": 16,
    "AAAA": 28,
    "SRV": 33,
    "SVCB": 64,
    "HTTPS": 65,
    "ANY": 255,
}
PORTS = tuple(SlicePort(1_000 + number, f"p{number}") for number in range(20))


def addresses(count: int) -> Iterator[str]:
    for number in range(count):
        yield f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"


def pods(count: int, *, hosts: bool = False) -> list[Endpoint]:
    return [
        ready(address, hostname=f"h-{number}" if hosts else "")
        for number, address in enumerate(addresses(count))
    ]


def put(server: Server, count: int) -> None:
    server.put(vip("shop/web", "10.96.0.1", ports=tuple(ServicePort(n, f"p{n}") for n in range(1, 101))))
    for name, hosts in (("big", False), ("named", True)):
        some = pods(count, hosts=hosts)
        slices = [
            piece(f"shop/{name}", "east", *some[at : at + 100], ports=PORTS, name=f"{name}-{at}")
            for at in range(0, count, 100)
        ]
        server.put(headless(f"shop/{name}"), *slices)
    few = [
        piece("shop/few", f"c{n}", *pods(8), ports=(*PORTS[:5], SlicePort(n, f"x{n}"))) for n in range(1, 4)
    ]
    server.put(headless("shop/few"), *few)


@pytest.fixture(scope="module")
def large() -> Server:
    """Two services of 5,000 endpoints, whose made-up questions are all kept that may be."""
    server, random = Server(), Random(1)
    put(server, ENDPOINTS)
    for name in (WEB, FEW, BIG, NAMED):
        for _ in range(100):
            server.udp(query(f"{random.getrandbits(64):x}.{name}", random.getrandbits(16)))
    return server


@pytest.mark.parametrize("rtype", TYPES)
@pytest.mark.parametrize("prefix", ["", "_p7._tcp.", "_tcp.", "10-0-3-7.east.", "h-999.east.", "east."])
def test_no_question_about_a_large_service_costs_more_than_ten_plain_ones(
    large: Server, prefix: str, rtype: str
) -> None:
    for service in (WEB, FEW, BIG, NAMED):
        for packet in (query(prefix + service, TYPES[rtype]), with_opt(prefix + service, TYPES[rtype])):
            check_cost(large, packet, most_steps(large))
            for over in (large.udp, large.tcp):
                assert in_seconds_like_plain_ones(partial(over, packet), partial(large.udp, PLAIN))


MADE_UP = {
    "a host": "{n:x}.east.",
    "a host that is spelt as an address": "10-200-{n}-7.east.",
    "a host that is spelt as an IPv6 address": "fd00--{n:x}.east.",
    "an address of an endpoint that has a hostname": "10-0-3-{n}.east.",
    "a cluster": "h-1.{n:x}.",
    "a port": "_{n:x}._tcp.",
    "a protocol": "_{n:x}.",
    "something far below": "a.b.c.d.e.f.{n:x}.east.",
    "many labels": "a." * 90 + "{n:x}.",
}


@pytest.mark.parametrize("rtype", ["A", "SRV", "HTTPS", "ANY"])
@pytest.mark.parametrize("what", MADE_UP)
def test_no_made_up_name_below_a_large_service_costs_more_than_ten_plain_questions(
    large: Server, what: str, rtype: str
) -> None:
    limit = most_steps(large)
    for service in (WEB, FEW, BIG, NAMED):
        for number in range(5):
            packet = query(MADE_UP[what].format(n=number) + service, TYPES[rtype])
            check_cost(large, packet, limit)
    assert in_seconds_like_plain_ones(partial(large.udp, packet), partial(large.udp, PLAIN))


@pytest.fixture(scope="module")
def very_large() -> tuple[Server, Server]:
    """One with as many endpoints as are answered with, and one with three times as many."""
    servers = Server(), Server()
    for server, count in zip(servers, (10_000, 30_000), strict=True):
        put(server, count)
    return servers


@pytest.mark.parametrize("rtype", ["A", "AAAA", "SRV", "ANY", "HTTPS"])
@pytest.mark.parametrize("prefix", ["", "_p7._tcp.", "10-0-3-7.east.", "h-999.east.", "nope.east."])
def test_the_first_answer_after_a_change_is_bounded_however_many_endpoints_there_are(
    very_large: tuple[Server, Server], prefix: str, rtype: str
) -> None:
    limit = FIRST_TIMES_A_PLAIN_QUESTION * steps(lambda: very_large[0].udp(PLAIN))
    costs = []
    for server in very_large:
        for name in (BIG, NAMED):
            packet = query(prefix + name, TYPES[rtype])

            def first() -> None:
                _as_after_a_change(server)  # noqa: B023 - called at once
                server.tcp(packet)  # noqa: B023

            costs.append(steps(first))
    at_the_bound, beyond = costs[:2], costs[2:]
    assert max(costs) <= limit
    assert max(beyond) <= 1.2 * max(at_the_bound)


def _as_after_a_change(server: Server) -> None:
    for service in (b"\3big\4shop", b"\5named\4shop"):
        records = server.answers.zone._services[service]
        records._hosts = records._ports = None
        server.answers._kept.forget_service(service)


def test_any_is_answered_with_what_is_kept_for_its_type_whatever_else_was_asked(large: Server) -> None:
    for name, rtype in ((BIG, 1), (f"_p7._tcp.{BIG}", 33), (Z, 6), (f"dns-version.{Z}", 16)):
        before = len(large.answers.ready_made)
        wanted, given = large.tcp(query(name, rtype)), large.tcp(query(name, 255))
        assert read(given).raw.rr[0].rtype == read(wanted).raw.rr[0].rtype == rtype
        assert abs(header(given)[3] - header(wanted)[3]) < 50
        asked = len(large.answers.ready_made)
        large.tcp(query(name, 255))
        assert len(large.answers.ready_made) == asked <= before + 5


def test_made_up_questions_push_no_real_ones_out(large: Server) -> None:
    in_earnest = [
        query(name, rtype) for name in (BIG, NAMED, f"h-7.east.{NAMED}") for rtype in (1, 28, 33, 65)
    ]
    for packet in in_earnest:
        large.udp(packet)
    kept = dict(large.answers.ready_made)
    random = Random(2)

    for _ in range(3_000):
        name = random.choice([BIG, NAMED, f"{random.getrandbits(40):x}.east.{NAMED}"])
        large.udp(query(name, random.choice([random.getrandbits(16), 255, 64, 65, 1])))

    for packet in in_earnest:
        assert large.answers.ready_made[packet[12:].lower()] is kept[packet[12:].lower()]


@pytest.mark.parametrize("rtype", [65, 97, 90, 0x4141])
def test_a_type_with_a_capital_letter_in_it_is_answered_by_the_fast_path(
    rtype: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server()
    server.put(vip("shop/web", "10.96.0.1"))
    packet = query("wEB.shop.svc." + Z, rtype)
    first = both(server.udp, packet)
    assert header(first)[1:] == (0x8500, 1, 0, 1, 0)

    monkeypatch.setattr(fastpath, "slow_reply", _never)
    respond = make_responder(server.answers, server.counters.udp, server.counters)

    assert respond(packet) == first
    assert server.counters.faults.count == 0


def _never(*_: object) -> bytes:
    raise AssertionError("the slow path was taken")


def test_where_the_bound_of_what_is_kept_is_reached_no_question_waits_for_much_to_be_cleared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keeping, "OWNED_KEPT_MAX", 3_000)
    monkeypatch.setattr(keeping, "UNOWNED_KEPT_MAX", 3_000)
    server = Server()
    put(server, 2_000)
    server.udp(PLAIN)
    limit = most_steps(server)
    for number in range(2_000):
        for name in (f"h-{number}.east.{NAMED}", f"nope{number}.shop.svc.{Z}"):
            for rtype in (1, 28, 33):
                packet = query(name, rtype)
                cost = steps(lambda: server.udp(packet))  # noqa: B023 - called at once
                assert cost <= limit or number == 0

    assert len(server.answers.ready_made) <= 6_000


def test_what_is_kept_is_bounded_in_bytes_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "OWNED_KEPT_MAX_BYTES", 1_000_000)
    server = Server()
    put(server, 1_000)
    for number in range(20):
        for name in (BIG, NAMED):
            assert header(server.tcp(query(f"_p{number}._tcp.{name}", 33)))[3] > 700
    kept = server.answers.ready_made

    assert 500_000 < sum(len(answer.tail) for answer in kept.values()) <= 1_000_000
    assert server.answers._kept._owned_bytes == sum(len(answer.tail) for answer in kept.values())
