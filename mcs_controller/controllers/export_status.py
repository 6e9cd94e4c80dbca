"""Writes the conditions of a ServiceExport, and tells the user what changed through Events.

Conditions are merged by type, so that other controllers' conditions survive (requirements, trap 21), and
nothing is written when nothing differs (MCS-EXP-15). The exporter says what is wanted and goes on: conditions
have a queue of their own with few workers, so that when much changes at once endpoints come first.
"""

import random as randomness
from collections.abc import Sequence

from mcs_controller.clusterset import decode, encode
from mcs_controller.clusterset.conditions import merge_conditions
from mcs_controller.clusterset.model import Condition, LocalExport, ServiceKey
from mcs_controller.controllers.events import EventSink, EventType, ObjectRef
from mcs_controller.controllers.local import LocalState, describe_service
from mcs_controller.controllers.pace import Pace
from mcs_controller.controllers.writer import Writer
from mcs_controller.kube.clock import Clock, rfc3339
from mcs_controller.kube.queue import WorkQueue
from mcs_controller.kube.store import Entry

STATUS_WORKERS = 2

_WORTH_A_WARNING = {("Valid", "False"), ("Conflict", "True"), ("Ready", "False")}
_WORTH_TELLING = {("Conflict", "False"), ("Ready", "True")}


class ExportStatus:
    """The only writer of our conditions on ServiceExports."""

    def __init__(
        self, local: LocalState, *, clock: Clock, random: randomness.Random, events: EventSink
    ) -> None:
        self.queue: WorkQueue[ServiceKey] = WorkQueue(
            "export-status",
            self._write,
            workers=STATUS_WORKERS,
            random=random,
            describe=describe_service,
            lanes=True,
        )
        self._wanted: dict[ServiceKey, Sequence[Condition]] = {}
        self._pace: Pace[ServiceKey] = Pace()
        self._local = local
        self._clock = clock
        self._events = events
        self._exports = Writer(local.client, local.exports_resource, local.exports, decode.service_export)

    def has(self, key: ServiceKey, condition_type: str) -> bool:
        """Whether the ServiceExport has a condition of this type, whoever wrote it and when."""
        entry = self._local.exports.get(*key)
        return entry is not None and any(one.type == condition_type for one in entry.value.conditions)

    def want(self, key: ServiceKey, conditions: Sequence[Condition]) -> None:
        """Have `conditions` set on the ServiceExport `key`, soon."""
        # What is being written now will be what is held: to want what is held before is a difference then.
        in_flight = key in self._wanted
        self._wanted[key] = conditions
        if not in_flight and self._difference(key) is None:
            del self._wanted[key]
        else:
            self.queue.add(key)

    async def _write(self, key: ServiceKey) -> float | None:
        difference = self._difference(key)
        if difference is not None and (wait_seconds := self._pace.wait_seconds(key)):
            return wait_seconds
        if difference is not None and _finds_no_service(*difference):
            # It may have gone with its namespace, which nobody has to be told.
            await self._local.read_namespace(key.namespace)
        wanted, difference = self._wanted.get(key), self._difference(key)
        if difference is not None:
            self._pace.wrote(key)
            entry, merged = difference
            status = {"conditions": encode.conditions(merged)}
            await self._exports.patch(entry, {"status": status}, subresource="status")
            self._tell(entry, merged)
        if self._wanted.get(key) is wanted:
            self._wanted.pop(key, None)
        else:
            self.queue.add(key)
        return None

    def _difference(self, key: ServiceKey) -> tuple[Entry[LocalExport], tuple[Condition, ...]] | None:
        """The export and the conditions to write; None if there is nothing to write, or nowhere."""
        entry, wanted = self._local.exports.get(*key), self._wanted.get(key)
        if entry is None or entry.value.deleting or wanted is None:
            return None
        if self._local.namespace_is_ending(key.namespace):
            return None
        held = entry.value.conditions
        merged = merge_conditions(held, wanted, rfc3339(self._clock.now()))
        return None if merged == held else (entry, merged)

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


def _finds_no_service(entry: Entry[LocalExport], merged: Sequence[Condition]) -> bool:
    """Whether it is news that there is no Service."""
    return any(
        condition.reason == "NoService" and condition not in entry.value.conditions for condition in merged
    )


def _event_type(old: Condition | None, new: Condition) -> EventType | None:
    state = (new.type, new.status)
    if state in _WORTH_A_WARNING and new.reason != "Pending":
        return "Warning"
    first_news_is_good = old is None and new.type == "Conflict"
    if state in _WORTH_TELLING and not first_news_is_good:
        return "Normal"
    return None
