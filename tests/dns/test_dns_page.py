"""docs/dns.md: every command in it runs as it stands and prints what the page says."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import pytest
from prometheus_client import CollectorRegistry

from mcs_controller.dns.config import DnsConfig
from mcs_controller.dns.server.dns_server import DnsServer
from mcs_controller.kube.tasks import Tasks
from mcs_controller.observe.health import Health
from mcs_controller.observe.http import HttpServer
from mcs_controller.observe.listening import ListenAddress
from mcs_controller.simcluster.cluster import SimCluster
from tests.dns.cluster import Importer
from tests.dns.coredns import CoreDns
from tests.realkube.binaries import BinariesMissingError, locate_binaries
from tests.support.waiting import until

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "dns.md").read_text()
BLOCK = re.compile(r"^( *)```sh\n(.*?)^ *```\n(?: *```text\n(.*?)^ *```\n)?", re.MULTILINE | re.DOTALL)
BLOCKS = [(commands, output) for _, commands, output in BLOCK.findall(PAGE)]
(STANZA,) = re.findall(r"```corefile\n(.*?) *```", PAGE, re.DOTALL)

Environment = dict[str, str]


@pytest.fixture
async def environment(tmp_path: Path) -> AsyncIterator[Environment]:
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
        path = [str(Path(sys.executable).parent), os.environ["PATH"]]
        result = {
            "DNS": "127.0.0.1",
            "PORT": str(server.addresses()[0][1]),
            "HTTP": f"http://127.0.0.1:{http.port}",
            "KUBECONFIG": str(kubeconfig),
            "HOME": str(tmp_path),
        }
        try:
            folder = locate_binaries().folder
            path.insert(0, str(folder))
            front = CoreDns(folder / "coredns", tmp_path)
            await front.start(STANZA, zone_server=f"127.0.0.1:{result['PORT']}")
            stack.callback(front.stop)
            result |= {"CLUSTER_DNS": "127.0.0.1", "CLUSTER_DNS_PORT": str(front.port)}
        except BinariesMissingError:
            pass
        yield {**result, "PATH": ":".join(path)}


def test_the_page_has_commands_and_says_what_they_print() -> None:
    assert len(BLOCKS) == 6
    assert all(output for _, output in BLOCKS)


def needs(commands: str) -> list[pytest.MarkDecorator]:
    """kubectl and CoreDNS are built by `make kube`."""
    return [pytest.mark.realkube] if "CLUSTER_DNS" in commands or "kubectl" in commands else []


@pytest.mark.parametrize(
    ("commands", "output"), [pytest.param(*block, marks=needs(block[0])) for block in BLOCKS]
)
async def test_every_command_prints_what_the_page_says(
    environment: Environment, commands: str, output: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        "sh", "-eu", "-c", commands, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    printed = (await asyncio.wait_for(process.communicate(), 60))[0].decode()

    assert process.returncode == 0, printed
    folded = " ".join(printed.split())
    for line in output.splitlines():
        assert " ".join(line.split()) in folded, printed
