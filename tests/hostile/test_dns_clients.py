"""DNS clients that misuse connections, all kinds at once and on real sockets, beside clients that ask.

Single messages, and single kinds of misuse, have their tests in tests/dns. All is bounded in count, and on
loopback, where each address of 127.0.0.0/8 is another client.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random

import pytest

from mcs_controller.dns.server.tcp import TcpLimits
from mcs_controller.dnscheck.client import query as ask
from mcs_controller.simcluster.cluster import SimCluster
from tests.dns.cluster import Importer
from tests.dns.hostile import MESSAGES, WEB
from tests.dns.test_protocol import query
from tests.dns.test_tcp import Client, Tcp, framed, numbered
from tests.support.dns import dns_server
from tests.support.waiting import until

HONEST_QUESTIONS = 40
CLIENTS_OF_EACH_KIND = 20
HOSTILE_PACKETS = 3000

Address = tuple[str, int]
Misuse = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(struct.pack("!H", 400))
    for _ in range(400):
        if writer.is_closing():
            return
        writer.write(b"x")
        await asyncio.sleep(0.05)


async def never_reads(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    reader._transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(framed(*(numbered(number) for number in range(5000))))
    await asyncio.sleep(60)


async def sends_rubbish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for message in MESSAGES.values():
        if writer.is_closing():
            return
        writer.write(framed(message[:512]))
        await asyncio.sleep(0)
    await reader.read()


async def says_a_length_and_goes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\xff\xff")
    writer.transport.abort()


async def leaves_half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(framed(query(WEB))[:-3])
    writer.write_eof()
    await reader.read()


MISUSES: tuple[Misuse, ...] = (
    says_nothing, drips, never_reads, sends_rubbish, says_a_length_and_goes, leaves_half,
)  # fmt: skip


async def misuse(address: Address, how: Misuse, source: str) -> None:
    """One client that goes on with it, and comes back when it is closed, until cancelled."""
    while True:
        with contextlib.suppress(ConnectionError):
            reader, writer = await asyncio.open_connection(*address, local_addr=(source, 0))
            try:
                await how(reader, writer)
            finally:
                writer.transport.abort()
        await asyncio.sleep(0.05)


async def flood(address: Address) -> None:
    """Rubbish over UDP, in a bounded number, from ports whose replies nobody reads."""
    random = Random(1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        client.bind(("127.0.0.9", 0))
        for number in range(HOSTILE_PACKETS):
            packet = random.choice(list(MESSAGES.values())) if number % 2 else random.randbytes(200)
            with contextlib.suppress(BlockingIOError, ConnectionError):
                client.sendto(packet, address)
            await asyncio.sleep(0.002)


@pytest.fixture
async def server() -> AsyncIterator[Address]:
    async with SimCluster("east") as cluster:
        importer = Importer(cluster.client())
        await importer.install()
        await importer.vip("shop/web", "10.96.0.1")
        async with dns_server(cluster.client("dns")) as address:
            yield address


async def test_honest_clients_are_answered_whatever_the_others_do_with_their_connections(
    server: Address, caplog: pytest.LogCaptureFixture
) -> None:
    hostile = [
        asyncio.create_task(misuse(server, how, f"127.0.0.{2 + number}"), name=how.__name__)
        for number, how in enumerate(MISUSES)
        for _ in range(CLIENTS_OF_EACH_KIND)
    ]
    hostile.append(asyncio.create_task(flood(server), name="flood"))
    try:
        for _ in range(HONEST_QUESTIONS):
            for tcp in (False, True):
                answer = await ask(server, WEB, "A", tcp=tcp)
                assert answer.data("A") == ("10.96.0.1",)
            await asyncio.sleep(0.01)
        assert not any(task.done() for task in hostile[:-1])
    finally:
        for task in hostile:
            task.cancel()
        await asyncio.gather(*hostile, return_exceptions=True)

    assert len(caplog.records) < 10


async def test_a_few_clients_that_hold_all_connections_keep_nobody_out() -> None:
    tcp = Tcp()
    tcp.service.limits = TcpLimits(connections_max=8, connections_per_client_max=4)
    await tcp.start()

    async def connect(source: str) -> Client:
        client = Client(*await asyncio.open_connection(*tcp.pair.address, local_addr=(source, 0)))
        client.writer.write(framed(numbered(1)))
        return client

    async def answers(client: Client) -> bool:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            return bool(await client.reply())
        return False

    greedy = [await connect(f"127.0.0.{2 + number // 4}") for number in range(8)]
    await until(lambda: tcp.server.counters.tcp_connections == 8)
    assert all([await answers(one) for one in greedy])

    # Each of the two has four; a newcomer gets its share, and no more than that.
    newcomers = [await connect("127.0.0.7") for _ in range(2)]
    assert all([await answers(one) for one in newcomers])
    assert await greedy[0].ended()
    assert await greedy[4].ended()
    assert tcp.server.counters.tcp_connections == 8
    assert tcp.server.counters.dropped["too_many_connections"] == 2

    refused = await connect("127.0.0.7")
    assert await refused.ended()
    assert tcp.server.counters.tcp_connections == 8
    for client in (*greedy, *newcomers, refused):
        await client.close()
    await until(lambda: tcp.server.counters.tcp_connections == 0)
    await tcp.stop()
