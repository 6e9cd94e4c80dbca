"""How long to wait before the next try: doubling, capped, with full jitter.

Full jitter (anything between nothing and the ceiling) is what keeps hundreds of clients that lost the same
server from coming back in one wave. A server's `Retry-After` wins over our own wait, within a bound.
"""

import math
from random import Random
from typing import Final

RETRY_AFTER_MAX_SECONDS: Final = 300.0
"""The longest wait that a server may ask for."""

RETRY_AFTER_SPREAD: Final = 0.1
"""Clients that were all told the same `Retry-After` spread over this share of it."""


class Backoff:
    """The waits of one thing that keeps failing."""

    __slots__ = ("_cap_seconds", "_factor", "_first_seconds", "_next_ceiling_seconds", "_random")

    def __init__(
        self,
        first_seconds: float = 0.005,
        cap_seconds: float = 60.0,
        factor: float = 2.0,
        *,
        random: Random,
    ) -> None:
        self._first_seconds = first_seconds
        self._cap_seconds = cap_seconds
        self._factor = factor
        self._random = random
        self._next_ceiling_seconds = first_seconds

    def reset(self) -> None:
        """It worked: the next wait is a first one."""
        self._next_ceiling_seconds = self._first_seconds

    def next_seconds(
        self, retry_after_seconds: float | None = None, *, longest_seconds: float = math.inf
    ) -> float:
        """The next wait; counts as one more failure. Our own wait is at most `longest_seconds`."""
        ceiling = min(self._next_ceiling_seconds, self._cap_seconds)
        self._next_ceiling_seconds = min(ceiling * self._factor, self._cap_seconds)
        if retry_after_seconds is None:
            return self._random.uniform(0.0, min(ceiling, longest_seconds))
        asked = min(max(retry_after_seconds, 0.0), RETRY_AFTER_MAX_SECONDS)
        return asked * (1.0 + self._random.uniform(0.0, RETRY_AFTER_SPREAD))
