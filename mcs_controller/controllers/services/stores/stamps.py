"""The times of changes (`changedAt`) that this cluster writes on the broker: they never go back.

Importers take the later of two states of an object for the newer one when the broker has lost some of its
history. So a clock that is set back must not make a new state look older than the one that it replaces.
"""

from typing import Final

from mcs_controller.kube.clock import Clock

STEP_SECONDS: Final = 0.00001
"""More than a time loses when it is written in microseconds."""


class Stamps:
    """Seconds since the epoch by `clock`, or as little later as possible while the clock is behind."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_seconds = 0.0

    def next_seconds(self, after_seconds: float = 0.0) -> float:
        """Now, and later than all that was given before, and than `after_seconds`."""
        last_seconds = max(self._last_seconds, after_seconds)
        self._last_seconds = max(self._clock.now().timestamp(), last_seconds + STEP_SECONDS)
        return self._last_seconds
