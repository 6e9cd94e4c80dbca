"""How a DNS server is put together from its configuration, and when it says that it is ready."""

import asyncio
import os
from pathlib import Path
from random import Random

import pytest
from prometheus_client import CollectorRegistry

from mcs_controller.dns.config import DnsConfig
from mcs_controller.dns.server.dns_server import DnsServer
from mcs_controller.dns.server.tcp import TcpLimits
from mcs_controller.dns.workers.fleet import Fleet
from mcs_controller.dns.zone.snapshot import read_snapshot
from mcs_controller.simcluster.cluster import SimCluster
from tests.dns.test_server import LOOPBACK, Running, serving
from tests.dns.zonetext import key
from tests.support.waiting import until

LIMITS = TcpLimits(3, 2, 1.5)


def server_of(cluster: SimCluster, config: DnsConfig, registry: CollectorRegistry | None = None) -> DnsServer:
    return DnsServer(
        config,
        cluster.client("dns"),
        registry=registry or CollectorRegistry(),
        random=Random(1),
        worker_command=("no", "program"),
    )


async def test_a_server_without_a_word_is_for_the_usual_zone_port_and_size() -> None:
    config = DnsConfig()

    assert (config.zone, config.udp_payload_limit_bytes, config.join_replies) == (
        "clusterset.local",
        1232,
        True,
    )
    assert config.tcp == TcpLimits(1000, 200, 10.0)
    assert (config.listen, config.workers, config.snapshot) == ((("0.0.0.0", 53),), 1, None)


@pytest.mark.parametrize(("workers", "is_a_fleet"), [(1, False), (2, True), (3, True)])
async def test_several_workers_are_a_fleet_that_is_fed_with_what_the_zone_has(
    workers: int, is_a_fleet: bool
) -> None:
    async with SimCluster("east") as cluster:
        server = server_of(cluster, DnsConfig(listen=LOOPBACK, workers=workers))
        assert isinstance(server.fleet, Fleet) is is_a_fleet
        if server.fleet is None:
            return
        assert len(server.fleet._slots) == workers
        assert server.fleet._config == server.config
        assert server.fleet._command == ("no", "program")
        assert server.source._sink is server.fleet
        assert list(server.fleet._services()) == []
        assert server.fleet._packed(key("shop/web")) is None

        await server.start()
        numbers = [sock.fileno() for slot in server.fleet._slots for pair in slot.pairs for sock in pair]
        assert len(set(numbers)) == 2 * len(LOOPBACK) * workers
        assert not server.ready(), "nobody answers yet"
        assert server.answer_server.groups() == [], "nor does the parent"
        await server.stop()
        for number in numbers:
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(number)


async def test_a_server_is_ready_when_its_zone_has_been_read() -> None:
    running = Running()
    async with serving(running):
        assert (running.server.ready(), running.server.synced()) == (False, False)
        await until(lambda: bool(running.server.problems()))
        await running.importer.install()
        await until(running.server.ready)
        assert running.server.synced()
        await until(lambda: not running.server.problems())


async def test_a_server_saves_its_zone_at_the_end_and_is_ready_with_it_at_the_next_start(
    tmp_path: Path,
) -> None:
    async with SimCluster("east", random=Random(1)) as cluster:
        running = Running()
        config = DnsConfig("Mesh.Example", LOOPBACK, snapshot=tmp_path / "zone")
        running.cluster, running.server = cluster, server_of(cluster, config, running.registry)
        running.importer.client = cluster.client()
        await running.importer.install()
        await running.importer.vip("shop/web", "10.96.0.1")
        task = asyncio.create_task(running.server.run())
        await until(running.server.ready)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        snapshot = read_snapshot(tmp_path / "zone", "mesh.example.")
        assert snapshot is not None
        assert list(snapshot.services) == [key("shop/web")]

        again = server_of(cluster, config)
        await again.start()
        assert (again.ready(), again.synced()) == (True, False)
        assert again.snapshot is not None
        assert again.snapshot.services_adopted == 1
        await again.stop()


async def test_a_server_that_runs_binds_by_itself_and_can_be_scraped_until_it_ends() -> None:
    async with SimCluster("east") as cluster:
        registry = CollectorRegistry()
        server = server_of(cluster, DnsConfig(listen=LOOPBACK), registry)
        assert server.addresses() == ()
        task = asyncio.create_task(server.run())
        await until(lambda: len(server.addresses()) == len(LOOPBACK))
        assert registry.get_sample_value("mcs_dns_workers") == 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert server.addresses() == ()
        assert registry.get_sample_value("mcs_dns_workers") is None
