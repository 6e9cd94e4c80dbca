"""An error in our own code while a message is answered: that message gets SERVFAIL, and no other is affected.

It is counted and logged with the message that led to it, at a bounded rate: whoever found such a message can
send it again and again.
"""

import logging
import time
from collections.abc import Callable
from typing import Final

LOG_INTERVAL_SECONDS: Final = 10.0
_SHOWN_BYTES: Final = 128

_log = logging.getLogger(__name__)


class Faults:
    """The faults of one server. `count` grows with each."""

    __slots__ = ("_clock", "_told_at", "_told_count", "count")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.count = 0
        self._clock = clock
        self._told_at: float | None = None
        self._told_count = 0

    def note(self, packet: bytes) -> None:
        """Count the exception that is being handled, and log it unless one was logged just now."""
        self.count += 1
        now = self._clock()
        if self._told_at is not None and now - self._told_at < LOG_INTERVAL_SECONDS:
            return
        untold = self.count - self._told_count - 1
        self._told_at, self._told_count = now, self.count
        _log.exception(
            "a message could not be answered, and %d before it: this is a bug; the message begins with %s",
            untold,
            packet[:_SHOWN_BYTES].hex(),
        )
