"""One worker, whose parent is played by the test: what it does when told, and what it says. In virtual time.

The kernel knows no virtual time, and takes some to carry a datagram: what waits for one lets none pass.
"""

import asyncio
import gc
import select
import socket
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from random import Random

import pytest

from mcs_controller.dns.answers.counters import Held
from mcs_controller.dns.config import DnsConfig
from mcs_controller.dns.server.sockets import bind_all
from mcs_controller.dns.workers.protocol import (
    Beat,
    Hello,
    Orders,
    Report,
    pack_hello,
    pack_orders,
    read_report,
)
from mcs_controller.dns.workers.pulse import BEAT_SECONDS
from mcs_controller.dns.workers.worker import BEATS_PER_REPORT, run_worker
from tests.dns.played import until
from tests.dns.test_protocol import extended_error, header, query, with_opt
from tests.dns.test_tcp import framed
from tests.dns.zonetext import key, packed, read, vip

pytestmark = pytest.mark.looptime(sockets=True)

Z = "mesh.example"
WEB = f"web.shop.svc.{Z}"
PUT = [(key("shop/web"), packed(vip("shop/web", "10.96.0.1", "fd00::1")))]


class Parent:
    """Feeds one worker that has two groups of sockets."""

    def __init__(self) -> None:
        self.groups = [bind_all((("127.0.0.1", 0),)) for _ in range(2)]
        self._ours, theirs = socket.socketpair()
        self.worker = asyncio.create_task(run_worker(theirs, random=Random(1)))

    async def start(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(sock=self._ours)
        groups = [[(pair.udp.fileno(), pair.tcp.fileno()) for pair in pairs] for pairs in self.groups]
        self.writer.write(pack_hello(Hello(DnsConfig(Z), groups)))

    def tells(self, *, serve: tuple[int, ...] = (0,), **orders: object) -> None:
        told = Orders(**{"services": [], "is_open": True, "stale": False, "serve": [*serve]} | orders)  # type: ignore[arg-type]
        self.writer.write(pack_orders(told))

    async def report(self) -> Report:
        """The next one; what is between is a beat."""
        async with asyncio.timeout(60):
            while isinstance(said := await read_report(self.reader), Beat):
                pass
        return said

    async def report_where(self, wanted: Callable[[Report], bool]) -> Report:
        while not wanted(said := await self.report()):
            pass
        return said

    async def report_of(self, serving: list[int], *, is_open: bool = True) -> Report:
        return await self.report_where(lambda report: report[:2] == (serving, is_open))

    async def ask(self, packet: bytes, group: int = 0) -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.setblocking(False)
            client.connect(self.groups[group][0].address)
            client.send(packet)
            await until(lambda: bool(select.select([client], [], [], 0)[0]))
            return client.recv(4096)

    async def stop(self) -> None:
        self.writer.close()
        await self.worker
        for pairs in self.groups:
            for pair in pairs:
                pair.close()


@pytest.fixture
async def parent() -> AsyncIterator[Parent]:
    parent = Parent()
    await parent.start()
    yield parent
    await parent.stop()
    gc.unfreeze()


async def test_it_answers_what_it_was_told_to_serve_over_udp_and_tcp(parent: Parent) -> None:
    parent.tells(services=PUT)
    report = await parent.report_of([0])
    assert report.held == Held(1, 2, 0)

    assert read(await parent.ask(query(WEB))).answer == [f"{WEB}. 4 IN A 10.96.0.1"]
    reader, writer = await asyncio.open_connection(*parent.groups[0][0].address)
    writer.write(framed(query(WEB)))
    reply = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
    assert header(reply)[3] == 1
    report = await parent.report_where(lambda report: sum(report.totals) > 1)
    assert (sum(report.totals), report.tcp_connections, report.held) == (2, 1, Held(1, 2, 1))
    writer.close()

    parent.tells(services=[(key("shop/web"), None)])
    await parent.report_where(lambda report: report.held == Held(0, 0, 0))
    assert read(await parent.ask(query(WEB))).rcode == "NXDOMAIN"


async def test_until_the_zone_is_open_it_serves_failures_and_then_says_so_at_once(parent: Parent) -> None:
    parent.tells(services=PUT, is_open=False)
    await parent.report_of([0], is_open=False)
    assert read(await parent.ask(query(WEB))).rcode == "SERVFAIL"

    loop = asyncio.get_running_loop()
    before = loop.time()
    parent.tells()
    await parent.report_of([0])
    assert loop.time() == before
    assert read(await parent.ask(query(WEB))).rcode == "NOERROR"
    assert gc.get_freeze_count() > 0, "what was read lives as long as the process"


async def test_that_the_zone_is_stale_is_told_to_clients(parent: Parent) -> None:
    parent.tells(services=PUT, stale=True)
    await parent.report_of([0])
    assert extended_error(await parent.ask(with_opt(WEB))) == 3
    parent.tells(stale=False)
    await asyncio.sleep(BEAT_SECONDS)
    assert extended_error(await parent.ask(with_opt(WEB))) is None


async def test_it_helps_out_with_another_group_and_leaves_it_again_and_says_so_at_once(
    parent: Parent,
) -> None:
    loop = asyncio.get_running_loop()
    parent.tells(services=PUT)
    await parent.report_of([0])
    before = loop.time()
    for serve in ((0, 1), (1,), (0, 1), ()):
        parent.tells(serve=serve)
        await parent.report_of([*serve])
        for group in serve:
            assert read(await parent.ask(query(WEB), group)).rcode == "NOERROR"
    assert loop.time() == before

    pair = parent.groups[0][0]
    assert pair.udp.fileno() != -1, "the parent's own are still open"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"waits", pair.address)
        select.select([pair.udp], [], [], 5)
        assert pair.udp.recv(100) == b"waits", "for whoever serves next"


async def test_orders_that_change_nothing_are_not_reported(parent: Parent) -> None:
    parent.tells(services=PUT)
    await parent.report_of([0])
    for _ in range(10):
        parent.tells()
    await asyncio.sleep(0.9 * BEATS_PER_REPORT * BEAT_SECONDS)
    parent.writer.write_eof()
    reports = [await parent.report()]
    while reports[-1].serving:
        reports.append(await parent.report())
    assert len(reports) <= 2, "the last words, and perhaps the one that is due each second"


async def test_it_beats_and_now_and_then_reports(parent: Parent) -> None:
    parent.tells(services=PUT)
    await parent.report_of([0])
    loop = asyncio.get_running_loop()
    await parent.report()
    said = []
    for _ in range(2 * (BEATS_PER_REPORT + 1)):
        said.append((await read_report(parent.reader), loop.time()))

    reports = [at for at, (each, _) in enumerate(said) if isinstance(each, Report)]
    assert reports == [BEATS_PER_REPORT, 2 * BEATS_PER_REPORT + 1]
    beats = [at for each, at in said if isinstance(each, Beat)]
    pauses = [after - before for before, after in pairwise(beats)]
    assert pauses == pytest.approx([BEAT_SECONDS] * len(pauses))
    assert all(0.0 <= each.lag_seconds < 0.01 for each, _ in said if isinstance(each, Beat))


async def test_a_beat_says_how_late_it_is(parent: Parent, monkeypatch: pytest.MonkeyPatch) -> None:
    parent.tells(services=PUT)
    await parent.report_of([0])
    sleep = asyncio.sleep

    async def oversleep(seconds: float) -> None:
        await sleep(seconds + 0.5)

    monkeypatch.setattr("mcs_controller.dns.workers.worker.asyncio.sleep", oversleep)
    lags: list[float] = []
    while len(lags) < 4:
        if isinstance(said := await read_report(parent.reader), Beat):
            lags.append(said.lag_seconds)
    assert lags[1:] == pytest.approx([0.5] * 3, abs=0.01)


async def test_when_told_to_stop_it_answers_what_has_arrived_tells_its_last_counts_and_ends(
    parent: Parent,
) -> None:
    parent.tells(services=PUT)
    await parent.report_of([0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(parent.groups[0][0].address)
        client.send(query(WEB))
        select.select([parent.groups[0][0].udp], [], [], 5)
        parent.tells(stop=True)
        report = await parent.report_of([])
        assert sum(report.totals) == 1
        assert read(client.recv(4096)).rcode == "NOERROR"
    await asyncio.wait_for(parent.worker, 1)
    assert await parent.reader.read() == b""


@pytest.mark.parametrize("told", [b"", pack_orders(Orders([], True, False, []))[:-1], b"\0\0\0\1x"])
async def test_without_a_parent_that_can_be_understood_it_ends_without_an_error(
    parent: Parent, told: bytes
) -> None:
    parent.tells(services=PUT)
    await parent.report_of([0])
    parent.writer.write(told)
    parent.writer.write_eof()

    await parent.report_of([])
    await asyncio.wait_for(parent.worker, 1)


async def test_a_parent_that_is_gone_before_it_said_anything_is_no_error() -> None:
    ours, theirs = socket.socketpair()
    ours.close()

    await run_worker(theirs, random=Random(1))
