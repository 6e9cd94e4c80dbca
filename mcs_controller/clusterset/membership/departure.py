"""When a member whose MemberCluster is missing counts as removed (docs/decisions/0008-proof.md).

The broker's administrator removes a member by deleting its MemberCluster. A broker that was wiped or
restored lacks it just so, so that it must be missing for a while, in consistent lists that contain our own:
shortly where this process saw it go and the broker's history is whole, long where it was missing from the
start, or since history broke. Time counts only while such lists are read.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Final

SEEN_SECONDS: Final = 60.0
UNSEEN_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class Absence:
    """For how long a member that was known has been missing, and how long that has to be."""

    seconds: float = 0.0
    needed_seconds: float = SEEN_SECONDS


@dataclass(frozen=True, slots=True)
class Departures:
    """The judgement after a number of lists.

    `seen` are those that were in a list since history broke last, or since the start; `listened_seconds` is
    the time since then.
    """

    missing: Mapping[str, Absence] = field(default_factory=dict)
    seen: frozenset[str] = frozenset()
    listened_seconds: float = 0.0

    def removed(self, cluster: str, present: Set[str]) -> bool:
        """Whether a member is gone on purpose; `present` are those of the last list."""
        if cluster in present:
            return False
        absence = self.missing.get(cluster)
        if absence is None:
            return self.sure_of_unseen()
        return absence.seconds >= absence.needed_seconds

    def sure_of_unseen(self) -> bool:
        """Whether a cluster that was never seen would have been, if it were a member."""
        return self.listened_seconds >= UNSEEN_SECONDS


def distrust(before: Departures) -> Departures:
    """The broker's history broke: whoever is missing, or turns out to be, may be back after a while."""
    return Departures({cluster: Absence(0.0, UNSEEN_SECONDS) for cluster in before.missing})


def observe(
    before: Departures,
    known: Set[str],
    present: Set[str],
    *,
    passed_seconds: float,
    announced: Set[str] = frozenset(),
) -> Departures:
    """The judgement after one more consistent list with our own MemberCluster in it.

    `known` were there before, `announced` are those whose MemberCluster said last that they may go.
    `passed_seconds` is the time since the last such list, as far as it counts.
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
