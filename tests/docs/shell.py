"""Runs the blocks of a page as somebody would who pastes them into one shell."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.docs.blocks import Block

DEADLINE_SECONDS = 500.0
_EXPORT = re.compile(r"^export (\w+)=(.*)$", re.MULTILINE)


class Shell:
    """In `folder`, which is also home; `programs` are folders that come first in the PATH."""

    def __init__(self, folder: Path, *programs: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.programs = programs
        path = [*map(str, programs), str(Path(sys.executable).parent), os.environ["PATH"]]
        self._environment = {"HOME": str(folder), "PATH": ":".join(path), **(environment or {})}
        self._exported: list[str] = []

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
        )  # fmt: skip
        try:
            printed = (await asyncio.wait_for(process.communicate(), DEADLINE_SECONDS))[0].decode()
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode == 0, f"{block.place}\n{block.commands}\n{printed}"
        folded = " ".join(printed.split())
        for line in block.prints:
            assert " ".join(line.split()) in folded, f"{block.place} should print: {line}\n{printed}"
        self._exported += [found[0] for found in _EXPORT.finditer(block.commands)]
        return printed
