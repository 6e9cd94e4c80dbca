"""Writes the status of a ServiceImport: exporting clusters, conditions, whether slices exist.

`status.endpointSliceObjects` is younger than the released CRD: an API server that does not know it prunes
it. What is pruned once is not asked for again (requirements, trap 7). The importer says what is wanted and
goes on: as with exports, the status has a queue of its own, behind endpoints.
"""

import random as randomness
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mcs_controller.api.names import CONDITION_HELD
from mcs_controller.clusterset import decode, encode
from mcs_controller.clusterset.conditions import merge_conditions
from mcs_controller.clusterset.model import Condition, LocalImport, ServiceKey
from mcs_controller.controllers.events import EventSink, ObjectRef
from mcs_controller.controllers.export_status import STATUS_WORKERS
from mcs_controller.controllers.local import LocalState, describe_service
from mcs_controller.controllers.pace import Pace
from mcs_controller.controllers.writer import Writer
from mcs_controller.kube.clock import Clock, rfc3339
from mcs_controller.kube.queue import WorkQueue
from mcs_controller.kube.store import Entry


@dataclass(frozen=True, slots=True)
class WantedStatus:
    """Our part of a ServiceImport's status."""

    clusters: tuple[str, ...]
    conditions: tuple[Condition, ...]
    slices_exist: bool


class ImportStatus:
    """The only writer of our part of a ServiceImport's status."""

    def __init__(
        self, local: LocalState, *, clock: Clock, random: randomness.Random, events: EventSink
    ) -> None:
        self.queue: WorkQueue[ServiceKey] = WorkQueue(
            "import-status",
            self._write,
            workers=STATUS_WORKERS,
            random=random,
            describe=describe_service,
            lanes=True,
        )
        self._wanted: dict[ServiceKey, WantedStatus] = {}
        self._pace: Pace[ServiceKey] = Pace()
        self._local = local
        self._clock = clock
        self._events = events
        self._imports = Writer(local.client, local.imports_resource, local.imports, decode.service_import)
        self._slice_objects_pruned = False

    def want(self, key: ServiceKey, status: WantedStatus) -> None:
        """Have `status` set on the ServiceImport `key`, soon."""
        # What is being written now will be what is held: to want what is held before is a difference then.
        in_flight = key in self._wanted
        self._wanted[key] = status
        if not in_flight and self._difference(key) is None:
            del self._wanted[key]
        else:
            self.queue.add(key)

    def hold(self, key: ServiceKey, imported: LocalImport, held: Condition) -> None:
        """Have the condition `held` set, soon, and everything else left as it is."""
        self.want(key, WantedStatus(imported.clusters, (held,), imported.slice_objects == "Present"))

    async def _write(self, key: ServiceKey) -> float | None:
        wanted, difference = self._wanted.get(key), self._difference(key)
        if difference is not None:
            if wait_seconds := self._pace.wait_seconds(key):
                return wait_seconds
            self._pace.wrote(key)
            entry, status = difference
            written = await self._imports.patch(entry, {"status": status}, subresource="status")
            self._slice_objects_pruned = not written.value.slice_objects
            self._tell(entry, written.value.conditions)
        if self._wanted.get(key) is wanted:
            self._wanted.pop(key, None)
        else:
            self.queue.add(key)
        return None

    def _difference(self, key: ServiceKey) -> tuple[Entry[LocalImport], dict[str, Any]] | None:
        """The import and the status to write; None if there is nothing to write, or nowhere."""
        entry, wanted = self._local.imports.get(*key), self._wanted.get(key)
        if entry is None or entry.value.deleting or not entry.value.managed or wanted is None:
            return None
        held = entry.value
        conditions = merge_conditions(held.conditions, wanted.conditions, rfc3339(self._clock.now()))
        slice_objects = "Present" if wanted.slices_exist else "Absent"
        same_slice_objects = self._slice_objects_pruned or held.slice_objects == slice_objects
        if held.clusters == wanted.clusters and held.conditions == conditions and same_slice_objects:
            return None
        return entry, {
            "clusters": [{"cluster": cluster} for cluster in wanted.clusters],
            "conditions": encode.conditions(conditions),
            "endpointSliceObjects": slice_objects,
        }

    def _tell(self, before: Entry[LocalImport], conditions: Sequence[Condition]) -> None:
        """An event when an import comes to be held, and when it is let go."""
        was_held = any(_is_held(one) for one in before.value.conditions)
        for condition in conditions:
            if condition.type == CONDITION_HELD and _is_held(condition) != was_held:
                resource = self._local.imports_resource()
                regarding = ObjectRef(
                    resource.api_version, resource.kind, before.namespace, before.name, before.uid
                )
                self._events.event(
                    regarding,
                    "Normal" if was_held else "Warning",
                    condition.reason,
                    condition.message or condition.reason,
                )


def _is_held(condition: Condition) -> bool:
    return condition.type == CONDITION_HELD and condition.status == "True"
