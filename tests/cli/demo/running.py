"""`mcs-controller demo` as a process of its own, started and stopped as a user would."""

import asyncio
import re
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.cli.program import DEADLINE_SECONDS, start


@asynccontextmanager
async def running_demo(*arguments: str | Path) -> AsyncIterator[tuple[Process, list[str]]]:
    """The process, and what it printed until everything was up. Killed at the end, if it still runs."""
    process = await start("demo", "--dns-port", "0", "--http-port", "0", "--page-port", "0", *arguments)
    try:
        yield process, await asyncio.wait_for(_printed(process), DEADLINE_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _printed(process: Process) -> list[str]:
    assert process.stdout is not None
    printed: list[str] = []
    while not (printed and "Ctrl-C" in printed[-1]):
        line = (await process.stdout.readline()).decode()
        assert line, f"the demo ended after {printed}"
        printed.append(line.rstrip("\n"))
    return printed


def places_of(printed: list[str], cluster: str) -> dict[str, str]:
    """What the table that a demo begins with says of a cluster, by column."""
    columns = next(line for line in printed if line.startswith("CLUSTER"))
    values = next(line for line in printed if line.startswith(f"{cluster} "))
    return dict(zip(re.split(r" {2,}", columns), re.split(r" {2,}", values), strict=True))
