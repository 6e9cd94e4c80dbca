"""Gives the rest of the program its turn while there is a lot to do.

Reading a list, a watch that has much to say, and reconciles that have nothing to write never wait for
anything, and so would keep the event loop for themselves. Those who work in steps of that kind account for
each step in one `Turn`, and wait for the loop when it is used up. It is used up by time, since a step may
take a microsecond or fifty milliseconds, and by number, so that a run in virtual time, where no step takes
time worth telling, is interleaved as well.

Several tasks may share one `Turn`: all of them together take no more of one round of the loop than it allows
and, at the most, one step each.
"""

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import Final

TURN_SECONDS: Final = 0.005
STEPS_PER_TURN: Final = 64

WorkClock = Callable[[], float]
"""Seconds from any beginning, to measure work that does not wait.

With one that stands still only the number of steps counts: then a run does not depend on how fast the
machine is, and one in virtual time can be repeated exactly.
"""


class Turn:
    """`now` measures work. The loop's own clock cannot: uvloop's does not move within a round."""

    __slots__ = ("_ending", "_seconds", "_steps", "_used_seconds", "_used_steps", "now")

    def __init__(
        self,
        seconds: float = TURN_SECONDS,
        steps: int = STEPS_PER_TURN,
        *,
        now: WorkClock = perf_counter,
    ) -> None:
        self.now = now
        self._seconds = seconds
        self._steps = steps
        self._used_seconds = 0.0
        self._used_steps = 0
        self._ending = False

    def used_up_by(self, seconds: float) -> bool:
        """Account for a step that took so long; True if it is time to `pause`."""
        self._used_seconds += seconds
        self._used_steps += 1
        return self._used_seconds >= self._seconds or self._used_steps >= self._steps

    async def pause(self) -> None:
        """Let the loop go round, until there is something left of the turn."""
        while self._used_seconds >= self._seconds or self._used_steps >= self._steps:
            if not self._ending:
                self._ending = True
                asyncio.get_running_loop().call_soon(self._begin)
            await asyncio.sleep(0)

    def _begin(self) -> None:
        self._ending = False
        self._used_seconds = 0.0
        self._used_steps = 0
