"""Writes the conditions of policies; an Event and the log say when one cannot be read, or is held back."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from mcs_controller.api.resources import Resource
from mcs_controller.clusterset.conditions import encode_conditions, merge_conditions
from mcs_controller.clusterset.model import Condition, ServiceKey
from mcs_controller.clusterset.services.policies.policy import Policy, decode_policy
from mcs_controller.clusterset.services.policies.verdict import policy_conditions
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.runtime.object_writer import ObjectWriter
from mcs_controller.controllers.runtime.status_writer import StatusWriter
from mcs_controller.controllers.services.policies.gate import Gate
from mcs_controller.kube.clock import rfc3339
from mcs_controller.kube.events.sink import EventType, ObjectRef
from mcs_controller.kube.store import Entry

_log = logging.getLogger(__name__)

_SAID_OF: Final = {
    "Accepted": "it can be read again, and is in force",
    "NotHeld": "nothing is held back any more: what policies refuse is withdrawn",
}
"""In an Event, of a condition without a message."""

_Difference = tuple[Entry[Policy], tuple[Condition, ...]]


class PolicyStatus(StatusWriter[Sequence[Condition], _Difference]):
    """The only writer of the conditions of the policies that a gate goes by."""

    def __init__(self, context: Context, gate: Gate[Any], resource: Resource) -> None:
        super().__init__(f"{resource.plural}-status", context.random, work_clock=context.work_clock)
        self._gate = gate
        self._clock = context.clock
        self._events = context.events
        self._resource = resource
        self._objects = ObjectWriter(
            context.local.client, lambda: resource, gate.known.objects, decode_policy
        )

    def update(self) -> None:
        """Enqueue the policies whose conditions are not as they should be."""
        gate = self._gate
        for entry in gate.known.objects:
            wanted = policy_conditions(entry.value, gate.held, gate.losing(), gate.known.words)
            self.want(ServiceKey(*entry.key), wanted)

    async def _write(self, key: ServiceKey, difference: _Difference) -> None:
        entry, merged = difference
        expected = replace(entry.value, conditions=merged)
        status = {"conditions": encode_conditions(merged)}
        await self._objects.patch(entry, {"status": status}, subresource="status", expected=expected)
        before = {one.type: one for one in entry.value.conditions}
        for condition in merged:
            kind = _event_type(before.get(condition.type), condition)
            if kind is None:
                continue
            resource, note = self._resource, condition.message or _SAID_OF[condition.reason]
            _log.log(
                logging.WARNING if kind == "Warning" else logging.INFO,
                "%s %s: %s", resource.kind, entry.name, note,
            )  # fmt: skip
            regarding = ObjectRef(resource.api_version, resource.kind, "", entry.name, entry.uid)
            self._events.event(regarding, kind, condition.reason, note)

    def _difference(self, key: ServiceKey, wanted: Sequence[Condition]) -> _Difference | None:
        entry = self._gate.known.objects.get(*key)
        if entry is None:
            return None
        merged = merge_conditions(entry.value.conditions, wanted, rfc3339(self._clock.now()))
        return None if merged == entry.value.conditions else (entry, merged)


def _event_type(old: Condition | None, new: Condition) -> EventType | None:
    """Whether an administrator should hear of it: that it is bad, or that something bad is over."""
    if old is not None and old.status == new.status:
        return None
    if new.status == ("False" if new.type == "Accepted" else "True"):
        return "Warning"
    return "Normal" if old is not None else None
