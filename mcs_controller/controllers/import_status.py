"""Writes the status of a ServiceImport: exporting clusters, conditions, whether slices exist.

`status.endpointSliceObjects` is younger than the released CRD: an API server that does not know it prunes
it. What is pruned once is not asked for again (requirements, trap 7).
"""

from collections.abc import Sequence

from mcs_controller.clusterset import decode, encode
from mcs_controller.clusterset.conditions import merge_conditions
from mcs_controller.clusterset.model import Condition, LocalImport
from mcs_controller.controllers.local import LocalState
from mcs_controller.controllers.writer import Writer
from mcs_controller.kube.clock import Clock, rfc3339
from mcs_controller.kube.store import Entry


class ImportStatus:
    """The only writer of our part of a ServiceImport's status."""

    def __init__(self, local: LocalState, *, clock: Clock) -> None:
        self._clock = clock
        self._imports = Writer(local.client, local.imports_resource, local.imports, decode.service_import)
        self._slice_objects_pruned = False

    async def write(
        self,
        entry: Entry[LocalImport],
        *,
        clusters: Sequence[str],
        conditions: Sequence[Condition],
        slices_exist: bool,
    ) -> None:
        """Set the status of the import known as `entry`; nothing is written when nothing differs."""
        held = entry.value
        merged = merge_conditions(held.conditions, conditions, rfc3339(self._clock.now()))
        slice_objects = "Present" if slices_exist else "Absent"
        same_slice_objects = self._slice_objects_pruned or held.slice_objects == slice_objects
        if held.clusters == tuple(clusters) and held.conditions == merged and same_slice_objects:
            return
        status = {
            "clusters": [{"cluster": cluster} for cluster in clusters],
            "conditions": encode.conditions(merged),
            "endpointSliceObjects": slice_objects,
        }
        written = await self._imports.patch(entry, {"status": status}, subresource="status")
        self._slice_objects_pruned = not written.value.slice_objects
