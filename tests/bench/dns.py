"""`make bench-dns`: our DNS server against CoreDNS, on the same API server with the same objects.

    python -m tests.bench.dns [--json FILE] [--page FILE] [--rounds 5] [--seconds 4] [--parts PART ...]

Each server has one core, the same one, and one worker; dnsperf, and whatever else is needed, has another. The
servers take turns, round after round, and medians are compared. CoreDNS runs twice: with its cache, and
without.

  throughput  each class of questions, as fast as the server answers
  latency     each class at half of what CoreDNS did without its cache
  large       10,000 services and 20,000 slices of 10 endpoints: start to ready, and resident memory
  churn       ours only, with 300 endpoint changes a second, on a simulated API server
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from random import Random
from typing import Any, Final

from mcs_controller.dns.client import query
from tests.bench.dns_load import Dnsperf, Latency, Throughput, cpu_seconds, rss_mib
from tests.bench.dns_objects import CLASSES, NAMESPACE, ZONE, Shape, create, questions
from tests.bench.dns_report import table, write_page
from tests.bench.dns_servers import Server, start_coredns, start_ours
from tests.bench.floor import Server as ApiServer
from tests.realkube.binaries import locate_binaries
from tests.realkube.clusterset import RealClusterset
from tests.realkube.controlplane import ControlPlane, ControlPlaneSpec
from tests.realkube.product import install_member

PARTS: Final = ("throughput", "latency", "large", "churn")
TCP_CLASSES: Final = ("clusterset IP, A", "mix")
SERVER_CORE, LOAD_CORE = 0, 1
CHURN_RATE: Final = 300
CHURN_QPS: Final = 15_000
CHURN_SERVICES: Final = (100, 1_000, 10_000)
LATENCY_SHARE: Final = 0.5
LARGE_STARTS: Final = 3

Json = dict[str, Any]
Runs = dict[tuple[str, str, str], list[Throughput]]
"""By class, transport and server."""


class Bench:
    """The figures of one invocation."""

    def __init__(self, folder: Path, arguments: argparse.Namespace) -> None:
        self.folder = folder
        self.rounds: int = arguments.rounds
        self.seconds: float = arguments.seconds
        self.shape = Shape(arguments.services)
        self.large_shape = Shape(arguments.large, 2, 2, 10)
        self.load = Dnsperf(LOAD_CORE)
        self.figures: Json = {}
        self.runs: Runs = {}
        self.steady: dict[tuple[str, str, str], list[Latency]] = {}

    async def against_coredns(self, plane: ControlPlane, parts: Sequence[str]) -> None:
        """Throughput, and latency at a rate taken from it."""
        async with self._servers(plane) as servers:
            for server in servers:
                await _check(server)
            tests = [(name, "udp") for name in CLASSES] + [(name, "tcp") for name in TCP_CLASSES]
            for name, proto in tests:
                await self._throughput(servers, name, proto)
            rows = self._rows()
            if "latency" in parts:
                for name, proto in tests:
                    await self._latency(servers, name, proto)
                self._add_latency(rows)
        self.figures["classes"] = rows

    async def _throughput(self, servers: Sequence[Server], name: str, proto: str) -> None:
        file = self._questions(name)
        for server in servers:
            _say(f"{name} over {proto}: {server.name} warms up")
            await self.load.throughput(server.port, file, 1, server.pid, tcp=proto == "tcp")
        for number in range(self.rounds):
            for server in _turned(servers, number):
                run = await self.load.throughput(
                    server.port, file, self.seconds, server.pid, tcp=proto == "tcp"
                )
                self.runs.setdefault((name, proto, server.name), []).append(run)
                _say(
                    f"{name} over {proto}, round {number + 1}: {server.name} {run.qps:,.0f} q/s, "
                    f"{run.busy:.0%} busy, {run.lost} lost, {run.codes}"
                )

    def _rows(self) -> list[Json]:
        rows = []
        for (name, proto, system), runs in self.runs.items():
            if system == "ours" or (proto == "tcp" and system == "coredns-cache"):
                continue
            ours = self.runs[name, proto, "ours"]
            both = (ours, runs)
            ours_qps, theirs_qps = (round(statistics.median(run.qps for run in each)) for each in both)
            ours_busy, theirs_busy = (round(statistics.median(run.busy for run in each), 2) for each in both)
            rows.append(
                {
                    "name": name,
                    "proto": proto,
                    "cache": system == "coredns-cache",
                    "ours_qps": ours_qps,
                    "coredns_qps": theirs_qps,
                    "ratio": round(ours_qps / theirs_qps, 2),
                    "ours_busy": ours_busy,
                    "coredns_busy": theirs_busy,
                    "ratio_per_cpu": round(ours_qps / ours_busy / (theirs_qps / theirs_busy), 2),
                }
            )
        return rows

    async def _latency(self, servers: Sequence[Server], name: str, proto: str) -> None:
        slower = self.runs[name, proto, "coredns"]
        rate = LATENCY_SHARE * statistics.median(run.qps for run in slower)
        file = self._questions(name)
        for number in range(self.rounds):
            for server in _turned(servers, number):
                run = await self.load.latency(server.port, file, self.seconds, rate, tcp=proto == "tcp")
                self.steady.setdefault((name, proto, server.name), []).append(run)
                _say(
                    f"{name} over {proto} at {rate:,.0f} q/s, round {number + 1}: {server.name} "
                    f"p50 {run.p50_ms:.3f} ms, p99 {run.p99_ms:.3f} ms, {run.lost} lost"
                )

    def _add_latency(self, rows: Sequence[Json]) -> None:
        for row in rows:
            theirs = "coredns-cache" if row["cache"] else "coredns"
            for key, system in (("ours", "ours"), ("coredns", theirs)):
                runs = self.steady[row["name"], row["proto"], system]
                row["rate_qps"] = round(statistics.median(run.qps for run in runs))
                row[f"{key}_p50_ms"] = round(statistics.median(run.p50_ms for run in runs), 3)
                row[f"{key}_p99_ms"] = round(statistics.median(run.p99_ms for run in runs), 3)

    async def large(self, plane: ControlPlane) -> None:
        """Start, memory when ready, and memory after every name has been asked for."""
        _say(f"writing {self.large_shape.services} services with two slices each")
        await self._write(plane, self.large_shape)
        file = self.folder / "large.questions"
        everything = [
            f"{name}.{NAMESPACE}.svc.{ZONE} {rtype}\n"
            for kind in ("vip", "db")
            for name in self.large_shape.names(kind)
            for rtype in ("A", "AAAA", "SRV")
        ]
        file.write_text("".join(everything))
        found: dict[str, list[Json]] = {}
        for number in range(LARGE_STARTS):
            for name in _turned(("ours", "coredns"), number):
                server = await self._start(name, plane)
                try:
                    await self.load.throughput(server.port, file, 5, server.pid)
                    row = {
                        "ready_s": round(server.ready_s, 2),
                        "ready_cpu_s": round(server.ready_cpu_s, 2),
                        "ready_mib": server.ready_mib,
                        "asked_mib": rss_mib(server.pid),
                    }
                finally:
                    server.stop()
                found.setdefault(name, []).append(row)
                _say(f"large zone, start {number + 1}: {name} {row}")
        self.figures["large"] = {
            "services": self.large_shape.services,
            "slices": 2 * self.large_shape.services,
            **{
                name: {key: statistics.median(row[key] for row in rows) for key in rows[0]}
                for name, rows in found.items()
            },
        }

    async def churn(self) -> None:
        """What changes cost, and what they do to answers meanwhile."""
        self.figures["churn"] = [await self._churn(services) for services in CHURN_SERVICES]

    async def _churn(self, services: int) -> Json:
        kubeconfig = self.folder / f"churn-{services}.kubeconfig"
        shape = Shape(services, slices_per_headless=2, endpoints_per_slice=10)
        file = self.folder / f"churn-{services}.questions"
        file.write_text(questions("mix", shape, Random(1)))
        async with _simulated(services, kubeconfig) as (reader, writer):
            server = await start_ours(kubeconfig, self.folder, SERVER_CORE)
            try:
                await self.load.throughput(server.port, file, 1, server.pid)

                async def change(seconds: float) -> float:
                    """CPU seconds of the server per change."""
                    before = cpu_seconds(server.pid)
                    count = int(CHURN_RATE * seconds)
                    writer.write(json.dumps({"count": count, "rate": CHURN_RATE}).encode() + b"\n")
                    await reader.readline()
                    return (cpu_seconds(server.pid) - before) / count

                alone_s = await change(self.seconds)
                runs: dict[str, list[tuple[Throughput, Latency]]] = {"quiet": [], "churn": []}
                for number in range(self.rounds):
                    for state in _turned(tuple(runs), number):
                        changing = (
                            asyncio.create_task(change(2 * self.seconds + 2)) if state == "churn" else None
                        )
                        full = await self.load.throughput(server.port, file, self.seconds, server.pid)
                        steady = await self.load.latency(server.port, file, self.seconds, CHURN_QPS)
                        runs[state].append((full, steady))
                        if changing is not None:
                            await changing
                row: Json = {"services": services, "cpu_us_per_change": round(alone_s * 1e6)}
                for state, each in runs.items():
                    # The load's core also has the API server here, so what the server did per second of
                    # its own time is what can be compared.
                    row[f"{state}_qps"] = round(statistics.median(full.qps for full, _ in each))
                    row[f"{state}_qps_per_cpu"] = round(
                        statistics.median(full.qps / full.busy for full, _ in each)
                    )
                    row[f"{state}_p99_ms"] = round(statistics.median(s.p99_ms for _, s in each), 3)
                _say(f"churn: {row}")
                return row
            finally:
                server.stop()

    @asynccontextmanager
    async def _servers(self, plane: ControlPlane) -> AsyncIterator[list[Server]]:
        await self._write(plane, self.shape)
        servers: list[Server] = []
        try:
            for name in ("ours", "coredns", "coredns-cache"):
                servers.append(await self._start(name, plane))
                _say(f"{name} is ready after {servers[-1].ready_s:.1f} s, {servers[-1].ready_mib} MiB")
            yield servers
        finally:
            for server in servers:
                server.stop()

    async def _start(self, name: str, plane: ControlPlane) -> Server:
        if name == "ours":
            return await start_ours(plane.kubeconfig(), self.folder, SERVER_CORE)
        program = locate_binaries().folder / "coredns"
        cache = name == "coredns-cache"
        return await start_coredns(program, plane.kubeconfig(), self.folder, SERVER_CORE, cache=cache)

    async def _write(self, plane: ControlPlane, shape: Shape) -> None:
        await install_member(plane)
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        await plane.call("POST", "/api/v1/namespaces", namespace)
        async with ApiServer(plane.url, str(plane.ca_file), plane.token()).session() as session:
            await create(session, shape)

    def _questions(self, name: str) -> Path:
        file = self.folder / f"{list(CLASSES).index(name)}.questions"
        if not file.exists():
            file.write_text(questions(name, self.shape, Random(1)))
        return file


async def _check(server: Server) -> None:
    """It answers what is asked of it, before anybody counts how often."""
    address = ("127.0.0.1", server.port)
    counts = {
        ("vip-00000", "A"): 1, ("vip-00000", "AAAA"): 0, ("db-00000", "A"): 20,
        ("_http._tcp.vip-00000", "SRV"): 1, ("nope-00000", "A"): 0,
    }  # fmt: skip
    for (service, rtype), count in counts.items():
        answer = await query(address, f"{service}.{NAMESPACE}.svc.{ZONE}", rtype)
        if len(answer.records) != count:
            raise SystemExit(f"{server.name} answers {service} {rtype} with {answer}")


@asynccontextmanager
async def _simulated(
    services: int, kubeconfig: Path
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    process = await asyncio.create_subprocess_exec(
        "taskset", "-c", str(LOAD_CORE), sys.executable, "-m", "tests.bench.dns_churn",
        "--services", str(services), "--kubeconfig", str(kubeconfig),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        await process.stdout.readline()
        yield process.stdout, process.stdin
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _turned(things: Sequence[Any], number: int) -> list[Any]:
    """In another order each round, so that none always comes after the same one."""
    at = number % len(things)
    return [*things[at:], *things[:at]]


def _keep_off_the_servers_core() -> None:
    """This process and all that it starts, but for the servers, which are pinned by themselves."""
    others = set(range(os.cpu_count() or 1)) - {SERVER_CORE}
    if not others:
        raise SystemExit("two cores are needed: one for the server, one for the load")
    os.sched_setaffinity(0, others)


async def _versions() -> Json:
    async def first_line(*argv: str | Path) -> str:
        process = await asyncio.create_subprocess_exec(
            *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        lines = (await process.communicate())[0].decode().splitlines()
        return lines[0].strip() if lines else ""

    try:
        loop = f"uvloop {version('uvloop')}"
    except PackageNotFoundError:
        loop = "asyncio"
    return {
        "machine": f"{os.cpu_count()} cores, {_processor()}",
        "kernel": platform.release(),
        "python": f"{platform.python_version()}, {loop}",
        "coredns": await first_line(locate_binaries().folder / "coredns", "-version"),
        "dnsperf": await first_line("sh", "-c", "dnsperf -h 2>&1 | grep Version"),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def run(arguments: argparse.Namespace) -> Json:
    """Everything that was asked for; clusters and servers are taken down again."""
    _keep_off_the_servers_core()
    with tempfile.TemporaryDirectory(prefix="mcs-bench-dns-") as folder:
        bench = Bench(Path(folder), arguments)
        bench.figures["versions"] = await _versions()
        if {"throughput", "latency"} & set(arguments.parts):
            spec = ControlPlaneSpec("bench", controller_manager=False)
            async with RealClusterset(Path(folder), [spec]) as real:
                await bench.against_coredns(real["bench"], arguments.parts)
        if "large" in arguments.parts:
            spec = ControlPlaneSpec("large", controller_manager=False)
            async with RealClusterset(Path(folder), [spec]) as real:
                await bench.large(real["large"])
        if "churn" in arguments.parts:
            await bench.churn()
        return bench.figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.add_argument("--page", type=Path, metavar="FILE", help="also write them into docs/benchmarks.md")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="of each run")
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--large", type=int, default=10_000, help="services of the large zone")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    arguments = parser.parse_args()
    figures = asyncio.run(run(arguments))
    text = table(figures)
    print(text)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if arguments.page is not None:
        write_page(arguments.page, text)


if __name__ == "__main__":
    main()
