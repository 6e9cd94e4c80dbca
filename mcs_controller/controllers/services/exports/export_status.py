"""Writes the conditions of a ServiceExport, and an Event for each change that users should see.

Conditions are merged by type, so that other controllers' conditions are kept.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from mcs_controller.clusterset.conditions import encode_conditions, merge_conditions
from mcs_controller.clusterset.model import Condition, LocalExport, ServiceKey
from mcs_controller.clusterset.services import decode
from mcs_controller.clusterset.services.export import NOT_HEARD, NOT_VALID
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.runtime.object_writer import ObjectWriter
from mcs_controller.controllers.runtime.status_writer import StatusWriter
from mcs_controller.controllers.services.stores.local import LocalStores
from mcs_controller.kube.clock import rfc3339
from mcs_controller.kube.events.sink import EventType, ObjectRef
from mcs_controller.kube.store import Entry

_WORTH_A_WARNING: Final = {("Valid", "False"), ("Conflict", "True"), ("Ready", "False")}
_SAID_OF: Final = {
    "Exported": "the broker has the export, and other clusters import it where they have the namespace",
    "NoConflicts": "the clusters that export this service agree",
}
"""In an Event, of a condition without a message."""
_WORTH_A_NOTE: Final = {("Conflict", "False"), ("Ready", "True")}


_Difference = tuple[Entry[LocalExport], tuple[Condition, ...]]


class ExportStatus(StatusWriter[Sequence[Condition], _Difference]):
    """The only writer of our conditions on ServiceExports."""

    def __init__(self, context: Context, local: LocalStores) -> None:
        super().__init__("export-status", context.random, work_clock=context.work_clock)
        self._local = local
        self._clock = context.clock
        self._events = context.events
        self._exports = ObjectWriter(
            local.client, local.exports_resource, local.exports, decode.service_export
        )

    def has(self, key: ServiceKey, condition_type: str) -> bool:
        """Whether the ServiceExport has a condition of this type, from any writer and time."""
        entry = self._local.exports.get(*key)
        return entry is not None and any(one.type == condition_type for one in entry.value.conditions)

    async def _before_writing(self, key: ServiceKey, difference: _Difference) -> None:
        if _finds_no_service(*difference):
            # The Service may be deleted with its namespace; that is not worth a report.
            await self._local.read_namespace(key.namespace)

    async def _write(self, key: ServiceKey, difference: _Difference) -> None:
        entry, merged = difference
        status = {"conditions": encode_conditions(merged)}
        expected = replace(entry.value, conditions=merged)
        await self._exports.patch(entry, {"status": status}, subresource="status", expected=expected)
        self._emit_events(entry, merged)

    def _difference(self, key: ServiceKey, wanted: Sequence[Condition]) -> _Difference | None:
        entry = self._local.exports.get(*key)
        if entry is None or entry.value.deleting or self._local.namespace_is_ending(key.namespace):
            return None
        held = entry.value.conditions
        merged = merge_conditions(held, wanted, rfc3339(self._clock.now()))
        return None if merged == held else (entry, merged)

    def _emit_events(self, entry: Entry[LocalExport], merged: Sequence[Condition]) -> None:
        before = {condition.type: condition for condition in entry.value.conditions}
        resource = self._local.exports_resource()
        regarding = ObjectRef(resource.api_version, resource.kind, entry.namespace, entry.name, entry.uid)
        for condition in merged:
            old = before.get(condition.type)
            if _is_excluded(condition) and not _is_excluded(old):
                self._events.event(regarding, "Warning", "ClusterExcluded", condition.message)
                continue
            if old is not None and (old.status, old.reason) == (condition.status, condition.reason):
                continue
            kind = _event_type(old, condition)
            if kind is not None:
                note = condition.message or _SAID_OF.get(condition.reason, condition.reason)
                self._events.event(regarding, kind, condition.reason, note)


def _finds_no_service(entry: Entry[LocalExport], merged: Sequence[Condition]) -> bool:
    """Whether a NoService condition is new."""
    return any(
        condition.reason == "NoService" and condition not in entry.value.conditions for condition in merged
    )


def _is_excluded(condition: Condition | None) -> bool:
    """Whether it is Ready, and says why this whole cluster may not export."""
    return (
        condition is not None
        and (condition.type, condition.reason) == ("Ready", "Pending")
        and condition.message not in ("", NOT_HEARD, NOT_VALID)
    )


def _event_type(old: Condition | None, new: Condition) -> EventType | None:
    state = (new.type, new.status)
    if state in _WORTH_A_WARNING and new.reason != "Pending":
        return "Warning"
    first_news_is_good = old is None and new.type == "Conflict"
    if state in _WORTH_A_NOTE and not first_news_is_good:
        return "Normal"
    return None
