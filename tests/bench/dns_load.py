"""dnsperf on a core of its own, and what the server's process used meanwhile.

Throughput is measured with as many queries under way as asked for; latency at a fixed rate, where dnsperf
tells each query's own. How busy the server was says whether it or dnsperf was the limit.
"""

import asyncio
import os
import re
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CLIENTS: Final = 20
OUTSTANDING: Final = 100

_RATE = re.compile(r"Queries per second:\s+([0-9.]+)")
_COMPLETED = re.compile(r"Queries completed:\s+(\d+)")
_LOST = re.compile(r"Queries lost:\s+(\d+)")
_CODES = re.compile(r"Response codes:\s+(.*)")
_LATENCY = re.compile(r"^> (\S+) \S+ \S+ ([0-9.]+)$", re.MULTILINE)


class LoadError(Exception):
    """dnsperf did not do what it should; the text has its output."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """One run at full load. `busy` is the share of one core that the server used."""

    qps: float
    busy: float
    lost: int
    codes: str


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


class Dnsperf:
    """Runs dnsperf on one core against servers on loopback."""

    def __init__(self, core: int) -> None:
        self._core = core

    async def throughput(
        self, port: int, questions: Path, seconds: float, pid: int, *, tcp: bool = False
    ) -> Throughput:
        """As fast as the server answers."""
        loop = asyncio.get_running_loop()
        before_s, started = cpu_seconds(pid), loop.time()
        output = await self._run(port, questions, seconds, tcp, "-q", str(OUTSTANDING))
        busy = (cpu_seconds(pid) - before_s) / (loop.time() - started)
        codes = _CODES.search(output)
        return Throughput(
            _number(_RATE, output), busy, int(_number(_LOST, output)), codes[1] if codes else "none"
        )

    async def latency(
        self, port: int, questions: Path, seconds: float, rate: float, *, tcp: bool = False
    ) -> Latency:
        """At a rate."""
        output = await self._run(port, questions, seconds, tcp, "-Q", str(int(rate)), "-v")
        each_ms = sorted(float(seconds_text) * 1000 for _, seconds_text in _LATENCY.findall(output))
        if len(each_ms) < 100:
            raise LoadError(f"dnsperf told {len(each_ms)} latencies:\n{output[-1000:]}")
        percents = statistics.quantiles(each_ms, n=100, method="inclusive")
        return Latency(percents[49], percents[98], _number(_RATE, output), int(_number(_LOST, output)))

    async def _run(self, port: int, questions: Path, seconds: float, tcp: bool, *options: str) -> str:
        process = await asyncio.create_subprocess_exec(
            "taskset", "-c", str(self._core), "dnsperf",
            "-s", "127.0.0.1", "-p", str(port), "-m", "tcp" if tcp else "udp", "-d", str(questions),
            "-l", str(seconds), "-c", str(CLIENTS), "-T", "1", "-t", "2", "-S", "0", *options,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            output = (await process.communicate())[0].decode(errors="replace")
        except BaseException:
            process.kill()
            await process.wait()
            raise
        if process.returncode != 0 or not _number(_COMPLETED, output):
            raise LoadError(f"dnsperf ended with {process.returncode}:\n{output[-2000:]}")
        return output


def _number(pattern: re.Pattern[str], output: str) -> float:
    found = pattern.search(output)
    return float(found[1]) if found else 0.0
