"""Writes the imported EndpointSlices of one service that differ, and measures how long a change took."""

from collections.abc import Callable, Collection, Iterable, Set
from dataclasses import replace
from typing import NamedTuple

from mcs_controller.api.resources import ENDPOINT_SLICES
from mcs_controller.clusterset.model import ImportedSlice, ServiceKey
from mcs_controller.clusterset.services import decode, desired, encode
from mcs_controller.controllers.runtime.object_writer import ObjectWriter
from mcs_controller.controllers.services.imports.owners import Owners
from mcs_controller.controllers.services.metrics import ServicesMetrics
from mcs_controller.controllers.services.stores.local import LocalStores
from mcs_controller.controllers.services.stores.view import ClustersetView
from mcs_controller.kube.clock import Clock
from mcs_controller.kube.errors import KubeError
from mcs_controller.kube.store import Entry


class WantedSlices(NamedTuple):
    """The slices of one service as they are to be, all put together at one moment.

    Before they are written a source may come, or this cluster's export may be read. What was not known at
    that moment is no reason to remove anything.
    """

    slices: Iterable[ImportedSlice]
    stay: Set[str]
    """Names of slices that are kept; those of them that are wanted keep their content."""
    left_alone: Set[str]
    """Clusters whose slices are not changed: this one, while its export has not been read."""
    arrange: Callable[[ImportedSlice], ImportedSlice] | None = None
    """Has the last word on every slice, also on those that are kept and those of other clusters."""
    clusters: Set[str] | None = None
    """Whose slices these are; None: everybody's."""


class ImportedSlices:
    """The writer of imported slices; the caller decides what is wanted."""

    def __init__(
        self,
        local: LocalStores,
        view: ClustersetView,
        owners: Owners,
        metrics: ServicesMetrics,
        clock: Clock,
    ) -> None:
        self._local = local
        self._owners = owners
        self._view = view
        self._metrics = metrics
        self._clock = clock
        self._started_at_seconds = clock.now().timestamp()
        self._writer = ObjectWriter(
            local.client, lambda: ENDPOINT_SLICES, local.imported_slices, decode.imported_slice
        )

    async def delete(self, entry: Entry[ImportedSlice]) -> None:
        """Delete a slice; no error if it is gone already. Raises `KubeError`."""
        await self._writer.delete(entry)

    async def write(
        self,
        key: ServiceKey,
        wanted: WantedSlices,
        *,
        given_up: Collection[tuple[str, str]] = (),
        remove: bool = True,
    ) -> KubeError | None:
        """Create, update and delete imported slices until they are as wanted.

        Without `remove` no slice is deleted. Ports in `given_up` (name, protocol) stay in a slice, since the
        derived Service still has them. If a slice is refused, the others are written all the same; the first
        error is returned.
        """
        left = {
            entry.name: entry
            for entry in self._local.imported_slices.indexed(key)
            if (wanted.clusters is None or entry.value.source_cluster in wanted.clusters)
            and entry.value.source_cluster not in wanted.left_alone
        }
        problem: KubeError | None = None
        if wanted.arrange is not None and wanted.clusters is not None:
            others = [
                one
                for one in self._local.imported_slices.indexed(key)
                if one.name not in left and one.value.source_cluster not in wanted.left_alone
            ]
            problem = await self._rearrange(others, wanted.arrange)
        for slice_ in wanted.slices:
            held = left.pop(slice_.name, None)
            if held is not None and slice_.name in wanted.stay:
                slice_ = self._with_held_content(slice_, held.value)
            slice_ = desired.with_ports_in_use(slice_, held and held.value, given_up)
            is_measured = True
            if wanted.arrange is not None:
                slice_ = wanted.arrange(slice_)
                # What its exporter did not change says nothing of how long a change takes.
                is_measured = held is None or held.value.changed_at_seconds != slice_.changed_at_seconds
            try:
                await self._write_slice(slice_, held, is_measured=is_measured)
            except KubeError as error:
                problem = problem or error
        if wanted.arrange is not None:
            kept = [entry for entry in left.values() if entry.name in wanted.stay]
            problem = await self._rearrange(kept, wanted.arrange) or problem
        for entry in left.values() if remove else ():
            if entry.name in wanted.stay or self._may_be_exported_again(entry.value):
                continue
            try:
                await self._writer.delete(entry)
            except KubeError as error:
                problem = problem or error
        return problem

    def _may_be_exported_again(self, held: ImportedSlice) -> bool:
        """Whether it is ours, and an export that was made anew since then has not been read yet."""
        return held.source_cluster == self._local.cluster_id and self._local.unread(held.service)

    async def _rearrange(
        self,
        entries: Iterable[Entry[ImportedSlice]],
        arrange: Callable[[ImportedSlice], ImportedSlice],
    ) -> KubeError | None:
        """Change slices of which nothing is known but how they lie here; returns the first error."""
        problem: KubeError | None = None
        for entry in entries:
            try:
                await self._write_slice(arrange(entry.value), entry, is_measured=False)
            except KubeError as error:
                problem = problem or error
        return problem

    def _with_held_content(self, wanted: ImportedSlice, held: ImportedSlice) -> ImportedSlice:
        """The wanted slice with the held one's content, without endpoints that its member may not have."""
        endpoints = self._view.admitted_endpoints(held.source_cluster, held.content.endpoints)
        content = replace(held.content, endpoints=endpoints)
        return replace(wanted, content=content, changed_at_seconds=held.changed_at_seconds)

    async def _write_slice(
        self, slice_: ImportedSlice, held: Entry[ImportedSlice] | None, *, is_measured: bool = True
    ) -> None:
        if held is not None and held.value == slice_:
            return
        body = encode.imported_slice(slice_, self._local.imports_resource().api_version)
        if held is not None and held.value.content.address_type != slice_.content.address_type:
            # The address type of a slice cannot change.
            await self._writer.delete(held)
            held = None
        if held is None:
            await self._owners.confirm(slice_.service, slice_.owner_uid, slice_.name)
            await self._writer.create(body, slice_)
        else:
            await self._writer.replace(held, body, slice_)
        if is_measured:
            self._measure(slice_)

    def _measure(self, slice_: ImportedSlice) -> None:
        """Record how long the change took; not for changes from before this agent started."""
        if slice_.source_cluster == self._local.cluster_id:
            return
        changed_at_seconds = self._view.changed_at_seconds(slice_)
        if changed_at_seconds > self._started_at_seconds:
            self._metrics.export_to_import.observe(
                max(0.0, self._clock.now().timestamp() - changed_at_seconds)
            )
