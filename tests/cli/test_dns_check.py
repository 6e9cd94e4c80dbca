"""`dns check` as a user runs it: all is well (exit code 0), it differs (1), or nobody knows (2)."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest
from prometheus_client import CollectorRegistry

from mcs_controller.dns.config import DnsConfig
from mcs_controller.dns.server.dns_server import DnsServer
from mcs_controller.kube.tasks import Tasks
from mcs_controller.simcluster.cluster import SimCluster
from tests.cli.program import Ended, run, start
from tests.dns.cluster import Importer
from tests.support.kubeconfigs import kubeconfig, write
from tests.support.waiting import until

pytestmark = pytest.mark.slow

Z = "clusterset.local"


class Scene:
    """A cluster that can be reached over HTTP, and a DNS server that follows it."""

    def __init__(self, folder: Path) -> None:
        self.cluster = SimCluster("east", random=Random(1))
        self.importer = Importer(self.cluster.client())
        self.server = DnsServer(
            DnsConfig(listen=(("127.0.0.1", 0),)),
            self.cluster.client("dns"),
            registry=CollectorRegistry(),
            random=Random(2),
        )
        self.folder = folder

    async def check(self, *options: str, config: Path | None = None) -> Ended:
        if config is None:
            config = write(self.folder, "east.kubeconfig", self.cluster.kubeconfig())
        host, port = self.server.addresses()[0]
        return await run("dns", "check", "--server", f"{host}:{port}", "--kubeconfig", config, *options)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        async with self.cluster, self.cluster.serve(), Tasks("dns") as tasks:
            await self.importer.install()
            await self.importer.vip("shop/web", "10.96.0.1")
            await self.importer.headless("shop/db")
            await self.importer.slice("db-east", "shop/db", "east", "10.1.0.1", "10.1.0.2")
            await self.server.start()
            tasks.start(self.server.run(), name="server")
            await until(self.server.synced)
            yield
            tasks.stop()


async def test_a_server_that_is_right_gets_one_line_and_exit_code_0(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    async with scene.serving():
        ended = await scene.check()

    assert (ended.exit_code, ended.stderr) == (0, "")
    assert ended.stdout.endswith(": every answer is as the specification asks\n")
    assert f"questions about {Z}. to 127.0.0.1:" in ended.stdout


async def test_a_server_that_is_wrong_gets_a_table_and_exit_code_1(tmp_path: Path) -> None:
    scene, behind = Scene(tmp_path), Scene(tmp_path)
    async with scene.serving(), behind.serving():
        await behind.importer.vip("shop/web", "10.96.0.9")
        config = write(tmp_path, "behind.kubeconfig", behind.cluster.kubeconfig())
        ended = await scene.check(config=config)

    assert (ended.exit_code, ended.stderr) == (1, "")
    head, row, blank, _ = ended.stdout.splitlines()
    assert head.split() == ["NAME", "TYPE", "EXPECTED", "FOUND", "RULE"]
    assert " ".join(row.split()) == (
        f"web.shop.svc.{Z}. A 10.96.0.9 without 10.96.0.9, with 10.96.0.1 MCS-DNS-05"
    )
    assert blank == ""
    assert ended.stdout.endswith(": 1 differences\n")


async def test_another_zone_may_be_checked_and_options_may_stand_before_the_word(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    async with scene.serving():
        host, port = scene.server.addresses()[0]
        config = write(tmp_path, "east.kubeconfig", scene.cluster.kubeconfig())
        ended = await run(
            "dns", "--zone", "other.local", "--kubeconfig", config, "check", "--server", f"{host}:{port}"
        )

    assert ended.exit_code == 1
    assert "REFUSED" in ended.stdout
    assert f"web.shop.svc.{Z}" not in ended.stdout


@pytest.mark.parametrize(
    ("options", "exit_code", "pieces"),
    [
        (["--server", "dns.example:53"], 2, ["--server", "'dns.example'", "not an IP address"]),
        (["--server", "127.0.0.1"], 2, ["--server", "ADDRESS:PORT"]),
        ([], 2, ["--server is missing"]),
        (["--server", "127.0.0.1:9", "--zone", "a..b"], 2, ["--zone: 'a..b' is not a DNS name"]),
        (["--server", "127.0.0.1:9"], 2, ["127.0.0.1:9", "cannot connect"]),
    ],
)
async def test_what_cannot_be_checked_is_one_line(
    tmp_path: Path, options: list[str], exit_code: int, pieces: list[str]
) -> None:
    config = write(tmp_path, "away.kubeconfig", kubeconfig())

    ended = await run("dns", "check", "--kubeconfig", config, *options)

    assert ended.exit_code == exit_code
    assert len(ended.stderr.splitlines()) == 1
    for piece in pieces:
        assert piece in ended.stderr


async def test_a_cluster_without_the_api_is_one_line(tmp_path: Path) -> None:
    async with SimCluster("bare") as cluster, cluster.serve():
        config = write(tmp_path, "bare.kubeconfig", cluster.kubeconfig())
        ended = await run("dns", "check", "--server", "127.0.0.1:9", "--kubeconfig", config)

    assert ended.exit_code == 2
    assert "does not serve serviceimports.multicluster.x-k8s.io" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


async def test_a_server_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    async with scene.serving():
        config = write(tmp_path, "east.kubeconfig", scene.cluster.kubeconfig())
        ended = await run("dns", "check", "--server", "127.0.0.1:9", "--kubeconfig", config)

    assert ended.exit_code == 2
    assert "DNS server 127.0.0.1 port 9 over UDP" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


async def test_a_check_that_is_stopped_does_not_end_as_if_all_were_well(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.setblocking(False)
        scene = Scene(tmp_path)
        async with scene.serving():
            config = write(tmp_path, "east.kubeconfig", scene.cluster.kubeconfig())
            server = f"127.0.0.1:{silent.getsockname()[1]}"
            process = await start("dns", "check", "--server", server, "--kubeconfig", config)
            await asyncio.wait_for(asyncio.get_running_loop().sock_recv(silent, 4096), 60)
            process.terminate()
            _, stderr = await process.communicate()

    assert process.returncode == 2
    assert stderr.decode() == "mcs-controller: stopped before every question was asked\n"
