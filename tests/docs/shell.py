"""Runs the blocks of a page as somebody would who pastes them into one shell."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from tests.docs.blocks import Block

DEADLINE_SECONDS = 500.0
_EXPORT = re.compile(r"^export (\w+)=(.*)$", re.MULTILINE)


class Shell:
    """In `folder`, which is also home; `programs` are folders that come first in the PATH.

    The tasks `beside` it must go on for as long as a command runs: one that ends fails the command at once.
    """

    def __init__(
        self,
        folder: Path,
        *programs: Path,
        environment: Mapping[str, str] | None = None,
        beside: Collection[asyncio.Task[None]] = (),
    ) -> None:
        self.folder = folder
        self._programs = programs
        self._beside = beside
        path = [*map(str, programs), str(Path(sys.executable).parent), os.environ["PATH"]]
        self._environment = {"HOME": str(folder), "PATH": ":".join(path), **(environment or {})}
        self._exported: list[str] = []

    def another(self, **environment: str) -> Shell:
        """A new one beside this, in the same folder and with the same programs."""
        return Shell(self.folder, *self._programs, environment=environment, beside=self._beside)

    async def run(self, block: Block) -> str:
        """What it printed; AssertionError unless every command succeeds and prints what the page says."""
        script = "\n".join([*self._exported, block.commands])
        process = await asyncio.create_subprocess_exec(
            "bash", "-eu", "-o", "pipefail", "-c", script,
            cwd=self.folder,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        communicating = asyncio.ensure_future(process.communicate())
        try:
            ended, _ = await asyncio.wait(
                {communicating, *self._beside},
                timeout=DEADLINE_SECONDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
            printed = (await communicating)[0].decode()
        for task in self._beside:
            assert not task.done(), f"{block.place}: {task.get_name()} ended: {task.exception()!r}\n{printed}"
        assert ended, f"{block.place} took over {DEADLINE_SECONDS:.0f} s\n{block.commands}\n{printed}"
        assert process.returncode == 0, f"{block.place}\n{block.commands}\n{printed}"
        folded = " ".join(printed.split())
        for line in block.prints:
            assert " ".join(line.split()) in folded, f"{block.place} should print: {line}\n{printed}"
        self._exported += [found[0] for found in _EXPORT.finditer(block.commands)]
        return printed
