"""Keeps this member's part of the broker equal to what its cluster exports, and reports to the user.

For one service it writes the ExportedService and ExportedEndpointSlices in the member's namespace, and the
conditions of the ServiceExport. `clusterset/services/export.py` decides what to write. The Service, its
slices and all other local objects are only read (MCS-EXP-12).
"""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import NamedTuple

from mcs_controller.clusterset.model import (
    Condition,
    ExportRecord,
    LocalExport,
    MergedService,
    ServiceKey,
)
from mcs_controller.clusterset.services import encode
from mcs_controller.clusterset.services.export import (
    NOT_HEARD,
    NOT_VALID,
    ExportEvaluation,
    conflict_condition,
    published_slice,
    ready_condition,
    without_endpoints,
)
from mcs_controller.clusterset.services.naming import exported_service_name, exported_slice_name
from mcs_controller.clusterset.services.reserved import may_import_into, not_imported
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.membership.presence import Names
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.runtime.proof import Evidence
from mcs_controller.controllers.services.exports.export_status import ExportStatus
from mcs_controller.controllers.services.exports.mirror import OwnMirror
from mcs_controller.controllers.services.stores.own_limits import LOOK_AGAIN_SECONDS
from mcs_controller.controllers.services.stores.stores import Stores
from mcs_controller.kube.errors import ApiError, Forbidden, Invalid, KubeError, NamespaceTerminating
from mcs_controller.kube.store import Entry


class Exporter:
    """The reconciler of exports; `status` writes the conditions of ServiceExports."""

    def __init__(
        self,
        context: Context,
        stores: Stores,
        membership: Membership,
        evidence: Evidence,
        mirror: OwnMirror,
    ) -> None:
        self.status = ExportStatus(context, stores.local)
        self._local = stores.local
        self._broker = stores.broker
        self._view = stores.view
        self._own_limits = stores.own_limits
        self._membership = membership
        self._evidence = evidence
        self._mirror = mirror
        self._reserved_allowed = context.config.import_reserved_namespaces
        # Services to reconcile before everything counts as written; not those that the broker refuses.
        self._unfinished: dict[ServiceKey, None] = {}
        self._refused: set[ServiceKey] = set()
        self._reported: dict[ServiceKey, _Reported] = {}
        mirror.listen(changed=self._not_finished, broke=lambda reason: None)

    def recheck(self, keys: Iterable[ServiceKey]) -> None:
        """`written` is None until these services have been reconciled; the caller enqueues them."""
        self._unfinished.update(dict.fromkeys(keys))

    def unfinished(self) -> AbstractSet[ServiceKey]:
        """The services that must be reconciled before everything counts as written."""
        return self._unfinished.keys()

    def _not_finished(self, key: ServiceKey) -> None:
        self._unfinished[key] = None

    def written(self) -> Names | None:
        """The names of all records and slices that this cluster exports, if all of them are on the broker.

        Without those that the broker refuses. None while a write is pending, or something is not known.
        """
        if not (self._evidence.confirmed and self._local.synced() and self._broker.exports_current()):
            return None
        if self._unfinished:
            return None
        records: set[str] = set()
        slices: set[str] = set()
        for export in self._local.exports:
            key = ServiceKey(export.namespace, export.name)
            if not self._local.loaded(key):
                return None
            evaluation = self._local.evaluation(key)
            if evaluation is None or evaluation.record is None or self._view.refusal(evaluation.record):
                continue
            records.add(exported_service_name(key))
            slices.update(
                exported_slice_name(key.namespace, source.name) for source in self._local.own_slices(key)
            )
        wanted, wanted_slices = frozenset(records), frozenset(slices)
        there = frozenset(one.name for one in self._broker.own_records if not one.value.withdrawn)
        there_slices = frozenset(one.name for one in self._broker.own_slices)
        if self._refused or self._own_limits.keeps_back():
            wanted, wanted_slices = wanted & there, wanted_slices & there_slices
        return (there, there_slices) if (wanted, wanted_slices) == (there, there_slices) else None

    async def reconcile(self, key: ServiceKey) -> float | None:
        """Update the broker's mirror of `key`, and the conditions of the ServiceExport."""
        try:
            again_seconds = await self._reconcile(key)
        except KubeError as error:
            self._failed(key, error)
            raise
        if self._membership.verified:
            self._unfinished.pop(key, None)
        self._refused.discard(key)
        return again_seconds

    def _failed(self, key: ServiceKey, error: KubeError) -> None:
        if isinstance(error, (Invalid, Forbidden)) and not isinstance(error, NamespaceTerminating):
            # Retried, but the statement of exports does not wait for it.
            self._unfinished.pop(key, None)
            self._refused.add(key)
        else:
            self._not_finished(key)

    async def _reconcile(self, key: ServiceKey) -> float | None:
        reported = self._reported.pop(key, None)
        evaluation = self._local.evaluation(key)
        if evaluation is None:
            self._own_limits.forget(key)
            if self._may_withdraw(key):
                await self._withdraw(key)
            return None
        if not self._local.loaded(key):
            if (problem := self._local.load_problem(key)) is not None:
                unreadable = ready_condition(
                    "Failed",
                    f"the agent cannot read the Service and its EndpointSlices, and tries again: {problem}",
                    observed_generation=evaluation.valid.observed_generation,
                )
                self.status.want(key, [unreadable])
            return None
        if evaluation.record is not None:
            self._evidence.saw([(self._local.cluster_id, key)])
        try:
            ready = await self._publish(key, evaluation)
        except KubeError as error:
            failed = f"the broker did not take the export; the agent tries again: {error}"
            self._report(key, evaluation, ready_condition("Failed", failed))
            raise
        self._report(key, evaluation, ready, reported)
        return LOOK_AGAIN_SECONDS if self._own_limits.unpublished(key) else None

    async def _publish(self, key: ServiceKey, evaluation: ExportEvaluation) -> Condition | None:
        """The Ready condition; None while it is not known whether the broker holds the export."""
        if self._membership.excluded:
            return ready_condition("Pending", self._membership.problem or "")
        if not self._broker.exports_synced() or not self._membership.verified:
            return None
        refusal = NOT_VALID
        if evaluation.record is not None:
            refusal = self._view.refusal(evaluation.record) or ""
        if evaluation.record is None or refusal:
            if self._may_withdraw(key):
                await self._withdraw(key)
            return ready_condition("Pending" if evaluation.record is None else "Failed", refusal)
        if (too_much := await self._mirror_all(key, evaluation.record)) is not None:
            return ready_condition("Failed", too_much)
        return ready_condition("Exported", "; ".join(filter(None, self._notes(evaluation.record))))

    def _notes(self, record: ExportRecord) -> Iterator[str]:
        """What the exporting user should know although the export is on the broker."""
        if (service := self._local.services.get(*record.service)) is not None:
            yield without_endpoints(service.value, self._local.own_slices(record.service))
        yield self._own_limits.waits(record)
        if not may_import_into(record.service.namespace, self._reserved_allowed):
            yield not_imported(record.service.namespace)

    async def _mirror_all(self, key: ServiceKey, record: ExportRecord) -> str | None:
        """Why a part of the export is not published, None if all of it is."""
        held = self._broker.own_records.get(self._broker.own_namespace, exported_service_name(key))
        is_right = held is not None and self._mirror.is_record_right(held, record)
        if is_right and not self._own_limits.unpublished(key):
            return await self._mirror_slices(key)
        now_seconds = self._broker.stamps.next_seconds(held.value.changed_at_seconds if held else 0.0)
        body = encode.exported_service(record, now_seconds)
        if (refusal := self._own_limits.refuses_record(record, body)) is not None:
            if self._may_withdraw(key):
                await self._withdraw(key)
            return refusal
        if held is None:
            return await self._mirror_first(key, record)
        if not is_right:
            written = replace(record, changed_at_seconds=now_seconds)
            await self._mirror.update_record(held, body, written)
        return await self._mirror_slices(key)

    async def _mirror_first(self, key: ServiceKey, record: ExportRecord) -> str | None:
        """Write the slices of a new export before its record, so that importers find it complete.

        The record is written even if the broker refuses a slice. Its time is that of its own writing, since
        many slices take long, and an old time looks like that of an export which a restore brought back.
        """
        refusal, failure = None, None
        try:
            refusal = await self._mirror_slices(key)
        except ApiError as error:
            failure = error
        now_seconds = self._broker.stamps.next_seconds()
        written = replace(record, changed_at_seconds=now_seconds)
        await self._mirror.records.create(encode.exported_service(record, now_seconds), written)
        if failure is not None:
            raise failure
        return refusal

    async def _mirror_slices(self, key: ServiceKey) -> str | None:
        """Why a slice is not published, None if all are.

        Nothing is done if the export went, or was made anew, while its record was written: what is read of
        it by now is not all that there is, or was.
        """
        if not self._local.loaded(key):
            return None
        refusal: str | None = None
        stale = {entry.name: entry for entry in self._broker.own_slices.indexed(key)}
        for source in self._local.own_slices(key):
            name = exported_slice_name(key.namespace, source.name)
            # Find it by name, too: somebody may have edited the service that it names.
            held = stale.pop(name, None) or self._broker.own_slices.get(self._broker.own_namespace, name)
            published = published_slice(source)
            if held is not None and self._mirror.is_slice_right(held, published):
                continue
            changed_at_seconds = self._broker.stamps.of_content(
                source.changed_at_seconds, held.value.changed_at_seconds if held is not None else 0.0
            )
            published = replace(published, changed_at_seconds=changed_at_seconds)
            body = encode.exported_slice(published, changed_at_seconds)
            if (refused := self._own_limits.refuses_slice(source, body)) is not None:
                refusal = refused
                if held is not None:
                    stale[held.name] = held
                continue
            if held is None:
                await self._mirror.slices.create(body, published)
            else:
                await self._mirror.update_slice(held, body, published)
        for entry in stale.values():
            await self._mirror.remove_slice(entry, exported=True)
        return refusal

    def _may_withdraw(self, key: ServiceKey) -> bool:
        return (
            self._broker.exports_synced()
            and self._membership.verified
            and self._local.synced()
            and self._evidence.proves_gone([(self._local.cluster_id, key)])
        )

    async def _withdraw(self, key: ServiceKey) -> None:
        """Remove the export from the broker: the record first, so that importers drop all of it at once."""
        record = self._broker.own_records.get(self._broker.own_namespace, exported_service_name(key))
        if record is not None:
            await self._mirror.withdraw(record)
        for entry in self._broker.own_slices.indexed(key):
            await self._mirror.remove_slice(entry, exported=False)

    def _report(
        self,
        key: ServiceKey,
        evaluation: ExportEvaluation,
        ready: Condition | None,
        reported_before: "_Reported | None" = None,
    ) -> None:
        """Write the conditions; one that is not known yet after a start keeps its former value."""
        merged = self._view.merged(key) if evaluation.record is not None and self._view.complete() else None
        reported = _Reported(self._local.exports.get(*key), evaluation, ready, merged)
        if reported_before is not None and reported.is_same(reported_before):
            self._reported[key] = reported
            return
        generation = evaluation.valid.observed_generation
        wanted = [evaluation.valid]
        if ready is None and not self.status.has(key, "Ready"):
            ready = ready_condition("Pending", NOT_HEARD)
        if ready is not None:
            wanted.append(replace(ready, observed_generation=generation))
        if evaluation.record is None:
            wanted.append(Condition("Conflict", "False", "NoConflicts", "", generation))
        elif merged is not None:
            wanted.append(conflict_condition(merged, observed_generation=generation))
        is_written = self.status.want(key, wanted)
        if is_written and not self._local.namespace_is_ending(key.namespace):
            self._reported[key] = reported


class _Reported(NamedTuple):
    """All that the conditions of a ServiceExport depend on; kept once the ServiceExport has these conditions.

    Equal values lead to equal conditions. `export` is compared by identity: it is the version that has the
    conditions, and any change makes a new object. Most changes are of endpoints, of which `ready` says only
    when none takes traffic. The value is removed before each reconcile, and put back by one that succeeds.
    """

    export: Entry[LocalExport] | None
    evaluation: ExportEvaluation
    ready: Condition | None
    merged: MergedService | None

    def is_same(self, other: "_Reported") -> bool:
        """Whether the conditions would be the same, and the ServiceExport has them."""
        return (
            self.export is other.export
            and self.evaluation is other.evaluation
            and self.merged is other.merged
            and self.ready == other.ready
        )
