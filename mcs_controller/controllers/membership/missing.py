"""Says of each member whose MemberCluster is missing what happens, and when; and when it is there again.

It may be the administrator's removal, or a mistake: in the time until it counts as a removal somebody can
create it again. That time gets longer when the broker's history breaks; then it is said again.
"""

import logging
from collections.abc import Mapping, Set

_log = logging.getLogger(__name__)


class MissingMembers:
    """What was said last."""

    def __init__(self) -> None:
        self._told_seconds: Mapping[str, float] = {}

    def tell(self, needed_seconds: Mapping[str, float], present: Set[str], *, counting: bool) -> None:
        """Log what changed by a read of the members.

        `needed_seconds` says of each missing member for how long it must be missing to count as removed, and
        `counting` whether that time goes on. `present` are the members that are there.
        """
        for cluster in sorted(needed_seconds):
            if self._told_seconds.get(cluster) != needed_seconds[cluster]:
                _log.warning(
                    "the MemberCluster of %s is missing on the broker: its exports stay imported, and are "
                    "withdrawn when it has been missing for %d s%s",
                    cluster,
                    needed_seconds[cluster],
                    "" if counting else ", counted from when this cluster's own MemberCluster is there again",
                )
        for cluster in sorted(self._told_seconds.keys() & present):
            _log.warning("the MemberCluster of %s is there again", cluster)
        self._told_seconds = needed_seconds
