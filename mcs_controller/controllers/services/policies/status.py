"""Writes the conditions of policies, and logs when one cannot be read, or is held back."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

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
from mcs_controller.kube.store import Entry

_log = logging.getLogger(__name__)

_Difference = tuple[Entry[Policy], tuple[Condition, ...]]


class PolicyStatus(StatusWriter[Sequence[Condition], _Difference]):
    """The only writer of the conditions of the policies that a gate goes by."""

    def __init__(self, context: Context, gate: Gate[Any], resource: Resource) -> None:
        super().__init__(f"{resource.plural}-status", context.random, work_clock=context.work_clock)
        self._gate = gate
        self._clock = context.clock
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
        for condition in _news(entry.value.conditions, merged):
            _log.warning("%s %s: %s", self._gate.known.words.kind, entry.name, condition.message)

    def _difference(self, key: ServiceKey, wanted: Sequence[Condition]) -> _Difference | None:
        entry = self._gate.known.objects.get(*key)
        if entry is None:
            return None
        merged = merge_conditions(entry.value.conditions, wanted, rfc3339(self._clock.now()))
        return None if merged == entry.value.conditions else (entry, merged)


def _news(before: Sequence[Condition], now: Sequence[Condition]) -> Iterator[Condition]:
    """The conditions that an administrator should hear of, which were not so before."""
    held = {(one.type, one.status) for one in before}
    for one in now:
        is_bad = one.status == ("False" if one.type == "Accepted" else "True")
        if is_bad and (one.type, one.status) not in held:
            yield one
