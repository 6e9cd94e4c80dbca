"""In a burst of exports, this cluster's own imports wait until the exports are written to the broker.

When many services are exported at once, all other clusters wait for their records and slices on the broker.
Only this cluster waits for its own imports, and its clients can use the Services' own names meanwhile. Both
would compete for the same API servers. So an own import that does not exist yet waits until few exports are
left, at most `BEHIND_SECONDS`. An existing import never waits.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from mcs_controller.clusterset.model import ServiceKey

BEHIND_MIN_KEYS: Final = 16
"""So many waiting exports are a burst."""
BEHIND_SECONDS: Final = 2.0
"""No import waits longer for exports than that."""
_MIN_WAIT_SECONDS: Final = 0.1
_SECONDS_PER_EXPORT: Final = 0.005
"""About the time that one of many exports takes on two cores; an earlier check would only wait again."""


class BehindExports:
    """The own imports that wait; `keys_ahead` gives the number of exports that wait to be read or written."""

    def __init__(self) -> None:
        self.keys_ahead: Callable[[], int] = lambda: 0
        self._since_seconds: dict[ServiceKey, float] = {}

    def __len__(self) -> int:
        """How many own imports wait."""
        return len(self._since_seconds)

    def take(self, key: ServiceKey) -> float | None:
        """The key is reconciled: it stops waiting unless `wait_seconds` follows. Since when it waited."""
        return self._since_seconds.pop(key, None)

    def wait_seconds(self, key: ServiceKey, since_seconds: float | None) -> float | None:
        """In how many seconds to requeue an own import that does not exist yet; None: create it now.

        `since_seconds` is what `take` returned.
        """
        ahead, now_seconds = self.keys_ahead(), asyncio.get_running_loop().time()
        if since_seconds is None:
            since_seconds = now_seconds
        left_seconds = since_seconds + BEHIND_SECONDS - now_seconds
        if ahead < BEHIND_MIN_KEYS or left_seconds <= 0:
            return None
        self._since_seconds[key] = since_seconds
        return min(left_seconds, max(_MIN_WAIT_SECONDS, ahead * _SECONDS_PER_EXPORT))
