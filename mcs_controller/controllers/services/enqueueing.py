"""Which change enqueues which service, for which of the two reconcilers.

All such rules are here and nowhere else. The key is always the service. A reconciler that cannot act yet (a
store is not complete, a Service is not read) returns; the service is requeued when the missing data arrives.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Any, Protocol, TypeVar

from mcs_controller.clusterset.model import ExportRecord, LocalService, ServiceKey, SourceSlice
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.services.exports.exporter import Exporter
from mcs_controller.controllers.services.imports.importer import Importer
from mcs_controller.controllers.services.stores.stores import Stores
from mcs_controller.kube.queue.ready import OWN_LANE, Lane, working_for
from mcs_controller.kube.queue.work_queue import WorkQueue
from mcs_controller.kube.store import Entry, Store

_EVERYBODY: Lane = "*"
"""The lane for enqueueing everything, so that it does not delay new changes."""


class Enqueueing:
    """Subscribes to all that a service's reconcilers depend on, and enqueues the service at a change."""

    def __init__(
        self,
        stores: Stores,
        membership: Membership,
        exporter: Exporter,
        importer: Importer,
        exports: WorkQueue[ServiceKey],
        imports: WorkQueue[ServiceKey],
    ) -> None:
        self._stores = stores
        self._membership = membership
        self._exporter = exporter
        self._fuse = importer.fuse
        self._endpoint_fuse = importer.endpoint_fuse
        self._locality = importer.locality
        self._exports = exports
        self._imports = imports
        self._changed_namespaces: set[str] = set()
        local, broker = stores.local, stores.broker
        enqueue_by_name(local.exports, self.enqueue)
        enqueue_by_name(local.imports, self._enqueue_import)
        enqueue_by_service(local.source_slices, self._part_changed)
        enqueue_by_service(local.imported_slices, imports.add)
        broker.slices.subscribe(importer.endpoint_fuse.source_changed)
        enqueue_by_service(broker.records, self._record_changed, lane=member_of)
        enqueue_by_service(broker.slices, self._others_slice_changed, lane=member_of)
        enqueue_by_service(broker.own_records, exports.add)
        enqueue_by_service(broker.own_slices, exports.add)
        local.services.subscribe(self._service_changed)
        local.namespaces.subscribe(self._namespace_changed)
        local.on_loaded(self.enqueue)
        importer.cap.enqueue = imports.add
        importer.fuse.enqueue = self._enqueue_import
        importer.endpoint_fuse.enqueue = imports.add
        stores.own_limits.on_kept_back = self._enqueue_import
        stores.own_limits.on_change = self.enqueue_own_exports
        if stores.export_gate is not None:
            stores.export_gate.on_change = self.enqueue_own_exports
        if stores.import_policies is not None:
            stores.import_policies.gate.on_change = self.enqueue_everything
        stores.retained.on_release(self._record_changed)
        stores.retained.on_accounted(self._accounted_for)
        membership.on_change(self._member_changed)
        membership.on_sure(self.enqueue_everything)
        membership.on_read(importer.fuse.end_holds)
        membership.on_read(importer.endpoint_fuse.end_holds)

    def enqueue(self, key: ServiceKey) -> None:
        """Enqueue a service for both reconcilers."""
        self._exports.add(key)
        self._enqueue_import(key)

    def enqueue_everything(self, namespaces: Collection[str] | None = None) -> None:
        """Enqueue every service of these namespaces (None: all) that any cluster exports, or that has objects
        here."""
        with working_for(_EVERYBODY):
            for key in self._stores.view.services():
                if namespaces is None or key.namespace in namespaces:
                    self.enqueue(key)

    def enqueue_own_exports(self, namespaces: Collection[str] | None = None) -> None:
        """Enqueue the services of `own_exports` in these namespaces (None: all)."""
        for key in self.own_exports():
            if namespaces is None or key.namespace in namespaces:
                self.enqueue(key)

    def own_exports(self) -> Collection[ServiceKey]:
        """The services that this cluster exports, that it has on the broker, or that are unfinished."""
        exports = (ServiceKey(export.namespace, export.name) for export in self._stores.local.exports)
        found = dict.fromkeys((*self._exporter.unfinished(), *exports))
        for store in (self._stores.broker.own_records, self._stores.broker.own_slices):
            found.update((key, None) for key in store.index_keys() if isinstance(key, ServiceKey))
        return found

    def _enqueue_import(self, key: ServiceKey) -> None:
        # The fuses count at once: they know all losses of one list before the first import is withdrawn.
        self._fuse.look(key)
        self._endpoint_fuse.look(key)
        self._imports.add(key)

    def _accounted_for(self, cluster: str) -> None:
        """Enqueue the imports that waited for this member's statement, or for its removal."""
        local = self._stores.local
        waiting = [
            ServiceKey(entry.namespace, entry.name)
            for entry in local.imports
            if not entry.value.clusters or cluster in entry.value.clusters
        ]
        waiting += (
            entry.value.service for entry in local.imported_slices if entry.value.source_cluster == cluster
        )
        for key in dict.fromkeys(waiting):
            self._enqueue_import(key)

    def _record_changed(self, key: ServiceKey) -> None:
        self._enqueue_import(key)
        if self._stores.local.exports.get(*key) is not None:
            self._exports.add(key)

    def _others_slice_changed(self, key: ServiceKey) -> None:
        """Slices of a service that nobody exports, and that has no objects here, change nothing."""
        local = self._stores.local
        if local.imports.get(*key) or local.imported_slices.indexed(key) or self._stores.view.exported(key):
            self._imports.add(key)

    def _service_changed(self, old: Entry[LocalService] | None, new: Entry[LocalService] | None) -> None:
        for entry in (old, new):
            if entry is not None and entry.value.import_name:
                self._imports.add(ServiceKey(entry.namespace, entry.value.import_name))
        entry = new or old
        if entry is not None:
            self._part_changed(ServiceKey(entry.namespace, entry.name))

    def _part_changed(self, key: ServiceKey) -> None:
        """The Service of that name, or a slice of it, changed. Only exports that have been read need it.

        An export that has not been read yet is enqueued once it is. A deleted export is enqueued by its
        own change.
        """
        if self._stores.local.loaded(key):
            self.enqueue(key)

    def _namespace_changed(self, old: Entry[bool] | None, new: Entry[bool] | None) -> None:
        if new is None or (old is not None and old.value == new.value):
            return
        if not self._changed_namespaces:
            # One pass over all services for all namespaces of a list.
            asyncio.get_running_loop().call_soon(self._enqueue_changed_namespaces)
        self._changed_namespaces.add(new.name)

    def _enqueue_changed_namespaces(self) -> None:
        for key in self._stores.view.services():
            if key.namespace in self._changed_namespaces:
                self._imports.add(key)
        self._changed_namespaces.clear()

    def _member_changed(self, cluster: str) -> None:
        broker = self._stores.broker
        broker.member_changed(cluster)
        if cluster == self._stores.local.cluster_id:
            self.enqueue_own_exports()
            # How far the others are depends on where this cluster lies.
            for key in self._locality.services():
                self._imports.add(key)
        with working_for(cluster):
            for entry in broker.records:
                if entry.value.cluster == cluster:
                    self._record_changed(entry.value.service)
            if self._membership.removed(cluster):
                self._accounted_for(cluster)
            # What a member withdrew has no record any more.
            for key in (*self._fuse.held_of(cluster), *self._endpoint_fuse.held_of(cluster)):
                self._enqueue_import(key)


class _OfService(Protocol):
    @property
    def service(self) -> ServiceKey: ...


_Belonging = TypeVar("_Belonging", bound=_OfService)


def enqueue_by_name(store: Store[Any], enqueue: Callable[[ServiceKey], None]) -> None:
    """Enqueue the service that has the name of a changed object of the store."""

    def changed(old: Entry[Any] | None, new: Entry[Any] | None) -> None:
        entry = new or old
        if entry is not None:
            enqueue(ServiceKey(entry.namespace, entry.name))

    store.subscribe(changed)


def enqueue_by_service(
    store: Store[_Belonging],
    enqueue: Callable[[ServiceKey], None],
    *,
    lane: Callable[[_Belonging], Lane] = lambda value: OWN_LANE,
) -> None:
    """Enqueue the service that a changed object of the store belongs to, and its former service.

    `lane` names the cluster that made the change.
    """

    def changed(old: Entry[_Belonging] | None, new: Entry[_Belonging] | None) -> None:
        entry = new or old
        if entry is None:
            return
        with working_for(lane(entry.value)):
            enqueue(entry.value.service)
            if old is not None and old.value.service != entry.value.service:
                enqueue(old.value.service)

    store.subscribe(changed)


def member_of(value: ExportRecord | SourceSlice) -> Lane:
    """Each member's changes have a lane of their own: many changes of one member delay no other's."""
    return value.cluster
