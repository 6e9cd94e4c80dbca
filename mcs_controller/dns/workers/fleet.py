"""Several worker processes on one port, fed by this one, which alone watches the API server.

The parent binds a group of sockets for each worker, all on the same addresses (SO_REUSEPORT), keeps them open
and lets every worker have all of them. So what clients have sent to a worker that dies is still there: within
milliseconds another worker answers for its group, until a new one that has the whole zone takes over. When
a worker is late with its beats, another one answers as well; it is ended once it is sure to hang
(`pulse.py`).

Changes wait for each worker by name, and what is sent is the service as it is then: a slow worker gets fewer
states, never older ones, and nothing piles up here.
"""

import asyncio
import logging
import os
import signal
import socket
from asyncio.subprocess import Process
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import islice
from random import Random
from typing import Final

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.dns.answers.counters import Counters, Held, tcp_channel, udp_channel
from mcs_controller.dns.config import DnsConfig
from mcs_controller.dns.server.answer_server import TCP_CLOSE_SECONDS
from mcs_controller.dns.server.sockets import SocketPair
from mcs_controller.dns.workers.protocol import (
    Beat,
    Hello,
    Orders,
    PeerGone,
    Report,
    pack_hello,
    pack_orders,
    read_report,
    send,
)
from mcs_controller.dns.workers.pulse import BEAT_SECONDS, Pulse, process_state
from mcs_controller.dns.workers.slot import Slot, kill, start_process
from mcs_controller.dns.zone.packed import PackedService
from mcs_controller.kube.pacing.backoff import Backoff
from mcs_controller.kube.tasks import Tasks

SERVICES_PER_ORDERS: Final = 256
STOP_SECONDS: Final = TCP_CLOSE_SECONDS + 3.0
FIRST_RESTART_SECONDS: Final = 0.05
LONGEST_RESTART_SECONDS: Final = 10.0
LONG_LIFE_SECONDS: Final = 30.0
"""A worker that lived so long is replaced without waiting as after one that cannot start."""

_log = logging.getLogger(__name__)


class Fleet:
    """`services` and `packed` tell what the zone is; `command` and a descriptor's number start a worker."""

    def __init__(
        self,
        config: DnsConfig,
        command: Sequence[str],
        *,
        random: Random,
        services: Callable[[], Iterable[ServiceKey]],
        packed: Callable[[ServiceKey], PackedService | None],
    ) -> None:
        self.restarts = 0
        self.observe_lag: Callable[[float], None] = _ignore
        self._config = config
        self._command = command
        self._services = services
        self._packed = packed
        self._is_open = False
        self._stale = False
        self._counters = self._no_counts()
        self._slots = [
            Slot(number, Backoff(FIRST_RESTART_SECONDS, LONGEST_RESTART_SECONDS, random=random))
            for number in range(config.workers)
        ]

    def update(self, service: ServiceKey, packed: PackedService | None) -> None:
        """Let every worker be told of a service; what it is is asked when it is sent."""
        for slot in self._slots:
            slot.pending[service] = None
            slot.wake.set()

    def open(self) -> None:
        """The zone is complete."""
        self._is_open = True
        self._wake()

    def set_stale(self, stale: bool) -> None:
        """Whether answers may be out of date."""
        if stale != self._stale:
            self._stale = stale
            self._wake()

    def merged_counters(self) -> Counters:
        """Of all workers, those that have ended included; up to a second old."""
        merged = self._no_counts()
        merged.add(self._counters.totals())
        for report in self._reports():
            merged.add(report.totals)
            merged.tcp_connections += report.tcp_connections
        return merged

    def held(self) -> Held:
        """How much there is: each worker holds the same zone, and answers of its own."""
        held = [report.held for report in self._reports()]
        return Held(
            max((each.services for each in held), default=0),
            max((each.addresses for each in held), default=0),
            sum(each.prebuilt for each in held),
        )

    def pids(self) -> list[int]:
        """The worker processes that there are."""
        return [slot.pid for slot in self._slots if slot.pid]

    def answering(self) -> int:
        """How many workers answer."""
        return sum(slot.answers for slot in self._slots)

    def ready(self) -> bool:
        """Whether a worker answers from the zone. One that is late does, too: all are when CPU is short."""
        return any(slot.serves and slot.report is not None and slot.report.is_open for slot in self._slots)

    def start(self, groups: Sequence[list[SocketPair]]) -> None:
        """Take over the sockets, a group for each worker."""
        for slot, pairs in zip(self._slots, groups, strict=True):
            slot.pairs = pairs

    async def run(self) -> None:
        """Keep every place filled, until cancelled; then let the workers answer what has arrived."""
        async with Tasks("dns workers") as tasks:
            for slot in self._slots:
                tasks.start(self._fill(slot), name=str(slot.number))
            tasks.start(self._watch_pulses(), name="pulses")

    def close(self) -> None:
        """Close the sockets."""
        for slot in self._slots:
            for pair in slot.pairs:
                pair.close()
            slot.pairs = []

    async def _fill(self, slot: Slot) -> None:
        """One process after the other."""
        loop = asyncio.get_running_loop()
        while True:
            started_at_seconds = loop.time()
            try:
                await self._one_life(slot)
            except OSError as error:
                _log.warning("DNS worker %d cannot be started: %s", slot.number, error)
            self.restarts += 1
            if loop.time() - started_at_seconds >= LONG_LIFE_SECONDS:
                slot.backoff.reset()
            await asyncio.sleep(slot.backoff.next_seconds())

    async def _one_life(self, slot: Slot) -> None:
        """From the start of a worker to its end, whichever side that comes from."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = await self._start_process(theirs)
        except BaseException:
            ours.close()  # which also ends the worker, if there is one
            raise
        try:
            reader, writer = await asyncio.open_connection(sock=ours)
            try:
                await self._converse(slot, process, reader, writer)
            finally:
                writer.close()
        finally:
            self._bury(slot)
            kill(process)
            await process.wait()

    async def _converse(
        self, slot: Slot, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        slot.pid, slot.pulse, slot.fault = process.pid, Pulse(), ""
        slot.pending, slot.in_step = dict.fromkeys(self._services()), False
        slot.wake.set()
        send(writer, pack_hello(Hello(self._config, [each.socket_numbers() for each in self._slots])))
        sending = asyncio.create_task(self._send_orders(slot, writer))
        try:
            await self._listen(slot, reader)
            fault = slot.fault or "has ended"
            _log.warning("DNS worker %d (process %d) %s: starting another", slot.number, slot.pid, fault)
        except asyncio.CancelledError:
            sending.cancel()
            send(writer, pack_orders(Orders([], self._is_open, self._stale, [], stop=True)))
            await self._last_words(slot, reader)
            raise
        finally:
            sending.cancel()

    async def _start_process(self, theirs: socket.socket) -> Process:
        return await start_process(self._command, theirs, self._slots)

    async def _listen(self, slot: Slot, reader: asyncio.StreamReader) -> None:
        """Take reports until there are no more."""
        with suppress(PeerGone):
            while True:
                said = await read_report(reader)
                answered_before = slot.answers
                slot.pulse.beat()
                if isinstance(said, Beat):
                    self.observe_lag(said.lag_seconds)
                    changed = False
                else:
                    changed = slot.report is None or slot.report.serving != said.serving
                    slot.report = said
                if changed or slot.answers != answered_before:
                    self._wake()

    async def _watch_pulses(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            for slot in self._slots:
                if slot.pid:
                    self._check_pulse(slot)

    def _check_pulse(self, slot: Slot) -> None:
        """Let others help a worker that is late, and end one that hangs; `_listen` learns of that."""
        answered_before = slot.answers
        if slot.pulse.round() and not slot.fault:
            state = process_state(slot.pid)
            slot.fault = (state and slot.pulse.judge(state)) or ""
            if slot.fault:
                with suppress(ProcessLookupError):
                    os.kill(slot.pid, signal.SIGKILL)
        if slot.answers != answered_before:
            self._wake()

    async def _last_words(self, slot: Slot, reader: asyncio.StreamReader) -> None:
        with suppress(TimeoutError, PeerGone):
            async with asyncio.timeout(STOP_SECONDS):
                while True:
                    said = await read_report(reader)
                    if isinstance(said, Report):
                        slot.report = said

    async def _send_orders(self, slot: Slot, writer: asyncio.StreamWriter) -> None:
        """Send orders whenever something is to be told."""
        last: Orders | None = None
        with suppress(OSError):
            while True:
                await slot.wake.wait()
                slot.wake.clear()
                while True:
                    orders = self._orders(slot)
                    if orders.services or last is None or orders[1:] != last[1:]:
                        last = orders
                        send(writer, pack_orders(orders))
                        await writer.drain()
                    if not slot.pending:
                        break

    def _orders(self, slot: Slot) -> Orders:
        batch = tuple(islice(slot.pending, SERVICES_PER_ORDERS))
        for service in batch:
            del slot.pending[service]
        slot.in_step = slot.in_step or not slot.pending
        services = [(service, self._packed(service)) for service in batch]
        # Until it has the whole zone a worker must not answer from it.
        return Orders(services, self._is_open and slot.in_step, self._stale, self._groups_of(slot))

    def _groups_of(self, slot: Slot) -> list[int]:
        """Its own group, and those that no worker answers if it is the first that can."""
        groups = [slot.number] if slot.in_step else []
        if slot.answers and next(each for each in self._slots if each.answers) is slot:
            groups += [each.number for each in self._slots if not each.answers]
        return sorted(groups)

    def _bury(self, slot: Slot) -> None:
        if slot.report is not None:
            self._counters.add(slot.report.totals)
        slot.pid, slot.report, slot.in_step = 0, None, False
        self._wake()

    def _wake(self) -> None:
        for slot in self._slots:
            slot.wake.set()

    def _reports(self) -> list[Report]:
        return [slot.report for slot in self._slots if slot.report is not None]

    def _no_counts(self) -> Counters:
        return Counters(udp_channel(self._config.udp_payload_limit_bytes), tcp_channel())


def _ignore(lag_seconds: float) -> None:
    """The default for `observe_lag`: the workers' lag is not recorded."""
