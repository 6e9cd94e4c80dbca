"""Writes the status of a ServiceImport: exporting clusters, conditions, whether slices exist.

`status.endpointSliceObjects` is newer than the released CRD: an API server that does not know the field
prunes it. After that, a difference in this field alone causes no write.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from mcs_controller.api.names import CONDITION_HELD, CONDITION_LOCALITY
from mcs_controller.clusterset.conditions import encode_conditions, merge_conditions
from mcs_controller.clusterset.model import Condition, LocalImport, ServiceKey
from mcs_controller.clusterset.services import decode
from mcs_controller.clusterset.services.desired import withdrawn_by_conditions
from mcs_controller.clusterset.services.locality import FAILED_OVER, INVALID, NEAR
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.runtime.object_writer import ObjectWriter
from mcs_controller.controllers.runtime.status_writer import StatusWriter
from mcs_controller.controllers.services.stores.local import LocalStores
from mcs_controller.kube.clock import rfc3339
from mcs_controller.kube.events.sink import ObjectRef
from mcs_controller.kube.store import Entry


@dataclass(frozen=True, slots=True)
class WantedStatus:
    """Our part of a ServiceImport's status. `Held` False is written only over an earlier `Held`."""

    clusters: tuple[str, ...]
    conditions: tuple[Condition, ...]
    slices_exist: bool


_SAID_OF: Final = {
    "NotHeld": "nothing of it is held any more",
    "Ready": "the service can be used in this cluster",
}
"""In an Event, of a condition without a message."""

REFUSED_HERE: Final = "this cluster's API server did not take a part of the import"
"""So begins the message of Ready then."""

_Difference = tuple[Entry[LocalImport], dict[str, Any], LocalImport]
"""The import, the status to write, and the import's value after that."""


class ImportStatus(StatusWriter[WantedStatus, _Difference]):
    """The only writer of our part of a ServiceImport's status.

    `slice_objects_pruned`: the API server pruned `endpointSliceObjects` in its last answer.
    """

    def __init__(self, context: Context, local: LocalStores) -> None:
        super().__init__("import-status", context.random, work_clock=context.work_clock)
        self._local = local
        self._clock = context.clock
        self._events = context.events
        self._imports = ObjectWriter(
            local.client, local.imports_resource, local.imports, decode.service_import
        )
        self.slice_objects_pruned = False

    def hold(self, key: ServiceKey, imported: LocalImport, held: Condition) -> None:
        """Enqueue writing the condition `held`; the rest of the status stays unchanged."""
        self.want(key, WantedStatus(imported.clusters, (held,), imported.slice_objects == "Present"))

    async def _write(self, key: ServiceKey, difference: _Difference) -> None:
        entry, status, expected = difference
        written = await self._imports.patch(
            entry, {"status": status}, subresource="status", expected=expected
        )
        self.slice_objects_pruned = not written.value.slice_objects
        self._emit_events(entry, written.value.conditions)
        self._tell_of_silent(entry, written.value)

    def _difference(self, key: ServiceKey, wanted: WantedStatus) -> _Difference | None:
        entry = self._local.imports.get(*key)
        if entry is None or entry.value.deleting or not entry.value.managed:
            return None
        held = entry.value
        worth_saying = _worth_saying(held.conditions, wanted.conditions)
        conditions = merge_conditions(held.conditions, worth_saying, rfc3339(self._clock.now()))
        slice_objects = "Present" if wanted.slices_exist else "Absent"
        same_slice_objects = self.slice_objects_pruned or held.slice_objects == slice_objects
        if held.clusters == wanted.clusters and held.conditions == conditions and same_slice_objects:
            return None
        status = {
            "clusters": [{"cluster": cluster} for cluster in wanted.clusters],
            "conditions": encode_conditions(conditions),
            "endpointSliceObjects": slice_objects,
        }
        kept = "" if self.slice_objects_pruned else slice_objects
        expected = replace(held, clusters=wanted.clusters, conditions=conditions, slice_objects=kept)
        return entry, status, expected

    def tell_not_ours(self, entry: Entry[LocalImport]) -> None:
        """Emit an Event on a ServiceImport of somebody else that stands where one of ours should."""
        self._events.event(
            self._about(entry),
            "Warning",
            "NotOurs",
            f"{entry.value.service} is exported and not imported here, since the agent did not make this "
            "ServiceImport: delete it, and the agent makes its own",
        )

    def _tell_of_silent(self, before: Entry[LocalImport], now: LocalImport) -> None:
        """Emit an Event on the import of each cluster that has fallen silent, or is heard again."""
        earlier = withdrawn_by_conditions(before.value.conditions)
        silent = withdrawn_by_conditions(now.conditions)
        for cluster in sorted(silent - earlier):
            self._events.event(
                self._about(before),
                "Warning",
                "EndpointsWithdrawn",
                f"cluster {cluster} sends no heartbeats, so that its endpoints are not used: look at its "
                "agent, and whether it reaches the broker; it ends by itself when the agent is heard again",
            )
        for cluster in sorted((earlier - silent) & set(now.clusters)):
            note = f"cluster {cluster} sends heartbeats again, so that its endpoints are used"
            self._events.event(self._about(before), "Normal", "EndpointsBack", note)

    def _emit_events(self, before: Entry[LocalImport], conditions: Sequence[Condition]) -> None:
        """Emit an Event when an import becomes held or not ready, or fails over, and when that is over."""
        earlier = {one.type: one for one in before.value.conditions}
        for condition in conditions:
            old = earlier.get(condition.type)
            if condition.type == CONDITION_HELD:
                if _is_held(condition) == (old is not None and _is_held(old)):
                    continue
                is_good = not _is_held(condition)
            elif _is_refused(condition):
                if not _is_refused(old):
                    note = condition.message
                    self._events.event(self._about(before), "Warning", "NotWritten", note)
                continue
            elif condition.type == "Ready" and _is_news(old, condition):
                is_good = condition.status == "True"
            elif condition.type == CONDITION_LOCALITY and _changes_places(old, condition):
                is_good = condition.reason == NEAR
            else:
                continue
            self._events.event(
                self._about(before),
                "Normal" if is_good else "Warning",
                condition.reason,
                condition.message or _SAID_OF.get(condition.reason, condition.reason),
            )

    def _about(self, entry: Entry[LocalImport]) -> ObjectRef:
        resource = self._local.imports_resource()
        return ObjectRef(resource.api_version, resource.kind, entry.namespace, entry.name, entry.uid)


def _worth_saying(existing: Sequence[Condition], wanted: Sequence[Condition]) -> list[Condition]:
    """The wanted conditions; that an import is not held is said only where something says that it was.

    Decided for each write: the condition that says so may be on its way while another status is wanted.
    """
    was_held = any(one.type == CONDITION_HELD for one in existing)
    return [one for one in wanted if was_held or one.type != CONDITION_HELD or _is_held(one)]


def _is_held(condition: Condition) -> bool:
    return condition.type == CONDITION_HELD and condition.status == "True"


def _is_news(old: Condition | None, new: Condition) -> bool:
    """Whether users should hear of Ready: not of an import that is new, and waits for its clusterset IP."""
    if old is None:
        return new.status == "False" and new.reason != "Pending"
    return (old.status, old.reason) != (new.status, new.reason)


def _is_refused(condition: Condition | None) -> bool:
    """Whether it is Ready, and says that the API server refuses a part of the import."""
    return condition is not None and condition.type == "Ready" and condition.message.startswith(REFUSED_HERE)


def _changes_places(old: Condition | None, new: Condition) -> bool:
    """Whether near endpoints have just become too few, or enough, or what is asked for cannot be used."""
    if new.reason == INVALID:
        return old is None or old.reason != INVALID
    return old is not None and {old.reason, new.reason} == {NEAR, FAILED_OVER}
