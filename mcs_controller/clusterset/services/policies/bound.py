"""How many policies may end at once, before somebody confirms it (docs/decisions/0029-policies.md)."""

from collections.abc import Iterable

from mcs_controller.clusterset import fuse
from mcs_controller.clusterset.membership.release import left_seconds
from mcs_controller.clusterset.services.policies.policy import Policy
from mcs_controller.clusterset.services.policies.verdict import Words, held_text


def held_back(
    policies: Iterable[Policy],
    words: Words,
    *,
    live: int,
    lost: int,
    now_seconds: float,
    share: float = fuse.DEFAULT_SHARE,
    minimum: int = fuse.SERVICES_MINIMUM,
) -> str:
    """Why policies end none of what is live, "" if they may.

    They refuse `lost` of `live`. `now_seconds` is since the epoch; `share` and `minimum` are the fuse's.
    """
    if not fuse.would_trip(live, lost, share=share, minimum=minimum):
        return ""
    is_released = any(left_seconds(one.release, now_seconds) for one in policies)
    return "" if is_released else held_text(words)
