"""West's importer by itself, beside its API server: what else it reads is as a test says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random
from types import SimpleNamespace
from typing import Any, cast

from prometheus_client import CollectorRegistry

from mcs_controller.api.resources import SERVICES, service_imports
from mcs_controller.clusterset.model import (
    Condition,
    ExportRecord,
    ImportedSlice,
    LocalImport,
    LocalService,
    ServiceKey,
)
from mcs_controller.clusterset.services import decode
from mcs_controller.clusterset.services.merge import merge
from mcs_controller.clusterset.services.naming import derived_service_name, imported_slice_name
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.runtime.proof import Evidence
from mcs_controller.controllers.services.imports.endpoint_fuse import EndpointFuse
from mcs_controller.controllers.services.imports.import_cap import ImportCap
from mcs_controller.controllers.services.imports.import_fuse import ImportFuse
from mcs_controller.controllers.services.imports.import_status import ImportStatus, WantedStatus
from mcs_controller.controllers.services.imports.importer import Importer
from mcs_controller.controllers.services.metrics import ServicesMetrics
from mcs_controller.controllers.services.stores.stores import Stores
from mcs_controller.kube.client import Client
from mcs_controller.kube.store import Entry, Store
from tests.clusterset.builders import WEB, record, source_slice
from tests.support.agents import LoopClock, Told, Wire
from tests.support.cluster import Cluster
from tests.support.clusterset import Clusterset

DERIVED = derived_service_name(WEB)
Said = dict[str, tuple[str, str, str]]
"""By type of condition: status, reason and message."""
NOT_HELD = ("False", "NotHeld", "")


def slice_name(cluster: str, name: str = "web-abc") -> str:
    return imported_slice_name("web", cluster, name)


class West:
    """It imports shop/web; east exports it unless a test takes its record away."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.wire = cluster, Wire()
        self.synced = self.is_active = self.complete = self.permitted = True
        self.is_unread = self.fuse_holds = False
        self.own: ExportRecord | None = None
        self.records = [record("east")]
        self.sources = [source_slice("east")]
        self.changed_at_seconds = 0.0
        self.unaccounted: set[str] = set()
        self.kept: set[str] = set()
        self.unaccounted_slices: set[str] = set()
        self.held_clusters: tuple[tuple[str, ...], float | None] = ((), None)
        self.calls: list[str] = []
        self.statuses: list[WantedStatus] = []
        self.holding: list[Condition] = []
        self.evidence, self.registry = Evidence(), CollectorRegistry()
        self.members = SimpleNamespace(dead=set[str](), doubtful=set[str](), held=set[str]())

        self.imports: Store[LocalImport] = Store()
        self.services: Store[LocalService] = Store()
        self.slices: Store[ImportedSlice] = Store(index=lambda entry: entry.value.service)
        self.local = SimpleNamespace(
            cluster_id="west",
            client=Client(self.wire.wrap(cluster.sim.transport("agent")), name="local"),
            imports_resource=service_imports,
            imports=self.imports,
            import_lists=lambda: 1,
            imports_current=lambda: True,
            services=self.services,
            imported_slices=self.slices,
            synced=lambda: self.synced,
            unread=lambda key: self.is_unread,
            namespace_is_active=lambda namespace: self.is_active,
            read_namespace=self._read_namespace,
        )
        self.importer = self._importer()

    def _importer(self) -> Importer:
        view = SimpleNamespace(
            complete=lambda: self.complete,
            exported=lambda key: bool(self._all_records()),
            merge_of=lambda key, records: merge(records, frozenset()) if records else None,
            records=lambda key: tuple(self._all_records()),
            slices=lambda key: tuple(self.sources),
            own_record=lambda key: self.own,
            unaccounted=lambda key, imported, exporters: frozenset(self.unaccounted),
            unaccounted_slices=lambda key: frozenset(self.unaccounted_slices),
            changed_at_seconds=lambda slice_: self.changed_at_seconds,
            admitted_endpoints=lambda cluster, endpoints: endpoints,
        )
        retained = SimpleNamespace(
            let_go=lambda key: self._called("let go", key), held_clusters=lambda key: self.held_clusters
        )
        fuse = SimpleNamespace(
            look=lambda key: self._called("fuse looks", key),
            holds=lambda key: self.fuse_holds,
            withdraws=lambda key, imported: self._called("fuse withdraws", key),
            hold=lambda key: None,
        )
        endpoint_fuse = SimpleNamespace(
            keeps=lambda key, imported, records, sources, withdrawn: frozenset(self.kept),
            count=lambda key: None,
            hold=lambda key: None,
        )
        status = SimpleNamespace(
            want=lambda key, wanted: self.statuses.append(wanted),
            hold=lambda key, imported, condition: self.holding.append(condition),
            tell_not_ours=lambda entry: self._called("told that it is not ours", WEB),
            slice_objects_pruned=False,
        )
        context = Context.of(
            AgentConfig(cluster_id="west", exclude_metadata=("secret.example.com/",)),
            local=self.local.client,
            broker=self.cluster.broker.client(),
            clock=LoopClock(),
            random=Random(1),
            registry=self.registry,
            events=Told(),
        )
        stores = cast(
            Stores, SimpleNamespace(local=self.local, view=view, retained=retained, import_policies=None)
        )
        importer = Importer(
            context, stores, cast(Membership, self.members), self.evidence, ServicesMetrics(self.registry)
        )
        importer.fuse = cast(ImportFuse, fuse)
        importer.endpoint_fuse = cast(EndpointFuse, endpoint_fuse)
        importer.cap = cast(ImportCap, SimpleNamespace(permits=self._permits, forget=self._forget))
        importer.status = cast(ImportStatus, status)
        return importer

    async def reads_services(self) -> None:
        """What a watch would have shown."""
        for raw in await self.cluster.all_of(SERVICES, "shop"):
            value, metadata = decode.service(raw), raw["metadata"]
            self.services.apply(
                Entry("shop", metadata["name"], metadata["uid"], metadata["resourceVersion"], value)
            )

    def restart(self) -> None:
        """The next look is that of another agent, which knows what lies here and nothing else."""
        self.registry, self.evidence = CollectorRegistry(), Evidence()
        self.importer = self._importer()

    def _called(self, what: str, key: ServiceKey) -> None:
        assert key == WEB
        self.calls.append(what)

    def _permits(self, key: ServiceKey, clusters: Collection[str]) -> bool:
        self._called(f"permits {','.join(clusters)}", key)
        return self.permitted

    def _forget(self, key: ServiceKey) -> None:
        self._called("gives its place back", key)

    async def _read_namespace(self, namespace: str) -> None:
        self.calls.append(f"reads namespace {namespace}")

    def _all_records(self) -> Sequence[ExportRecord]:
        return [self.own, *self.records] if self.own is not None else self.records

    async def look(self) -> float | None:
        return await self.importer.reconcile(WEB)

    def writes(self) -> list[str]:
        """Those since this was asked last: what was done to which object, or made of which kind."""
        found = [f"{one.partition(' ')[0]} {one.rpartition('/')[2]}" for one in self.wire.writes]
        self.wire.writes.clear()
        return found

    def called(self, *, but: str = "") -> list[str]:
        """What others were told since this was asked last."""
        found = [one for one in self.calls if not but or not one.startswith(but)]
        self.calls.clear()
        return found

    def said(self) -> Said:
        """The conditions of the status that was asked for last."""
        return {one.type: (one.status, one.reason, one.message) for one in self.statuses[-1].conditions}

    def addresses(self) -> dict[str, set[str]]:
        """By source cluster, of the slices that are held."""
        found: dict[str, set[str]] = {}
        for entry in self.slices:
            of_cluster = found.setdefault(entry.value.source_cluster, set())
            for endpoint in entry.value.content.endpoints:
                of_cluster.update(endpoint.addresses)
        return found

    def imported(self) -> Entry[LocalImport]:
        found = self.imports.get(*WEB)
        assert found is not None
        return found

    def changed(self, **fields: Any) -> None:
        """The import is, by a watch, as it was, but for these fields."""
        entry = self.imported()
        self.imports.remove(*WEB)
        self.imports.apply(entry._replace(value=replace(entry.value, **fields)))


@asynccontextmanager
async def west() -> AsyncIterator[West]:
    """It has not looked yet."""
    async with Clusterset("west", start=False) as world:
        await world.everywhere("shop")
        yield West(world["west"])


@asynccontextmanager
async def importing(*others: str) -> AsyncIterator[West]:
    """East's export, and that of each of `others`, is imported, and its status is as it was asked for."""
    async with west() as one:
        for cluster in others:
            one.records.append(record(cluster, 1))
            one.sources.append(source_slice(cluster))
        await one.look()
        one.changed(clusters=one.statuses[-1].clusters, conditions=one.statuses[-1].conditions)
        one.writes()
        one.called()
        yield one
