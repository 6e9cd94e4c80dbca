"""This cluster's own objects on the broker: writes and withdraws them, and detects changes by others.

A withdrawal is announced before the deletion, so that importers can distinguish it from an object that the
broker lost: a record is marked as withdrawn; a slice of a service that stays exported is emptied
(docs/decisions/0008-proof.md).

The mirror remembers what it removed. If an own object is gone, or older than before, and the mirror did not
do that, the broker's history broke, and listeners are called.

An update that got no answer may still be carried out, as long as nobody has written the object since. If what
is wanted is meanwhile what the broker has, it is written all the same, so that the old update is refused.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeVar

from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES
from mcs_controller.clusterset.model import ExportRecord, ServiceKey, SourceSlice
from mcs_controller.clusterset.services import decode, encode
from mcs_controller.controllers.runtime.object_writer import ObjectWriter
from mcs_controller.controllers.services.stores.broker import BrokerStores
from mcs_controller.kube.errors import ServerError, TransportError
from mcs_controller.kube.store import Entry, Key, is_older

REMEMBERED_SECONDS: Final = 60.0
"""How long a watch may still show an object that was removed."""

_ANY_AGE: Final = "1970-01-01T00:00:00Z"

T = TypeVar("T", ExportRecord, SourceSlice)


class OwnMirror:
    """Writes and removes this cluster's records and slices. All methods raise `KubeError`."""

    def __init__(self, broker: BrokerStores) -> None:
        self.records = ObjectWriter(
            broker.client, lambda: EXPORTED_SERVICES, broker.own_records, decode.exported_service
        )
        self.slices = ObjectWriter(
            broker.client, lambda: EXPORTED_ENDPOINT_SLICES, broker.own_slices, decode.exported_slice
        )
        self._stamps = broker.stamps
        self._removed_at_seconds: dict[tuple[str, Key], float] = {}
        # UID and version that the last update without an answer was based on.
        self._unanswered: dict[tuple[str, Key], tuple[str, str]] = {}
        self._on_change: list[Callable[[ServiceKey], None]] = []
        self._on_break: list[Callable[[str], None]] = []
        broker.own_records.subscribe(self._record_changed)
        broker.own_slices.subscribe(self._slice_changed)

    def listen(self, *, changed: Callable[[ServiceKey], None], broke: Callable[[str], None]) -> None:
        """Call `changed` with the service of each changed object, and `broke` when history broke."""
        self._on_change.append(changed)
        self._on_break.append(broke)

    def is_record_right(self, held: Entry[ExportRecord], wanted: ExportRecord) -> bool:
        """Whether the broker has what is wanted, and no update that was given up can change that."""
        return held.value == wanted and not self._is_in_doubt("record", held)

    def is_slice_right(self, held: Entry[SourceSlice], wanted: SourceSlice) -> bool:
        """As `is_record_right`, of a slice."""
        return held.value == wanted and not self._is_in_doubt("slice", held)

    async def update_record(
        self, held: Entry[ExportRecord], body: encode.Body, record: ExportRecord | None = None
    ) -> Entry[ExportRecord]:
        """Replace the record; `record` is what `body` was made from."""
        return await self._update("record", self.records, held, body, record)

    async def update_slice(
        self, held: Entry[SourceSlice], body: encode.Body, slice_: SourceSlice | None = None
    ) -> Entry[SourceSlice]:
        """Replace the slice; `slice_` is what `body` was made from."""
        return await self._update("slice", self.slices, held, body, slice_)

    async def withdraw(self, record: Entry[ExportRecord]) -> None:
        """Mark the record as withdrawn, then delete it."""
        if not record.value.withdrawn:
            # A record that somebody made unreadable has no age; any age makes it readable again.
            said = replace(record.value, withdrawn=True, exported_at=record.value.exported_at or _ANY_AGE)
            record = await self.update_record(
                record,
                encode.exported_service(said, self._stamps.next_seconds(record.value.changed_at_seconds)),
            )
        self._remember_removal("record", record.key)
        await self.records.delete(record)

    async def remove_slice(self, slice_: Entry[SourceSlice], *, exported: bool) -> None:
        """Delete a slice. If its service stays `exported`, the slice is emptied first."""
        if exported and slice_.value.content.endpoints:
            emptied = replace(slice_.value, content=replace(slice_.value.content, endpoints=()))
            slice_ = await self.update_slice(
                slice_,
                encode.exported_slice(emptied, self._stamps.of_removal(slice_.value.changed_at_seconds)),
            )
        self._remember_removal("slice", slice_.key)
        await self.slices.delete(slice_)

    async def _update(
        self, kind: str, writer: ObjectWriter[T], held: Entry[T], body: encode.Body, value: T | None
    ) -> Entry[T]:
        try:
            written = await writer.replace(held, body, value)
        except (TransportError, ServerError):
            self._unanswered[kind, held.key] = held.uid, held.resource_version
            raise
        self._unanswered.pop((kind, held.key), None)
        return written

    def _is_in_doubt(self, kind: str, held: Entry[Any]) -> bool:
        return self._unanswered.get((kind, held.key)) == (held.uid, held.resource_version)

    def _remember_removal(self, kind: str, key: Key) -> None:
        now_seconds = asyncio.get_running_loop().time()
        self._removed_at_seconds.pop((kind, key), None)
        self._removed_at_seconds[kind, key] = now_seconds
        while now_seconds - next(iter(self._removed_at_seconds.values())) > REMEMBERED_SECONDS:
            del self._removed_at_seconds[next(iter(self._removed_at_seconds))]

    def _record_changed(self, old: Entry[ExportRecord] | None, new: Entry[ExportRecord] | None) -> None:
        self._changed("record", old, new)

    def _slice_changed(self, old: Entry[SourceSlice] | None, new: Entry[SourceSlice] | None) -> None:
        self._changed("slice", old, new)

    def _changed(self, kind: str, old: Entry[Any] | None, new: Entry[Any] | None) -> None:
        entry = new or old
        if entry is None:
            return
        if new is None:
            self._unanswered.pop((kind, entry.key), None)
        for listener in self._on_change:
            listener(entry.value.service)
        if old is None or (new is None and (kind, old.key) in self._removed_at_seconds):
            return
        if new is None:
            self._report_break(f"our {kind} {old.name} is gone")
        elif is_older(new.resource_version, old.resource_version):
            self._report_break(f"our {kind} {old.name} is older than before")

    def _report_break(self, reason: str) -> None:
        for listener in self._on_break:
            listener(reason)
