"""The server's life: binding, serving, metrics, stopping; and dig as a user would call it."""

import asyncio
import math
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from mcs_controller.dns.answers.counters import DROP_REASONS, RCODE_LABELS, TYPE_LABELS
from mcs_controller.dns.config import DnsConfig
from mcs_controller.dns.errors import ListenError
from mcs_controller.dns.server.dns_server import DnsServer
from mcs_controller.dns.server.sockets import DnsAddress
from mcs_controller.simcluster.cluster import SimCluster
from tests.dns.cluster import Importer
from tests.support.waiting import until

Z = "clusterset.local"
LOOPBACK: tuple[DnsAddress, ...] = (("127.0.0.1", 0), ("::1", 0))


class Running:
    """A cluster and a DNS server that watches it."""

    def __init__(self, listen: tuple[DnsAddress, ...] = LOOPBACK) -> None:
        self.cluster = SimCluster("east", random=Random(1))
        self.importer = Importer(self.cluster.client())
        self.registry = CollectorRegistry()
        self.server = DnsServer(
            DnsConfig(listen=listen, service_metrics=10),
            self.cluster.client("dns"),
            registry=self.registry,
            random=Random(2),
        )

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)

    async def has_services(self, count: int) -> None:
        """Wait until the zone is complete and has that many services."""
        await until(
            lambda: self.server.synced() and self.server.answer_server.answers.zone.service_count == count
        )


@asynccontextmanager
async def serving(running: Running) -> AsyncIterator[None]:
    async with running.cluster:
        await running.server.start()
        task = asyncio.create_task(running.server.run())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert running.server.addresses() == ()


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    running = Running()
    await running.importer.install()
    async with serving(running):
        yield running


async def dig(running: Running, *arguments: str, index: int = 0) -> str:
    """What dig prints, with its columns folded to single blanks."""
    program = shutil.which("dig")
    assert program, "dig is missing: apt-get install bind9-dnsutils"
    host, port = running.server.addresses()[index]
    command = (program, f"@{host}", "-p", str(port), "+time=5", "+tries=1", *arguments)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    return "\n".join(" ".join(line.split()) for line in output.decode().splitlines())


@pytest.mark.requirement("MCS-DNS-18", "MCS-DNS-05")
@pytest.mark.parametrize(
    "options", ["", "+tcp", "+noedns", "+bufsize=4096 +dnssec", "+nsid +keepalive +padding=128"]
)
@pytest.mark.parametrize("index", [0, 1])
async def test_dig_resolves_a_clusterset_ip(running: Running, options: str, index: int) -> None:
    await running.importer.vip("shop/web", "10.96.0.7")
    await running.has_services(1)

    output = await dig(running, f"web.shop.svc.{Z}", *options.split(), index=index)

    assert "status: NOERROR" in output
    assert f"web.shop.svc.{Z}. 4 IN A 10.96.0.7" in output
    assert "flags: qr aa rd" in output
    assert "AUTHORITY: 0" in output
    assert "WARNING: recursion requested but not available" in output
    assert "malformed" not in output.lower()


@pytest.mark.requirement("MCS-DNS-18")
async def test_dig_gets_a_large_answer_by_coming_back_over_tcp(running: Running) -> None:
    await running.importer.headless("shop/db")
    await running.importer.slice("db-east", "shop/db", "east", *(f"10.1.0.{n}" for n in range(1, 101)))
    await running.has_services(1)

    output = await dig(running, f"db.shop.svc.{Z}")

    assert "Truncated, retrying in TCP mode" in output
    assert output.count(" IN A 10.1.0.") == 100
    assert running.metric("mcs_dns_truncated_total", proto="udp") == 1


@pytest.mark.requirement("MCS-DNS-20")
async def test_dig_shows_why_there_is_no_answer_yet() -> None:
    running = Running()
    async with serving(running):
        output = await dig(running, f"web.shop.svc.{Z}")

        assert "status: SERVFAIL" in output
        assert "EDE: 14 (Not Ready)" in output
        assert not running.server.synced()
        await until(lambda: "CRD not installed" in " ".join(running.server.problems().values()))


async def test_metrics_show_requests_the_zone_and_its_age(running: Running) -> None:
    assert math.isnan(running.metric("mcs_dns_zone_age_seconds") or 0)
    assert running.metric("mcs_dns_zone_synced") == 0
    await running.importer.vip("shop/web", "10.96.0.7", "fd00::7")
    await running.has_services(1)

    for _ in range(2):
        await dig(running, f"web.shop.svc.{Z}")
    await dig(running, f"nope.shop.svc.{Z}", "SRV", "+tcp")

    assert running.metric("mcs_dns_requests_total", proto="udp", type="A", rcode="NOERROR") == 2
    assert running.metric("mcs_dns_requests_total", proto="tcp", type="SRV", rcode="NXDOMAIN") == 1
    assert running.metric("mcs_dns_zone_services") == 1
    assert running.metric("mcs_dns_zone_records") == 2
    assert running.metric("mcs_dns_answers_prebuilt") == 2
    assert running.metric("mcs_dns_zone_synced") == 1
    assert 0 <= (running.metric("mcs_dns_zone_age_seconds") or 0) < 60


async def test_no_question_adds_a_series_and_no_name_that_is_asked_for_becomes_a_label(
    running: Running,
) -> None:
    def series() -> set[str]:
        lines = generate_latest(running.registry).decode().splitlines()
        ours = (line for line in lines if line.startswith("mcs_dns_"))
        return {line.rpartition(" ")[0] for line in ours}

    await running.importer.vip("shop/web", "10.96.0.7", "fd00::7")
    await running.has_services(1)
    before = series()
    assert 'mcs_dns_service_addresses{service_name="web",service_namespace="shop"}' in before

    for number in range(10):
        await dig(running, f"made-up-{number}.shop.svc.{Z}", "A" if number % 2 else "TYPE65280")

    assert series() == before


async def test_metrics_start_at_zero_for_every_label_value(running: Running) -> None:
    text = generate_latest(running.registry).decode()

    samples = [line for line in text.splitlines() if line.startswith("mcs_dns_requests_total{")]
    assert len(samples) == 2 * len(TYPE_LABELS) * len(RCODE_LABELS)
    assert all(line.endswith(" 0.0") for line in samples)
    assert text.count("mcs_dns_dropped_total{") == len(DROP_REASONS)


async def test_udp_and_tcp_have_the_same_port_and_each_address_is_bound(running: Running) -> None:
    assert [host for host, _ in running.server.addresses()] == ["127.0.0.1", "::1"]
    for host, port in running.server.addresses():
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(family, kind) as sock, pytest.raises(OSError, match="in use"):
                sock.bind((host, port))


@pytest.mark.parametrize(
    ("host", "hint"),
    [("192.0.2.1", "this machine has no such address"), ("localhost", "not an IP address")],
)
async def test_an_address_that_cannot_be_bound_is_said_in_one_line(host: str, hint: str) -> None:
    running = Running(((host, 0),))
    async with running.cluster:
        with pytest.raises(ListenError, match=hint) as error:
            await running.server.start()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
async def test_a_port_in_use_is_said_in_one_line_and_nothing_stays_bound(kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        running = Running((("127.0.0.1", 0), ("127.0.0.1", port)))
        async with running.cluster:
            with pytest.raises(ListenError, match=f"127.0.0.1:{port}: the port is already in use; stop"):
                await running.server.start()
        assert running.server.addresses() == ()


async def test_no_host_stands_for_all_addresses() -> None:
    running = Running((("", 0),))
    async with running.cluster:
        await running.server.start()
        assert {host for host, _ in running.server.addresses()} <= {"0.0.0.0", "::"}
        await running.server.stop()


async def test_several_servers_live_in_one_process_and_can_start_again() -> None:
    first, second = Running(), Running()
    async with first.cluster, second.cluster:
        for running in (first, second, first):
            await running.server.start()
            assert len(running.server.addresses()) == 2
            if running is first:
                await running.server.stop()
                await running.server.stop()
        await second.server.stop()


@pytest.mark.parametrize("limit", [0, 512, 1400, 4096])
async def test_the_udp_limit_is_at_least_what_dns_always_had(limit: int) -> None:
    config = DnsConfig(listen=LOOPBACK, udp_payload_limit_bytes=limit)
    async with SimCluster("east") as cluster:
        server = DnsServer(config, cluster.client(), registry=CollectorRegistry(), random=Random(1))

    assert server.answer_server.answers.payload_limit_bytes == max(limit, 512)
