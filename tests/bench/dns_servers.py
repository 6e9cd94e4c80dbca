"""The DNS servers under test, each pinned to one core with one worker, all on the same API server."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.dns_load import cpu_seconds, rss_mib
from tests.bench.dns_objects import NAMESPACE, Shape, create
from tests.bench.dns_setting import SERVER_CORE
from tests.bench.floor import Server as ApiServer
from tests.realkube import rest
from tests.realkube.binaries import locate_binaries
from tests.realkube.controlplane import ControlPlane
from tests.realkube.process import ServerProcess
from tests.realkube.product import PROGRAM, free_port, install_member

READY_TIMEOUT_S: Final = 120
CACHE_SECONDS: Final = 30


@dataclass(slots=True)
class Server:
    """A running server: where it answers, how long it took to be ready, what it then held."""

    name: str
    process: ServerProcess
    port: int
    http: str
    ready_s: float = 0.0
    ready_cpu_s: float = 0.0
    ready_mib: float = 0.0

    @property
    def pid(self) -> int:
        pid = self.process.pid
        assert pid is not None, f"{self.name} is not running"
        return pid

    def stop(self) -> None:
        self.process.kill()


async def fill(plane: ControlPlane, shape: Shape) -> None:
    """What the servers serve, on their API server."""
    await install_member(plane)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    await plane.call("POST", "/api/v1/namespaces", namespace)
    async with ApiServer(plane.url, str(plane.ca_file), plane.token()).session() as session:
        await create(session, shape)


async def start(name: str, plane: ControlPlane, folder: Path) -> Server:
    """`ours`, `coredns` or `coredns-cache`."""
    if name == "ours":
        return await start_ours(plane.kubeconfig(), folder)
    return await start_coredns(plane.kubeconfig(), folder, cache=name == "coredns-cache")


async def start_ours(kubeconfig: Path, folder: Path) -> Server:
    """`mcs-controller dns` with one worker."""
    port, http = free_port(), free_port()
    argv: list[str | Path] = [
        PROGRAM, "dns", f"--listen=127.0.0.1:{port}", f"--http=127.0.0.1:{http}",
        f"--kubeconfig={kubeconfig}",
    ]  # fmt: skip
    return await _start("ours", argv, folder, port, f"http://127.0.0.1:{http}", "/readyz")


async def start_coredns(kubeconfig: Path, folder: Path, *, cache: bool) -> Server:
    """CoreDNS with nothing but what it needs to answer the zone, with its cache or without.

    Without `noendpoints` it also keeps every slice for a cluster's own zone, which nobody asks for here.
    """
    name = "coredns-cache" if cache else "coredns"
    port, ready = free_port(), free_port()
    corefile = folder / f"{name}.corefile"
    corefile.write_text(
        f"clusterset.local:{port} {{\n"
        "  bind 127.0.0.1\n"
        f"  ready 127.0.0.1:{ready}\n"
        "  errors\n"
        + (f"  cache {CACHE_SECONDS}\n" if cache else "")
        + f"  kubernetes clusterset.local {{\n    kubeconfig {kubeconfig}\n"
        "    multicluster clusterset.local\n    noendpoints\n  }\n}\n"
    )
    argv: list[str | Path] = [
        "env", "GOMAXPROCS=1", locate_binaries().folder / "coredns", "-conf", corefile,
    ]  # fmt: skip
    return await _start(name, argv, folder, port, f"http://127.0.0.1:{ready}", "/ready")


async def _start(name: str, argv: list[str | Path], folder: Path, port: int, url: str, path: str) -> Server:
    process = ServerProcess(name, ["taskset", "-c", str(SERVER_CORE), *argv], folder)
    loop = asyncio.get_running_loop()
    started = loop.time()
    process.start()
    server = Server(name, process, port, url)
    try:
        await process.wait_ready(lambda: rest.answers_ok(url, path), READY_TIMEOUT_S)
    except BaseException:
        with suppress(OSError):
            process.kill()
        raise
    server.ready_s, server.ready_cpu_s = loop.time() - started, cpu_seconds(server.pid)
    await asyncio.sleep(1)
    server.ready_mib = rss_mib(server.pid)
    return server
