"""A fleet whose workers are played by the test: they speak as workers do, and are no processes."""

import asyncio
import os
import socket
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random
from typing import cast

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.dns.answers.counters import Counters, Held, tcp_channel, udp_channel
from mcs_controller.dns.config import DnsConfig
from mcs_controller.dns.server.sockets import bind_groups
from mcs_controller.dns.server.tcp import TcpLimits
from mcs_controller.dns.workers.fleet import Fleet
from mcs_controller.dns.workers.protocol import (
    Beat,
    Hello,
    Orders,
    PeerGone,
    Report,
    pack_beat,
    pack_report,
    read_hello,
    read_orders,
)
from mcs_controller.dns.zone.packed import PackedService
from tests.dns.zonetext import packed, vip
from tests.support.waiting import until as eventually

FIRST_PID = 1 << 30
"""More than a kernel gives."""

CONFIG = DnsConfig("mesh.example", udp_payload_limit_bytes=1400, tcp=TcpLimits(7, 5, 3.5), join_replies=False)


def totals(**counts: int) -> list[int]:
    """What a worker has counted: UDP requests of the first kind, and what else is given."""
    counters = Counters(udp_channel(1232), tcp_channel())
    counters.udp.requests[0] = counts.get("requests", 0)
    counters.dropped["short"] = counts.get("short", 0)
    return counters.totals()


class Player:
    """One worker: what it was told, and what it says. It ends when it is killed or `ends`."""

    def __init__(self, number: int, theirs: socket.socket) -> None:
        self.pid = FIRST_PID + number
        self.started_at_seconds = asyncio.get_running_loop().time()
        self.is_alive = True
        self.hello: Hello | None = None
        self.orders: list[Orders] = []
        self._socket = socket.socket(fileno=os.dup(theirs.fileno()))
        self._task = asyncio.create_task(self._read())
        self._writer: asyncio.StreamWriter | None = None

    async def _read(self) -> None:
        reader, self._writer = await asyncio.open_connection(sock=self._socket, limit=1 << 16)
        try:
            self.hello = await read_hello(reader)
            while True:
                self.orders.append(await read_orders(reader))
        except PeerGone:
            self.is_alive = False
        finally:
            self._writer.close()

    @property
    def told(self) -> Orders:
        """The last orders."""
        return self.orders[-1]

    def services(self) -> list[list[ServiceKey]]:
        """Which services each of the orders was about, but for those about none."""
        return [each for orders in self.orders if (each := [service for service, _ in orders.services])]

    def reports(
        self,
        *serving: int,
        is_open: bool = True,
        counted: list[int] | None = None,
        connections: int = 0,
        held: Held | None = None,
    ) -> None:
        report = Report([*serving], is_open, counted or totals(), connections, held or Held())
        self.writes(pack_report(report))

    def beats(self, lag_seconds: float = 0.0) -> None:
        self.writes(pack_beat(Beat(lag_seconds)))

    def writes(self, frame: bytes) -> None:
        assert self._writer is not None
        self._writer.write(frame)

    def ends(self) -> None:
        self.is_alive = False
        self._task.cancel()

    def send_signal(self, number: int) -> None:
        """What the parent does in the end."""
        self.ends()

    async def wait(self) -> int:
        await asyncio.gather(self._task, return_exceptions=True)
        return 0


class Playing(Fleet):
    """Starts players. `state` is what the kernel says of all of them."""

    def __init__(self, workers: int, *, random: Random | None = None) -> None:
        self.players: list[Player] = []
        self.zone: dict[ServiceKey, PackedService | None] = {}
        super().__init__(
            replace(CONFIG, workers=workers),
            ("no", "program"),
            random=random or Random(1),
            services=lambda: self.zone,
            packed=self.zone.get,
        )

    async def _start_process(self, theirs: socket.socket) -> Process:
        self.players.append(Player(len(self.players), theirs))
        return cast(Process, self.players[-1])

    def put(self, service: ServiceKey, *ips: str) -> None:
        """A service comes or changes; without an IP it goes."""
        self.zone[service] = packed(vip(str(service), *ips)) if ips else None
        self.update(service, self.zone[service])

    async def has_players(self, count: int) -> None:
        """As many as have been started, each of which has been told something."""
        await eventually(lambda: len(self.players) == count and all(player.orders for player in self.players))


@asynccontextmanager
async def played(fleet: Playing, workers: int) -> AsyncIterator[list[Player]]:
    """The fleet while it runs; all have reported that they answer for their own."""
    fleet.start(bind_groups((("127.0.0.1", 0),), workers))
    running = asyncio.create_task(fleet.run())
    try:
        await fleet.has_players(workers)
        for number, player in enumerate(fleet.players):
            player.reports(number)
        await until(lambda: fleet.answering() == workers)
        yield fleet.players
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        fleet.close()
        assert not any(player.is_alive for player in fleet.players)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until something holds; in virtual time nothing becomes due meanwhile."""
    deadline_seconds = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline_seconds, "it never holds"
        await asyncio.sleep(0)
