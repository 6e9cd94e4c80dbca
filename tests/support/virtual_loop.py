"""An event loop in virtual time for programs without sockets and threads: time moves on when nobody can work.

looptime does the same and can also wait for sockets; in a simulation without any that costs a sixth of all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from selectors import SelectorKey, SelectSelector
from typing import Any, TypeVar

T = TypeVar("T")


class _NoInput(SelectSelector):
    """Nothing ever comes from outside: to wait is to move the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now_seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("every task waits for another one: nothing is left that could happen")
        self.now_seconds += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Begins at 0 seconds."""

    def __init__(self) -> None:
        self._input = _NoInput()
        super().__init__(self._input)

    def time(self) -> float:
        return self._input.now_seconds


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    """What `main` returns. Raises RuntimeError when all tasks wait for each other."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
