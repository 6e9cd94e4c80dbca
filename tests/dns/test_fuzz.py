"""Whatever the network sends: never an exception, never an answer that is too long or not an answer."""

import struct

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.dns.test_protocol import opt, query
from tests.dns.zonetext import Server, headless, piece, ready, vip

Z = "clusterset.local"
SERVER = Server()
SERVER.put(vip("shop/web", "10.96.0.1"))
SERVER.put(headless("shop/big"), piece("shop/big", "east", *(ready(f"10.0.1.{n}") for n in range(200))))
CLOSED = Server(is_open=False)

names = st.one_of(
    st.sampled_from(
        [f"web.shop.svc.{Z}", f"big.shop.svc.{Z}", f"_http._tcp.web.shop.svc.{Z}", Z, f"svc.{Z}", ""]
    ),
    st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=63), max_size=5).map(
        ".".join
    ),
)
opts = st.builds(
    opt,
    st.integers(0, 65535),
    version=st.sampled_from([0, 0, 0, 1, 255]),
    flags=st.integers(0, 65535),
    options=st.binary(max_size=30),
)
queries = st.builds(
    query,
    names,
    st.one_of(st.sampled_from([1, 28, 33, 255, 41]), st.integers(0, 65535)),
    flags=st.one_of(st.sampled_from([0x0100, 0x0120, 0]), st.integers(0, 65535)),
    counts=st.one_of(
        st.sampled_from([(1, 0, 0, 0), (1, 0, 0, 1)]), st.tuples(*[st.sampled_from([0, 1, 2, 4, 65535])] * 4)
    ),
    rclass=st.sampled_from([1, 1, 1, 3, 255]),
    tail=st.one_of(st.just(b""), opts, st.binary(max_size=60)),
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    packet = bytearray(draw(queries))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(packet) - 1))
        packet[at] = draw(st.integers(0, 255))
    cut = draw(st.integers(0, len(packet)))
    return bytes(packet[:cut] if draw(st.booleans()) else packet)


def asked_bytes(packet: bytes) -> int:
    """The largest answer that any reading of the packet may ask for."""
    sizes = [512]
    for at in range(12, len(packet) - 4):
        if packet[at : at + 3] == b"\0\0\x29":
            sizes.append(int.from_bytes(packet[at + 3 : at + 5], "big"))
    return min(1232, max(sizes))


@pytest.mark.requirement("MCS-DNS-18")
@settings(max_examples=1500)
@given(st.one_of(st.binary(max_size=1400), queries, mutated()))
@example(b"\0" * 12)
@example(struct.pack("!6H", 1, 0x0100, 1, 0, 0, 1) + b"\0\0\x29" + b"\0" * 8)
@example(struct.pack("!6H", 1, 0x0100, 1, 0, 0, 4) + b"\0\0\1\0\1" + b"\xc0\x0c" * 300)
def test_any_packet_gets_one_bounded_answer_to_its_own_question_or_none(packet: bytes) -> None:
    for server in (SERVER, CLOSED):
        first, second = server.udp(packet), server.udp(packet)
        over_tcp = server.tcp(packet)
        assert (first is None) == (second is None) == (over_tcp is None)
        if first is None or second is None or over_tcp is None:
            assert len(packet) < 12 or packet[2] & 0x80
            continue
        assert first[:4] == second[:4]
        assert max(len(first), len(second)) <= asked_bytes(packet)
        assert len(over_tcp) <= 65535
        for reply in (first, over_tcp):
            assert reply[:2] == packet[:2]
            assert reply[2] & 0x80
            check_form(reply, packet)


def check_form(reply: bytes, packet: bytes) -> None:
    """The reply is well-formed to its last byte and repeats the question, if it has one.

    Not read with dnslib, which takes no labels that are not text.
    """
    questions, *others = struct.unpack("!4H", reply[4:12])
    at = 12
    if questions:
        at = after_name(reply, at) + 4
        assert reply[12:at] == packet[12:at]
    for _ in range(sum(others)):
        at = after_name(reply, at) + 10
        at += int.from_bytes(reply[at - 2 : at], "big")
    assert at == len(reply)


def after_name(message: bytes, at: int) -> int:
    while size := message[at]:
        if size >= 0xC0:
            return at + 2
        at += size + 1
    return at + 1


def test_a_message_full_of_records_costs_no_more_than_any_other() -> None:
    crowded = query(
        f"web.shop.svc.{Z}", counts=(1, 0, 0, 700), tail=(b"\xc0\x0c" + b"\0\1\0\1\0\0\0\0\0\0") * 90
    )

    reply = SERVER.udp(crowded)

    assert reply is not None
    assert reply[3] & 0xF == 1
