"""For how long the administrator's release of a member is valid (docs/decisions/0007-fuse.md).

The broker's administrator writes it as an annotation on the MemberCluster: a time until which it is valid, or
`allowed`. A release that stays by accident must not disarm the fuse for ever. So `allowed` is valid for an
hour, and a time for a day at most, both counted from when this reader first saw the annotation.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from mcs_controller.api.names import WITHDRAW_ALLOWED
from mcs_controller.clusterset.syntax import seconds_of_time

ALLOWED_SECONDS: Final = 3600.0
RELEASE_MAX_SECONDS: Final = 86_400.0


class Release(NamedTuple):
    """The annotation's value, and until when it is valid by the reader's monotonic clock."""

    value: str
    until_seconds: float


def valid_seconds(value: str, wall_seconds: float) -> float:
    """For how long a release is valid that is first seen at `wall_seconds` (since the epoch); 0.0 if not."""
    if value == WITHDRAW_ALLOWED:
        return ALLOWED_SECONDS
    until_seconds = seconds_of_time(value)
    if until_seconds is None:
        return 0.0
    return min(max(0.0, until_seconds - wall_seconds), RELEASE_MAX_SECONDS)


def observe(
    before: Mapping[str, Release], values: Mapping[str, str], now_seconds: float, wall_seconds: float
) -> dict[str, Release]:
    """The state after a read that found these annotations, by member; members without one are left out."""
    found = {}
    for cluster, value in values.items():
        known = before.get(cluster)
        if known is None or known.value != value:
            known = Release(value, now_seconds + valid_seconds(value, wall_seconds))
        found[cluster] = known
    return found


def released(releases: Mapping[str, Release], now_seconds: float) -> frozenset[str]:
    """The members whose release is valid now."""
    return frozenset(cluster for cluster, one in releases.items() if now_seconds < one.until_seconds)
