"""When a member whose MemberCluster is missing counts as removed (docs/decisions/0008-proof.md).

The broker's administrator removes a member by deleting its MemberCluster. A broker that was wiped or restored
looks the same, so the MemberCluster must be missing for some time, in consistent lists that contain our own.
That time is short if this process saw it before and the broker's history did not break since. The time is
long if it was missing from the start, or history broke. Time counts only while such lists are read.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Final

SEEN_SECONDS: Final = 60.0
UNSEEN_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class Absence:
    """How long a known member has been missing, and after how long it counts as removed."""

    seconds: float = 0.0
    needed_seconds: float = SEEN_SECONDS


@dataclass(frozen=True, slots=True)
class Departures:
    """The state after a number of lists.

    `seen` are the members that were in a list since history last broke, or since the start.
    `listened_seconds` is the time since then.
    """

    missing: Mapping[str, Absence] = field(default_factory=dict)
    seen: frozenset[str] = frozenset()
    listened_seconds: float = 0.0

    def removed(self, cluster: str, present: Set[str]) -> bool:
        """Whether a member was removed on purpose; `present` are the members in the last list."""
        if cluster in present:
            return False
        absence = self.missing.get(cluster)
        if absence is None:
            return self.sure_of_unseen()
        return absence.seconds >= absence.needed_seconds

    def needed_seconds(self, cluster: str) -> float:
        """For how long a missing member must be missing to count as removed."""
        absence = self.missing.get(cluster)
        return UNSEEN_SECONDS if absence is None else absence.needed_seconds

    def sure_of_unseen(self) -> bool:
        """Whether enough time has passed to say that a cluster never seen is no member."""
        return self.listened_seconds >= UNSEEN_SECONDS


def distrust(before: Departures) -> Departures:
    """The state after the broker's history broke: a member that is missing now may come back."""
    return Departures({cluster: Absence(0.0, UNSEEN_SECONDS) for cluster in before.missing})


def observe(
    before: Departures,
    known: Set[str],
    present: Set[str],
    *,
    passed_seconds: float,
    announced: Set[str] = frozenset(),
) -> Departures:
    """The state after one more consistent list.

    `known` are the other members from before; `announced` are those whose last MemberCluster allowed the
    removal. `passed_seconds` is the part of the time since the last list that counts: none if our own
    MemberCluster is not in it, and then nothing is announced.
    """
    missing = {}
    for cluster in (before.missing.keys() | known) - present:
        absence = before.missing.get(cluster)
        if cluster in announced:
            missing[cluster] = Absence(0.0, 0.0)
        elif absence is None:
            missing[cluster] = Absence(0.0, SEEN_SECONDS if cluster in before.seen else UNSEEN_SECONDS)
        else:
            missing[cluster] = Absence(absence.seconds + passed_seconds, absence.needed_seconds)
    return Departures(missing, before.seen | present, before.listened_seconds + passed_seconds)
