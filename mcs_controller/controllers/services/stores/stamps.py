"""The times of changes (`changedAt`) that this cluster writes on the broker: they never go back.

Importers take the later of two states of an object for the newer one when the broker has lost some of its
history. So a clock that is set back must not make a new state look older than an earlier one, also when an
earlier process, or another replica, wrote that one, and when it has been deleted since. Therefore the times
follow what this cluster has on the broker: the times of its own objects, and its heartbeat.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from mcs_controller.controllers.services.stores.kept import Exported
from mcs_controller.kube.clock import Clock
from mcs_controller.kube.store import Entry, Store

STEP_SECONDS: Final = 0.00001
"""More than a time loses when it is written in microseconds."""

AHEAD_MAX_SECONDS: Final = 366 * 86_400.0
"""A time that is further ahead of the clock is not followed: hardly any clock is so wrong, since certificates
would not be valid, and one such object must not set the times of all others."""

T = TypeVar("T", bound=Exported)


class Stamps:
    """Seconds since the epoch by `clock`, or as little later as possible while the clock is behind.

    `heartbeat_seconds` gives the latest heartbeat of this cluster, of whichever replica; 0.0 if unknown.
    """

    def __init__(self, clock: Clock, heartbeat_seconds: Callable[[], float] = lambda: 0.0) -> None:
        self._clock = clock
        self._heartbeat_seconds = heartbeat_seconds
        self._last_seconds = 0.0
        # Content that was seen before may follow a state of this time that is no longer there.
        self._floor_seconds = 0.0

    def follow(self, store: Store[T]) -> None:
        """All times from now on are later than those of the objects in `store`, which are this cluster's."""
        store.subscribe(self._changed)

    def next_seconds(self, after_seconds: float = 0.0) -> float:
        """Now, and later than all that was given or followed before, and than `after_seconds`."""
        now_seconds = self._see_heartbeat()
        next_seconds = max(now_seconds, max(self._last_seconds, after_seconds) + STEP_SECONDS)
        if _is_believed(next_seconds, now_seconds):
            self._last_seconds = next_seconds
        return next_seconds

    def of_removal(self, after_seconds: float) -> float:
        """The next time, for an object that is about to be deleted and may come again."""
        next_seconds = self.next_seconds(after_seconds)
        self._floor_seconds = self._last_seconds
        return next_seconds

    def of_content(self, seen_seconds: float, after_seconds: float) -> float:
        """The time of content that was given `seen_seconds` when it was first seen.

        That time, if it is later than `after_seconds`, all that was followed, and removals; else the next.
        """
        self._see_heartbeat()
        if seen_seconds > max(after_seconds, self._floor_seconds):
            return seen_seconds
        return self.next_seconds(after_seconds)

    def is_believed(self, seconds: float) -> bool:
        """Whether a time that a cluster gave is one that it follows itself."""
        return _is_believed(seconds, self._clock.now().timestamp())

    def _see_heartbeat(self) -> float:
        """Follow the heartbeat if the clock is behind it. Returns what the clock says."""
        now_seconds = self._clock.now().timestamp()
        heartbeat_seconds = self._heartbeat_seconds()
        if heartbeat_seconds > now_seconds:
            self._see(heartbeat_seconds, now_seconds)
        return now_seconds

    def _changed(self, old: Entry[T] | None, new: Entry[T] | None) -> None:
        if new is not None:
            self._see(new.value.changed_at_seconds, self._clock.now().timestamp())

    def _see(self, seconds: float, now_seconds: float) -> None:
        if self._last_seconds < seconds and _is_believed(seconds, now_seconds):
            self._last_seconds = self._floor_seconds = seconds


def _is_believed(seconds: float, now_seconds: float) -> bool:
    return seconds <= now_seconds + AHEAD_MAX_SECONDS
