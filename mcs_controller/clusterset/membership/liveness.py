"""Which members are alive, judged only by their heartbeats and the time in which the broker takes heartbeats.

A heartbeat is a text that changes while its member lives. It is compared and never read as a time, so clocks
may differ between clusters. An outage of the broker, or of this reader, makes no member older
(`broker_time.py`). The caller decides what follows from silence, to withdraw or to keep
(docs/decisions/0006-dead-members.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Silence:
    """One member's last heartbeat, and since when it has not changed.

    `proven`: this reader has seen it change. Until then the member may have been dead for a long time.
    """

    heartbeat: str
    since_seconds: float
    proven: bool = False


@dataclass(frozen=True, slots=True)
class Liveness:
    """The state after a number of reads. `counted_seconds` is the time that counts by the last one."""

    members: Mapping[str, Silence] = field(default_factory=dict)
    counted_seconds: float = 0.0

    def silent_seconds(self) -> dict[str, float]:
        """For how long at least each member's heartbeat has not changed."""
        return {c: max(0.0, self.counted_seconds - one.since_seconds) for c, one in self.members.items()}

    def stale(self, timeout_seconds: float) -> frozenset[str]:
        """The members that have been silent for at least the time-out."""
        return frozenset(c for c, seconds in self.silent_seconds().items() if seconds >= timeout_seconds)

    def alive(self, timeout_seconds: float) -> frozenset[str]:
        """All other members."""
        return frozenset(self.members) - self.stale(timeout_seconds)

    def unproven(self) -> frozenset[str]:
        """The members that this reader has not yet seen renew their heartbeat."""
        return frozenset(c for c, silence in self.members.items() if not silence.proven)


def observe(
    before: Liveness, heartbeats: Mapping[str, str], *, counted_seconds: float, at_most_seconds: float
) -> Liveness:
    """The state after one more successful read of all members' heartbeats.

    `counted_seconds` had counted for certain when the read began, and `at_most_seconds` may have counted when
    it ended: a new heartbeat is taken for as late as it may be, so that silence is never overrated. Only
    another heartbeat ends it. A new member starts alive; a member that is no longer there is forgotten.
    """
    members = {}
    for cluster, heartbeat in heartbeats.items():
        known = before.members.get(cluster)
        if known is None:
            members[cluster] = Silence(heartbeat, at_most_seconds)
        elif known.heartbeat != heartbeat:
            members[cluster] = Silence(heartbeat, at_most_seconds, proven=True)
        else:
            members[cluster] = known
    return Liveness(members, max(before.counted_seconds, counted_seconds))
