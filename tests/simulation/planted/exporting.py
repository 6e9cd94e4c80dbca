"""Bugs of exporters: what they leave on the broker, and how they take it back."""

from __future__ import annotations

import asyncio
from typing import Any

from mcs_controller.clusterset.services import encode
from mcs_controller.clusterset.services.naming import exported_service_name
from mcs_controller.controllers.services.exports.exporter import Exporter
from mcs_controller.controllers.services.exports.mirror import OwnMirror
from tests.simulation.planted.patching import Patch, always, bug


def _unannounced(original: Any) -> Any:
    async def withdraw(self: Any, record: Any) -> None:
        self._remember_removal("record", record.key)
        await self.records.delete(record)

    return withdraw


def _stale_slices_stay(original: Any) -> Any:
    async def remove_slice(self: Any, slice_: Any, *, exported: bool) -> None:
        if not exported:
            await original(self, slice_, exported=exported)

    return remove_slice


def _of_all_members(original: Any) -> Any:
    async def withdraw(self: Any, key: Any) -> None:
        was_ours = self._broker.own_records.get(self._broker.own_namespace, exported_service_name(key))
        await original(self, key)
        if was_ours is not None:
            for entry in self._broker.records.indexed(key):
                await self._mirror.records.delete(entry)

    return withdraw


def _again_and_again(original: Any) -> Any:
    async def reconcile(self: Any, key: Any) -> float:
        await original(self, key)
        held = self._broker.own_records.get(self._broker.own_namespace, exported_service_name(key))
        last, now = vars(self).setdefault("_last", {}), asyncio.get_running_loop().time()
        if held is not None and last.setdefault(key, now) + WRITTEN_AGAIN_SECONDS <= now:
            last[key] = now
            stamp = self._broker.stamps.next_seconds(held.value.changed_at_seconds)
            await self._mirror.update_record(held, encode.exported_service(held.value, stamp))
        return WRITTEN_AGAIN_SECONDS

    return reconcile


WRITTEN_AGAIN_SECONDS = 20.0

BUGS = {
    "never-withdraw": bug(
        "what is no longer exported stays on the broker",
        Patch(Exporter, "_may_withdraw", always(False)),
    ),
    "withdraw-unannounced": bug(
        "a record is deleted without the mark `withdrawn` before",
        Patch(OwnMirror, "withdraw", _unannounced),
    ),
    "leave-slices": bug(
        "a slice that its service no longer has stays on the broker",
        Patch(OwnMirror, "remove_slice", _stale_slices_stay),
    ),
    "history-never-breaks": bug(
        "own objects that vanish from the broker, or go back, are not noticed",
        Patch(OwnMirror, "_changed", always(None)),
    ),
    "withdraw-for-all": bug(
        "who takes an export back deletes what other members published of the service, too",
        Patch(Exporter, "_withdraw", _of_all_members),
    ),
    "write-without-comparing": bug(
        "a record that is right on the broker is written again every 20 s",
        Patch(Exporter, "reconcile", _again_and_again),
    ),
}
