"""Bugs of exporters: what they leave on the broker, and how they take it back."""

from __future__ import annotations

from typing import Any

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
}
