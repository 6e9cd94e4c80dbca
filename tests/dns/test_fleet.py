"""Several workers: one zone, one port, one scrape; and what happens when one of them dies."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random

import pytest
from prometheus_client import CollectorRegistry

from mcs_controller.cli.dns_worker import worker_command
from mcs_controller.dns.config import DnsConfig
from mcs_controller.dns.errors import ListenError
from mcs_controller.dns.server.dns_server import DnsServer
from mcs_controller.dns.workers.pulse import ProcessState
from mcs_controller.dnscheck.client import query
from mcs_controller.simcluster.cluster import SimCluster
from tests.dns.cluster import Importer
from tests.dns.test_protocol import query as question
from tests.dns.zonetext import read
from tests.support.waiting import until

pytestmark = pytest.mark.slow

Z = "clusterset.local"
WEB = f"web.shop.svc.{Z}"


class Running:
    """A cluster, and a server of several workers that watches it."""

    def __init__(self, workers: int = 3, snapshot: Path | None = None) -> None:
        self.cluster = SimCluster("east", random=Random(1))
        self.importer = Importer(self.cluster.client())
        self.registry = CollectorRegistry()
        self.server = DnsServer(
            DnsConfig(listen=(("127.0.0.1", 0),), workers=workers, snapshot=snapshot),
            self.cluster.client("dns"),
            registry=self.registry,
            random=Random(2),
            worker_command=worker_command("info", "text"),
        )

    @property
    def address(self) -> tuple[str, int]:
        return self.server.addresses()[0]

    def metric(self, name: str, **labels: str) -> float:
        value = self.registry.get_sample_value(name, labels)
        assert value is not None
        return value

    def pids(self) -> list[int]:
        assert self.server.fleet is not None
        return [slot.pid for slot in self.server.fleet._slots]

    async def all_answer(self) -> None:
        await until(lambda: self.metric("mcs_dns_workers") == len(self.pids()))

    async def each_answers(self, name: str, wanted: list[str]) -> None:
        """Until clients on many ports, and so of every worker, get the same."""
        async with asyncio.timeout(30):
            while True:
                replies = await asyncio.gather(*(query(self.address, name, "A") for _ in range(20)))
                if all(sorted(reply.data("A")) == wanted for reply in replies):
                    return


@asynccontextmanager
async def serving(running: Running) -> AsyncIterator[None]:
    async with running.cluster:
        await running.server.start()
        task = asyncio.create_task(running.server.run())
        try:
            yield
        finally:
            pids = running.pids()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert not [pid for pid in pids if pid and _alive(pid)]


def _alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    running = Running()
    await running.importer.install()
    await running.importer.vip("shop/web", "10.96.0.1")
    async with serving(running):
        await running.all_answer()
        await until(running.server.ready)
        yield running


@pytest.mark.requirement("MCS-DNS-18")
async def test_every_worker_answers_and_follows_changes_and_one_scrape_shows_all(running: Running) -> None:
    await running.each_answers(WEB, ["10.96.0.1"])
    await running.importer.vip("shop/web", "10.96.0.2")
    await running.importer.headless("shop/db")
    await running.importer.slice("db-east", "shop/db", "east", "10.1.0.1", "10.1.0.2")
    await running.each_answers(WEB, ["10.96.0.2"])
    await running.each_answers(f"db.shop.svc.{Z}", ["10.1.0.1", "10.1.0.2"])
    for _ in range(10):
        assert (await query(running.address, WEB, "SRV", tcp=True)).data("SRV") == (f"0 100 80 {WEB}.",)

    # Each worker tells its own numbers, when it is its turn.
    await until(
        lambda: running.metric("mcs_dns_requests_total", proto="tcp", type="SRV", rcode="NOERROR") == 10
    )
    await until(
        lambda: running.metric("mcs_dns_requests_total", proto="udp", type="A", rcode="NOERROR") >= 60
    )
    assert running.metric("mcs_dns_zone_services") == 2
    assert running.metric("mcs_dns_zone_records") == 3
    assert running.metric("mcs_dns_zone_synced") == 1


def flood(address: tuple[str, int], clients: int) -> list[socket.socket]:
    """One query from each of many ports, so that every worker has some."""
    socks = []
    for _ in range(clients):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.connect(address)
        sock.send(question(WEB))
        socks.append(sock)
    return socks


async def answered(socks: list[socket.socket]) -> int:
    """How many of them get their answer."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(20):
            replies = await asyncio.gather(*(loop.sock_recv(sock, 4096) for sock in socks))
    finally:
        for sock in socks:
            sock.close()
    return sum(read(reply).answer == [f"{WEB}. 4 IN A 10.96.0.1"] for reply in replies)


async def test_what_clients_sent_to_a_worker_that_dies_is_answered_by_others(running: Running) -> None:
    """The worker is stopped first, so that queries surely wait in its socket when it dies."""
    victim = running.pids()[0]
    os.kill(victim, signal.SIGSTOP)
    socks = flood(running.address, 60)
    await asyncio.sleep(0)
    os.kill(victim, signal.SIGKILL)

    assert await answered(socks) == 60

    await until(lambda: running.pids()[0] not in (0, victim))
    await running.all_answer()
    assert running.metric("mcs_dns_worker_restarts_total") == 1
    before = running.metric("mcs_dns_requests_total", proto="udp", type="A", rcode="NOERROR")
    assert await answered(flood(running.address, 60)) == 60
    await until(
        lambda: (
            running.metric("mcs_dns_requests_total", proto="udp", type="A", rcode="NOERROR") >= before + 60
        )
    )


async def test_a_new_worker_has_the_whole_zone_before_it_answers(running: Running) -> None:
    for number in range(300):
        await running.importer.vip(f"shop/s{number}", "10.96.1.1")
    for _ in range(3):
        for pid in running.pids():
            if pid:
                os.kill(pid, signal.SIGKILL)
                socks = flood(running.address, 20)
                assert await answered(socks) == 20
        await running.all_answer()
    await running.each_answers(f"s299.shop.svc.{Z}", ["10.96.1.1"])


async def all_are_answered(running: Running) -> None:
    """Queries of ever new clients, and so of every worker's share."""
    for _ in range(20):
        assert await answered(flood(running.address, 20)) == 20
        await asyncio.sleep(0.02)


async def test_what_clients_sent_to_a_worker_that_is_stopped_is_answered_by_others(running: Running) -> None:
    victim = running.pids()[1]
    reader, writer = await connected_to(running, victim)
    os.kill(victim, signal.SIGSTOP)

    await all_are_answered(running)
    assert await asyncio.wait_for(reader.read(), 20) == b""  # a client with a connection asks again
    writer.close()
    await until(lambda: running.pids()[1] not in (0, victim))
    await running.all_answer()
    assert running.metric("mcs_dns_worker_restarts_total") == 1


async def connected_to(running: Running, pid: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A TCP connection that this worker has."""
    while True:
        reader, writer = await asyncio.open_connection(*running.address)
        await asyncio.sleep(0.05)
        _, port = writer.get_extra_info("sockname")
        if has_connection(pid, port):
            return reader, writer
        writer.close()


def has_connection(pid: int, client_port: int) -> bool:
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            inodes.add(descriptor.readlink().name)
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, _, remote, _, _, _, _, _, _, inode, *_ = line.split()
        if remote.endswith(f":{client_port:04X}") and f"socket:[{inode}]" in inodes:
            return True
    return False


async def test_a_worker_that_is_late_is_helped_and_lives_on(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far as the kernel says it only waits for CPU, which no other process would get sooner."""
    monkeypatch.setattr(
        "mcs_controller.dns.workers.fleet.process_state", lambda pid: ProcessState("R", cpu_seconds=1.0)
    )
    monkeypatch.setattr("mcs_controller.dns.workers.pulse.SILENT_ROUNDS", 8)
    before = running.pids()
    os.kill(before[1], signal.SIGSTOP)
    await all_are_answered(running)
    assert running.server.ready()
    os.kill(before[1], signal.SIGCONT)
    await running.all_answer()

    assert running.pids() == before
    await all_are_answered(running)


async def test_workers_that_cannot_start_are_tried_again_with_pauses_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    running = Running(2)
    assert running.server.fleet is not None
    running.server.fleet._command = (sys.executable, "-c", "raise SystemExit(1)")
    async with serving(running):
        await until(lambda: running.metric("mcs_dns_worker_restarts_total") >= 4)
        assert not running.server.ready()
        assert running.metric("mcs_dns_workers") == 0
        running.server.fleet._command = ("/nonexistent/program",)
        await until(lambda: "cannot be started" in caplog.text)
    assert "has ended: starting another" in caplog.text


@pytest.mark.requirement("MCS-DNS-20")
async def test_workers_fail_queries_until_the_zone_is_complete_and_serve_it_as_stale_later(
    tmp_path: Path,
) -> None:
    running = Running(2, tmp_path / "snapshot")
    async with serving(running):
        await running.all_answer()
        assert (await query(running.address, WEB, "A")).rcode == "SERVFAIL"
        await running.importer.install()
        await running.importer.vip("shop/web", "10.96.0.1")
        await until(running.server.synced)
        await running.each_answers(WEB, ["10.96.0.1"])

    again = Running(2, tmp_path / "snapshot")
    async with serving(again):
        await until(again.server.ready)
        await again.each_answers(WEB, ["10.96.0.1"])
        assert not again.server.synced()
        assert again.metric("mcs_dns_snapshot_adopted_services") == 1


async def test_the_end_answers_what_has_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcs_controller.dns.workers.fleet.process_state", lambda pid: ProcessState("R", 1.0))
    running = Running(2)
    await running.importer.install()
    await running.importer.vip("shop/web", "10.96.0.1")
    async with serving(running):
        await running.all_answer()
        await until(running.server.ready)
        for pid in running.pids():
            os.kill(pid, signal.SIGSTOP)
        socks = flood(running.address, 40)
        for pid in running.pids():
            os.kill(pid, signal.SIGCONT)
    assert await answered(socks) == 40


async def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    """Also when the parent had no time to tell them."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = await asyncio.create_subprocess_exec(
            *worker_command("info", "text"), str(theirs.fileno()), pass_fds=(theirs.fileno(),)
        )
    ours.close()

    assert await asyncio.wait_for(process.wait(), 30) == 0


async def test_a_worker_runs_no_file_of_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever can write where the command happens to be started must not get its rights."""
    for name in ("dnslib", "asyncio", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nraise SystemExit(1)\n")
    monkeypatch.chdir(tmp_path)
    running = Running(2)
    async with serving(running):
        await running.all_answer()

    assert not (tmp_path / "ran").exists()


async def test_a_port_that_others_share_is_refused_all_the_same() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        server = DnsServer(
            DnsConfig(listen=(taken.getsockname(),), workers=2),
            SimCluster("east").client(),
            registry=CollectorRegistry(),
            random=Random(1),
        )
        with pytest.raises(ListenError, match="the port is already in use"):
            await server.start()


def test_a_worker_imports_no_kubernetes_client() -> None:
    """It would double what each of them takes."""
    code = (
        "import sys, mcs_controller.cli.dns_worker\n"
        "print([name for name in ('kubernetes_asyncio', 'aiohttp', 'pydantic', 'prometheus_client') "
        "if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.strip() == "[]"
