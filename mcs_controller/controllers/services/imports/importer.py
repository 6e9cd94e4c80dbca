"""Reconciles one service's local objects with what the clusterset exports.

The order for one service: the ServiceImport, the derived Service that has its clusterset IP, the IPs written
back to the import in one update (MCS-IMP-09), the imported slices, the import's status. When ports change,
slices get the new ones before the derived Service does, and lose the old ones after it.
`clusterset/services/desired.py` decides what is wanted. An import is never removed while one export remains
(MCS-IMP-03), and nothing is removed without proof (`runtime/proof.py`).
"""

from collections.abc import Collection, Mapping, Sequence, Set

from mcs_controller.clusterset import fuse
from mcs_controller.clusterset.model import (
    ExportRecord,
    ImportedSlice,
    LocalImport,
    MergedService,
    ServiceKey,
    SourceSlice,
)
from mcs_controller.clusterset.services import decode, desired, encode
from mcs_controller.clusterset.services.endpoint_loss import kept_slices
from mcs_controller.clusterset.services.recorded_merge import merge_behind
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.runtime.object_writer import ObjectWriter
from mcs_controller.controllers.runtime.proof import Evidence
from mcs_controller.controllers.services.imports.derived_services import DerivedServices
from mcs_controller.controllers.services.imports.endpoint_fuse import EndpointFuse
from mcs_controller.controllers.services.imports.import_cap import ImportCap
from mcs_controller.controllers.services.imports.import_fuse import ImportFuse
from mcs_controller.controllers.services.imports.import_status import REFUSED_HERE, ImportStatus, WantedStatus
from mcs_controller.controllers.services.imports.imported_slices import ImportedSlices, WantedSlices
from mcs_controller.controllers.services.imports.locality import Locality
from mcs_controller.controllers.services.imports.missing import Missing
from mcs_controller.controllers.services.imports.order import BehindExports
from mcs_controller.controllers.services.imports.owners import Owners
from mcs_controller.controllers.services.imports.reserved import ReservedNamespaces
from mcs_controller.controllers.services.imports.settled import Done, ImportGround, Settled
from mcs_controller.controllers.services.metrics import ServicesMetrics
from mcs_controller.controllers.services.stores.stores import Stores
from mcs_controller.kube.errors import Forbidden, Invalid, KubeError, NamespaceTerminating
from mcs_controller.kube.store import Entry


class Importer:
    """The reconciler of imports.

    `fuse`, `cap` and `reserved` say what it may not do, `locality` whose endpoints take traffic; `status`
    writes the status of ServiceImports.
    """

    def __init__(
        self,
        context: Context,
        stores: Stores,
        membership: Membership,
        evidence: Evidence,
        metrics: ServicesMetrics,
    ) -> None:
        self.fuse = ImportFuse(context, stores, membership)
        self.endpoint_fuse = EndpointFuse(context, stores, membership)
        self.cap = ImportCap(stores.local, membership)
        self.status = ImportStatus(context, stores.local)
        self._local = local = stores.local
        self.reserved = ReservedNamespaces(
            context.config.import_reserved_namespaces, local.imports, local.import_lists
        )
        self._policies = stores.import_policies
        if self._policies is not None:
            self.fuse.policy_refuses = self._policies.refuses
            self.fuse.exported = lambda key: bool(self._records(key))
            self.endpoint_fuse.records = self._records
        self._view = stores.view
        self._retained = stores.retained
        self._membership = membership
        self._evidence = evidence
        self._imports = ObjectWriter(
            local.client, local.imports_resource, local.imports, decode.service_import
        )
        owners = Owners(local.imports, self._imports, local.imports_current)
        self._derived = DerivedServices(local, owners, context.clock)
        self._metrics = metrics
        self._exclude_metadata = context.config.exclude_metadata
        self.behind_exports = BehindExports()
        self._settled: dict[ServiceKey, Settled] = {}
        self._missing = Missing(stores, membership, evidence)
        self._slices = ImportedSlices(local, stores.view, owners, metrics, context.clock)
        self.locality = Locality(context.config, local, membership, metrics.failovers)
        if self._policies is not None:
            self.locality.policies = self._policies.prefers

    async def reconcile(self, key: ServiceKey) -> float | None:
        """Reconcile the local objects of `key`; raises the `KubeError` that prevented it."""
        try:
            return await self._reconcile(key)
        except NamespaceTerminating:
            # The namespace's watch is late. If the namespace is created again, its watch enqueues the key.
            await self._local.read_namespace(key.namespace)
            return None
        finally:
            self.endpoint_fuse.count(key)

    async def _reconcile(self, key: ServiceKey) -> float | None:
        waited_since_seconds = self.behind_exports.take(key)
        settled = self._settled.pop(key, None)
        self.reserved.forget(key)
        if not self._local.synced() or (self._policies is not None and not self._policies.answered()):
            return None
        if not self._local.namespace_is_active(key.namespace):
            self.cap.forget(key)
            self.locality.forget(key)
            return None
        imported = self._local.imports.get(*key)
        if imported is not None and not imported.value.managed:
            self._metrics.foreign.inc()
            if self._view.complete() and self._view.exported(key):
                self.status.tell_not_ours(imported)
            return None
        own = self._local.cluster_id
        if not self._view.complete():
            await self._refresh(key, imported, self._own_if_exported(key))
            return None
        if imported is not None and fuse.is_released(imported.value.annotations):
            self._retained.let_go(key)
        all_records = self._view.records(key)
        records = self._selected(key, all_records)
        if self._policies is not None:
            self._policies.remember(key, records)
        merged = self._view.merge_of(key, records)
        # Those that export it; policies may keep some of them from being imported.
        exporters = {record.cluster for record in all_records}
        if own in exporters:
            self._evidence.saw([(own, key)])
        remembered = self._missing.remembered_exporters(key, imported)
        unsure = self._missing.unsure(key, exporters, remembered, imported)
        if unsure and imported is not None and not imported.value.deleting:
            return await self._hold(key, imported, unsure, exporters | remembered)
        if unsure and merged is None:
            return None
        if merged is None:
            self._missing.forget(key)
        ours_is_left = imported is not None and own in remembered - exporters
        if self._local.unread(key) and (merged is None or ours_is_left):
            # This cluster's own slices stay unchanged until its export has been read.
            await self._refresh(key, imported, (exporters | remembered) - {own})
        elif merged is None and imported is not None and self.fuse.holds(key):
            held = fuse.held_for_mass_withdrawal(imported.value, self.fuse.hold(key))
            self.status.hold(key, imported.value, held)
        elif merged is None:
            await self._withdraw(key, imported)
        elif imported is None and (doubt_seconds := self.reserved.doubt_seconds(key)) is not None:
            return doubt_seconds
        elif imported is None and self.reserved.refuses(key):
            await self._withdraw(key, imported)
        elif self._derived.is_taken(key):
            return None
        elif (imported is None or not imported.value.deleting) and self.cap.permits(key, merged.clusters):
            if imported is None and own in exporters:
                wait_seconds = self.behind_exports.wait_seconds(key, waited_since_seconds)
                if wait_seconds is not None:
                    return wait_seconds
            return await self._import(key, merged, records, imported, settled)
        return None

    def _records(self, key: ServiceKey) -> tuple[ExportRecord, ...]:
        """The records of the service that count here."""
        return self._selected(key, self._view.records(key))

    def _selected(self, key: ServiceKey, records: tuple[ExportRecord, ...]) -> tuple[ExportRecord, ...]:
        return records if self._policies is None else self._policies.select(key, records)

    async def _hold(
        self, key: ServiceKey, imported: Entry[LocalImport], unsure: Set[str], clusters: Set[str]
    ) -> float | None:
        """Hold the endpoints of `unsure` clusters, and keep the other clusters' endpoints up to date."""
        await self._refresh(key, imported, clusters - unsure)
        left_seconds = self._missing.seconds_to_report(key)
        if left_seconds > 0:
            return left_seconds
        held = fuse.held_for_missing_exports(imported.value, sorted(unsure))
        self.status.hold(key, imported.value, held)
        return None

    async def _import(
        self,
        key: ServiceKey,
        merged: MergedService,
        all_records: Sequence[ExportRecord],
        imported: Entry[LocalImport] | None,
        settled: Settled | None,
    ) -> float | None:
        if imported is None:
            wanted = self._desired_import(merged, self._derived.ips(key))
            imported = await self._imports.create(self._import_body(wanted))
            self.fuse.look(key)
            all_records = self._records(key)
        records = {record.cluster: record for record in all_records}
        sources = [one for one in self._view.slices(key) if one.cluster in records]
        stay = self._missing.slices_that_stay(key)
        withdrawn = self._missing.withdrawn(key, imported, records.keys()) & {one.cluster for one in sources}
        slices, kept = self._wanted_slices(key, imported, merged, records, sources, withdrawn)
        arranged = self.locality.arrange(imported.value, merged, slices, kept=kept, stay=stay)
        ips = imported.value.spec.ips or self._derived.ips(key)
        ground = ImportGround(
            imported,
            self._derived.ground(key),
            merged,
            withdrawn,
            self._membership.held & records.keys(),
            desired.wants_clusterset_ip(merged, sources, ips),
            self.status.slice_objects_pruned,
            arranged.condition,
            self._note(key),
        )
        wanted_slices = WantedSlices(arranged.slices, stay, self._own_if_unread(key), arranged.last_word)
        if settled is not None and not kept and ground.is_same(settled.ground):
            problem = await self._slices.write(key, wanted_slices)
            done = Done(imported.value, imported.value.spec, self._derived.served_families(), problem)
        else:
            settled = None
            done = await self._bring_in_step(key, ground, wanted_slices)
        again_seconds = self._conclude(key, ground, done, settled, sorted(kept))
        return _sooner(again_seconds, arranged.again_seconds)

    def _wanted_slices(
        self,
        key: ServiceKey,
        imported: Entry[LocalImport],
        merged: MergedService,
        records: Mapping[str, ExportRecord],
        sources: Collection[SourceSlice],
        withdrawn: Set[str],
    ) -> tuple[tuple[ImportedSlice, ...], Set[str]]:
        """The imported slices of the clusters in `records`, and the clusters whose last ones are kept."""
        kept = self.endpoint_fuse.keeps(key, imported.value, records.keys(), sources, withdrawn)
        slices = desired.imported_slices(
            merged,
            records,
            [one for one in sources if one.cluster not in kept] if kept else sources,
            own_cluster=self._local.cluster_id,
            owner_uid=imported.uid,
            withdrawn=withdrawn,
        )
        if kept:
            slices += kept_slices(
                merged,
                records,
                [entry.value for entry in self._local.imported_slices.indexed(key)],
                kept,
                owner_uid=imported.uid,
                admit=self._view.admitted_endpoints,
            )
        return slices, kept

    async def _bring_in_step(self, key: ServiceKey, ground: ImportGround, slices: WantedSlices) -> Done:
        """Write the import, the derived Service and the slices that differ."""
        imported, merged = ground.imported, ground.merged
        problem: KubeError | None = None
        ips = imported.value.spec.ips
        if ground.wants_ip:
            if self._derived.changes_ports(key, merged):
                given_up = self._derived.ports_given_up(key, merged)
                problem = await self._slices.write(key, slices, given_up=given_up, remove=False)
            try:
                ips = await self._derived.ensure(key, merged, imported)
            except KubeError as error:
                problem = problem or error
        served = self._derived.served_families()
        wanted = self._desired_import(merged, ips)
        if desired.import_differs(imported.value, wanted):
            imported = await self._imports.replace(imported, self._import_body(wanted))
        given_up = self._derived.ports_given_up(key, merged)
        problem = await self._slices.write(key, slices, given_up=given_up) or problem
        rested_seconds = await self._derived.rest(key, imported) if merged.type == "Headless" else None
        is_final = rested_seconds is None and not given_up
        return Done(imported.value, wanted.spec, served, problem, rested_seconds, is_final=is_final)

    def _conclude(
        self,
        key: ServiceKey,
        ground: ImportGround,
        done: Done,
        settled: Settled | None,
        kept: Sequence[str],
    ) -> float | None:
        """Update the status, and remember `Settled` if nothing is left to do; returns when to requeue.

        With `settled` the status is known to be right already, unless slices were refused, are missing, or
        the first one came or the last one went.
        """
        missing, report_seconds = self._missing.reported(key)
        slices_exist = bool(self._local.imported_slices.indexed(key))
        if (
            settled is not None
            and done.problem is None
            and not missing
            and slices_exist == settled.slices_exist
        ):
            self._settled[key] = settled
            return report_seconds
        generation = done.imported.generation
        is_written = self.status.want(
            key,
            WantedStatus(
                clusters=ground.merged.clusters,
                conditions=(
                    *desired.import_conditions(
                        ground.merged,
                        done.spec,
                        families=done.served,
                        withdrawn=ground.withdrawn,
                        waiting="" if ground.wants_ip else desired.NO_ENDPOINT_YET,
                        error=_not_in_step(done.problem) if done.problem else "",
                        note=ground.note,
                        observed_generation=generation,
                    ),
                    fuse.held(
                        done.imported,
                        silent=sorted(ground.silent),
                        missing=missing,
                        generation=generation,
                        lost=kept,
                        hold=self.endpoint_fuse.hold(key),
                    ),
                    *([ground.locality] if ground.locality is not None else []),
                ),
                slices_exist=slices_exist,
            ),
        )
        if done.problem is not None:
            raise done.problem
        if is_written and not missing and not kept and done.is_final and self._is_present(key, ground):
            self._settled[key] = Settled(ground, slices_exist)
        return _sooner(done.rested_seconds, report_seconds)

    def _is_present(self, key: ServiceKey, ground: ImportGround) -> bool:
        """Whether import and derived Service are the objects of `ground`: this reconcile wrote neither."""
        return self._local.imports.get(*key) is ground.imported and self._derived.ground(key).is_same(
            ground.derived
        )

    def _note(self, key: ServiceKey) -> str:
        of_policies = self._policies.note(key) if self._policies is not None else ""
        return "; ".join(filter(None, (self.reserved.note(key), of_policies)))

    def _own_if_exported(self, key: ServiceKey) -> Set[str]:
        return {self._local.cluster_id} if self._view.own_record(key) is not None else set()

    def _own_if_unread(self, key: ServiceKey) -> Set[str]:
        return {self._local.cluster_id} if self._local.unread(key) else set()

    async def _refresh(
        self, key: ServiceKey, imported: Entry[LocalImport] | None, clusters: Set[str]
    ) -> None:
        """Update only the endpoints of `clusters`, while other exports are not known for sure.

        The import and the slices of all other clusters are not changed.
        """
        if imported is None:
            return
        records = {one.cluster: one for one in self._records(key) if one.cluster in clusters}
        merged = merge_behind(imported.value)
        withdrawn = self._missing.withdrawn(key, imported, records.keys())
        slices, kept = self._wanted_slices(key, imported, merged, records, self._view.slices(key), withdrawn)
        stay = self._missing.slices_that_stay(key)
        arranged = self.locality.arrange(
            imported.value, merged, slices, kept=kept, stay=stay, clusters=clusters
        )
        given_up = self._derived.ports_given_up(key, merged)
        unread = self._own_if_unread(key)
        wanted = WantedSlices(arranged.slices, stay, unread, arranged.last_word, clusters)
        problem = await self._slices.write(key, wanted, given_up=given_up)
        if problem is not None:
            raise problem

    async def _withdraw(self, key: ServiceKey, imported: Entry[LocalImport] | None) -> None:
        """No cluster exports the service: delete the import first, so that no client is sent there."""
        if imported is not None and not imported.value.deleting:
            self.fuse.withdraws(key, imported.value)
            await self._imports.delete(await self._marked(imported))
        self.cap.forget(key)
        self.locality.forget(key)
        self.reserved.end(key)
        for entry in self._local.imported_slices.indexed(key):
            await self._slices.delete(entry)
        await self._derived.remove(key)

    async def _marked(self, imported: Entry[LocalImport]) -> Entry[LocalImport]:
        marked = desired.withdrawn_import(imported.value)
        if imported.value.annotations == marked.metadata.annotations:
            return imported
        try:
            return await self._imports.replace(imported, self._import_body(marked))
        except (Invalid, Forbidden):
            # Somebody edited it so that it cannot be written any more, or does not let us.
            return imported

    def _desired_import(self, merged: MergedService, ips: Sequence[str]) -> desired.DesiredImport:
        return desired.DesiredImport(
            service=merged.service,
            spec=desired.import_spec(merged, ips, self._derived.served_families()),
            metadata=desired.import_metadata(merged, self._exclude_metadata),
        )

    def _import_body(self, wanted: desired.DesiredImport) -> encode.Body:
        return encode.service_import(wanted, self._local.imports_resource().api_version)


def _sooner(one_seconds: float | None, other_seconds: float | None) -> float | None:
    """The lesser one; None is never."""
    return min((one for one in (one_seconds, other_seconds) if one is not None), default=None)


def _not_in_step(problem: KubeError) -> str:
    return f"{REFUSED_HERE}; the agent tries again: {problem}"
