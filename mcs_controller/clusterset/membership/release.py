"""When the administrator's release of a member is valid (docs/decisions/0007-fuse.md).

The broker's administrator writes it as an annotation on the MemberCluster: the time until which it is valid.
A release that stays by accident must not disarm the fuse for ever. So it is valid only on the day before that
time, by the reader's wall clock. Nothing is remembered: a reader that is started later, or leads later, finds
the same. `allowed`, which releases an import once, has no end here, and so releases nothing.
"""

from typing import Final

from mcs_controller.clusterset.errors import cut
from mcs_controller.clusterset.syntax import seconds_of_time

DEFAULT_SECONDS: Final = 3600.0
RELEASE_MAX_SECONDS: Final = 86_400.0


def left_seconds(value: str, wall_seconds: float) -> float:
    """For how long a release is still valid at `wall_seconds` (since the epoch); 0.0 if it is not."""
    until_seconds = seconds_of_time(value)
    if until_seconds is None or until_seconds - wall_seconds > RELEASE_MAX_SECONDS:
        return 0.0
    return max(0.0, until_seconds - wall_seconds)


def problem(cluster: str, value: str, wall_seconds: float) -> str:
    """Why a member's annotation releases nothing yet, and what to do; "" if it does, or did."""
    until_seconds = seconds_of_time(value)
    command = f"`mcs-controller fuse release --member {cluster}` writes"
    if until_seconds is None:
        return f"{cut(value, 40)} is no time in UTC such as {command}"
    if until_seconds - wall_seconds > RELEASE_MAX_SECONDS:
        return f"{cut(value, 40)} is more than a day ahead, and counts only on its last day: {command} a time"
    return ""
