"""East's exporter by itself, beside a broker: what else it reads is as a test says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES, service_exports
from mcs_controller.clusterset.model import (
    Condition,
    ExportRecord,
    LocalExport,
    LocalService,
    MergedService,
    ServiceKey,
    SourceSlice,
)
from mcs_controller.clusterset.services.export import ExportEvaluation, evaluate_export
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.membership.controller import MembershipController
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.runtime.proof import Evidence
from mcs_controller.controllers.services.exports.export_status import ExportStatus
from mcs_controller.controllers.services.exports.exporter import Exporter
from mcs_controller.controllers.services.exports.mirror import OwnMirror
from mcs_controller.controllers.services.stores.broker import BrokerStores
from mcs_controller.controllers.services.stores.stores import Stores
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import KubeError
from mcs_controller.kube.store import Entry, Store
from tests.clusterset.builders import WEB, local_export, local_service, source_slice
from tests.support.agents import LoopClock, Told, Wire
from tests.support.clusterset import Clusterset

API = ServiceKey("shop", "api")
NAMES = frozenset({"shop.web"}), frozenset({"shop.web-abc", "shop.web-def"})
GENERATION = local_export().generation
Said = dict[str, tuple[str, str, str]]
"""By type of condition: status, reason and message."""


class Limits:
    """What is not published since there is too much: `records` and `slices` by service or name, and why."""

    def __init__(self) -> None:
        self.records: dict[ServiceKey, str] = {}
        self.slices: dict[str, str] = {}
        self.forgotten: list[ServiceKey] = []
        self.has_to_wait = ""

    def forget(self, key: ServiceKey) -> None:
        self.forgotten.append(key)

    def refuses_record(self, record: ExportRecord, body: Mapping[str, Any]) -> str | None:
        return self.records.get(record.service)

    def refuses_slice(self, source: SourceSlice, body: Mapping[str, Any]) -> str | None:
        return self.slices.get(source.name)

    def unpublished(self, key: ServiceKey) -> bool:
        return key in self.records or bool(self.slices)

    def keeps_back(self) -> bool:
        return bool(self.records or self.slices)

    def waits(self, record: ExportRecord) -> str:
        return self.has_to_wait


class East:
    """East's exporter, its part of a broker, and all else that it reads, as a test says it."""

    def __init__(self, world: Clusterset) -> None:
        self.wire, self.sim = Wire(), world.broker
        self.local_synced = self.broker_synced = self.broker_current = self.is_loaded = True
        self.load_problem: str | None = None
        self.evaluations: dict[ServiceKey, ExportEvaluation] = {}
        self.slices: list[SourceSlice] = []
        self.exports: Store[LocalExport] = Store()
        self.services: Store[LocalService] = Store()
        self.refusal: str | None = None
        self.merged: MergedService | None = None
        self.has_ready = False
        self.wanted: dict[ServiceKey, Sequence[Condition]] = {}
        self.limits = Limits()
        self.evidence = Evidence()
        self.members = SimpleNamespace(verified=True, excluded=False, problem=None)

        context = Context.of(
            AgentConfig(cluster_id="east"),
            local=world["east"].api,
            broker=Client(self.wire.wrap(world.broker.transport("member-east")), name="broker"),
            clock=LoopClock(),
            random=Random(1),
            registry=CollectorRegistry(),
            events=Told(),
        )
        self.broker = BrokerStores(context, MembershipController(context).members)
        self.mirror = OwnMirror(self.broker)
        local = SimpleNamespace(
            cluster_id="east",
            client=world["east"].api,
            exports=self.exports,
            services=self.services,
            exports_resource=service_exports,
            synced=lambda: self.local_synced,
            loaded=lambda key: self.is_loaded,
            load_problem=lambda key: self.load_problem,
            evaluation=self.evaluations.get,
            own_slices=lambda key: tuple(one for one in self.slices if one.service == key),
        )
        broker = SimpleNamespace(
            own_records=self.broker.own_records,
            own_slices=self.broker.own_slices,
            own_namespace=self.broker.own_namespace,
            stamps=self.broker.stamps,
            exports_synced=lambda: self.broker_synced,
            exports_current=lambda: self.broker_current,
        )
        view = SimpleNamespace(
            refusal=lambda record: self.refusal,
            complete=lambda: self.merged is not None,
            merged=lambda key: self.merged,
        )
        stores = SimpleNamespace(local=local, broker=broker, view=view, own_limits=self.limits)
        self.exporter = Exporter(
            context, cast(Stores, stores), cast(Membership, self.members), self.evidence, self.mirror
        )
        status = SimpleNamespace(has=lambda key, kind: self.has_ready, want=self.wanted.__setitem__)
        self.exporter.status = cast(ExportStatus, status)

    def export(self, key: ServiceKey = WEB, **fields: Any) -> None:
        """Export a service whose Service has these fields, as it is seen from now on."""
        export = local_export(service=key)
        service = local_service(service=key, **fields)
        self.services.apply(Entry(key.namespace, key.name, key.name, "1", service))
        self.evaluations[key] = evaluate_export(export, service, "east")
        self.exports.apply(Entry(key.namespace, key.name, key.name, "1", export))

    def unexport(self, key: ServiceKey = WEB) -> None:
        del self.evaluations[key]
        self.exports.remove(key.namespace, key.name)

    async def look(self, key: ServiceKey = WEB) -> float | None:
        return await self.exporter.reconcile(key)

    async def looked_in_vain(self) -> None:
        """A look that counts, and that changes nothing."""
        self.broker_synced = False
        await self.look()
        self.broker_synced = True

    async def fails(self, error: type[KubeError], key: ServiceKey = WEB) -> None:
        with pytest.raises(error):
            await self.look(key)

    def writes(self) -> list[str]:
        """Those since this was asked last: what was done to which object, or made of which kind."""
        found = [f"{one.partition(' ')[0]} {one.rpartition('/')[2]}" for one in self.wire.writes]
        self.wire.writes.clear()
        return found

    def said(self, key: ServiceKey = WEB) -> Said:
        conditions = self.wanted.get(key, ())
        assert {one.observed_generation for one in conditions} <= {GENERATION}
        return {one.type: (one.status, one.reason, one.message) for one in conditions}

    async def there(self) -> tuple[frozenset[str], frozenset[str]]:
        """The names of all records and slices on the broker."""
        client = self.sim.client()
        records, slices = [
            frozenset(one["metadata"]["name"] for one in (await client.list(kind)).items)
            for kind in (EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES)
        ]
        return records, slices


@asynccontextmanager
async def east() -> AsyncIterator[East]:
    """It exports shop/web, of two slices, and has looked at everything twice."""
    async with Clusterset("east", start=False) as world:
        one = East(world)
        one.export()
        one.slices = [source_slice("east", name) for name in ("web-abc", "web-def")]
        one.evidence.confirm()
        yield one


@asynccontextmanager
async def exported() -> AsyncIterator[East]:
    async with east() as one:
        await one.look()
        assert await one.there() == NAMES
        one.writes()
        yield one
