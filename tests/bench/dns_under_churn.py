"""The part `churn`: our server while endpoints change 300 times a second, in zones of three sizes.

What a change costs is measured with nobody asking, less what an idle server uses in as long a time. What
changes do to answers is measured in turns with quiet. The changes that the server has seen are counted by
itself: where they are fewer than were made, the watch broke and the figures are worth nothing.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Final

from tests.bench.dns_load import Latency, Throughput, cpu_seconds
from tests.bench.dns_objects import CODES, Shape, questions
from tests.bench.dns_servers import Server, start_ours
from tests.bench.dns_setting import LOAD_CORE, Json, Setting, say, turned
from tests.bench.dns_throughput import load_share, server_share, which_counts
from tests.realkube import rest

RATE: Final = 300
QUERIES_PER_SECOND: Final = 15_000
SERVICES: Final = (100, 1_000, 10_000)
ALONE_SECONDS: Final = 10.0
"""What the server uses is told in steps of 10 ms; it has to be long beside them."""

SETTLE_SECONDS: Final = 1.0
STATES: Final = ("quiet", "churn")
_CLASS: Final = "mix"
_EVENTS: Final = 'mcs_watch_events_total{client="local",reflector="dns EndpointSlices"}'


class Canned:
    """The API server's process: told a rate, it tells what it did since the last time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout

    async def changes(self, rate: float) -> Json:
        self._stdin.write(f"{rate}\n".encode())
        line = await self._stdout.readline()
        if not line:
            raise EOFError("the canned API server ended")
        told: Json = json.loads(line)
        return told


class _Runs:
    """One state's."""

    def __init__(self) -> None:
        self.full: dict[str, list[Throughput]] = {"dnsperf": [], "crowd": []}
        self.steady: list[Latency] = []

    def qps(self, load: str) -> int:
        return round(statistics.median(run.qps for run in self.full[load]))

    def qps_per_cpu(self, load: str) -> int:
        return round(statistics.median(run.qps / run.busy for run in self.full[load]))

    def p99_ms(self) -> float:
        return round(statistics.median(run.p99_ms for run in self.steady), 3)

    def lost(self) -> int:
        full = sum(run.lost for runs in self.full.values() for run in runs)
        return full + sum(run.lost for run in self.steady)


async def measure(setting: Setting) -> list[Json]:
    """A row for each size."""
    return [await _measure(setting, services) for services in SERVICES]


async def _measure(setting: Setting, services: int) -> Json:
    kubeconfig = setting.folder / f"churn-{services}.kubeconfig"
    file = setting.folder / f"churn-{services}.questions"
    shape = Shape(services, slices_per_headless=2, endpoints_per_slice=10)
    file.write_text(questions(_CLASS, shape, Random(1)))
    async with _canned(services, kubeconfig) as api:
        server = await start_ours(kubeconfig, setting.folder)
        try:
            await setting.load.dnsperf(server.port, file, 1, server.pid, codes=CODES[_CLASS])
            seen_before = await _events(server)
            idle_s, _ = await _alone(api, server, 0)
            changing_s, alone = await _alone(api, server, RATE)
            runs, meanwhile = await _in_turns(setting, server, api, file)
            await asyncio.sleep(SETTLE_SECONDS)
            seen = await _events(server) - seen_before
        finally:
            server.stop()
    row: Json = {
        "services": services,
        "cpu_us_per_change": round((changing_s - idle_s) / alone["changes"] * 1e6),
        "idle_busy": round(idle_s / ALONE_SECONDS, 4),
        "changes": sum(told["changes"] for told in (alone, *meanwhile)),
        "changes_seen": seen,
        "api_server_busy": round(
            sum(told["cpu_s"] for told in meanwhile) / sum(told["seconds"] for told in meanwhile), 4
        ),
    }
    row |= _figures(runs)
    say(f"churn: {row}")
    return row


async def _alone(api: Canned, server: Server, rate: float) -> tuple[float, Json]:
    """CPU seconds of the server while nobody asks, and what the API server did."""
    await asyncio.sleep(SETTLE_SECONDS)
    before_s = cpu_seconds(server.pid)
    await api.changes(rate)
    await asyncio.sleep(ALONE_SECONDS)
    told = await api.changes(0)
    await asyncio.sleep(SETTLE_SECONDS)
    return cpu_seconds(server.pid) - before_s, told


async def _in_turns(
    setting: Setting, server: Server, api: Canned, file: Path
) -> tuple[dict[str, _Runs], list[Json]]:
    load, seconds = setting.load, setting.seconds
    found = {state: _Runs() for state in STATES}
    told: list[Json] = []
    for number in range(setting.rounds):
        for state in turned(STATES, number):
            runs = found[state]
            await api.changes(RATE if state == "churn" else 0)
            full = await load.dnsperf(server.port, file, seconds, server.pid, codes=CODES[_CLASS])
            more = await load.crowd(server.port, file, seconds, server.pid, codes=CODES[_CLASS])
            steady = await load.latency(server.port, file, seconds, QUERIES_PER_SECOND)
            did = await api.changes(0)
            runs.full["dnsperf"].append(full)
            runs.full["crowd"].append(more)
            runs.steady.append(steady)
            if state == "churn":
                told.append(did)
            say(f"{state}, round {number + 1}: dnsperf: {full}")
            say(f"{state}, round {number + 1}: crowd: {more}")
            say(f"{state}, round {number + 1}: p50 {steady.p50_ms:.3f} ms, p99 {steady.p99_ms:.3f} ms")
    return found, told


def _figures(runs: dict[str, _Runs]) -> Json:
    quiet, churn = (runs[state] for state in STATES)
    shares = {
        load: {"busy": load_share(of_quiet), "ours_busy": server_share(of_quiet)}
        for load, of_quiet in quiet.full.items()
    }
    load = which_counts(shares)
    row: Json = {"load": load, "dnsperf_busy": shares["dnsperf"]["busy"]}
    for prefix, kind in (("", load), ("dnsperf_", "dnsperf"), ("crowd_", "crowd")):
        row[f"{prefix}quiet_qps"] = quiet.qps(kind)
        row[f"{prefix}churn_qps"] = churn.qps(kind)
        row[f"{prefix}qps_loss"] = round(1 - churn.qps(kind) / quiet.qps(kind), 3)
    row["quiet_qps_per_cpu"] = quiet.qps_per_cpu(load)
    row["churn_qps_per_cpu"] = churn.qps_per_cpu(load)
    row["quiet_p99_ms"] = quiet.p99_ms()
    row["churn_p99_ms"] = churn.p99_ms()
    row["p99_ratio"] = round(churn.p99_ms() / quiet.p99_ms(), 2)
    row["lost"] = quiet.lost() + churn.lost()
    return row


async def _events(server: Server) -> int:
    """The endpoint changes that the server has read, by its own count."""
    metrics = str((await rest.send(server.http, "GET", "/metrics")).body)
    for line in metrics.splitlines():
        if line.startswith(_EVENTS):
            return int(float(line.rpartition(" ")[2]))
    raise ValueError(f"the server has no metric {_EVENTS}")


@asynccontextmanager
async def _canned(services: int, kubeconfig: Path) -> AsyncIterator[Canned]:
    process = await asyncio.create_subprocess_exec(
        "taskset", "-c", str(LOAD_CORE), sys.executable, "-m", "tests.bench.dns_churn",
        "--services", str(services), "--kubeconfig", str(kubeconfig),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        await process.stdout.readline()
        yield Canned(process)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
