"""DNS over TCP: pipelining, pieces, limits, and clients that do not behave."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from mcs_controller.dns.server.sockets import TCP_RECEIVE_BUFFER_BYTES, TCP_SEND_BUFFER_BYTES, bind_all
from mcs_controller.dns.server.tcp import QUERIES_PER_TURN, TcpLimits, TcpService
from mcs_controller.dns.wire.query import QUERY_MAX_BYTES
from tests.dns.test_protocol import opt, query
from tests.dns.zonetext import Server, headless, piece, read, ready, vip
from tests.support.waiting import settled, until

Z = "clusterset.local"
WEB, HUGE = f"web.shop.svc.{Z}", f"huge.shop.svc.{Z}"


def framed(*packets: bytes) -> bytes:
    return b"".join(struct.pack("!H", len(packet)) + packet for packet in packets)


def numbered(number: int, name: str = WEB) -> bytes:
    return struct.pack("!H", number) + query(name)[2:]


class Tcp:
    """A service on loopback."""

    def __init__(self, idle_seconds: float = 60.0, connections_max: int = 5) -> None:
        self.limits = TcpLimits(
            connections_max=connections_max,
            connections_per_client_max=3 if connections_max == 5 else connections_max,
            idle_seconds=idle_seconds,
        )
        self.server = Server()
        self.server.put(vip("shop/web", "10.96.0.1"))
        pods = (ready(f"10.0.{n >> 8}.{n & 255}") for n in range(4000))
        self.server.put(headless("shop/huge"), piece("shop/huge", "east", *pods))
        self.service = TcpService(self.server.tcp, self.server.counters, self.limits)
        (self.pair,) = bind_all((("127.0.0.1", 0),))

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self.listener = await loop.create_server(self.service.connection, sock=self.pair.tcp)

    async def stop(self) -> None:
        self.listener.close()
        await self.service.close(1.0)
        self.pair.close()

    async def connect(self) -> "Client":
        return Client(*await asyncio.open_connection(*self.pair.address))


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def reply(self) -> bytes:
        async with asyncio.timeout(5):
            (size,) = struct.unpack("!H", await self.reader.readexactly(2))
            return await self.reader.readexactly(size)

    async def ended(self) -> bool:
        """Whether the server closes the connection without a word."""
        async with asyncio.timeout(5):
            try:
                return await self.reader.read(1) == b""
            except ConnectionResetError:
                return True

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


@pytest.fixture
async def tcp() -> AsyncIterator[Tcp]:
    tcp = Tcp()
    await tcp.start()
    yield tcp
    await tcp.stop()


@pytest.fixture
async def client(tcp: Tcp) -> AsyncIterator[Client]:
    client = await tcp.connect()
    yield client
    await client.close()


@pytest.mark.requirement("MCS-DNS-18")
async def test_a_query_is_answered_and_the_connection_stays_for_more(client: Client) -> None:
    for number in range(3):
        client.writer.write(framed(numbered(number)))

        reply = read(await client.reply())
        assert (reply.raw.header.id, reply.answer) == (number, [f"{WEB}. 4 IN A 10.96.0.1"])


@pytest.mark.requirement("MCS-DNS-18")
async def test_many_queries_in_one_write_are_answered_in_order(client: Client) -> None:
    count = 5 * QUERIES_PER_TURN + 3
    client.writer.write(framed(*(numbered(number) for number in range(count))))

    replies = [await client.reply() for _ in range(count)]

    assert [int.from_bytes(reply[:2], "big") for reply in replies] == list(range(count))


async def test_a_query_that_comes_byte_by_byte_is_answered(client: Client) -> None:
    for byte in framed(numbered(7)):
        client.writer.write(bytes((byte,)))
        await client.writer.drain()
        await asyncio.sleep(0)

    assert (await client.reply())[:2] == b"\0\7"


async def test_queries_asked_before_the_client_closes_its_side_are_answered(client: Client) -> None:
    client.writer.write(framed(numbered(1), numbered(2)))
    client.writer.write_eof()

    assert [(await client.reply())[:2] for _ in range(2)] == [b"\0\1", b"\0\2"]
    assert await client.ended()


async def test_a_client_that_does_not_read_is_not_answered_into_memory_and_loses_nothing(
    tcp: Tcp, client: Client
) -> None:
    count = 400
    client.reader._transport.pause_reading()  # type: ignore[attr-defined]
    client.writer.write(framed(*(numbered(number, HUGE) for number in range(count))))
    await until(lambda: sum(tcp.server.counters.tcp.requests) > 1)
    assert await settled(lambda: sum(tcp.server.counters.tcp.requests)) < count

    client.reader._transport.resume_reading()  # type: ignore[attr-defined]
    for number in range(count):
        reply = await client.reply()
        assert int.from_bytes(reply[:2], "big") == number
        assert len(reply) > 60_000


@pytest.mark.parametrize(("name", "most_bytes"), [(WEB, 40_000), (HUGE, 100_000)])
async def test_clients_that_never_read_cost_little_each(name: str, most_bytes: int) -> None:
    """What one read brings and one turn answers, unless one answer is longer."""
    tcp = Tcp(connections_max=10)
    queries = framed(*(numbered(number, name) for number in range(20_000)))
    await tcp.start()
    clients = []
    for _ in range(10):
        client = await tcp.connect()
        client.reader._transport.pause_reading()  # type: ignore[attr-defined]
        client.writer.write(queries)
        clients.append(client)
    await until(lambda: len(tcp.service._open) == 10)
    await settled(lambda: sum(tcp.server.counters.tcp.requests))

    held = [
        len(connection._buffer) + connection._transport.get_write_buffer_size()
        for connection in tcp.service._open
        if connection._transport is not None
    ]
    kernel_s = [
        connection._transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, option)
        for connection in tcp.service._open
        if connection._transport is not None
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF)
    ]
    assert len(held) == 10
    assert min(held) > 1_000, "there is something to hold"
    assert max(held) < most_bytes
    assert sum(kernel_s) / 10 <= 2 * (TCP_SEND_BUFFER_BYTES + TCP_RECEIVE_BUFFER_BYTES)
    for client in clients:
        client.writer.transport.abort()
    await tcp.stop()


async def test_a_client_that_drips_bytes_without_end_is_closed_all_the_same() -> None:
    """Bytes are no query: only a whole one shows that the client means it."""
    tcp = Tcp(idle_seconds=0.2)
    await tcp.start()
    client = await tcp.connect()
    ended = asyncio.ensure_future(client.ended())
    client.writer.write(struct.pack("!H", QUERY_MAX_BYTES))
    for sent in range(QUERY_MAX_BYTES - 1):
        if ended.done():
            break
        assert sent < QUERY_MAX_BYTES - 2, "it was never closed"
        client.writer.write(b"x")
        await asyncio.sleep(0.01)

    assert await ended
    assert tcp.server.counters.tcp_connections == 0
    await client.close()
    await tcp.stop()


async def test_nothing_is_read_while_replies_cannot_be_written(tcp: Tcp, client: Client) -> None:
    """Whenever a loop tells that: some do it in the middle of a write, some later."""
    client.writer.write(framed(numbered(1)))
    await client.reply()
    (connection,) = tcp.service._open

    connection.pause_writing()
    client.writer.write(framed(*(numbered(number) for number in range(2, 102))))
    assert await settled(lambda: len(connection._buffer)) == 0

    connection.resume_writing()
    assert [(await client.reply())[1] for _ in range(100)] == list(range(2, 102))


@pytest.mark.parametrize("sent", [b"", b"\0", framed(numbered(1))[:-1]])
async def test_a_client_that_sends_no_whole_query_is_closed(sent: bytes) -> None:
    tcp = Tcp(idle_seconds=0.1)
    await tcp.start()
    client = await tcp.connect()
    client.writer.write(sent)

    assert await client.ended()

    await client.close()
    await tcp.stop()


async def test_a_client_that_goes_on_asking_is_not_idle() -> None:
    tcp = Tcp(idle_seconds=0.2)
    await tcp.start()
    client = await tcp.connect()
    loop = asyncio.get_running_loop()
    started = loop.time()
    while loop.time() < started + 0.6:
        client.writer.write(framed(numbered(1)))
        await client.reply()
        await asyncio.sleep(0.01)

    await client.close()
    await tcp.stop()


async def test_a_message_that_is_too_long_for_a_query_ends_the_connection_after_the_replies(
    tcp: Tcp, client: Client
) -> None:
    client.writer.write(framed(numbered(1)) + struct.pack("!H", QUERY_MAX_BYTES + 1))

    assert (await client.reply())[:2] == b"\0\1"
    assert await client.ended()
    assert tcp.server.counters.dropped["oversized"] == 1


@pytest.mark.parametrize("junk", [b"\0\0", framed(b"x"), framed(query(WEB, flags=0x8000))])
async def test_a_message_that_is_no_query_gets_no_reply_and_does_not_disturb_the_next(
    client: Client, junk: bytes
) -> None:
    client.writer.write(junk + framed(numbered(9)))

    assert (await client.reply())[:2] == b"\0\x09"


async def test_one_client_cannot_take_all_connections(tcp: Tcp) -> None:
    clients = [await tcp.connect() for _ in range(tcp.limits.connections_per_client_max)]
    await until(lambda: tcp.server.counters.tcp_connections == 3)

    refused = await tcp.connect()
    assert await refused.ended()
    assert tcp.server.counters.dropped["too_many_connections"] == 1

    await clients[0].close()
    await until(lambda: tcp.server.counters.tcp_connections == 2)
    clients[0] = await tcp.connect()
    clients[0].writer.write(framed(numbered(1)))
    assert await clients[0].reply()
    for client in (*clients, refused):
        await client.close()


async def test_there_is_a_limit_for_all_clients_together(tcp: Tcp) -> None:
    clients = []
    for number in range(tcp.limits.connections_max + 1):
        reader, writer = await asyncio.open_connection(
            *tcp.pair.address, local_addr=(f"127.0.0.{number + 2}", 0)
        )
        clients.append(Client(reader, writer))

    assert await clients[-1].ended()
    assert tcp.server.counters.dropped["too_many_connections"] == 1
    assert tcp.server.counters.tcp_connections == tcp.limits.connections_max
    for client in clients[:-1]:
        client.writer.write(framed(numbered(1)))
        assert await client.reply()
    for client in clients:
        await client.close()


async def test_closing_the_service_sends_what_was_asked_for_first(tcp: Tcp, client: Client) -> None:
    client.writer.write(framed(numbered(1, HUGE)))
    await until(lambda: sum(tcp.server.counters.tcp.requests) == 1)

    await tcp.service.close(1.0)

    assert len(await client.reply()) > 60_000
    assert await client.ended()
    assert tcp.server.counters.tcp_connections == 0


async def test_closing_the_service_does_not_wait_for_a_client_that_takes_nothing(tcp: Tcp) -> None:
    client = await tcp.connect()
    client.reader._transport.pause_reading()  # type: ignore[attr-defined]
    client.writer.write(framed(*(numbered(number, HUGE) for number in range(200))))
    await until(lambda: sum(tcp.server.counters.tcp.requests) > 1)

    await tcp.service.close(0.05)

    assert tcp.server.counters.tcp_connections == 0
    await client.close()


async def test_closing_the_service_does_not_wait_for_clients_that_ask_nothing(tcp: Tcp) -> None:
    clients = [await tcp.connect() for _ in range(3)]
    await until(lambda: tcp.server.counters.tcp_connections == 3)

    async with asyncio.timeout(5):
        await tcp.service.close(60)
        assert [await client.ended() for client in clients] == [True] * 3

    assert tcp.server.counters.tcp_connections == 0
    for client in clients:
        await client.close()


async def test_a_connection_that_is_gone_may_be_closed_again(tcp: Tcp, client: Client) -> None:
    client.writer.write(framed(numbered(1)))
    await client.reply()
    (connection,) = tcp.service._open
    await client.close()
    await until(lambda: tcp.server.counters.tcp_connections == 0)

    connection.close()
    connection.abort()
    connection.connection_lost(None)

    assert tcp.server.counters.tcp_connections == 0
    assert not tcp.service._by_client, "clients that are gone are forgotten"


async def test_a_connection_that_is_closing_answers_nothing_more(tcp: Tcp, client: Client) -> None:
    client.writer.write(framed(numbered(1)))
    await client.reply()
    (connection,) = tcp.service._open
    late = framed(numbered(2))

    connection.close()
    connection.get_buffer(-1)[: len(late)] = late
    connection.buffer_updated(len(late))

    assert await client.ended()
    assert sum(tcp.server.counters.tcp.requests) == 1


async def test_the_longest_query_that_is_read_is_answered(client: Client) -> None:
    options = struct.pack("!HH", 12, 0)
    size = len(query(WEB, tail=opt(options=options)))
    options = struct.pack("!HH", 12, QUERY_MAX_BYTES - size) + b"\0" * (QUERY_MAX_BYTES - size)
    longest = query(WEB, counts=(1, 0, 0, 1), tail=opt(options=options))
    assert len(longest) == QUERY_MAX_BYTES
    client.writer.write(framed(longest))

    assert read(await client.reply()).rcode == "NOERROR"
