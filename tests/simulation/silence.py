"""For how long each member has been silent, as the others can know it: who is so for long is dead by policy.

Agents read heartbeats from time to time, and compare each with the one that they read before. A restore of
the broker takes the last ones back. Who had read one of those sees a change, and takes it for a sign of life;
who had not sees the heartbeat that was there all the time, and counts on. While the broker takes nobody's
heartbeat, nobody becomes more silent.
"""

from __future__ import annotations

import math
from typing import NamedTuple

READ_WITHIN_SECONDS = 15.0
"""What the broker has for so long is read by all that can: they read every 11 s, and wait for the answer."""


HEARD_WITHIN_SECONDS = 16.5
"""Who hears of nobody for so long counts no further: one and a half of the longest interval of heartbeats."""


class _Former(NamedTuple):
    since_seconds: float
    replaced_seconds: float


class Silence:
    """Of all members, from the first look on."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, float]] = {}
        """Heartbeat, and since when it has counted."""
        self._former: dict[tuple[str, str], _Former] = {}
        self._heard_at_seconds = -math.inf
        self._looked_at_seconds = -math.inf
        self._counted_seconds = 0.0

    def look(self, member: str, heartbeat: str, now_seconds: float) -> float:
        """The broker has this heartbeat of the member: for how many seconds some may have known no other."""
        if now_seconds - self._heard_at_seconds <= HEARD_WITHIN_SECONDS:
            self._counted_seconds += now_seconds - self._looked_at_seconds
        self._looked_at_seconds = now_seconds
        if self._last.get(member, ("", 0.0))[0] != heartbeat:
            self._heard_at_seconds = now_seconds
        return self._look(member, heartbeat, self._counted_seconds)

    def _look(self, member: str, heartbeat: str, now_seconds: float) -> float:
        last, since_seconds = self._last.get(member, ("", now_seconds))
        if heartbeat == last:
            return now_seconds - since_seconds
        if last:
            self._former[member, last] = _Former(since_seconds, now_seconds)
        former = self._former.get((member, heartbeat))
        since_seconds = now_seconds
        if former is not None and now_seconds - former.replaced_seconds <= READ_WITHIN_SECONDS:
            since_seconds = former.since_seconds
        self._last[member] = heartbeat, since_seconds
        return now_seconds - since_seconds

    def forget(self, member: str) -> None:
        """Count anew from the next look on."""
        self._last.pop(member, None)
