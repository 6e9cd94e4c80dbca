"""This cluster's own objects, as far as exports and imports need them.

Memory is only for what is exported or imported (docs/decisions/0011-memory.md): a Service and its slices are
kept only while a ServiceExport names the service. The watches skip all others. So when a ServiceExport
appears, its Service and slices are read once (`_load`); from then on the key is `loaded`. Nothing is decided
here: the reconcilers read the stores, and listeners get the service key of every change.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from mcs_controller.api.names import (
    LABEL_KUBERNETES_SERVICE_NAME,
    LABEL_SERVICE_NAME,
    LABEL_SLICE_MANAGED_BY,
    MANAGED_BY,
)
from mcs_controller.api.resources import (
    ENDPOINT_SLICES,
    MCS_API,
    SERVICES,
    Resource,
    service_exports,
    service_imports,
)
from mcs_controller.clusterset.model import (
    ImportedSlice,
    LocalExport,
    LocalImport,
    LocalService,
    ServiceKey,
    SourceSlice,
)
from mcs_controller.clusterset.services import decode
from mcs_controller.clusterset.services.export import ExportEvaluation, evaluate_export
from mcs_controller.clusterset.services.policies.verdict import PASS, Outcome, under_policy
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.runtime.kinds import ACTIVE_NAMESPACES
from mcs_controller.controllers.services.policies.gate import Gate
from mcs_controller.controllers.services.stores.stamps import Stamps
from mcs_controller.kube.decoding.field_parser import FieldParser
from mcs_controller.kube.discovery import served_resource
from mcs_controller.kube.errors import KubeError
from mcs_controller.kube.informer import Informer
from mcs_controller.kube.queue.work_queue import WorkQueue
from mcs_controller.kube.store import Entry

READ_ONE_BY_ONE_MAX: Final = 4
"""If one namespace has more new exports than this, they are read with one list of the namespace."""

KeyListener = Callable[[ServiceKey], None]


def _served_import(entry: Entry[LocalService]) -> ServiceKey | None:
    service = entry.value
    return ServiceKey(entry.namespace, service.import_name) if service.import_name else None


def _service_of(entry: Entry[SourceSlice] | Entry[ImportedSlice]) -> ServiceKey:
    return entry.value.service


class LocalStores:
    """This cluster's objects as far as exports and imports are concerned, and the informers that hold them.

    Derived Services and other Services share `services`; `services.indexed(key)` gives the derived ones
    that serve the import `key`.
    """

    def __init__(self, context: Context, stamps: Stamps) -> None:
        informers, random = context.local, context.random
        client = informers.client
        self.cluster_id = context.config.cluster_id
        self.client = client
        self._stamps = stamps
        self._loaded: set[ServiceKey] = set()
        # By namespace, in the order of arrival, which decides which exports are within limits.
        self._unloaded: dict[str, dict[ServiceKey, None]] = {}
        self._load_problems: dict[str, str] = {}
        self._evaluations: dict[
            ServiceKey, tuple[LocalExport, LocalService | None, Outcome, ExportEvaluation]
        ] = {}
        self.mcs_version = ""

        self.exports: Informer[LocalExport] = informers.add(
            "serviceexports",
            self._mcs(service_exports),
            decode.service_export,
        )
        self.imports: Informer[LocalImport] = informers.add(
            "serviceimports",
            self._mcs(service_imports),
            decode.service_import,
        )
        self.namespaces: Informer[bool] = informers.get(ACTIVE_NAMESPACES)
        self.imported_slices: Informer[ImportedSlice] = informers.add(
            "imported-endpointslices",
            ENDPOINT_SLICES,
            decode.own_imported_slice,
            index=_service_of,
            label_selector=f"{LABEL_SERVICE_NAME},{LABEL_SLICE_MANAGED_BY}={MANAGED_BY}",
            parse=FieldParser(decode.ImportedSliceFields),
        )
        # These two start after the exports are known: only objects of exports are kept.
        self.services: Informer[LocalService] = informers.add(
            "services",
            SERVICES,
            self._decode_service,
            index=_served_import,
            begin=self._wait_exports_known,
        )
        self.source_slices: Informer[SourceSlice] = informers.add(
            "source-endpointslices",
            ENDPOINT_SLICES,
            self._decode_source_slice,
            index=_service_of,
            label_selector=f"!{LABEL_SERVICE_NAME}",
            parse=FieldParser(decode.SliceFields),
            begin=self._wait_exports_known,
        )
        self._informers: tuple[Informer[Any], ...] = (
            self.exports, self.imports, self.namespaces,
            self.imported_slices, self.services, self.source_slices,
        )  # fmt: skip
        self._exports_known = asyncio.Event()
        self.loader: WorkQueue[str] = WorkQueue(
            "loader",
            self._load,
            random=random,
            describe=lambda namespace: {"namespace": namespace},
            work_clock=context.work_clock,
        )
        self.exports.subscribe(self._export_changed)
        self._loaded_listeners: list[KeyListener] = []
        self._all_synced = False
        self._gate: Gate[ServiceKey] | None = None

    def ask_policies(self, gate: Gate[ServiceKey]) -> None:
        """Ask policies about each export from now on; to be called before anything runs."""
        self._gate = gate

    def on_loaded(self, listener: KeyListener) -> None:
        """Call `listener` with each key whose Service and slices have been read, or could not be read."""
        self._loaded_listeners.append(listener)

    async def run(self) -> None:
        """Wait for the first lists, then call the listeners for all exports that are loaded."""
        await self.exports.wait_synced()
        self._loaded.update(ServiceKey(entry.namespace, entry.name) for entry in self.exports)
        self._exports_known.set()
        await self.services.wait_synced()
        await self.source_slices.wait_synced()
        # In order, so that a run can be replayed: sets have none.
        for key in sorted(self._loaded):
            self._notify_loaded(key)

    async def _wait_exports_known(self) -> None:
        await self._exports_known.wait()

    def synced(self) -> bool:
        """Whether every store has held one complete list; once it has, it has for good."""
        if not self._all_synced:
            self._all_synced = all(informer.synced() for informer in self._informers)
        return self._all_synced

    def loaded(self, key: ServiceKey) -> bool:
        """Whether the stores hold the Service and all slices of an exported service.

        Not before policies can be asked about it, if they are.
        """
        if self._gate is not None and not self._gate.known.answered():
            return False
        return key in self._loaded and (
            self._all_synced or (self.services.synced() and self.source_slices.synced())
        )

    def unread(self, key: ServiceKey) -> bool:
        """Whether this cluster has a ServiceExport whose Service has not been read yet."""
        export = self.exports.get(*key)
        return export is not None and not export.value.deleting and not self.loaded(key)

    def load_problem(self, key: ServiceKey) -> str | None:
        """Why an exported service could not be read; None if it was read, or not tried yet."""
        return self._load_problems.get(key.namespace) if self.unread(key) else None

    def unread_exports(self) -> int:
        """How many ServiceExports wait for their Service and slices to be read."""
        return sum(map(len, self._unloaded.values()))

    def evaluation(self, key: ServiceKey) -> ExportEvaluation | None:
        """The evaluation of this cluster's export of a service; None without a (live) ServiceExport."""
        export = self.exports.get(*key)
        if export is None or export.value.deleting:
            self._evaluations.pop(key, None)
            return None
        service = self.services.get(*key)
        service_value = service.value if service else None
        outcome = self._gate.outcome(key) if self._gate is not None else PASS
        known = self._evaluations.get(key)
        if known and known[0] is export.value and known[1] is service_value and known[2] == outcome:
            return known[3]
        evaluation = evaluate_export(export.value, service_value, self.cluster_id)
        evaluation = under_policy(evaluation, export.value, outcome)
        self._evaluations[key] = (export.value, service_value, outcome, evaluation)
        return evaluation

    def own_slices(self, key: ServiceKey) -> tuple[SourceSlice, ...]:
        """This cluster's own slices of an exported service."""
        return tuple(entry.value for entry in self.source_slices.indexed(key))

    def namespace_is_active(self, namespace: str) -> bool:
        """Whether objects may be created in a namespace (MCS-NS-02, MCS-LIFE-09)."""
        entry = self.namespaces.get("", namespace)
        return entry is not None and entry.value

    def namespace_is_ending(self, namespace: str) -> bool:
        """Whether a namespace is being deleted: nothing in it is written or reported."""
        entry = self.namespaces.get("", namespace)
        return entry is not None and not entry.value

    async def read_namespace(self, namespace: str) -> None:
        """Read one namespace now, since its watch may be late. Raises `KubeError`."""
        await self.namespaces.reflector.fetch(name=namespace)

    async def read_services(self, keys: Collection[ServiceKey]) -> None:
        """Read these Services now: a few one by one, many of a namespace at once. Raises `KubeError`."""
        by_namespace: dict[str, list[str]] = {}
        for key in keys:
            by_namespace.setdefault(key.namespace, []).append(key.name)
        fetch = self.services.reflector.fetch
        for namespace, names in by_namespace.items():
            if len(names) > READ_ONE_BY_ONE_MAX:
                await fetch(namespace=namespace)
                continue
            for name in names:
                await fetch(name=name, namespace=namespace)

    def exports_resource(self) -> Resource:
        """ServiceExport in the version that this API server serves."""
        return service_exports(self.mcs_version)

    def imports_resource(self) -> Resource:
        """ServiceImport in the version that this API server serves."""
        return service_imports(self.mcs_version)

    def imports_current(self) -> bool:
        """Whether imports are watched, with nothing to be listed before that."""
        return self.imports.reflector.current()

    def import_lists(self) -> int | None:
        """How many lists of ServiceImports there have been; None while one is missing, as without the CRD."""
        return self.imports.reflector.lists if self.imports_current() else None

    async def wait_synced(self) -> None:
        """Wait until every store has held one complete list."""
        for informer in self._informers:
            await informer.wait_synced()

    async def confirm(self) -> None:
        """Read the exports, their Services and slices again: a second complete list."""
        for informer in (self.exports, self.services, self.source_slices):
            await informer.reflector.fetch()

    def _mcs(self, kind: Callable[[str], Resource]) -> Callable[[], Any]:
        async def resolve() -> Resource:
            resource = await served_resource(self.client, MCS_API, kind)
            self.mcs_version = resource.version
            return resource

        return resolve

    def _decode_service(self, raw: Mapping[str, Any]) -> LocalService | None:
        service = decode.service(raw)
        if service.managed:
            return service
        if self.exports.get(*service.service) is None:
            return None
        return service if self._gate is None else decode.with_labels(service, raw)

    def _decode_source_slice(self, raw: Mapping[str, Any]) -> SourceSlice | None:
        metadata = raw.get("metadata") or {}
        name = (metadata.get("labels") or {}).get(LABEL_KUBERNETES_SERVICE_NAME)
        if not name or self.exports.get(metadata.get("namespace", ""), name) is None:
            return None
        source = decode.source_slice(raw, self.cluster_id)
        if source is None:
            return None
        return replace(source, changed_at_seconds=self._stamps.next_seconds())

    def _export_changed(self, old: Entry[LocalExport] | None, new: Entry[LocalExport] | None) -> None:
        if old is None and new is not None and self.exports.synced():
            self._unloaded.setdefault(new.namespace, {})[ServiceKey(new.namespace, new.name)] = None
            self.loader.add(new.namespace)
        elif new is None and old is not None:
            self._unload(ServiceKey(old.namespace, old.name))

    def _unload(self, key: ServiceKey) -> None:
        self._loaded.discard(key)
        self._unloaded.get(key.namespace, {}).pop(key, None)
        self._evaluations.pop(key, None)
        service = self.services.get(*key)
        if service is not None and not service.value.managed:
            self.services.remove(*key)
        for entry in self.source_slices.indexed(key):
            self.source_slices.remove(entry.namespace, entry.name)

    async def _load(self, namespace: str) -> None:
        """Read the Services and slices of a namespace's new exports; listeners hear of failures, too."""
        try:
            await self._read_new_exports(namespace)
        except KubeError as error:
            self._load_problems[namespace] = str(error)
            for key in tuple(self._unloaded.get(namespace, ())):
                self._notify_loaded(key)
            raise
        self._load_problems.pop(namespace, None)

    async def _read_new_exports(self, namespace: str) -> None:
        """Read a few exports one by one, many with one list."""
        await self.services.wait_synced()
        await self.source_slices.wait_synced()
        wanted = {
            key: export.uid
            for key in self._unloaded.get(namespace, ())
            if (export := self.exports.get(*key)) is not None
        }
        if len(wanted) > READ_ONE_BY_ONE_MAX:
            await self.services.reflector.fetch(namespace=namespace)
            await self.source_slices.reflector.fetch(namespace=namespace)
        else:
            for key in wanted:
                await self.services.reflector.fetch(name=key.name, namespace=namespace)
                await self.source_slices.reflector.fetch(
                    namespace=namespace, label_selector=f"{LABEL_KUBERNETES_SERVICE_NAME}={key.name}"
                )
        for key, uid in wanted.items():
            now = self.exports.get(*key)
            if now is not None and now.uid == uid:
                self._unloaded[namespace].pop(key, None)
                self._loaded.add(key)
                self._notify_loaded(key)
        if self._unloaded.get(namespace):
            # An export was made anew meanwhile; a list shows that as a change of the one before.
            self.loader.add(namespace)
        else:
            self._unloaded.pop(namespace, None)

    def _notify_loaded(self, key: ServiceKey) -> None:
        for listener in self._loaded_listeners:
            listener(key)
