"""One event and its repetitions, as the recorder keeps it and the writer writes it."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from mcs_controller.kube.clock import rfc3339_micro
from mcs_controller.kube.events.sink import EventType, ObjectRef

NOTE_MAX_BYTES: Final = 1024


@dataclass(frozen=True, slots=True)
class Told:
    """What makes two events identical."""

    regarding: ObjectRef
    type: EventType
    reason: str
    note: str

    @property
    def matter(self) -> tuple[EventType, str]:
        """What the waiting events of an object are folded by."""
        return (self.type, self.reason)


@dataclass(slots=True)
class Series:
    """One event and its repetitions; `written_count` is 0 until it exists on the API server."""

    told: Told
    first_seen: datetime
    last_seen: datetime
    last_seen_loop_seconds: float
    name: str = ""
    count: int = 1
    written_count: int = 0
    queued: bool = False
    later: asyncio.TimerHandle | None = field(default=None, repr=False)

    def to_wire(self) -> dict[str, Any]:
        """The `series` field of the event."""
        return {"count": self.count, "lastObservedTime": rfc3339_micro(self.last_seen)}


def cut_note(note: str) -> str:
    """The API server counts the note's bytes, and a cut must not split a character."""
    raw = note.encode("utf-8", "replace")
    if len(raw) <= NOTE_MAX_BYTES:
        return note
    return raw[: NOTE_MAX_BYTES - 3].decode("utf-8", "ignore") + "…"
