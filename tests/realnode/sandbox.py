"""Namespaces that live exactly as long as their first process.

They have no names that could collide or be left behind: whoever enters goes through /proc of the process
that holds them. With a PID namespace, killing its first process kills all within, containers and their
shims included, and then the kernel takes mounts, links, addresses and rules apart.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.realkube.process import ServerProcess

START_TIMEOUT_S = 10
STOP_TIMEOUT_S = 20
POLL_INTERVAL_S = 0.02
# As PID 1 it inherits orphans; ignoring SIGCHLD lets the kernel bury them.
_STAY = "trap '' CHLD; exec sleep infinity"


class SandboxError(Exception):
    pass


class Sandbox:
    """A network namespace; with `whole`, a mount and a PID namespace as well."""

    def __init__(self, name: str, work_dir: Path, *, whole: bool = False, prepare: str = ":") -> None:
        """`prepare` is shell code that the first process runs inside before it goes to sleep."""
        self.name = name
        self._whole = whole
        self._ready_file = work_dir / f"{name}.ready"
        kinds = ["--net"]
        if whole:
            kinds += ["--mount", "--mount-proc", "--pid", "--fork", "--kill-child"]
        script = f"set -e; ip link set lo up; {prepare}\n: >'{self._ready_file}'; {_STAY}"
        self._process = ServerProcess(name, ["unshare", *kinds, "sh", "-c", script], work_dir)

    async def start(self) -> None:
        self._process.start()

        async def is_ready() -> bool:
            return self._ready_file.exists()

        await self._process.wait_ready(is_ready, START_TIMEOUT_S)

    @property
    def pid(self) -> int:
        """Of the process that holds the namespaces, as seen from outside."""
        if self._process.pid is None:
            raise SandboxError(f"{self.name} is not there")
        return self._process.pid

    @property
    def netns(self) -> Path:
        return Path(f"/proc/{self.pid}/ns/net")

    def command(self, argv: Sequence[str | Path]) -> list[str | Path]:
        """What starts this program within."""
        namespaces = [f"--net={self.netns}"]
        if self._whole:
            folder = self.netns.parent
            namespaces += [f"--mount={folder / 'mnt'}", f"--pid={folder / 'pid_for_children'}"]
        return ["nsenter", *namespaces, "--", *argv]

    async def run(self, argv: Sequence[str | Path], stdin: str = "") -> str:
        """What the program writes to stdout; `SandboxError` with the rest where it fails."""
        process = await asyncio.create_subprocess_exec(
            *self.command(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = await process.communicate(stdin.encode())
        if process.returncode != 0:
            shown = " ".join(map(str, argv))
            raise SandboxError(f"{shown} ({self.name}): {err.decode().strip() or out.decode().strip()}")
        return out.decode()

    async def ip(self, *commands: str) -> None:
        """Several `ip` commands, in one go."""
        await self.run(["ip", "-batch", "-"], stdin="".join(f"{command}\n" for command in commands))

    def stop(self) -> None:
        """Returns when every process within is gone."""
        if self._process.pid is None:
            return
        if self._whole:
            # Not its parent first: what dies by its own kill is gone for good when it can be missed.
            first = _children(self._process.pid)
            for pid in first:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            _wait_gone(first)
        self._process.kill()
        self._ready_file.unlink(missing_ok=True)


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _wait_gone(pids: Sequence[int]) -> None:
    deadline_s = time.monotonic() + STOP_TIMEOUT_S
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline_s:
        time.sleep(POLL_INTERVAL_S)
