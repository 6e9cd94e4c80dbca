"""The installed `mcs-controller` as a process of its own, as a user or a pod runs it.

Commands that end by themselves are run by a process that has imported them already (warm.py).
"""

import asyncio
import atexit
import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(sys.executable).with_name("mcs-controller")
DEADLINE_SECONDS = 60.0
NOTHING_ELSE = {"PATH": "/usr/bin:/bin"}


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
        env={**NOTHING_ELSE, **(environment or {})},
        start_new_session=own_session,
    )


async def run(*argv: str | Path, environment: Mapping[str, str] | None = None) -> Ended:
    """Run it to its end, with these arguments and nothing else in its environment."""
    order = {
        "argv": [str(PROGRAM), *map(str, argv)],
        "environment": {**NOTHING_ELSE, **(environment or {})},
        "folder": os.getcwd(),
    }
    pipes = [os.pipe() for _ in range(3)]
    try:
        socket.send_fds(_warm(), [json.dumps(order).encode()], [theirs for _, theirs in pipes])
    finally:
        for _, theirs in pipes:
            os.close(theirs)
    # Whoever stops reading, for a deadline or any other reason, ends the process (warm.py).
    async with contextlib.AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(_reading(ours)) for ours, _ in pipes]
        out, error, code = await asyncio.wait_for(
            asyncio.gather(*(reader.read() for reader in readers)), DEADLINE_SECONDS
        )
    return Ended(int(code), out.decode(), error.decode())


@asynccontextmanager
async def _reading(pipe: int) -> AsyncIterator[asyncio.StreamReader]:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(pipe, "rb", buffering=0)
    )
    try:
        yield reader
    finally:
        transport.close()


@functools.cache
def _warm() -> socket.socket:
    """Where warm.py takes orders, for as long as the tests run."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.warm", str(theirs.fileno())],
            cwd=ROOT,
            env=NOTHING_ELSE,
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


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
