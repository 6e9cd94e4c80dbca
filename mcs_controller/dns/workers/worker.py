"""A worker process: answers what its parent feeds it, on sockets that the parent bound.

It watches no API server and imports nothing that does, so that it is small. It does what its orders say and
reports every second; between two reports it beats, which is how the parent knows that it is alive. When the
parent is gone it answers what has arrived and ends, since it would learn of no more changes.
"""

import asyncio
import gc
import os
import socket
from random import Random
from typing import Final

from mcs_controller.dns.server.answer_server import AnswerServer
from mcs_controller.dns.server.sockets import SocketPair
from mcs_controller.dns.workers.protocol import (
    Beat,
    Orders,
    PeerGone,
    Report,
    pack_beat,
    pack_report,
    read_hello,
    read_orders,
    send,
)
from mcs_controller.dns.workers.pulse import BEAT_SECONDS

BEATS_PER_REPORT: Final = 5


async def run_worker(parent: socket.socket, *, random: Random) -> None:
    """Serve until told to stop, or until the parent is gone."""
    reader, writer = await asyncio.open_connection(sock=parent)
    try:
        hello = await read_hello(reader)
        worker = Worker(AnswerServer(hello.config, random=random), hello.groups, writer)
        reporting = asyncio.create_task(worker.report_for_ever())
        try:
            while await worker.obey(await read_orders(reader)):
                pass
        finally:
            reporting.cancel()
            await worker.stop()
    except PeerGone:
        return
    finally:
        writer.close()


class Worker:
    """One worker's life between its first and its last orders."""

    def __init__(
        self, server: AnswerServer, groups: list[list[tuple[int, int]]], writer: asyncio.StreamWriter
    ) -> None:
        self._server = server
        self._groups = groups
        self._writer = writer

    async def obey(self, orders: Orders) -> bool:
        """Be as the orders say; False when they are the last."""
        for service, packed in orders.services:
            self._server.update(service, packed)
        if orders.is_open and not self._server.answers.is_open:
            self._server.open()
            # What was read lives as long as the process; see `freeze_after_sync` of the commands.
            gc.collect()
            gc.freeze()
            self._report()
        self._server.set_stale(orders.stale)
        if orders.stop:
            return False
        before = self._server.groups()
        for group in set(before).difference(orders.serve):
            self._server.release(group)
        for group in set(orders.serve).difference(before):
            await self._server.serve(group, [_own(*numbers) for numbers in self._groups[group]])
        if self._server.groups() != before:
            self._report()
        return True

    async def report_for_ever(self) -> None:
        """Tell the parent that this worker is alive, and every second what has been counted."""
        loop = asyncio.get_running_loop()
        while True:
            self._report()
            for _ in range(BEATS_PER_REPORT):
                due_seconds = loop.time() + BEAT_SECONDS
                await asyncio.sleep(BEAT_SECONDS)
                send(self._writer, pack_beat(Beat(max(0.0, loop.time() - due_seconds))))

    async def stop(self) -> None:
        """Answer what has arrived, close everything, and tell the last counts."""
        await self._server.stop()
        self._report()

    def _report(self) -> None:
        server = self._server
        report = Report(
            server.groups(),
            server.answers.is_open,
            server.counters.totals(),
            server.counters.tcp_connections,
            server.held(),
        )
        send(self._writer, pack_report(report))


def _own(udp_number: int, tcp_number: int) -> SocketPair:
    """The pair behind these file descriptors, to be closed without closing them for good."""
    udp, tcp = socket.socket(fileno=os.dup(udp_number)), socket.socket(fileno=os.dup(tcp_number))
    return SocketPair(udp, tcp)
