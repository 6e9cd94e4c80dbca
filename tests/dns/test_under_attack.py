"""A running server whose clients go on being answered while somebody sends what is meant to hurt."""

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from random import Random

import pytest

from tests.dns.hostile import MESSAGES, Z
from tests.dns.invariants import PLAIN
from tests.dns.test_fleet import Running, serving
from tests.dns.test_protocol import query, with_opt
from tests.support.waiting import until

pytestmark = pytest.mark.slow

HONEST_RATE_PER_SECOND = 10_000
LEAST_RATE_PER_SECOND = 300
"""Of honest questions: what a machine must do that does much else."""
HOSTILE_RATE_PER_SECOND = 300
SECONDS = 1.5
TICK_SECONDS = 0.005
LAST_REPLIES_SECONDS = 2.0
LOG_LINES_PER_SECOND = 10

WEB, BIG = f"web.shop.svc.{Z}", f"big.shop.svc.{Z}"
HONEST = (query(WEB), with_opt(WEB), PLAIN, query(WEB, 28), with_opt(WEB, 33), query(f"_http._tcp.{WEB}", 33))

_CLIENTS = 8

Attack = Callable[[Random], bytes]
"""The next message to send."""

ATTACKS: dict[str, Attack] = {
    "CAA with a tag that is no text": lambda _: MESSAGES["CAA with a tag that is no text"],
    "a chain of pointers": lambda _: MESSAGES["a chain of pointers"],
    "pointers that overlap": lambda _: MESSAGES["pointers that overlap"],
    "ANY": lambda _: query(BIG, 255),
    "hosts that are made up": lambda random: query(f"10-{random.getrandbits(30)}-0-1.east.{BIG}"),
    "addresses that are made up": lambda random: query(
        "-".join(map(str, random.randbytes(4))) + f".east.{BIG}", random.choice([1, 28, 33, 255])
    ),
    "types that are made up": lambda random: with_opt(BIG, random.getrandbits(16)),
    "bytes by chance": lambda random: random.randbytes(random.randrange(400)),
    "all that we know": lambda random: random.choice(list(MESSAGES.values())),
}


class Asker:
    """Asks from several ports at a steady rate, and counts what is answered."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._clients = [self._client(address) for _ in range(_CLIENTS)]
        self._others = [self._client(address) for _ in range(_CLIENTS)]
        self._random = Random(1)

    @staticmethod
    def _client(address: tuple[str, int]) -> socket.socket:
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        client.setblocking(False)
        client.connect(address)
        return client

    def close(self) -> None:
        for client in (*self._clients, *self._others):
            client.close()

    def share_answered(self, rate_per_second: float, attack: Attack | None = None) -> float:
        """The share of honest questions that get their answer."""
        waiting: list[set[int]] = [set() for _ in self._clients]
        started = time.monotonic()
        asked = attacks = 0
        while (passed := time.monotonic() - started) < SECONDS:
            while asked < passed * rate_per_second:
                client, number = asked % _CLIENTS, asked // _CLIENTS % 65536
                waiting[client].add(number)
                self._send(self._clients[client], struct.pack("!H", number) + HONEST[asked % len(HONEST)][2:])
                asked += 1
            while attack is not None and attacks < passed * HOSTILE_RATE_PER_SECOND:
                self._send(self._others[attacks % _CLIENTS], attack(self._random))
                attacks += 1
            self._receive(waiting)
            time.sleep(TICK_SECONDS)
        end = time.monotonic() + LAST_REPLIES_SECONDS
        while any(waiting) and time.monotonic() < end:
            self._receive(waiting)
            time.sleep(TICK_SECONDS)
        return 1 - sum(map(len, waiting)) / asked

    @staticmethod
    def _send(client: socket.socket, packet: bytes) -> None:
        try:
            client.send(packet)
        except (BlockingIOError, ConnectionRefusedError):
            return

    def _receive(self, waiting: list[set[int]]) -> None:
        for client, numbers in zip(self._clients, waiting, strict=True):
            while True:
                try:
                    reply = client.recv(4096)
                except (BlockingIOError, ConnectionRefusedError):
                    break
                if reply[3] & 0xF == 0:
                    numbers.discard(reply[0] << 8 | reply[1])
        for client in self._others:
            try:
                while client.recv(4096):
                    pass
            except (BlockingIOError, ConnectionRefusedError):
                continue


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    running = Running(workers=2)
    await running.importer.install()
    await running.importer.vip("shop/web", "10.96.0.1")
    await running.importer.headless("shop/big")
    for number in range(5):
        addresses = [f"10.{number}.{each >> 8}.{each & 255}" for each in range(1, 1_001)]
        await running.importer.slice(f"big-{number}", "shop/big", "east", *addresses)
    async with serving(running):
        await running.all_answer()
        await until(running.server.ready)
        yield running


@pytest.mark.requirement("MCS-DNS-18")
async def test_honest_questions_are_answered_while_hostile_ones_come_and_the_log_stays_short(
    running: Running, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    asker = Asker(running.address)
    try:
        rate = float(HONEST_RATE_PER_SECOND)
        # What this machine can do now, with all that it does beside.
        while (quiet := await asyncio.to_thread(asker.share_answered, rate)) < 0.99:
            rate /= 2
            assert rate >= LEAST_RATE_PER_SECOND, "not even few questions are answered"
        for name, attack in ATTACKS.items():
            capfd.readouterr()
            caplog.clear()

            attacked = await asyncio.to_thread(asker.share_answered, rate, attack)

            assert attacked >= 0.9 * quiet, name
            printed = capfd.readouterr()
            lines = len((printed.out + printed.err).splitlines()) + len(caplog.records)
            assert lines < LOG_LINES_PER_SECOND * SECONDS, name
    finally:
        asker.close()

    assert running.metric("mcs_dns_faults_total") == 0
    assert running.metric("mcs_dns_worker_restarts_total") == 0
