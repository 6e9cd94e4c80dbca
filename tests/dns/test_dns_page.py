"""docs/dns.md: every command in it runs as it stands and prints what the page says."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import pytest
from prometheus_client import CollectorRegistry

from mcs_controller.api.resources import CONFIG_MAPS, NAMESPACES, SERVICES
from mcs_controller.dns.config import DnsConfig
from mcs_controller.dns.server.dns_server import DnsServer
from mcs_controller.kube.client import Client
from mcs_controller.kube.tasks import Tasks
from mcs_controller.observe.health import Health
from mcs_controller.observe.http import HttpServer
from mcs_controller.observe.listening import ListenAddress
from mcs_controller.simcluster.cluster import SimCluster
from tests.dns.cluster import Importer
from tests.dns.coredns import CoreDns
from tests.docs.blocks import ROOT, Block, run_blocks
from tests.docs.shell import Shell
from tests.realkube.binaries import BinariesMissingError, locate_binaries
from tests.support.waiting import until

BLOCKS = run_blocks("docs/dns.md")
(STANZA,) = re.findall(r"```corefile\n(.*?) *```", (ROOT / "docs" / "dns.md").read_text(), re.DOTALL)


async def cluster_dns(api: Client) -> None:
    """The cluster's own, and the Service of our DNS server."""
    corefile = {"metadata": {"name": "coredns"}, "data": {"Corefile": ".:53 {\n    reload\n}\n"}}
    await api.create(CONFIG_MAPS, corefile, namespace="kube-system")
    ports = [{"name": "dns", "port": 53, "protocol": "UDP"}]
    await api.create(NAMESPACES, {"metadata": {"name": "mcs-system"}})
    service = {"metadata": {"name": "mcs-dns"}, "spec": {"clusterIP": "10.96.0.53", "ports": ports}}
    await api.create(SERVICES, service, namespace="mcs-system")


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    """The world that the page speaks of."""
    cluster = SimCluster("east", random=Random(1))
    registry, health = CollectorRegistry(), Health()
    importer = Importer(cluster.client())
    server = DnsServer(
        DnsConfig(listen=(("127.0.0.1", 0),)), cluster.client("dns"), registry=registry, random=Random(2)
    )
    http = HttpServer(registry, health, ListenAddress("127.0.0.1", 0))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(cluster)
        await stack.enter_async_context(cluster.serve())
        await importer.install()
        await cluster_dns(cluster.client())
        await importer.vip("shop/web", "10.96.0.10")
        await importer.headless("shop/db")
        await importer.slice("db-east", "shop/db", "east", "10.1.0.1", "10.1.0.2")
        await server.start()
        await http.start()
        stack.push_async_callback(http.stop)
        tasks = await stack.enter_async_context(Tasks("dns"))
        tasks.start(server.run(), name="server")
        stack.callback(tasks.stop)
        await until(server.synced)
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(cluster.kubeconfig())
        (tmp_path / "west.kubeconfig").write_text(cluster.kubeconfig())
        programs = []
        result = {
            "DNS": "127.0.0.1",
            "PORT": str(server.addresses()[0][1]),
            "HTTP": f"http://127.0.0.1:{http.port}",
            "KUBECONFIG": str(kubeconfig),
        }
        try:
            folder = locate_binaries().folder
            programs.append(folder)
            front = CoreDns(folder / "coredns", tmp_path)
            await front.start(STANZA, zone_server=f"127.0.0.1:{result['PORT']}")
            stack.callback(front.stop)
            result |= {"CLUSTER_DNS": "127.0.0.1", "CLUSTER_DNS_PORT": str(front.port)}
        except BinariesMissingError:
            pass
        yield Shell(tmp_path, *programs, environment=result)


def test_the_page_has_commands_and_says_what_they_print() -> None:
    assert len(BLOCKS) == 7
    assert all(block.prints for block in BLOCKS)


def needs(commands: str) -> list[pytest.MarkDecorator]:
    """kubectl and CoreDNS are built by `make kube`."""
    return [pytest.mark.realkube] if "CLUSTER_DNS" in commands or "kubectl" in commands else []


@pytest.mark.parametrize(
    "block", [pytest.param(block, marks=needs(block.commands), id=block.place) for block in BLOCKS]
)
async def test_every_command_prints_what_the_page_says(shell: Shell, block: Block) -> None:
    await shell.run(block)
