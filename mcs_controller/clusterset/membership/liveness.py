"""Which members are alive, judged by their heartbeats and nothing but the reader's own monotonic clock.

A heartbeat is a text that changes while its member lives; it is compared, never read as a time, so that
clocks may differ between clusters. Silence is only counted while the broker answers: after an outage of
the broker, or of this reader, nobody is older than before it. What follows from silence, to
withdraw or to keep, is the caller's decision (docs/decisions/0006-dead-members.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Silence:
    """What is known of one member: its last heartbeat, and for how long it has not changed.

    `proven` says that this reader has seen it change: until then the member may have been dead for long.
    """

    heartbeat: str
    seconds: float = 0.0
    proven: bool = False


@dataclass(frozen=True, slots=True)
class Liveness:
    """The judgement after a number of reads. `read_at_seconds` is the time of the last, None before it."""

    members: Mapping[str, Silence] = field(default_factory=dict)
    read_at_seconds: float | None = None

    def stale(self, timeout_seconds: float) -> frozenset[str]:
        """The members that have been silent for as long as that."""
        return frozenset(c for c, silence in self.members.items() if silence.seconds >= timeout_seconds)

    def alive(self, timeout_seconds: float) -> frozenset[str]:
        """All other members."""
        return frozenset(self.members) - self.stale(timeout_seconds)

    def unproven(self) -> frozenset[str]:
        """The members that this reader has not yet seen renew their heartbeat."""
        return frozenset(c for c, silence in self.members.items() if not silence.proven)


def observe(
    before: Liveness, heartbeats: Mapping[str, str], now_seconds: float, *, max_gap_seconds: float
) -> Liveness:
    """The judgement after one more successful read of all members' heartbeats.

    `now_seconds` is monotonic. Of the time since the last read at most `max_gap_seconds` count as silence:
    set it to about twice the interval between reads, well below the time-out. A member that is new starts
    alive, one that is no longer there is forgotten.
    """
    passed = 0.0
    if before.read_at_seconds is not None:
        passed = min(now_seconds - before.read_at_seconds, max_gap_seconds)
    members = {}
    for cluster, heartbeat in heartbeats.items():
        known = before.members.get(cluster)
        if known is None:
            members[cluster] = Silence(heartbeat)
        elif known.heartbeat != heartbeat:
            members[cluster] = Silence(heartbeat, proven=True)
        else:
            members[cluster] = Silence(heartbeat, known.seconds + passed, known.proven)
    return Liveness(members, now_seconds)
