"""When a member that is no longer listed counts as removed, and when its profile goes.

A single list proves nothing: it may be the first one after a start, or come from a broker that is being
restored. Only complete lists are counted here, and only the time between two of them; a member that is listed
again was never gone. Members that vanish all at once without a farewell do not count as removed, however long
that lasts: a broker that lost its MemberClusters looks the same, and schedulers would move everything.
"""

from collections.abc import Collection, Mapping
from typing import Final

REMOVED_AFTER_SECONDS: Final = 30.0
"""Long enough for a definition that is deleted and created again, with its objects."""
FORGOTTEN_AFTER_SECONDS: Final = 300.0
"""For so long consumers can read that the member was removed, before its profile goes."""

Absences = Mapping[str, float]
"""For how many seconds each member has been absent."""


def observe(
    before: Absences, with_profiles: Collection[str], listed: Collection[str], passed_seconds: float
) -> Absences:
    """The absences after one more complete list, `passed_seconds` after the last one that succeeded.

    Only members that have a profile count: of another one nothing is left to be taken away.
    """
    gone = set(with_profiles) - set(listed)
    return {one: before[one] + passed_seconds if one in before else 0.0 for one in gone}


def is_removed(absences: Absences, member: str) -> bool:
    """Whether the member counts as removed."""
    return absences.get(member, -1.0) >= REMOVED_AFTER_SECONDS


def is_forgotten(absences: Absences, member: str) -> bool:
    """Whether the member's profile may be deleted."""
    return absences.get(member, -1.0) >= FORGOTTEN_AFTER_SECONDS


def lost_at_once(absences: Absences, joined: Collection[str], listed: Collection[str]) -> frozenset[str]:
    """The absent members that look lost and not removed: all there were, or several and more than half.

    `joined` are those whose profile still says that they are members: whoever said farewell, or was removed
    before, is not among them.
    """
    gone = frozenset(joined) & absences.keys()
    many = len(gone) > 1 and 2 * len(gone) > len(joined)
    return gone if many or not listed else frozenset()
