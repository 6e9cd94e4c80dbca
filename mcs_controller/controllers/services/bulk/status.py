"""Writes the conditions of ServiceExportPolicies, and Events, at most once a second for all changes."""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from mcs_controller.api.resources import SERVICE_EXPORT_POLICIES
from mcs_controller.clusterset.conditions import encode_conditions, merge_conditions
from mcs_controller.clusterset.model import Condition, ServiceKey
from mcs_controller.clusterset.services.policies.bulk.bound import held_text, orphans_text
from mcs_controller.clusterset.services.policies.bulk.conditions import (
    Selected,
    Wait,
    selected_by,
    service_policy_conditions,
)
from mcs_controller.clusterset.services.policies.bulk.service_policy import (
    PolicyKey,
    ServicePolicy,
    decode_service_policy,
)
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.runtime.object_writer import ObjectWriter
from mcs_controller.controllers.runtime.status_writer import StatusWriter
from mcs_controller.controllers.services.bulk.removals import Removals
from mcs_controller.controllers.services.bulk.stores import BulkStores
from mcs_controller.kube.clock import rfc3339
from mcs_controller.kube.events.sink import EventType, ObjectRef
from mcs_controller.kube.store import Entry

SPACING_SECONDS: Final = 1.0
CHECK_SECONDS: Final = 60.0
"""A confirmation ends without an event."""

_WORTH_AN_EVENT: Final[Mapping[str, EventType]] = {
    "Malformed": "Warning",
    "Failed": "Warning",
    "TooManyAtOnce": "Warning",
    "NothingSelected": "Normal",
}
"""Reasons that whoever wrote the policy should hear of."""

_OVER: Final = {
    "Accepted": "the policy can be read now",
    "AllExported": "all that it selects is exported now",
    "NotHeld": "nothing is held any more",
}
"""What is said when something that was worth a warning is over."""

_log = logging.getLogger(__name__)

_Difference = tuple[Entry[ServicePolicy], tuple[Condition, ...]]


class BulkStatus(StatusWriter[Sequence[Condition], _Difference]):
    """The only writer of these conditions. `waits` says why services are not exported yet."""

    def __init__(
        self,
        context: Context,
        stores: BulkStores,
        removals: Removals,
        waits: Mapping[ServiceKey, Wait],
    ) -> None:
        name = f"{SERVICE_EXPORT_POLICIES.plural}-status"
        super().__init__(name, context.random, work_clock=context.work_clock)
        self._stores = stores
        self._removals = removals
        self._waits = waits
        self._clock = context.clock
        self._events = context.events
        self._changed = asyncio.Event()
        self._orphans: frozenset[PolicyKey] = frozenset()
        self._policies = ObjectWriter(
            stores.client, lambda: SERVICE_EXPORT_POLICIES, stores.policies, decode_service_policy
        )

    def changed(self) -> None:
        """Something may be otherwise that the conditions tell."""
        self._changed.set()

    async def run(self) -> None:
        """Keep the conditions as they should be, until cancelled."""
        while True:
            self._update()
            await asyncio.sleep(SPACING_SECONDS)
            try:
                async with asyncio.timeout(CHECK_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                pass
            self._changed.clear()

    def held(self) -> int:
        """How many ServiceExports would be removed, and may not be."""
        held = self._removals.held(self._stores.releases())
        return sum(self._removals.counts()[1][key] for key in held)

    def _update(self) -> None:
        held = self._removals.held(self._stores.releases())
        made, lost = self._removals.counts()
        doubt = self._stores.trouble()
        for entry in self._stores.policies:
            policy = entry.value
            text = held_text(lost[policy.key], made[policy.key]) if policy.key in held else ""
            wanted = service_policy_conditions(policy, self._selected(policy), doubt=doubt, held=text)
            self.want(ServiceKey(*policy.key), wanted)
        orphans = frozenset(key for key in held if self._stores.policies.get(*key) is None)
        for key in sorted(orphans - self._orphans):
            _log.warning("%s", orphans_text(key, lost[key]))
        self._orphans = orphans

    def _selected(self, policy: ServicePolicy) -> Selected:
        stores = self._stores
        services = (
            (ServiceKey(*one.key), one.value, stores.exports.get(*one.key) is not None)
            for one in stores.services.indexed(policy.key.namespace)
        )
        return selected_by(policy, services, self._waits)

    async def _write(self, key: ServiceKey, difference: _Difference) -> None:
        entry, merged = difference
        expected = replace(entry.value, conditions=merged)
        status = {"conditions": encode_conditions(merged)}
        await self._policies.patch(entry, {"status": status}, subresource="status", expected=expected)
        resource = SERVICE_EXPORT_POLICIES
        regarding = ObjectRef(resource.api_version, resource.kind, entry.namespace, entry.name, entry.uid)
        for event, one in _news(entry.value.conditions, merged):
            note = _OVER.get(one.reason, one.message)
            self._events.event(regarding, event, one.reason, note)
            _log.log(
                logging.WARNING if event == "Warning" else logging.INFO, "%s %s: %s", resource.kind, key, note
            )

    def _difference(self, key: ServiceKey, wanted: Sequence[Condition]) -> _Difference | None:
        entry = self._stores.policies.get(*key)
        if entry is None or not self._stores.namespace_is_active(key.namespace):
            return None
        merged = merge_conditions(entry.value.conditions, wanted, rfc3339(self._clock.now()))
        return None if merged == entry.value.conditions else (entry, merged)


def _news(before: Sequence[Condition], now: Sequence[Condition]) -> Iterator[tuple[EventType, Condition]]:
    """The conditions that somebody should hear of, which were not so before."""
    reasons = {one.type: one.reason for one in before}
    for one in now:
        old = reasons.get(one.type, "")
        event = _WORTH_AN_EVENT.get(one.reason)
        if one.reason in _OVER and _WORTH_AN_EVENT.get(old) == "Warning":
            event = "Normal"
        if event is not None and one.reason != old:
            yield event, one
