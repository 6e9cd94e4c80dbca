"""The event loop's health, measured from inside: how late it wakes, and where it was when it stood still.

Everything in this process shares one loop, so its lag is the least latency of every answer and every
reconcile. `LoopMonitor` measures it; `problem` is for the liveness check, and says that the loop stood still
for so long that only a restart helps. While the loop stands still nothing can answer a probe at all, so
`stall_dump_seconds` makes the interpreter's own watchdog thread print every stack to stderr at that moment:
the one way to learn where a blocked program was.
"""

import asyncio
import faulthandler
from typing import Final

from prometheus_client import Histogram

INTERVAL_SECONDS: Final = 0.5
STUCK_SECONDS: Final = 60.0


class LoopMonitor:
    """Measures one event loop, for as long as `run` runs in it."""

    def __init__(self, lag: Histogram, *, stall_dump_seconds: float | None = None) -> None:
        self._lag = lag
        self._stall_dump_seconds = stall_dump_seconds
        self._last_round_seconds: float | None = None

    async def run(self) -> None:
        """Measure until cancelled."""
        try:
            while True:
                await self.measure()
        finally:
            self._last_round_seconds = None
            if self._stall_dump_seconds is not None:
                faulthandler.cancel_dump_traceback_later()

    async def measure(self) -> None:
        """One round: sleep, and see how late it was."""
        loop = asyncio.get_running_loop()
        if self._stall_dump_seconds is not None:
            faulthandler.dump_traceback_later(INTERVAL_SECONDS + self._stall_dump_seconds)
        self._last_round_seconds = loop.time()
        due_seconds = self._last_round_seconds + INTERVAL_SECONDS
        await asyncio.sleep(INTERVAL_SECONDS)
        self._lag.observe(max(0.0, loop.time() - due_seconds))

    def problem(self) -> str | None:
        """What is wrong when the last round is too long ago; None before the first one."""
        if self._last_round_seconds is None:
            return None
        silent_seconds = asyncio.get_running_loop().time() - self._last_round_seconds
        if silent_seconds <= STUCK_SECONDS:
            return None
        return f"the event loop has been blocked for {silent_seconds:.0f} s"
