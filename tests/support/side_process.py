"""A program of the tests that runs beside them, and is told what to do by lines of JSON.

A proxy in the tests' own loop would slow them, and be slowed by them. The tests' side belongs to no event
loop: an order is a line written and a line read, which takes less than a millisecond. The program ends when
its standard input does, so it never outlives the tests.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
END_TIMEOUT_SECONDS = 10.0


class SideProcess:
    """`python -m module`, from `start` to `stop`."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._module],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def order(self, do: str, **what: Any) -> Json:
        """Have it do something; what it answers. RuntimeError when it is not there, or cannot."""
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise RuntimeError(f"{self._module} is not running")
        process.stdin.write(json.dumps({"do": do, **what}) + "\n")
        process.stdin.flush()
        answer: Json = json.loads(process.stdout.readline() or '{"error": "it has ended"}')
        if "error" in answer:
            raise RuntimeError(f"{self._module}: {do}: {answer['error']}")
        return answer

    def stop(self) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        try:
            process.communicate(timeout=END_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


async def obey(carry_out: Callable[[str, Json], Awaitable[Json]]) -> None:
    """The program's side: carry out orders until there are no more."""
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
    )
    while line := await orders.readline():
        order = json.loads(line)
        try:
            answer = await carry_out(order.pop("do"), order)
        except (KeyError, TypeError, OSError) as error:
            answer = {"error": repr(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
