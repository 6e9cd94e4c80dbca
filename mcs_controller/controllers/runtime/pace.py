"""Limits how often one object's status is written.

A status may change with every change in another cluster. Each write costs this cluster's API server, its
watchers, and an Event. So only a few writes of one object may follow each other at once. After that there is
one write per interval, with the value that is wanted then.
"""

import asyncio
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

BURST: Final = 5
INTERVAL_SECONDS: Final = 1.0
ATTEMPT_SHARE: Final = 0.1
"""What an attempt that changed nothing costs of a write: a server that refuses is not asked all the time."""
_PURGE_AT_KEYS: Final = 1024


class Pace(Generic[K]):
    """Counts writes by key, and says how long the next one must wait.

    `burst` writes may follow each other at once, and then one comes each `interval_seconds`.
    """

    def __init__(self, *, burst: int = BURST, interval_seconds: float = INTERVAL_SECONDS) -> None:
        self._burst = burst
        self._interval_seconds = interval_seconds
        # When all writes of a key would be done at one per interval.
        self._settled_at_seconds: dict[K, float] = {}
        self._purge_at_keys = _PURGE_AT_KEYS

    def wait_seconds(self, key: K) -> float:
        """How long the next write of `key` must wait; 0 if it may happen now."""
        settled_at_seconds = self._settled_at_seconds.get(key)
        if settled_at_seconds is None:
            return 0.0
        ahead_seconds = settled_at_seconds - asyncio.get_running_loop().time()
        return max(0.0, ahead_seconds - (self._burst - 1) * self._interval_seconds)

    def wrote(self, key: K) -> None:
        """A write of `key` has been made."""
        now_seconds = asyncio.get_running_loop().time()
        settled = self._settled_at_seconds
        settled[key] = max(now_seconds, settled.get(key, now_seconds)) + self._interval_seconds
        if len(settled) >= self._purge_at_keys:
            for settled_key in [one for one, at_seconds in settled.items() if at_seconds <= now_seconds]:
                del settled[settled_key]
            self._purge_at_keys = max(_PURGE_AT_KEYS, 2 * len(settled))

    def refused(self, key: K) -> None:
        """The write of `key` that was told last has not been made: it was an attempt."""
        settled_at_seconds = self._settled_at_seconds.get(key)
        if settled_at_seconds is not None:
            spared_seconds = (1 - ATTEMPT_SHARE) * self._interval_seconds
            self._settled_at_seconds[key] = settled_at_seconds - spared_seconds
