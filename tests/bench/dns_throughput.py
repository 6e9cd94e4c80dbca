"""The parts `throughput` and `latency`: each class of questions, our server and CoreDNS in turns.

Over UDP each server is asked by dnsperf and by the crowd. What counts is dnsperf, unless it alone was at its
limit when it asked our server, which had time to spare: then it is the crowd, for both servers alike. Both
are kept and shown, and so is how our figure that counts compares with the better of CoreDNS's two: the crowd
suits CoreDNS less.
"""

from __future__ import annotations

import statistics
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Final

from mcs_controller.dnscheck.client import query
from tests.bench.dns_load import Latency, Throughput
from tests.bench.dns_objects import CLASSES, CODES, NAMESPACE, ZONE, Shape, questions
from tests.bench.dns_servers import Server, fill, start
from tests.bench.dns_setting import Json, Setting, say, turned
from tests.realkube.controlplane import ControlPlane

TCP_CLASSES: Final = ("clusterset IP, A", "mix")
SYSTEMS: Final = ("ours", "coredns", "coredns-cache")
LATENCY_SHARE: Final = 0.5
LIMIT_SHARE: Final = 0.9
"""Who used so much of its core was at its limit: the load, the server, or both."""


class Comparison:
    """One API server with `shape` on it, and three servers that watch it."""

    def __init__(self, setting: Setting, shape: Shape, classes: Sequence[str]) -> None:
        self._setting = setting
        self._shape = shape
        self._tests = [(name, "udp") for name in CLASSES if name in classes]
        self._tests += [(name, "tcp") for name in TCP_CLASSES if name in classes]
        self._runs: dict[tuple[str, str, str, str], list[Throughput]] = {}
        """By class, transport, load and server."""
        self._steady: dict[tuple[str, str, str], list[Latency]] = {}

    async def measure(self, plane: ControlPlane, *, latency: bool) -> list[Json]:
        """Throughput, and latency at a rate taken from it: the rows of `classes`."""
        async with self._servers(plane) as servers:
            for server in servers:
                await _check(server)
            for name, proto in self._tests:
                await self._throughput(servers, name, proto)
            if latency:
                for name, proto in self._tests:
                    await self._latency(servers, name, proto)
        return [self._row(*of) for of in self.rows()]

    def rows(self) -> list[tuple[str, str, str]]:
        """Class, transport, and what our server is compared with."""
        return [(*test, system) for test in self._tests for system in SYSTEMS if system != "ours"]

    async def _throughput(self, servers: Sequence[Server], name: str, proto: str) -> None:
        file, load, seconds = self._questions(name), self._setting.load, self._setting.seconds
        for server in servers:
            say(f"{name} over {proto}: {server.name} warms up")
            await load.dnsperf(server.port, file, 1, server.pid, tcp=proto == "tcp")
        for number in range(self._setting.rounds):
            for kind in turned(("dnsperf", "crowd") if proto == "udp" else ("dnsperf",), number):
                for server in turned(servers, number):
                    if kind == "dnsperf":
                        run = await load.dnsperf(
                            server.port, file, seconds, server.pid, tcp=proto == "tcp", codes=CODES[name]
                        )
                    else:
                        run = await load.crowd(server.port, file, seconds, server.pid, codes=CODES[name])
                    self._runs.setdefault((name, proto, kind, server.name), []).append(run)
                    say(f"{name} over {proto}, round {number + 1}: {kind}, {server.name}: {run}")

    async def _latency(self, servers: Sequence[Server], name: str, proto: str) -> None:
        rate = LATENCY_SHARE * _qps(self._runs[name, proto, "dnsperf", "coredns"])
        file, load, seconds = self._questions(name), self._setting.load, self._setting.seconds
        for number in range(self._setting.rounds):
            for server in turned(servers, number):
                run = await load.latency(server.port, file, seconds, rate, tcp=proto == "tcp")
                self._steady.setdefault((name, proto, server.name), []).append(run)
                say(
                    f"{name} over {proto} at {rate:,.0f} q/s, round {number + 1}: {server.name} "
                    f"p50 {run.p50_ms:.3f} ms, p99 {run.p99_ms:.3f} ms, {run.lost} lost"
                )

    def _row(self, name: str, proto: str, system: str) -> Json:
        by_load = {
            kind: comparison(self._runs[name, proto, kind, "ours"], self._runs[name, proto, kind, system])
            for kind in ("dnsperf", "crowd")
            if (name, proto, kind, "ours") in self._runs
        }
        load = which_counts(by_load)
        row: Json = {"name": name, "proto": proto, "cache": system == "coredns-cache", "load": load}
        row |= {key: value for key, value in by_load[load].items() if key != "busy"}
        for kind, figures in by_load.items():
            row |= {f"{kind}_{key}": value for key, value in figures.items()}
        best = max(figures["coredns_qps"] for figures in by_load.values())
        row["ratio_to_best"] = round(row["ours_qps"] / best, 2)
        if (name, proto, "ours") in self._steady:
            row |= self._latencies(name, proto, system)
        return row

    def _latencies(self, name: str, proto: str, system: str) -> Json:
        found: Json = {}
        for key, which in (("ours", "ours"), ("coredns", system)):
            runs = self._steady[name, proto, which]
            found["rate_qps"] = round(statistics.median(run.qps for run in runs))
            found[f"{key}_p50_ms"] = round(statistics.median(run.p50_ms for run in runs), 3)
            found[f"{key}_p99_ms"] = round(statistics.median(run.p99_ms for run in runs), 3)
        return found

    @asynccontextmanager
    async def _servers(self, plane: ControlPlane) -> AsyncIterator[list[Server]]:
        await fill(plane, self._shape)
        servers: list[Server] = []
        try:
            for name in SYSTEMS:
                servers.append(await start(name, plane, self._setting.folder))
                say(f"{name} is ready after {servers[-1].ready_s:.1f} s, {servers[-1].ready_mib} MiB")
            yield servers
        finally:
            for server in servers:
                server.stop()

    def _questions(self, name: str) -> Path:
        file = self._setting.folder / f"{list(CLASSES).index(name)}.questions"
        if not file.exists():
            file.write_text(questions(name, self._shape, Random(1)))
        return file


def comparison(ours: Sequence[Throughput], theirs: Sequence[Throughput]) -> Json:
    """The medians of one load's runs against both servers; `busy` is the load's share against ours."""
    ours_qps, theirs_qps = _qps(ours), _qps(theirs)
    ours_busy, theirs_busy = server_share(ours), server_share(theirs)
    return {
        "ours_qps": ours_qps,
        "coredns_qps": theirs_qps,
        "ratio": round(ours_qps / theirs_qps, 2),
        "ours_busy": ours_busy,
        "coredns_busy": theirs_busy,
        "ratio_per_cpu": round(ours_qps / ours_busy / (theirs_qps / theirs_busy), 2),
        "ours_lost": sum(run.lost for run in ours),
        "coredns_lost": sum(run.lost for run in theirs),
        "busy": load_share(ours),
    }


def load_share(runs: Sequence[Throughput]) -> float:
    """What the load used of its core."""
    return round(statistics.median(run.load_busy for run in runs), 2)


def server_share(runs: Sequence[Throughput]) -> float:
    """What the server used of its core."""
    return round(statistics.median(run.busy for run in runs), 2)


def which_counts(by_load: Json) -> str:
    """dnsperf, unless it alone was at its limit, so that its figure says nothing of the server.

    Of each load `busy` is its own share of a core, and `ours_busy` that of our server when it asked it.
    """
    dnsperf = by_load["dnsperf"]
    load_alone = dnsperf["busy"] >= LIMIT_SHARE > dnsperf["ours_busy"]
    return "crowd" if "crowd" in by_load and load_alone else "dnsperf"


def _qps(runs: Sequence[Throughput]) -> int:
    return round(statistics.median(run.qps for run in runs))


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
