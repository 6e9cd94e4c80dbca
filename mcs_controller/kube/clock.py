"""Wall-clock time as a value that is handed in, and its two spellings on the wire.

Only what ends up in an object (a timestamp of a condition, of a Lease) needs the wall clock. Waiting and
measuring use the event loop's clock, which a test or a simulation can replace as a whole; that is why
there is no `sleep` here.
"""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where the present comes from."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""
        return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """metav1.Time: whole seconds, `2026-01-01T00:00:00Z`."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def rfc3339_micro(moment: datetime) -> str:
    """metav1.MicroTime: always six digits, also at a whole second, or the API server refuses it."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
