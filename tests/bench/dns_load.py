"""Both loads, on a core of their own: dnsperf, and the crowd for what dnsperf cannot ask fast enough.

Throughput is measured with as many queries under way as the load keeps there; latency at a fixed rate, where
dnsperf tells each query's own. What the server and the load used of their cores says which of them was the
limit. A reply with a response code that the questions do not have counts as lost.
"""

import asyncio
import json
import os
import re
import resource
import statistics
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CLIENTS: Final = 20
OUTSTANDING: Final = 100
TIMEOUT_SECONDS: Final = 2

_RATE = re.compile(r"Queries per second:\s+([0-9.]+)")
_COMPLETED = re.compile(r"Queries completed:\s+(\d+)")
_LOST = re.compile(r"Queries lost:\s+(\d+)")
_RUN_SECONDS = re.compile(r"Run time \(s\):\s+([0-9.]+)")
_CODES = re.compile(r"Response codes:\s+(.*)")
_CODE = re.compile(r"([A-Z0-9]+) (\d+) \(")
_LATENCY = re.compile(r"^> (\S+) \S+ \S+ ([0-9.]+)$", re.MULTILINE)


class LoadError(Exception):
    """A load did not do what it should; the text has its output."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """One run at full load; `busy` and `load_busy` are what server and load used of one core each."""

    qps: float
    busy: float
    load_busy: float
    lost: int
    codes: Mapping[str, int]

    def __str__(self) -> str:
        codes = ", ".join(f"{code} {count:,}" for code, count in self.codes.items())
        return (
            f"{self.qps:,.0f} q/s, {self.busy:.0%} busy, load {self.load_busy:.0%}, {self.lost} lost, {codes}"
        )


@dataclass(frozen=True, slots=True)
class Latency:
    """One run at a fixed rate."""

    p50_ms: float
    p99_ms: float
    qps: float
    lost: int


def cpu_seconds(pid: int) -> float:
    """What a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mib(pid: int) -> float:
    """What a process holds in memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 1)
    raise ValueError(f"process {pid} has no VmRSS")


class Load:
    """Asks servers on loopback from one core. `codes` are those that replies may have, None for any."""

    def __init__(self, core: int) -> None:
        self._core = core

    async def dnsperf(
        self,
        port: int,
        questions: Path,
        seconds: float,
        pid: int,
        *,
        tcp: bool = False,
        codes: Collection[str] | None = None,
    ) -> Throughput:
        """As fast as the server `pid` answers, or as dnsperf asks."""
        server_before_s, load_before_s = cpu_seconds(pid), _children_cpu_seconds()
        output = await self._dnsperf(port, questions, seconds, tcp, "-q", str(OUTSTANDING))
        # Nothing else that this process started ends meanwhile, and only what has ended is counted.
        load_s, server_s = _children_cpu_seconds() - load_before_s, cpu_seconds(pid) - server_before_s
        took_s = _number(_RUN_SECONDS, output)
        line = _CODES.search(output)
        found = {code: int(count) for code, count in _CODE.findall(line[1])} if line else {}
        return Throughput(
            _number(_RATE, output),
            server_s / took_s,
            load_s / took_s,
            lost_of(int(_number(_LOST, output)), found, codes),
            found,
        )

    async def crowd(
        self,
        port: int,
        questions: Path,
        seconds: float,
        pid: int,
        *,
        codes: Collection[str] | None = None,
    ) -> Throughput:
        """The same over UDP from the clients of `dns_crowd`."""
        output = await self._run(
            sys.executable, "-m", "tests.bench.dns_crowd", f"--port={port}", f"--questions={questions}",
            f"--seconds={seconds}", f"--server-pid={pid}",
        )  # fmt: skip
        said = json.loads(output)
        lost = lost_of(said["lost"], said["codes"], codes)
        return Throughput(said["qps"], said["server_busy"], said["busy"], lost, said["codes"])

    async def latency(
        self, port: int, questions: Path, seconds: float, rate: float, *, tcp: bool = False
    ) -> Latency:
        """dnsperf at a rate."""
        output = await self._dnsperf(port, questions, seconds, tcp, "-Q", str(int(rate)), "-v")
        each_ms = sorted(float(seconds_text) * 1000 for _, seconds_text in _LATENCY.findall(output))
        if len(each_ms) < 100:
            raise LoadError(f"dnsperf told {len(each_ms)} latencies:\n{output[-1000:]}")
        percents = statistics.quantiles(each_ms, n=100, method="inclusive")
        return Latency(percents[49], percents[98], _number(_RATE, output), int(_number(_LOST, output)))

    async def _dnsperf(self, port: int, questions: Path, seconds: float, tcp: bool, *options: str) -> str:
        output = await self._run(
            "dnsperf", "-s", "127.0.0.1", "-p", str(port), "-m", "tcp" if tcp else "udp",
            "-d", str(questions), "-l", str(seconds), "-c", str(CLIENTS), "-T", "1",
            "-t", str(TIMEOUT_SECONDS), "-S", "0", *options,
        )  # fmt: skip
        if not _number(_COMPLETED, output):
            raise LoadError(f"dnsperf had no answer:\n{output[-2000:]}")
        return output

    async def _run(self, *argv: str) -> str:
        process = await asyncio.create_subprocess_exec(
            "taskset", "-c", str(self._core), *argv,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            output = (await process.communicate())[0].decode(errors="replace")
        except BaseException:
            process.kill()
            await process.wait()
            raise
        if process.returncode != 0:
            raise LoadError(f"{argv[0]} ended with {process.returncode}:\n{output[-2000:]}")
        return output


def lost_of(unanswered: int, found: Mapping[str, int], codes: Collection[str] | None) -> int:
    """Queries without an answer that counts."""
    return unanswered + sum(count for code, count in found.items() if codes and code not in codes)


def _children_cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _number(pattern: re.Pattern[str], output: str) -> float:
    found = pattern.search(output)
    return float(found[1]) if found else 0.0
