"""The fuse against mass withdrawal (architecture decision 7).

When one pass would take away more than a share of what is imported, or most members go silent at once, the
likelier cause is a fault than the wish of that many users: hold everything, and say so. The fuse closes
by itself when the data comes back, or when an operator releases it. The same rule serves for services
(`minimum` 10) and for members (`MEMBERS_MINIMUM`: one of one other cluster may well die).
"""

from enum import Enum

DEFAULT_SHARE = 0.5
SERVICES_MINIMUM = 10
MEMBERS_MINIMUM = 2


class FuseState(Enum):
    """CLOSED: withdraw freely. HOLDING: withdraw nothing. RELEASED: an operator let this loss through."""

    CLOSED = "closed"
    HOLDING = "holding"
    RELEASED = "released"

    @property
    def holds(self) -> bool:
        """Whether nothing may be withdrawn."""
        return self is FuseState.HOLDING


def would_trip(
    imported: int, lost: int, *, share: float = DEFAULT_SHARE, minimum: int = SERVICES_MINIMUM
) -> bool:
    """Whether losing `lost` of `imported` in one pass is too much to believe."""
    return lost >= minimum and lost > imported * share


def next_state(state: FuseState, *, tripping: bool, release: bool = False) -> FuseState:
    """The state after a pass that finds `would_trip` to be `tripping`.

    A release lasts for as long as the same loss does, so that it can be carried out in several passes.
    """
    if not tripping:
        return FuseState.CLOSED
    if release or state is FuseState.RELEASED:
        return FuseState.RELEASED
    return FuseState.HOLDING
