"""The clusterset as this cluster sees it: every admitted record and slice of one service.

This cluster's own part is read locally, so it never waits for the broker. The other members' part is read
from the broker, and checked by `clusterset/services/admission.py`. The exporter (for conflicts) and the
importer read the same view. A merge is cached while its records are equal, and an admitted slice while slice
and rights are the same.
"""

from collections.abc import Collection, Set
from typing import NamedTuple

from mcs_controller.clusterset.model import (
    Endpoint,
    ExportRecord,
    ImportedSlice,
    LocalImport,
    MergedService,
    ServiceKey,
    SourceSlice,
)
from mcs_controller.clusterset.services.admission import admit_record, admit_slice, admitted_endpoints
from mcs_controller.clusterset.services.merge import merge
from mcs_controller.clusterset.services.naming import exported_service_name, imported_slice_name
from mcs_controller.clusterset.services.ownership import owns
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.services.stores.broker import BrokerStores
from mcs_controller.controllers.services.stores.local import LocalStores
from mcs_controller.controllers.services.stores.own_limits import OwnLimits
from mcs_controller.controllers.services.stores.retained import Retained
from mcs_controller.kube.store import Entry


class _Admitted(NamedTuple):
    """The admitted part of a slice, by the rights of its member (None: it was no member)."""

    source: SourceSlice
    rights: tuple[tuple[str, ...], tuple[str, ...]] | None
    admitted: SourceSlice | None


class _Merge(NamedTuple):
    """The merge of these records with these owners."""

    records: tuple[ExportRecord, ...]
    owners: frozenset[str]
    merged: MergedService


class ClustersetView:
    """Records, merges and slices by service. Reads stores only; never waits."""

    def __init__(
        self,
        local: LocalStores,
        broker: BrokerStores,
        retained: Retained,
        membership: Membership,
        own_limits: OwnLimits,
    ) -> None:
        self._local = local
        self._broker = broker
        self._retained = retained
        self._membership = membership
        self._own_limits = own_limits
        # Services with an export in this process's lifetime. A later absence is decided by `Retained`.
        self._exported_here: set[ServiceKey] = set()
        self._merges: dict[ServiceKey, _Merge] = {}
        self._admitted: dict[ServiceKey, dict[tuple[str, str], _Admitted]] = {}

    def complete(self) -> bool:
        """Whether the other members' exports have been read, and their rights, too."""
        return self._broker.imports_synced() and self._membership.observed

    def own_record(self, key: ServiceKey) -> ExportRecord | None:
        """This cluster's own record, if it exports the service and the export is valid.

        Until the exported service has been read, it is the published record, if that may be of this export.
        """
        if self._local.unread(key):
            return self._published_record(key)
        evaluation = self._local.evaluation(key)
        return evaluation.record if evaluation else None

    def _published_record(self, key: ServiceKey) -> ExportRecord | None:
        """The published record, unless it is of an earlier export, which is over.

        Such a record is being withdrawn. Or it is of an older ServiceExport, and nothing that lies here is of
        this cluster: then its end was followed here, and only the broker could not be told yet.
        """
        found = self._broker.own_records.get(self._broker.own_namespace, exported_service_name(key))
        if found is None or not found.value.readable or found.value.withdrawn:
            return None
        export = self._local.exports.get(*key)
        if export is not None and export.value.created_at == found.value.exported_at:
            return found.value
        imported = self._local.imports.get(*key)
        named = imported.value.clusters if imported is not None else ()
        return found.value if self._local.cluster_id in {*named, *self._sources_here(key)} else None

    def _sources_here(self, key: ServiceKey) -> set[str]:
        """The clusters that the imported slices of a service are of."""
        return {entry.value.source_cluster for entry in self._local.imported_slices.indexed(key)}

    def _own_part(self, key: ServiceKey) -> ExportRecord | None:
        """This cluster's own record, unless it is not admitted or not published."""
        own = self.own_record(key)
        if own is None or self._own_limits.kept_back(key) or self.refusal(own) is not None:
            return None
        return own

    def refusal(self, record: ExportRecord) -> str | None:
        """Why a record is not admitted; None if it is.

        The same rights apply to this cluster's own record once they are known, so that all clusters agree.
        """
        member = self._membership.member(record.cluster)
        if member is None and record.cluster == self._local.cluster_id:
            return None
        return admit_record(record, member)

    def refuses(self, cluster: str, key: ServiceKey) -> bool:
        """Whether a cluster has a record of the service that is not admitted."""
        own = self.own_record(key) if cluster == self._local.cluster_id else None
        records = self._retained.records(key) if own is None else (own,)
        return any(one.cluster == cluster and self.refusal(one) is not None for one in records)

    def records(self, key: ServiceKey) -> tuple[ExportRecord, ...]:
        """All admitted records of one service, this cluster's own first."""
        own = self._own_part(key)
        found = [own] if own is not None else []
        found += (record for record in self._retained.records(key) if self.refusal(record) is None)
        return tuple(found)

    def exported(self, key: ServiceKey) -> bool:
        """Whether any cluster exports the service, and so there is a merge. Costs less than `merged`."""
        if self._own_part(key) is not None:
            return True
        return any(self.refusal(record) is None for record in self._retained.records(key))

    def merged(self, key: ServiceKey) -> MergedService | None:
        """The merge of one service's records; None when no cluster exports it."""
        return self.merge_of(key, self.records(key))

    def merge_of(self, key: ServiceKey, records: tuple[ExportRecord, ...]) -> MergedService | None:
        """The merge of `records`, which must be all present records of the service."""
        if not records:
            # Nobody asks for the slices of a service without exports, so this is where they are forgotten.
            self._merges.pop(key, None)
            self._admitted.pop(key, None)
            return None
        owners = frozenset(
            record.cluster for record in records if owns(self._membership.member(record.cluster), key)
        )
        known = self._merges.get(key)
        if known and known.records == records and known.owners == owners:
            return known.merged
        self._exported_here.add(key)
        merged = merge(records, owners)
        self._merges[key] = _Merge(records, owners, merged)
        return merged

    def slices(self, key: ServiceKey) -> tuple[SourceSlice, ...]:
        """All admitted slices of one service; endpoints that a member may not have are left out.

        Without this cluster's own, if those have not been read yet. To check every address of an unchanged
        slice would cost far more than all else, so the result is cached while slice and rights are the same.
        """
        before, now = self._admitted.get(key, {}), dict[tuple[str, str], _Admitted]()
        found = []
        own = () if self._local.unread(key) else self._local.own_slices(key)
        for source in (*own, *self._retained.slices(key)):
            member = self._membership.member(source.cluster)
            if member is None and source.cluster == self._local.cluster_id:
                found.append(source)
                continue
            rights = (member.allowed_cidrs, member.allowed_namespaces) if member is not None else None
            known = before.get((source.cluster, source.name))
            if known is None or known.source is not source or known.rights != rights:
                known = _Admitted(source, rights, admit_slice(source, member)[0])
            now[source.cluster, source.name] = known
            if known.admitted is not None:
                found.append(known.admitted)
        if now:
            self._admitted[key] = now
        else:
            self._admitted.pop(key, None)
        return tuple(found)

    def admitted_endpoints(self, cluster: str, endpoints: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
        """Those of a cluster's endpoints that it may have now."""
        member = self._membership.member(cluster)
        if member is None:
            return endpoints if cluster == self._local.cluster_id else ()
        return admitted_endpoints(endpoints, member)

    def changed_at_seconds(self, imported: ImportedSlice) -> float:
        """When the exporter saw the content of an imported slice, since the epoch; 0.0 if unknown."""
        for source in self._retained.slices(imported.service):
            name = imported_slice_name(source.service.name, source.cluster, source.name)
            if source.cluster == imported.source_cluster and name == imported.name:
                return source.changed_at_seconds
        return 0.0

    def unaccounted(
        self, key: ServiceKey, imported: LocalImport | None, exporters: Set[str] | None = None
    ) -> frozenset[str]:
        """Other clusters that exported the service by the objects here, but have no record, without proof.

        They have no record (or are no members), and nothing proves that they do not export the service.
        "" stands for an unknown cluster: an import may not name any yet. `exporters` are the clusters with
        admitted records, for a caller that knows them already.
        """
        own = self._local.cluster_id
        remembered = self._sources_here(key)
        if imported is not None:
            remembered.update(imported.clusters)
        if not remembered and imported is not None and not self._retained.everybody_accounted():
            return frozenset({""}) if key not in self._exported_here else frozenset()
        if exporters is None:
            exporters = {record.cluster for record in self.records(key)}
        silent = remembered - exporters - {own}
        if not silent:
            return frozenset()
        refused = {record.cluster for record in self._retained.records(key)} - exporters
        return frozenset(
            cluster
            for cluster in silent
            if not self._retained.accounted(cluster, key)
            and not (cluster in refused and self._membership.member(cluster) is not None)
        )

    def unaccounted_slices(self, key: ServiceKey) -> frozenset[str]:
        """Names of imported slices without a source, without proof that their cluster removed it.

        Also those whose source was written before what is held here: after a start nothing else shows that
        the broker was restored meanwhile.
        """
        held = [entry.value for entry in self._local.imported_slices.indexed(key)]
        unknown = [
            one
            for one in held
            if one.source_cluster != self._local.cluster_id
            and not self._retained.slice_accounted(one.source_cluster, one.name)
        ]
        if not unknown:
            return frozenset()
        sources = {
            imported_slice_name(source.service.name, source.cluster, source.name): source.changed_at_seconds
            for source in self._retained.slices(key)
        }
        return frozenset(
            one.name
            for one in unknown
            if one.name not in sources or 0.0 < sources[one.name] < one.changed_at_seconds
        )

    def older_than_imported(self, cluster: str) -> list[Entry[SourceSlice]] | None:
        """Another member's slices that it wrote before what is imported of them here; None: not known yet."""
        if not self._local.imported_slices.synced():
            return None
        return [
            source
            for imported in self._local.imported_slices
            if imported.value.source_cluster == cluster
            for source in self._broker.slices.indexed(imported.value.service)
            if source.value.cluster == cluster
            and 0.0 < source.value.changed_at_seconds < imported.value.changed_at_seconds
            and imported_slice_name(source.value.service.name, cluster, source.value.name) == imported.name
        ]

    def refused(self) -> int:
        """How many records of other members are not admitted now."""
        return sum(self.refusal(entry.value) is not None for entry in self._broker.records)

    def services(self) -> Collection[ServiceKey]:
        """Every service that any cluster exports, or that has objects here."""
        found = dict.fromkeys(self._retained.services())
        for names in (self._local.exports, self._local.imports):
            found.update((ServiceKey(entry.namespace, entry.name), None) for entry in names)
        for store in (
            self._broker.records,
            self._broker.own_records,
            self._broker.own_slices,
            self._local.imported_slices,
            self._local.services,
        ):
            found.update((key, None) for key in store.index_keys() if isinstance(key, ServiceKey))
        return found
