"""What parent and workers say to each other: all of it arrives, and what cannot be read ends it."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mcs_controller.dns.answers.counters import Held
from mcs_controller.dns.workers import protocol
from mcs_controller.dns.workers.protocol import (
    Beat,
    Hello,
    Orders,
    PeerGone,
    Report,
    pack_beat,
    pack_hello,
    pack_orders,
    pack_report,
    read_hello,
    read_orders,
    read_report,
)
from tests.dns.played import CONFIG
from tests.dns.zonetext import headless, key, packed, piece, ready, vip

Reader = Callable[[asyncio.StreamReader], Awaitable[Any]]

HELLO = Hello(CONFIG, [[(3, 4), (5, 6)], [], [(7, 8)]])
ORDERS = Orders(
    [
        (key("shop/web"), packed(vip("shop/web", "10.96.0.1", "fd00::1"))),
        (key("shop/gone"), None),
        (
            key("data/db"),
            packed(headless("data/db"), piece("data/db", "east", ready("10.0.0.1", hostname="a"))),
        ),
    ],
    is_open=True,
    stale=False,
    serve=[2, 0],
    stop=True,
)
REPORT = Report([1, 2], False, [5, 0, 7], 3, Held(1, 2, 3))
BEAT = Beat(0.25)


def reader_of(content: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(content)
    reader.feed_eof()
    return reader


def frame(value: object) -> bytes:
    body = json.dumps(value).encode()
    return struct.pack("!I", len(body)) + body


async def test_whatever_is_said_arrives_whole_and_in_order() -> None:
    reader = reader_of(
        pack_hello(HELLO) + pack_orders(ORDERS) + pack_report(REPORT) + pack_beat(BEAT) + pack_report(REPORT)
    )

    assert await read_hello(reader) == HELLO
    assert await read_orders(reader) == ORDERS
    assert [await read_report(reader) for _ in range(3)] == [REPORT, BEAT, REPORT]
    with pytest.raises(PeerGone):
        await read_report(reader)


def test_orders_that_say_nothing_are_short() -> None:
    """They go to every worker with every change."""
    assert len(pack_orders(Orders([], True, False, [0]))) == 4 + len("[[],true,false,[0],false]")


@pytest.mark.parametrize(
    ("read", "good"),
    [(read_hello, pack_hello(HELLO)), (read_orders, pack_orders(ORDERS)), (read_report, pack_report(REPORT))],
    ids=["hello", "orders", "report"],
)
@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (b"", "0 bytes read on a total of 4 expected bytes"),
        (b"\0\0\0", "3 bytes read"),
        (frame([1, 2])[:-1], "bytes read"),
        (struct.pack("!I", 3) + b"[1,", "truncated"),
        (struct.pack("!I", 1) + b"\xff", "."),
        (frame({}), "a frame of another kind than was expected"),
        (frame(None), "a frame of another kind"),
        (frame([]), "a frame of another kind"),
        (frame([1] * 6), "a frame of another kind"),
        (frame([[], 1, 2]), "a frame of another kind"),
        (struct.pack("!I", 256 * 1024 * 1024 + 1), "a frame of 268435457 bytes"),
    ],
)
async def test_what_cannot_be_read_ends_it_with_the_reason(
    read: Reader, good: bytes, broken: bytes, why: str
) -> None:
    assert await read(reader_of(good))

    with pytest.raises(PeerGone, match=why):
        await read(reader_of(broken))


async def test_a_connection_that_breaks_ends_it_with_the_reason() -> None:
    reader = asyncio.StreamReader()
    reader.set_exception(ConnectionResetError())

    with pytest.raises(PeerGone, match="ConnectionResetError"):
        await read_report(reader)


async def test_the_longest_frame_that_is_taken_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    content = pack_orders(ORDERS)
    monkeypatch.setattr(protocol, "FRAME_MAX_BYTES", len(content) - 4)

    assert await read_orders(reader_of(content)) == ORDERS


async def test_nothing_is_sent_to_an_end_that_is_gone() -> None:
    """The loop that is used in earnest raises then."""
    ours, theirs = socket.socketpair()
    _, writer = await asyncio.open_connection(sock=ours)
    with theirs:
        protocol.send(writer, b"one")
        await writer.drain()
        writer.close()
        protocol.send(writer, b"two")
        assert theirs.recv(100) == b"one"
        await writer.wait_closed()
        assert theirs.recv(100) == b""
