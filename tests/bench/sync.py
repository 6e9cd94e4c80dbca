"""`make bench-sync`: our agents against a bare program, on the same real API servers, turn and turn about.

    python -m tests.bench.sync [--json FILE] [--services 200] [--seconds 12] [--turns 2]

Each turn has namespaces of its own: all services are imported, then endpoints change at each rate. The
bare program (`floor.py`) makes the same three writes for each change. For it an import is a slice that is
created in east and appears in west; for our agents the services and slices are there already, and the
clock starts with the first ServiceExport. The latency of a change is from just before the write in east
to the slice seen in west. CPU is what the processes used themselves, both agents together, over the changes
of the rate.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import aiohttp

from tests.bench.floor import Json, Server
from tests.bench.load import Changes, Observer, Slices, observing
from tests.realkube.clusterset import RealClusterset
from tests.realkube.controlplane import ControlPlane, ControlPlaneSpec
from tests.realkube.product import install_clusterset, killed_in_the_end, start_agent
from tests.support.waiting import eventually

RATES_PER_SECOND = (50, 100)
WARM_UP_SECONDS = 2
SYSTEMS = ("floor", "ours")
AT_ONCE = 8
IDLE_CPU_SHARE = 0.05


@dataclass(slots=True)
class Measured:
    """Everything measured of one system over its turns; seconds, milliseconds and MiB."""

    import_all_s: list[float] = field(default_factory=list)
    latencies_s: dict[int, list[float]] = field(default_factory=dict)
    cpu_ms_per_change: dict[int, list[float]] = field(default_factory=dict)
    rss_mib: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Turn:
    """One system's turn: its namespace, the load, and who sees it arrive."""

    namespace: str
    changes: Changes
    slices: Slices
    observer: Observer


class Bench:
    """The clusters, and what was measured on them."""

    def __init__(self, real: RealClusterset, work_dir: Path, services: int, seconds: float) -> None:
        self.measured = {system: Measured() for system in SYSTEMS}
        self._real = real
        self._work_dir = work_dir
        self._services = services
        self._seconds = seconds
        self._broker = real["broker"]
        self._members = (real["east"], real["west"])

    async def turn(self, system: str, number: int) -> None:
        """Import everything, then change endpoints at each rate."""
        namespace = f"bench-{system}-{number}"
        changes = Changes()
        start = self._floor if system == "floor" else self._ours
        for plane in self._members:
            await _create_namespace(plane, namespace)
        east, west = map(_server, self._members)
        async with east.session() as session, observing(west, namespace, changes) as observer:
            slices = Slices(session, namespace, self._services, changes)
            turn = Turn(namespace, changes, slices, observer)
            async with start(turn) as pids:
                await _settled(pids)
                for rate in RATES_PER_SECOND:
                    await self._steadily(turn, rate, pids, self.measured[system])
                self.measured[system].rss_mib = {name: _rss_mib(pid) for name, pid in pids.items()}
        for plane in self._members:
            await plane.call("DELETE", f"/api/v1/namespaces/{namespace}")

    async def _steadily(self, turn: Turn, rate: int, pids: Mapping[str, int], measured: Measured) -> None:
        await turn.slices.steadily(rate, WARM_UP_SECONDS)
        cpu_before_s, already = _cpu_seconds(pids), len(turn.changes.begun)
        await turn.slices.steadily(rate, self._seconds)
        numbers = range(already, len(turn.changes.begun))
        await turn.observer.all_seen(numbers)
        used_ms = (_cpu_seconds(pids) - cpu_before_s) * 1000
        measured.latencies_s.setdefault(rate, []).extend(map(turn.changes.latency_seconds, numbers))
        measured.cpu_ms_per_change.setdefault(rate, []).append(used_ms / len(numbers))

    async def _import_all(self, turn: Turn, begin: Callable[[], Awaitable[None]]) -> float:
        started = asyncio.get_running_loop().time()
        await begin()
        await turn.observer.all_seen(range(len(turn.changes.begun)))
        return asyncio.get_running_loop().time() - started

    @asynccontextmanager
    async def _floor(self, turn: Turn) -> AsyncIterator[dict[str, int]]:
        await _create_namespace(self._broker, turn.namespace)
        settings = {
            **{plane.name: asdict(_server(plane)) for plane in (*self._members, self._broker)},
            "namespace": turn.namespace,
            "broker_namespace": turn.namespace,
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.floor",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(settings).encode() + b"\n")
            await process.stdout.readline()
            seconds = await self._import_all(turn, turn.slices.create_all)
            self.measured["floor"].import_all_s.append(seconds)
            yield {"floor": process.pid}
        finally:
            process.kill()
            await process.wait()
            await self._broker.call("DELETE", f"/api/v1/namespaces/{turn.namespace}")

    @asynccontextmanager
    async def _ours(self, turn: Turn) -> AsyncIterator[dict[str, int]]:
        east = self._members[0]
        exports = f"/apis/multicluster.x-k8s.io/v1beta1/namespaces/{turn.namespace}/serviceexports"
        await _create_services(east, turn.namespace, turn.slices.names)
        await turn.slices.create_all()
        agents = [
            await start_agent(plane, self._broker, self._work_dir, "--no-leader-elect")
            for plane in self._members
        ]
        with killed_in_the_end(*agents):
            for agent in agents:
                await agent.wait_ready()
            async with _server(east).session() as session:

                async def export_all() -> None:
                    bodies = [_export(name) for name in turn.slices.names]
                    await _post_all(session, exports, bodies)

                seconds = await self._import_all(turn, export_all)
            self.measured["ours"].import_all_s.append(seconds)
            yield {agent.process.name: agent.pid() for agent in agents}
            await east.call("DELETE", exports)
            await eventually(self._exported, lambda left: not left, within_seconds=60)

    async def _exported(self) -> Sequence[Json]:
        group = "/apis/broker.mcs-controller.io/v1alpha1"
        listed = await self._broker.call("GET", f"{group}/namespaces/mcs-member-east/exportedservices")
        items: Sequence[Json] = listed["items"]
        return items


def _server(plane: ControlPlane) -> Server:
    return Server(plane.url, str(plane.ca_file), plane.token())


async def _create_namespace(plane: ControlPlane, name: str) -> None:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    await plane.call("POST", "/api/v1/namespaces", body)


async def _create_services(plane: ControlPlane, namespace: str, names: Sequence[str]) -> None:
    port = {"name": "http", "port": 80, "targetPort": 8080}
    bodies = [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {"clusterIP": "None", "ports": [port]},
        }
        for name in names
    ]
    async with _server(plane).session() as session:
        await _post_all(session, f"/api/v1/namespaces/{namespace}/services", bodies)


def _export(name: str) -> Json:
    return {
        "apiVersion": "multicluster.x-k8s.io/v1beta1",
        "kind": "ServiceExport",
        "metadata": {"name": name},
    }


async def _post_all(session: aiohttp.ClientSession, path: str, bodies: Sequence[Json]) -> None:
    limit = asyncio.Semaphore(AT_ONCE)

    async def post(body: Json) -> None:
        async with limit, session.post(path, json=body) as answer:
            await answer.read()
            answer.raise_for_status()

    async with asyncio.TaskGroup() as group:
        for body in bodies:
            group.create_task(post(body))


def _cpu_seconds(pids: Mapping[str, int]) -> float:
    ticks = 0
    for pid in pids.values():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def _settled(pids: Mapping[str, int]) -> None:
    """Wait until the processes have nothing more to do about the import."""
    busy = True
    while busy:
        before_s = _cpu_seconds(pids)
        await asyncio.sleep(1)
        busy = _cpu_seconds(pids) - before_s > IDLE_CPU_SHARE * len(pids)


def _rss_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 1)
    raise ValueError(f"process {pid} has no VmRSS")


def report(measured: Mapping[str, Measured]) -> Json:
    """The figures, as `--json` writes them."""
    ours, floor = measured["ours"], measured["floor"]
    ours_import, floor_import = map(statistics.median, (ours.import_all_s, floor.import_all_s))
    rates = []
    for rate in RATES_PER_SECOND:
        row: Json = {"rate": rate}
        for percent in (50, 99):
            ours_ms, floor_ms = (_percentile_ms(one.latencies_s[rate], percent) for one in (ours, floor))
            row[f"ours_p{percent}_ms"], row[f"floor_p{percent}_ms"] = ours_ms, floor_ms
            row[f"p{percent}_ratio"] = round(ours_ms / floor_ms, 2)
        for name, one in (("ours", ours), ("floor", floor)):
            row[f"{name}_cpu_ms_per_change"] = round(statistics.median(one.cpu_ms_per_change[rate]), 2)
        rates.append(row)
    return {
        "import_all": {
            "ours_s": round(ours_import, 2),
            "floor_s": round(floor_import, 2),
            "ratio": round(ours_import / floor_import, 2),
        },
        "rates": rates,
        "rss_mib": {**ours.rss_mib, **floor.rss_mib},
    }


def _percentile_ms(values_s: Sequence[float], percent: int) -> float:
    return round(statistics.quantiles(values_s, n=100, method="inclusive")[percent - 1] * 1000, 2)


def table(figures: Json, services: int) -> str:
    """The figures for a person."""
    first = figures["import_all"]
    lines = [
        f"import of all {services} services: {first['ours_s']} s, floor {first['floor_s']} s, "
        f"ratio {first['ratio']}",
        "changes/s    p50 ours/floor/ratio      p99 ours/floor/ratio      CPU per change ours/floor",
    ]
    for row in figures["rates"]:
        lines.append(
            f"{row['rate']:>9}    "
            f"{row['ours_p50_ms']:>6} / {row['floor_p50_ms']:>6} ms / {row['p50_ratio']:<5} "
            f"{row['ours_p99_ms']:>6} / {row['floor_p99_ms']:>6} ms / {row['p99_ratio']:<5} "
            f"{row['ours_cpu_ms_per_change']} / {row['floor_cpu_ms_per_change']} ms"
        )
    memory = ", ".join(f"{name} {mib} MiB" for name, mib in figures["rss_mib"].items())
    return "\n".join([*lines, f"resident: {memory}"])


async def run(services: int, seconds: float, turns: int) -> Json:
    """Start the clusters, let the systems take turns, and take everything down again."""
    with tempfile.TemporaryDirectory(prefix="mcs-bench-") as folder:
        specs = [ControlPlaneSpec(name) for name in ("broker", "east", "west")]
        async with RealClusterset(Path(folder), specs) as real:
            await install_clusterset(real["broker"], [real["east"], real["west"]])
            bench = Bench(real, Path(folder), services, seconds)
            for number in range(turns):
                for system in SYSTEMS if number % 2 == 0 else reversed(SYSTEMS):
                    print(f"turn {number + 1} of {turns}: {system}", file=sys.stderr, flush=True)
                    await bench.turn(system, number)
            return report(bench.measured)


def main() -> None:
    parser = argparse.ArgumentParser(description="Agents against a bare program, on real API servers.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.add_argument("--services", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=12, help="of load at each rate")
    parser.add_argument("--turns", type=int, default=2, help="of each system")
    arguments = parser.parse_args()
    figures = asyncio.run(run(arguments.services, arguments.seconds, arguments.turns))
    print(table(figures, arguments.services))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
