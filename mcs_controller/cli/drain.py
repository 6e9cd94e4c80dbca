"""The time between being told to end and ending, in which a server goes on answering.

A pod that is deleted leaves its Service while it is being stopped, not before: for some seconds nodes still
send it what clients ask. So it says at once that it is not ready, and answers for as long as clients may
still be sent to it.
"""

import asyncio
import logging

_log = logging.getLogger(__name__)


class Drain:
    """Holds a cancellation back for `seconds`; `problem` is the readiness check that goes with it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._has_begun = False

    def problem(self) -> str | None:
        """Why no more clients should come."""
        return f"ending within {self._seconds:g} s" if self._has_begun else None

    async def wait_for(self, serving: "asyncio.Task[None]") -> None:
        """Until the task ends, or until the time is over after a cancellation, which then goes on."""
        try:
            await asyncio.wait([serving])
        except asyncio.CancelledError:
            # One that has failed is why its group is cancelled, and has nothing more to answer.
            if self._seconds and not serving.done():
                self._has_begun = True
                _log.info("answering for another %g s; another signal ends that at once", self._seconds)
                await asyncio.wait([serving], timeout=self._seconds)
            raise
