"""For how long a member has been stating what it exports: the time that ends a hold of the fuse.

A member speaks by a new statement. The time between two words counts once the second one is read, if the two
are not further apart than a member may be silent.
So the time stands still while a member is silent, while its leader is away, and while the broker is away.
After the broker's history broke, it goes on with the second word after that.
"""

from collections.abc import Mapping, Set
from typing import NamedTuple


class Word(NamedTuple):
    """`seconds` counts for holds. `quiet_seconds` is the time since the last word, None if there was none."""

    seconds: float = 0.0
    quiet_seconds: float | None = None


def observe(
    before: Mapping[str, Word],
    present: Set[str],
    spoke: Set[str],
    *,
    passed_seconds: float,
    timeout_seconds: float,
) -> dict[str, Word]:
    """The state after a read of the members `present`, of which those in `spoke` said something new."""
    words = {}
    for cluster in present:
        known = before.get(cluster, Word())
        quiet_seconds = None if known.quiet_seconds is None else known.quiet_seconds + passed_seconds
        if cluster not in spoke:
            words[cluster] = Word(known.seconds, quiet_seconds)
        elif quiet_seconds is not None and quiet_seconds < timeout_seconds:
            words[cluster] = Word(known.seconds + quiet_seconds, 0.0)
        else:
            words[cluster] = Word(known.seconds, 0.0)
    for cluster in before.keys() - present:
        words[cluster] = Word(before[cluster].seconds)
    return words


def distrust(before: Mapping[str, Word]) -> dict[str, Word]:
    """The state after the broker's history broke: what was said before does not count any more."""
    return {cluster: Word(word.seconds) for cluster, word in before.items()}
