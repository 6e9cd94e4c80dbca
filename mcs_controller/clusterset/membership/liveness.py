"""Which members are alive, judged only by their heartbeats and the reader's own monotonic clock.

A heartbeat is a text that changes while its member lives. It is compared and never read as a time, so clocks
may differ between clusters. Silence counts only while the broker answers: an outage of the broker, or of this
reader, makes no member older. The caller decides what follows from silence, to withdraw or to keep
(docs/decisions/0006-dead-members.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Silence:
    """One member's last heartbeat, and for how long it has not changed.

    `proven`: this reader has seen it change. Until then the member may have been dead for a long time.
    """

    heartbeat: str
    seconds: float = 0.0
    proven: bool = False


@dataclass(frozen=True, slots=True)
class Liveness:
    """The state after a number of reads. `read_at_seconds` is the time of the last one, None before any."""

    members: Mapping[str, Silence] = field(default_factory=dict)
    read_at_seconds: float | None = None

    def stale(self, timeout_seconds: float) -> frozenset[str]:
        """The members that have been silent for at least the time-out."""
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
    """The state after one more successful read of all members' heartbeats.

    `now_seconds` is monotonic. At most `max_gap_seconds` of the time since the last read count as silence:
    set it to about twice the interval between reads, well below the time-out. A new member starts alive; a
    member that is no longer there is forgotten.
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
