"""When a member that is no longer listed counts as removed, and when its profile goes.

A single list proves nothing: it may be the first one after a start, or come from a broker that is being
restored. Only complete lists are counted here, and only the time between two of them; a member that is listed
again was never gone.
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
    before: Absences, known: Collection[str], listed: Collection[str], passed_seconds: float
) -> Absences:
    """The absences after one more complete list, `passed_seconds` after the last one that succeeded.

    `known` are the members that have, or had, a profile.
    """
    gone = set(known) - set(listed)
    return {one: before[one] + passed_seconds if one in before else 0.0 for one in gone}


def is_removed(absences: Absences, member: str) -> bool:
    """Whether the member counts as removed."""
    return absences.get(member, -1.0) >= REMOVED_AFTER_SECONDS


def is_forgotten(absences: Absences, member: str) -> bool:
    """Whether the member's profile may be deleted."""
    return absences.get(member, -1.0) >= FORGOTTEN_AFTER_SECONDS
