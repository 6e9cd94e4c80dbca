"""A cluster's own imports of a burst go behind what it has to write to the broker.

When many services are exported at once, all the other clusters wait for the broker's records and slices, and
nobody but this cluster for its own imports: a client here reaches the service by its own name meanwhile. So
that both do not compete for the same API servers, an own import that is not there yet waits until few exports
are left, for `BEHIND_SECONDS` at most. What is imported already never waits.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from mcs_controller.clusterset.model import ServiceKey

BEHIND_MIN_KEYS: Final = 16
"""Fewer exports than that are no burst."""
BEHIND_SECONDS: Final = 2.0
"""No import waits longer for exports than that."""
_FIRST_LOOK_SECONDS: Final = 0.05
_SECONDS_PER_EXPORT: Final = 0.002
"""About what one of many exports takes; to look earlier finds as much to wait for."""


class BehindExports:
    """`keys_ahead` says how many exports wait to be written."""

    def __init__(self) -> None:
        self.keys_ahead: Callable[[], int] = lambda: 0
        self._since_seconds: dict[ServiceKey, float] = {}

    def __len__(self) -> int:
        """How many imports wait."""
        return len(self._since_seconds)

    def take(self, key: ServiceKey) -> float | None:
        """The key is looked at, and waits no more unless `wait_seconds` says so; since when it waited."""
        return self._since_seconds.pop(key, None)

    def wait_seconds(self, key: ServiceKey, since_seconds: float | None) -> float | None:
        """When to look again at an own import that is not there yet; None: it is its turn.

        `since_seconds` is what `take` gave.
        """
        ahead, now_seconds = self.keys_ahead(), asyncio.get_running_loop().time()
        if since_seconds is None:
            since_seconds = now_seconds
        left_seconds = since_seconds + BEHIND_SECONDS - now_seconds
        if ahead < BEHIND_MIN_KEYS or left_seconds <= 0:
            return None
        self._since_seconds[key] = since_seconds
        return min(left_seconds, max(_FIRST_LOOK_SECONDS, ahead * _SECONDS_PER_EXPORT))
