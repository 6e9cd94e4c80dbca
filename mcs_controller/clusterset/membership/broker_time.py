"""The time in which the broker takes heartbeats; the silence of the other members is measured in it.

An outage of the broker silences all members, and afterwards each is heard again at a moment of its own. So
time counts only between two heartbeats of this cluster that the broker took one soon after the other. If the
next one comes late, the broker was away, slow, or took no writes, or this process stood still. Then nothing
of the time since the last one counts: afterwards a member is as silent as it was before.
"""

from typing import NamedTuple


class BrokerTime(NamedTuple):
    """`counted_seconds` up to this cluster's last heartbeat, which was taken at `renewed_at_seconds` of a
    monotonic clock; None before the first one.
    """

    counted_seconds: float = 0.0
    renewed_at_seconds: float | None = None

    def seconds(self, now_seconds: float, *, max_gap_seconds: float) -> float:
        """How much has counted so far. It may be less later on: what passed since the last heartbeat counts
        for certain only once the next one has come in time.
        """
        if self.renewed_at_seconds is None:
            return self.counted_seconds
        return self.counted_seconds + min(now_seconds - self.renewed_at_seconds, max_gap_seconds)


def renewed(before: BrokerTime, now_seconds: float, *, max_gap_seconds: float) -> BrokerTime:
    """The time after one more heartbeat that the broker took.

    `max_gap_seconds` must be longer than the interval of heartbeats; that and an interval together must be
    well below the time-out.
    """
    passed_seconds = 0.0
    if before.renewed_at_seconds is not None:
        passed_seconds = now_seconds - before.renewed_at_seconds
    counts = passed_seconds <= max_gap_seconds
    return BrokerTime(before.counted_seconds + (passed_seconds if counts else 0.0), now_seconds)
