"""How often something may happen: so many times at once, then one every so often."""

from typing import Final

_ROUNDING: Final = 1e-9
"""So that a caller who waited as long as `wait_seconds` said may go on."""


class TokenBucket:
    """`burst` at once, and `per_second` on average; times are the caller's, in seconds of one clock."""

    __slots__ = ("_at_seconds", "_burst", "_left", "_per_second")

    def __init__(self, burst: float, per_second: float) -> None:
        self._burst = burst
        self._per_second = per_second
        self._left = burst
        self._at_seconds = 0.0

    def take(self, now_seconds: float) -> bool:
        """Whether it may happen now; if so, it counts."""
        self._refill(now_seconds)
        if self._left < 1.0 - _ROUNDING:
            return False
        self._left -= 1.0
        return True

    def wait_seconds(self, now_seconds: float) -> float:
        """How long until it may happen."""
        self._refill(now_seconds)
        return max(0.0, (1.0 - self._left) / self._per_second)

    def _refill(self, now_seconds: float) -> None:
        elapsed_seconds = max(0.0, now_seconds - self._at_seconds)
        self._left = min(self._burst, self._left + elapsed_seconds * self._per_second)
        self._at_seconds = now_seconds
