"""Runs the steps of the server's own controllers a moment after a change, on the event loop's clock.

A step is a plain function that brings everything in its care up to date; it runs once for many changes. Real
controllers are late, too, and programs must bear that, also in virtual time.

Invariant: a step never runs inside the write that asked for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Background:
    """The pending steps of one server."""

    def __init__(self, delay_seconds: float) -> None:
        self._delay_seconds = delay_seconds
        self._pending: dict[Callable[[], None], asyncio.TimerHandle] = {}

    def soon(self, step: Callable[[], None]) -> None:
        """Run `step` after the delay, unless it is already scheduled."""
        if step not in self._pending:
            loop = asyncio.get_running_loop()
            self._pending[step] = loop.call_later(self._delay_seconds, self._run, step)

    def close(self) -> None:
        """Cancel all pending steps."""
        for handle in self._pending.values():
            handle.cancel()
        self._pending.clear()

    def _run(self, step: Callable[[], None]) -> None:
        del self._pending[step]
        step()
