"""The installed `mcs-controller` as a process of its own, as a user or a pod runs it."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.waiting import eventually

PROGRAM = Path(sys.executable).with_name("mcs-controller")
DEADLINE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended."""

    exit_code: int
    stdout: str
    stderr: str


async def start(
    *argv: str | Path, environment: Mapping[str, str] | None = None, own_session: bool = False
) -> asyncio.subprocess.Process:
    """The program with these arguments and nothing else in its environment."""
    return await asyncio.create_subprocess_exec(
        PROGRAM,
        *argv,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", **(environment or {})},
        start_new_session=own_session,
    )


async def run(*argv: str | Path, environment: Mapping[str, str] | None = None) -> Ended:
    """Run it to its end."""
    process = await start(*argv, environment=environment)
    try:
        stdout, stderr = await asyncio.wait_for(process.communicate(), DEADLINE_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Ended(process.returncode, stdout.decode(), stderr.decode())


class Running:
    """A process that serves HTTP on a port that it chose itself."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        self.http_port = 0

    async def wait_for_http(self) -> None:
        """Read the log until it names the port."""
        assert self.process.stderr is not None
        while not self.http_port:
            line = await self.process.stderr.readline()
            assert line, f"the process ended after {self.lines}"
            self.lines.append(json.loads(line))
            self.http_port = self.lines[-1].get("http_port", 0)

    async def get(self, path: str) -> tuple[int, str]:
        """Ask it over HTTP."""
        url = f"http://127.0.0.1:{self.http_port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status, await response.text()

    async def get_until(self, path: str, text: str) -> tuple[int, str]:
        """Ask it until the answer holds `text`."""
        return await eventually(lambda: self.get(path), lambda told: text in told[1], DEADLINE_SECONDS)

    async def end(self, number: signal.Signals) -> Ended:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        stdout, stderr = await asyncio.wait_for(self.process.communicate(), DEADLINE_SECONDS)
        assert self.process.returncode is not None
        return Ended(self.process.returncode, stdout.decode(), stderr.decode())


@asynccontextmanager
async def running(*argv: str | Path) -> AsyncIterator[Running]:
    """The program for as long as the block runs, with its HTTP port known."""
    process = await start(*argv, "--http", "127.0.0.1:0")
    try:
        program = Running(process)
        await asyncio.wait_for(program.wait_for_http(), DEADLINE_SECONDS)
        yield program
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
