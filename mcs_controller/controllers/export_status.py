"""Writes the conditions of a ServiceExport, and tells the user what changed through Events.

Conditions are merged by type, so that other controllers' conditions survive (requirements, trap 21), and
nothing is written when nothing differs (MCS-EXP-15).
"""

from collections.abc import Sequence

from mcs_controller.clusterset import decode, encode
from mcs_controller.clusterset.conditions import merge_conditions
from mcs_controller.clusterset.model import Condition, LocalExport, ServiceKey
from mcs_controller.controllers.events import EventSink, EventType, ObjectRef
from mcs_controller.controllers.local import LocalState
from mcs_controller.controllers.writer import Writer
from mcs_controller.kube.clock import Clock, rfc3339
from mcs_controller.kube.store import Entry

_WORTH_A_WARNING = {("Valid", "False"), ("Conflict", "True"), ("Ready", "False")}
_WORTH_TELLING = {("Conflict", "False"), ("Ready", "True")}


class ExportStatus:
    """The only writer of our conditions on ServiceExports."""

    def __init__(self, local: LocalState, *, clock: Clock, events: EventSink) -> None:
        self._local = local
        self._clock = clock
        self._events = events
        self._exports = Writer(local.client, local.exports_resource, local.exports, decode.service_export)

    def has(self, key: ServiceKey, condition_type: str) -> bool:
        """Whether the ServiceExport has a condition of this type, whoever wrote it and when."""
        entry = self._local.exports.get(*key)
        return entry is not None and any(one.type == condition_type for one in entry.value.conditions)

    async def write(self, key: ServiceKey, wanted: Sequence[Condition]) -> None:
        """Set `wanted` on the ServiceExport `key`; one that is gone meanwhile is left alone."""
        entry = self._local.exports.get(*key)
        if entry is None or entry.value.deleting:
            return
        export = entry.value
        merged = merge_conditions(export.conditions, wanted, rfc3339(self._clock.now()))
        if merged == export.conditions:
            return
        await self._exports.patch(
            entry, {"status": {"conditions": encode.conditions(merged)}}, subresource="status"
        )
        self._tell(entry, merged)

    def _tell(self, entry: Entry[LocalExport], merged: Sequence[Condition]) -> None:
        before = {condition.type: condition for condition in entry.value.conditions}
        resource = self._local.exports_resource()
        regarding = ObjectRef(resource.api_version, resource.kind, entry.namespace, entry.name, entry.uid)
        for condition in merged:
            old = before.get(condition.type)
            if old is not None and (old.status, old.reason) == (condition.status, condition.reason):
                continue
            kind = _event_type(old, condition)
            if kind is not None:
                self._events.event(regarding, kind, condition.reason, condition.message or condition.reason)


def _event_type(old: Condition | None, new: Condition) -> EventType | None:
    state = (new.type, new.status)
    if state in _WORTH_A_WARNING and new.reason != "Pending":
        return "Warning"
    first_news_is_good = old is None and new.type == "Conflict"
    if state in _WORTH_TELLING and not first_news_is_good:
        return "Normal"
    return None
