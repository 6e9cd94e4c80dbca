"""`make bench-dns`: our DNS server against CoreDNS, on the same API server with the same objects.

    python -m tests.bench.dns [--json FILE] [--page FILE] [--rounds 9] [--seconds 2] [--parts PART ...]
                              [--classes NAME ...]

Each server has one core, the same one, and one worker; the load, and whatever else is needed, has another.
The servers take turns, round after round, and medians are compared. CoreDNS runs twice: with its cache, and
without.

  throughput  each class of questions, as fast as the server answers
  latency     each class at half of what CoreDNS did without its cache
  large       10,000 services and 20,000 slices of 10 endpoints: start to ready, and resident memory
  churn       ours only, with 300 endpoint changes a second, on a canned API server
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from tests.bench import dns_large, dns_under_churn
from tests.bench.dns_load import Load
from tests.bench.dns_objects import CLASSES, Shape
from tests.bench.dns_report import table, write_page
from tests.bench.dns_setting import LOAD_CORE, Json, Setting, keep_off_the_servers_core
from tests.bench.dns_throughput import Comparison
from tests.realkube.binaries import locate_binaries
from tests.realkube.clusterset import RealClusterset
from tests.realkube.controlplane import ControlPlaneSpec

PARTS: Final = ("throughput", "latency", "large", "churn")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.add_argument("--page", type=Path, metavar="FILE", help="also write them into docs/benchmarks.md")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=2, help="of each run")
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--large", type=int, default=10_000, help="services of the large zone")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--classes", nargs="+", choices=CLASSES, default=list(CLASSES), metavar="NAME")
    arguments = parser.parse_args()
    figures = asyncio.run(run(arguments))
    text = table(figures)
    print(text)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if arguments.page is not None:
        write_page(arguments.page, text)


async def run(arguments: argparse.Namespace) -> Json:
    """Everything that was asked for; clusters and servers are taken down again."""
    keep_off_the_servers_core()
    parts = arguments.parts
    figures: Json = {"versions": await _versions()}
    with tempfile.TemporaryDirectory(prefix="mcs-bench-dns-") as name:
        folder = Path(name)
        setting = Setting(folder, arguments.rounds, arguments.seconds, Load(LOAD_CORE))
        if {"throughput", "latency"} & set(parts):
            spec = ControlPlaneSpec("bench", controller_manager=False)
            async with RealClusterset(folder, [spec]) as real:
                comparison = Comparison(setting, Shape(arguments.services), arguments.classes)
                figures["classes"] = await comparison.measure(real["bench"], latency="latency" in parts)
        if "large" in parts:
            spec = ControlPlaneSpec("large", controller_manager=False)
            async with RealClusterset(folder, [spec]) as real:
                figures["large"] = await dns_large.measure(
                    setting, Shape(arguments.large, 2, 2, 10), real["large"]
                )
        if "churn" in parts:
            figures["churn"] = await dns_under_churn.measure(setting)
    return figures


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


if __name__ == "__main__":
    main()
