"""The DNS servers under test, each pinned to one core with one worker, all on the same API server."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.dns_load import cpu_seconds, rss_mib
from tests.realkube import rest
from tests.realkube.process import ServerProcess
from tests.realkube.product import PROGRAM, free_port

READY_TIMEOUT_S: Final = 120
CACHE_SECONDS: Final = 30


@dataclass(slots=True)
class Server:
    """A running server: where it answers, how long it took to be ready, what it then held."""

    name: str
    process: ServerProcess
    port: int
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


async def start_ours(kubeconfig: Path, folder: Path, core: int, *options: str) -> Server:
    """`mcs-controller dns` with one worker."""
    port, http = free_port(), free_port()
    argv: list[str | Path] = [
        PROGRAM, "dns", f"--listen=127.0.0.1:{port}", f"--http=127.0.0.1:{http}",
        f"--kubeconfig={kubeconfig}", *options,
    ]  # fmt: skip
    return await _start("ours", argv, folder, core, port, f"http://127.0.0.1:{http}", "/readyz")


async def start_coredns(program: Path, kubeconfig: Path, folder: Path, core: int, *, cache: bool) -> Server:
    """CoreDNS with nothing but what it needs to answer the zone, with its cache or without."""
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
        "    multicluster clusterset.local\n  }\n}\n"
    )
    argv: list[str | Path] = ["env", "GOMAXPROCS=1", program, "-conf", corefile]
    return await _start(name, argv, folder, core, port, f"http://127.0.0.1:{ready}", "/ready")


async def _start(
    name: str, argv: list[str | Path], folder: Path, core: int, port: int, url: str, path: str
) -> Server:
    process = ServerProcess(name, ["taskset", "-c", str(core), *argv], folder)
    loop = asyncio.get_running_loop()
    started = loop.time()
    process.start()
    server = Server(name, process, port)
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
