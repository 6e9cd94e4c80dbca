"""One server program as a child process, and the loopback ports that such programs listen on.

Nothing here belongs to an event loop, so that a session's servers can be used from the loop of
every test. A server is the leader of its own process group, is killed with its group, and dies
with this process even where no clean-up could run (`setpriv --pdeathsig`, where there is one).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

LOG_TAIL_LINES = 25
POLL_INTERVAL_S = 0.05


class StartError(Exception):
    """A server ended, or did not become ready in time; carries the tail of its log."""


class ReservedPort:
    """A loopback port that stays ours, also while the server that listens on it is down.

    The socket is bound and never listens: no other program is given the port, clients are
    refused, and a server that sets SO_REUSEPORT can still listen on it.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number: int = self._socket.getsockname()[1]

    def release(self) -> None:
        self._socket.close()


class ServerProcess:
    def __init__(self, name: str, argv: Sequence[str | Path], work_dir: Path) -> None:
        self.name = name
        self.log_file = work_dir / f"{name}.log"
        self._argv = [str(argument) for argument in argv]
        self._environment: Mapping[str, str] = {
            "HOME": str(work_dir),
            "PATH": os.environ.get("PATH", os.defpath),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        if self._process is not None:
            raise RuntimeError(f"{self.name} is already running")
        tied_to_us = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [*tied_to_us, *self._argv],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL, for the whole group; returns when the server is gone."""
        if self._process is None:
            return
        self.signal(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def end(self, timeout_s: float) -> None:
        """SIGTERM, so that it ends in order; SIGKILL if it has not after `timeout_s`."""
        if self._process is None:
            return
        self.signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
        self.kill()

    async def has_ended(self) -> bool:
        """Whether it has come to an end, by itself or not."""
        return self._process is None or self._process.poll() is not None

    def signal(self, number: signal.Signals) -> None:
        if self._process is None:
            raise RuntimeError(f"{self.name} is not running")
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)

    async def wait_ready(self, check: Callable[[], Awaitable[bool]], timeout_s: float) -> None:
        deadline_s = time.monotonic() + timeout_s
        while not await check():
            if self._process is None or self._process.poll() is not None:
                code = None if self._process is None else self._process.returncode
                raise StartError(f"{self.name} ended (exit code {code})\n{self.log_tail()}")
            if time.monotonic() > deadline_s:
                waited = f"not ready after {timeout_s:.0f} s"
                raise StartError(f"{self.name}: {waited}\n{self.log_tail()}")
            await asyncio.sleep(POLL_INTERVAL_S)

    def log_tail(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return "\n".join([f"--- last lines of {self.log_file}", *lines])
