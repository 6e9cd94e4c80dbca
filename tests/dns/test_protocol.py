"""What is sent, byte for byte: headers, sizes, EDNS, and the answers to what is no proper query."""

import struct

import pytest
from dnslib import EDNS0, DNSQuestion, DNSRecord, EDNSOption

from mcs_controller.dns.answers.fastpath import Responder
from tests.dns.zonetext import Server, headless, piece, read, ready, vip

Z = "clusterset.local"
WEB, DB, BIG = f"web.shop.svc.{Z}", f"db.shop.svc.{Z}", f"big.shop.svc.{Z}"
TC = 0x0200
EDE = 15


@pytest.fixture
def server() -> Server:
    """One clusterset IP, 40 endpoints (too many for 512 bytes), and 200 (too many for any UDP answer)."""
    server = Server()
    server.put(vip("shop/web", "10.96.0.1"))
    server.put(headless("shop/db"), piece("shop/db", "east", *(ready(f"10.0.0.{n}") for n in range(40))))
    server.put(headless("shop/big"), piece("shop/big", "east", *(ready(f"10.0.1.{n}") for n in range(200))))
    return server


def query(
    name: str,
    rtype: int = 1,
    *,
    flags: int = 0x0100,
    counts: tuple[int, int, int, int] = (1, 0, 0, 0),
    rclass: int = 1,
    tail: bytes = b"",
) -> bytes:
    labels = b"".join(bytes((len(label),)) + label.encode() for label in name.split(".") if label)
    return struct.pack("!6H", 0xBEEF, flags, *counts) + labels + struct.pack("!BHH", 0, rtype, rclass) + tail


def opt(
    size: int = 1232, *, version: int = 0, flags: int = 0, options: bytes = b"", owner: bytes = b"\0"
) -> bytes:
    return owner + struct.pack("!HHBBHH", 41, size, 0, version, flags, len(options)) + options


def with_opt(name: str, rtype: int = 1, **opt_fields: object) -> bytes:
    return query(name, rtype, counts=(1, 0, 0, 1), tail=opt(**opt_fields))  # type: ignore[arg-type]


def header(reply: bytes | None) -> tuple[int, ...]:
    assert reply is not None
    return struct.unpack("!6H", reply[:12])


def both(respond: Responder, packet: bytes) -> bytes:
    """Ask until the answer comes from the fast path, if it ever does; all replies must be the same."""
    first, second = respond(packet), respond(packet)
    assert first is not None
    assert first == second
    return first


@pytest.mark.requirement("MCS-DNS-16")
def test_a_whole_answer_is_header_question_and_one_record(server: Server) -> None:
    packet = query(WEB)

    reply = both(server.udp, packet)

    assert reply == (
        b"\xbe\xef\x85\x00\x00\x01\x00\x01\x00\x00\x00\x00"
        + packet[12:]
        + b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x04\x00\x04\x0a\x60\x00\x01"
    )


@pytest.mark.parametrize(
    ("asked", "answered"),
    [(0x0000, 0x8400), (0x0100, 0x8500), (0x0120, 0x8500), (0x0110, 0x8500), (0x0300, 0x8500)],
)
def test_rd_is_copied_and_other_flags_are_ours(server: Server, asked: int, answered: int) -> None:
    assert header(both(server.udp, query(WEB, flags=asked)))[1] == answered


@pytest.mark.requirement("MCS-DNS-15")
def test_the_question_is_sent_back_in_the_letters_that_came(server: Server) -> None:
    server.udp(query(WEB))
    packet = query("wEB.sHOP.SVC.ClusterSet.locaL")

    reply = both(server.udp, packet)

    assert reply[12 : len(packet)] == packet[12:]
    assert header(reply)[3] == 1


def test_a_client_with_edns_gets_an_opt_record_of_ours(server: Server) -> None:
    reply = both(server.udp, with_opt(WEB, size=4096))

    assert header(reply)[5] == 1
    assert reply.endswith(b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0))


def test_do_is_copied(server: Server) -> None:
    assert both(server.udp, with_opt(WEB, flags=0x8000)).endswith(struct.pack("!HHIH", 41, 1232, 0x8000, 0))


def test_unknown_options_are_ignored(server: Server) -> None:
    cookie = EDNS0(udp_len=1232, opts=[EDNSOption(10, b"12345678"), EDNSOption(65001, b"")])
    packet = bytes(DNSRecord(q=DNSQuestion(WEB), ar=[cookie]).pack())

    reply = both(server.udp, packet)

    assert header(reply)[3:] == (1, 0, 1)
    assert reply.endswith(struct.pack("!HHIH", 41, 1232, 0, 0))


def test_another_edns_version_is_badvers(server: Server) -> None:
    reply = both(server.udp, with_opt(WEB, version=1))

    assert header(reply)[1:] == (0x8100, 1, 0, 0, 1)
    assert reply.endswith(b"\0" + struct.pack("!HHBBHH", 41, 1232, 1, 0, 0, 0))


@pytest.mark.parametrize(
    "tail",
    [
        opt(options=b"\0\x0a\0\x08"),
        opt(options=b"\0"),
        opt(options=b"\0\x0a\0\0")[:-1],
        opt()[:-1],
        opt() + b"\0",
        b"",
    ],
)
def test_a_broken_opt_record_is_a_format_error(server: Server, tail: bytes) -> None:
    assert header(both(server.udp, query(WEB, counts=(1, 0, 0, 1), tail=tail)))[1] & 0xF == 1


def test_two_opt_records_or_one_with_a_name_are_a_format_error(server: Server) -> None:
    two = query(WEB, counts=(1, 0, 0, 2), tail=opt() + opt())
    named = query(WEB, counts=(1, 0, 0, 1), tail=opt(owner=b"\1a\0"))

    assert header(both(server.udp, two))[1] & 0xF == 1
    assert header(both(server.udp, named))[1] & 0xF == 1


def test_a_record_that_is_no_opt_is_passed_over(server: Server) -> None:
    other = b"\0" + struct.pack("!HHIH", 1, 1, 0, 4) + b"\x0a\0\0\1"

    assert header(both(server.udp, query(WEB, counts=(1, 0, 0, 1), tail=other)))[1:] == (0x8500, 1, 1, 0, 0)
    reply = both(server.udp, query(WEB, counts=(1, 0, 0, 2), tail=other + opt()))
    assert header(reply)[1:] == (0x8500, 1, 1, 0, 1)


@pytest.mark.requirement("MCS-DNS-18")
@pytest.mark.parametrize(
    ("name", "size", "fits"),
    [
        (DB, None, False),
        (DB, 100, False),
        (DB, 512, False),
        (DB, 1232, True),
        (DB, 65535, True),
        (BIG, 65535, False),
    ],
)
def test_what_is_too_long_for_a_udp_client_is_sent_in_part_with_tc(
    server: Server, name: str, size: int | None, fits: bool
) -> None:
    packet = query(name) if size is None else with_opt(name, size=size)
    limit = min(max(size or 512, 512), 1232)

    for _ in range(2):
        reply = server.udp(packet)
        assert reply is not None
        _, flags, questions, answers, authorities, extras = header(reply)
        assert (questions, authorities, extras) == (1, 0, 0 if size is None else 1)
        assert bool(flags & TC) is not fits
        assert len(reply) <= limit
        assert fits or len(reply) > limit - 16
        assert answers == len(set(read(reply).answer))
    assert server.counters.udp.truncated == (0 if fits else 2)


def a_records(reply: bytes | None) -> list[str]:
    return [str(rr.rdata) for rr in read(reply).raw.rr]


@pytest.mark.requirement("MCS-DNS-06")
def test_parts_are_rotated_so_that_each_endpoint_comes_first_and_few_parts_show_all(server: Server) -> None:
    replies = [a_records(server.udp(with_opt(BIG))) for _ in range(200)]

    assert len({len(reply) for reply in replies}) == 1
    assert sorted(reply[0] for reply in replies) == sorted(f"10.0.1.{n}" for n in range(200))
    for at in range(0, 195, 5):
        assert len(set().union(*replies[at : at + 5])) > 190


@pytest.mark.requirement("MCS-DNS-06")
def test_parts_of_srv_answers_are_whole_records_and_follow_each_other(server: Server) -> None:
    seen: set[str] = set()
    for _ in range(30):
        reply = server.udp(with_opt(BIG, 33))
        assert reply is not None
        assert 1232 - 70 < len(reply) <= 1232
        targets = [str(rr.rdata.target) for rr in read(reply).raw.rr]
        assert len(set(targets)) == len(targets)
        seen.update(targets)

    assert len(seen) == 200


@pytest.mark.requirement("MCS-DNS-18")
def test_over_tcp_the_answer_is_whole(server: Server) -> None:
    for packet in (query(BIG), with_opt(BIG, size=512)):
        for _ in range(2):
            _, flags, _, answers, _, _ = header(server.tcp(packet))
            assert (flags & TC, answers) == (0, 200)
    assert server.counters.tcp.truncated == 0


def test_of_more_endpoints_than_a_message_can_hold_tcp_has_another_part_each_time() -> None:
    server = Server()
    pods = (ready(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}") for n in range(5000))
    server.put(headless("shop/db"), piece("shop/db", "east", *pods))

    for packet in (query(DB), with_opt(DB), query(DB, 33)):
        first, second = server.tcp(packet), server.tcp(packet)
        for reply in (first, second):
            assert reply is not None
            assert 64_000 < len(reply) <= 65535
            assert header(reply)[3] > 700
            assert not header(reply)[1] & TC, "there is nothing better to come back with"
        assert read(first).answer != read(second).answer
    assert server.counters.tcp.truncated == 6


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (b"", "short"),
        (query(WEB)[:11], "short"),
        (query(WEB, flags=0x8100), "response"),
        (query(WEB, flags=0xF800), "response"),
    ],
)
def test_what_is_no_query_is_dropped(server: Server, packet: bytes, why: str) -> None:
    assert server.udp(packet) is None
    assert server.counters.dropped[why] == 1


@pytest.mark.parametrize(
    "packet",
    [
        query(WEB)[:12],
        query(WEB)[:20],
        query(WEB)[:-1],
        query(WEB, tail=b"\0"),
        query(WEB, counts=(0, 0, 0, 0)),
        query(WEB, counts=(2, 0, 0, 0), tail=query(WEB)[12:]),
        query(WEB, counts=(1, 1, 0, 0)),
        query(WEB, counts=(1, 0, 0, 5), tail=opt() * 5),
        query(WEB, counts=(1, 0, 3, 2)),
        query(WEB, counts=(1, 0, 1, 0)),
        query("a" * 63 + ".b.c")[:12] + b"\x40" + b"a" * 64 + b"\0\0\1\0\1",
        query(WEB)[:12] + b"\xc0\x0c\0\1\0\1",
        query(WEB)[:12] + b"\3web\xc0\x0c\0\1\0\1",
        query(".".join(["a" * 63] * 4)),
        query(WEB, counts=(1, 0, 0, 1), tail=b"\0" + struct.pack("!HHIH", 16, 1, 0, 1200) + b"\0" * 1200),
    ],
)
def test_what_cannot_be_read_is_a_format_error_in_a_bare_header(server: Server, packet: bytes) -> None:
    assert both(server.udp, packet) == packet[:2] + struct.pack("!5H", 0x8101, 0, 0, 0, 0)


@pytest.mark.parametrize("opcode", [1, 2, 4, 5, 6, 15])
def test_other_operations_are_not_implemented(server: Server, opcode: int) -> None:
    packet = query(WEB, flags=opcode << 11)

    assert both(server.udp, packet) == packet[:2] + struct.pack("!5H", 0x8004 | opcode << 11, 0, 0, 0, 0)


@pytest.mark.parametrize("rclass", [0, 2, 3, 4, 254, 255, 65535])
def test_other_classes_are_refused(server: Server, rclass: int) -> None:
    assert header(both(server.udp, query(WEB, rclass=rclass)))[1:] == (0x8105, 1, 0, 0, 0)


@pytest.mark.parametrize("rtype", [251, 252])
def test_zone_transfers_are_refused(server: Server, rtype: int) -> None:
    assert header(both(server.tcp, query(Z, rtype)))[1:] == (0x8105, 1, 0, 0, 0)


@pytest.mark.parametrize("rtype", [0, 3, 41, 65, 97, 250, 256, 507, 508, 4097, 0x4101, 65535])
def test_any_other_type_of_a_name_that_exists_has_no_data(server: Server, rtype: int) -> None:
    server.udp(query(WEB))

    assert header(both(server.udp, query(WEB, rtype)))[1:] == (0x8500, 1, 0, 1, 0)


def extended_error(reply: bytes | None) -> int | None:
    errors = [option for rr in read(reply).raw.ar for option in rr.rdata if option.code == EDE]
    return int.from_bytes(errors[0].data, "big") if errors else None


@pytest.mark.requirement("MCS-DNS-20")
def test_a_zone_that_is_not_complete_says_so_to_a_client_with_edns() -> None:
    server = Server(is_open=False)

    reply = both(server.udp, with_opt(WEB))

    assert header(reply)[1] & 0xF == 2
    assert extended_error(reply) == 14
    assert header(both(server.udp, query(WEB)))[1:] == (0x8102, 1, 0, 0, 0)


def test_refused_says_that_we_are_not_authoritative(server: Server) -> None:
    assert extended_error(both(server.udp, with_opt("example.org"))) == 20


@pytest.mark.parametrize("name", [WEB, f"nope.shop.svc.{Z}", f"x.{WEB}"])
def test_answers_from_a_stale_zone_say_so_until_it_is_fresh_again(server: Server, name: str) -> None:
    fresh = both(server.udp, with_opt(name))
    assert extended_error(fresh) is None

    server.answers.set_stale(True)
    for packet in (with_opt(name), with_opt(name, options=b"\0\x0a\0\0")):
        stale = both(server.udp, packet)
        assert extended_error(stale) == 3
        assert header(stale) == header(fresh)

    server.answers.set_stale(False)
    assert both(server.udp, with_opt(name)) == fresh


def test_requests_are_counted_by_type_and_code_whichever_path_they_take(server: Server) -> None:
    def count(label_slot: int) -> int:
        return server.counters.udp.requests[label_slot]

    for _ in range(3):
        server.udp(query(WEB))
        server.udp(query(WEB, 28))
        server.udp(query(f"nope.shop.svc.{Z}"))
        server.udp(query("example.org", 99))
        server.udp(query(WEB)[:20])

    codes, other = 7, 7 * 7
    assert [count(0), count(1 * codes), count(3), count(other + 5), count(other + 1)] == [3] * 5
    assert sum(server.counters.udp.requests) == 15
    assert sum(server.counters.tcp.requests) == 0


def test_no_answer_is_much_longer_than_its_question_unless_it_is_asked_for(server: Server) -> None:
    longest = f"{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * (253 - 192 - len(Z) - 1)}.{Z}"
    assert len(longest) == 253

    for packet in (query(longest), with_opt(longest, size=0)):
        reply = both(server.udp, packet)
        assert header(reply)[1] == 0x8503
        assert len(reply) <= 512
