"""How often one object's status is written.

What a status says may change with every change that another member makes, and each write costs this cluster's
API server, its watchers, and an Event. So of one object only so many follow each other at once, and then one
in a while, with what is wanted by then.
"""

import asyncio
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

BURST: Final = 5
INTERVAL_SECONDS: Final = 1.0
_PURGE_AT_KEYS: Final = 1024


class Pace(Generic[K]):
    """Counts writes by key, and says how long the next has to wait."""

    def __init__(self) -> None:
        # When a key's writes, one per interval, would all have been made.
        self._settled_at_seconds: dict[K, float] = {}
        self._purge_at_keys = _PURGE_AT_KEYS

    def wait_seconds(self, key: K) -> float:
        """How long the next write of `key` has to wait; 0 if it need not."""
        settled_at_seconds = self._settled_at_seconds.get(key)
        if settled_at_seconds is None:
            return 0.0
        ahead_seconds = settled_at_seconds - asyncio.get_running_loop().time()
        return max(0.0, ahead_seconds - (BURST - 1) * INTERVAL_SECONDS)

    def wrote(self, key: K) -> None:
        """A write of `key` has been made."""
        now_seconds = asyncio.get_running_loop().time()
        settled = self._settled_at_seconds
        settled[key] = max(now_seconds, settled.get(key, now_seconds)) + INTERVAL_SECONDS
        if len(settled) >= self._purge_at_keys:
            for settled_key in [one for one, at_seconds in settled.items() if at_seconds <= now_seconds]:
                del settled[settled_key]
            self._purge_at_keys = max(_PURGE_AT_KEYS, 2 * len(settled))
