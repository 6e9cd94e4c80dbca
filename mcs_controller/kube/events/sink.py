"""What a controller tells the user through Kubernetes Events, and nothing of how they get there.

The sink is handed in (`kube/events/recorder.py` writes to the API server, tests keep a list); telling never
blocks and never fails.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

EventType = Literal["Normal", "Warning"]


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """The object that an event is about."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


class EventSink(Protocol):
    """Takes events; identical ones may be folded into a series."""

    def event(self, regarding: ObjectRef, type: EventType, reason: str, note: str) -> None:
        """Record one event. Returns at once; an event may be lost, the caller never fails."""
        ...
