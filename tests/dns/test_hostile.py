"""One message may not cost others anything: not their answers, not much time, not the log."""

import logging
import struct
from functools import partial
from random import Random

import pytest

from mcs_controller.dns.answers import slowpath
from mcs_controller.dns.answers.faults import LOG_INTERVAL_SECONDS, Faults
from mcs_controller.dns.server.tcp import QUERIES_PER_TURN
from mcs_controller.dns.wire.query import read_query
from tests.dns.cost import in_seconds_like_plain_ones
from tests.dns.hostile import MESSAGES, POINTER_TO_QUESTION, WEB, pointer, record, with_records
from tests.dns.invariants import PLAIN, Neighbours, check_cost, check_packet, most_steps
from tests.dns.test_protocol import header, opt, query
from tests.dns.test_tcp import Client, Tcp, framed
from tests.dns.test_udp import Udp
from tests.dns.zonetext import Server, read, vip


@pytest.fixture
def server() -> Server:
    server = Server()
    server.put(vip("shop/web", "10.96.0.1"))
    return server


@pytest.mark.requirement("MCS-DNS-18")
@pytest.mark.parametrize("kind", MESSAGES)
def test_no_message_costs_more_than_ten_times_a_plain_question(server: Server, kind: str) -> None:
    packet = MESSAGES[kind]
    check_cost(server, packet, most_steps(server))
    assert in_seconds_like_plain_ones(partial(server.udp, packet), partial(server.udp, PLAIN))


@pytest.mark.requirement("MCS-DNS-18")
@pytest.mark.parametrize("kind", MESSAGES)
def test_no_message_costs_the_others_of_its_batch_their_answers(server: Server, kind: str) -> None:
    neighbours = Neighbours()
    try:
        neighbours.check(MESSAGES[kind])
    finally:
        neighbours.close()
    check_packet(server, MESSAGES[kind])


async def test_no_message_costs_the_others_of_its_connection_their_answers() -> None:
    tcp = Tcp()
    await tcp.start()
    client: Client = await tcp.connect()
    messages = [message for message in MESSAGES.values() if len(message) <= 1232]
    honest = [struct.pack("!H", number) + query(WEB)[2:] for number in range(len(messages))]
    assert len(messages) < QUERIES_PER_TURN
    both = [each for pair in zip(messages, honest, strict=True) for each in pair]
    client.writer.write(framed(*(each for each in both if not each[2] & 0x80)))

    numbers: list[int] = []
    while len(numbers) < len(honest):
        reply = await client.reply()
        if header(reply)[3] and header(reply)[0] != 0xBEEF:
            numbers.append(header(reply)[0])

    assert numbers == list(range(len(honest)))
    await client.close()
    await tcp.stop()


@pytest.mark.parametrize("others", [(record(),), (record(), record(), record())])
def test_an_opt_record_counts_wherever_it_is(server: Server, others: tuple[bytes, ...]) -> None:
    """RFC 6891, section 6.1.1; a signature has to be behind it."""
    for at in range(len(others) + 1):
        reply = server.udp(with_records(*others[:at], opt(4096, flags=0x8000), *others[at:]))

        assert header(reply)[1:] == (0x8500, 1, 1, 0, 1)
        assert reply is not None
        assert reply.endswith(struct.pack("!HHIH", 41, 1232, 0x8000, 0))


def test_a_query_has_four_more_records_at_most_in_both_sections_together(server: Server) -> None:
    for authorities in range(5):
        assert header(server.udp(with_records(*[record()] * 4, authorities=authorities)))[1:4] == (
            0x8500,
            1,
            1,
        )
        assert header(server.udp(with_records(*[record()] * 5, authorities=authorities)))[1:4] == (
            0x8101,
            0,
            0,
        )


def test_sixteen_options_are_read_and_more_are_a_format_error(server: Server) -> None:
    option = struct.pack("!HH", 65001, 3) + b"abc"

    assert header(server.udp(with_records(opt(options=option * 16))))[1] & 0xF == 0
    assert header(server.udp(with_records(opt(options=option * 17))))[1] & 0xF == 1


def padded(size: int) -> bytes:
    """A query of so many bytes."""
    padding = size - len(with_records(opt(options=b"\0\x0c\0\0")))
    return with_records(opt(options=struct.pack("!HH", 12, padding) + b"\0" * padding))


LONGEST_NAME = (b"\x3f" + b"a" * 63) * 3 + b"\x3d" + b"b" * 61 + b"\0"
LAST = len(query(WEB)) + len(record(POINTER_TO_QUESTION))
"""Where the second of two records begins."""


@pytest.mark.parametrize(
    ("packet", "is_readable"),
    [
        (padded(1232), True),
        (padded(1233), False),
        (with_records(record(b"\1a" * 64 + b"\0"), record(b"\1a" * 64 + b"\0")), True),
        (with_records(record(b"\1a" * 64 + b"\0"), record(b"\1a" * 65 + b"\0")), False),
        (with_records(record(LONGEST_NAME)), True),
        (with_records(record(LONGEST_NAME[:-1] + b"\1b\0")), False),
        (with_records(record(LONGEST_NAME[:-1] + POINTER_TO_QUESTION)), False),
        (with_records(record(pointer(12))), True),
        (with_records(record(pointer(11))), False),
        (with_records(record(POINTER_TO_QUESTION), record(pointer(LAST - 1))), True),
        (with_records(record(POINTER_TO_QUESTION), record(pointer(LAST))), False),
        (with_records(record(POINTER_TO_QUESTION), record(b"\1a" + pointer(LAST - 1))), True),
        (with_records(record(POINTER_TO_QUESTION), record(b"\1a" + pointer(LAST))), False),
        (with_records(record(rdata=b"")), True),
        (with_records(record(rdata=b""))[:-1], False),
        (with_records(record(rdata=b"x"))[:-1], False),
        (with_records(b"\x40" + b"a" * 64 + record()), False),
        (with_records(b"\xbf\x0c" + record()[1:]), False),
        (with_records(opt(options=b"\0\x0a\0\0")), True),
        (with_records(opt(options=b"\0\x0a\0\1")), False),
        (with_records(opt(options=b"\0\x0a\0")), False),
        (with_records(record(), opt(), authorities=1), True),
        (with_records(opt(), record(), authorities=1), False),
    ],
)
def test_what_is_within_the_bounds_is_answered_and_what_is_beyond_is_a_format_error(
    server: Server, packet: bytes, is_readable: bool
) -> None:
    assert header(server.udp(packet))[1] & 0xF == (0 if is_readable else 1)
    assert server.counters.faults.count == 0


def _failing(packet: bytes) -> object:
    if packet[:2] == b"!!":
        raise LookupError("on purpose")
    return _read_query(packet)


_read_query = read_query


async def test_a_fault_of_ours_costs_one_message_its_answer_and_is_counted_and_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(slowpath, "read_query", _failing)
    udp = Udp("127.0.0.1")
    bad, random = b"!!" + PLAIN[2:], Random(1)
    order = [bad] * 20 + [PLAIN] * 20
    random.shuffle(order)
    for packet in order:
        udp.client.send(packet)

    with caplog.at_level(logging.ERROR):
        while udp.listener.drain():
            pass

    replies = udp.received()
    assert [header(reply)[1] & 0xF for reply in replies if reply[:2] == b"!!"] == [2] * 20
    assert [read(reply).answer for reply in replies if reply[:2] != b"!!"] == [
        [f"{WEB}. 4 IN A 10.96.0.1"]
    ] * 20
    assert udp.server.counters.faults.count == 20
    assert udp.server.udp(b"!!" + b"\x80" + PLAIN[3:]) is None, "no reply to a reply"
    (told,) = caplog.records
    assert bad[:128].hex() in told.getMessage()
    assert told.exc_info is not None
    udp.close()


def test_faults_are_told_of_at_a_bounded_rate_with_the_number_of_those_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = 0.0
    faults = Faults(lambda: now)
    with caplog.at_level(logging.ERROR):
        for _ in range(300):
            faults.note(b"x" * 1000)
        now = LOG_INTERVAL_SECONDS
        faults.note(b"y")

    first, second = (each.getMessage() for each in caplog.records)
    assert " 0 before it" in first
    assert (len(first) < 400, " 299 before it" in second, second.endswith("79")) == (True, True, True)
    assert faults.count == 301


@pytest.mark.parametrize("kind", [0x40, 0x80])
def test_a_label_behind_the_question_that_is_neither_a_length_nor_a_pointer_is_a_format_error(
    server: Server, kind: int
) -> None:
    assert header(server.udp(with_records(record(bytes((kind, 12))))))[1] & 0xF == 1
    assert header(server.udp(with_records(record(POINTER_TO_QUESTION))))[1] & 0xF == 0
