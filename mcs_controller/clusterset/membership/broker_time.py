"""The time in which the broker takes heartbeats; the silence of the other members is measured in it.

An outage of the broker silences all members, and afterwards each is heard again at a moment of its own. So
time counts only from one heartbeat of this cluster that the broker took to the next, without what the broker
needed for it, and only if the next one was sent in time. If it was sent late, others before it had failed, or
this process stood still: then nothing of the time in between counts.
"""

from typing import NamedTuple


class BrokerTime(NamedTuple):
    """`counted_seconds` up to this cluster's last heartbeat, which was taken at `renewed_at_seconds` of a
    monotonic clock; None before the first one.
    """

    counted_seconds: float = 0.0
    renewed_at_seconds: float | None = None

    def at_most_seconds(self, now_seconds: float, *, max_gap_seconds: float) -> float:
        """How much may have counted once the next heartbeat is taken."""
        if self.renewed_at_seconds is None:
            return self.counted_seconds
        return self.counted_seconds + min(now_seconds - self.renewed_at_seconds, max_gap_seconds)


def renewed(
    before: BrokerTime, sent_at_seconds: float, taken_at_seconds: float, *, max_gap_seconds: float
) -> BrokerTime:
    """The time after one more heartbeat that the broker took.

    `max_gap_seconds` is longer than the interval of heartbeats, by so much that one may fail at once and be
    sent again.
    """
    gap_seconds = 0.0
    if before.renewed_at_seconds is not None:
        gap_seconds = sent_at_seconds - before.renewed_at_seconds
    counted_seconds = gap_seconds if gap_seconds <= max_gap_seconds else 0.0
    return BrokerTime(before.counted_seconds + counted_seconds, taken_at_seconds)
