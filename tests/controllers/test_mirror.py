"""What is written when an export is taken back, and by what a broken history of the broker is noticed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest
from prometheus_client import CollectorRegistry

from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES, Resource
from mcs_controller.clusterset.model import ExportRecord, ServiceKey, SourceSlice
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.membership.controller import MembershipController
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.services.exports.mirror import REMEMBERED_SECONDS, OwnMirror
from mcs_controller.controllers.services.stores.broker import BrokerStores
from mcs_controller.kube.client import Client
from mcs_controller.kube.store import Entry
from tests.controllers.mars import record, slice_
from tests.support.agents import LoopClock, Told, Wire
from tests.support.clusterset import Clusterset
from tests.support.objects import Object

pytestmark = pytest.mark.looptime


class Mirrored:
    """A mirror whose watches are the test's own doing: what it wrote, and what it told."""

    def __init__(self, world: Clusterset) -> None:
        self.wire = Wire()
        self.changed: list[ServiceKey] = []
        self.broke: list[str] = []
        client = Client(self.wire.wrap(world.broker.transport("member-east")), name="broker")
        context = Context.of(
            AgentConfig(cluster_id="east"),
            local=world["east"].api,
            broker=client,
            clock=LoopClock(),
            random=Random(1),
            registry=CollectorRegistry(),
            events=Told(),
        )
        self.broker = BrokerStores(context, MembershipController(context).members)
        self.mirror = OwnMirror(self.broker)
        self.mirror.listen(changed=self.changed.append, broke=self.broke.append)

    async def record(self, name: str = "web") -> Entry[ExportRecord]:
        return await self.mirror.records.create(_body(EXPORTED_SERVICES, f"shop.{name}", record(name)))

    async def slice(self, name: str = "web") -> Entry[SourceSlice]:
        body = _body(EXPORTED_ENDPOINT_SLICES, f"shop.{name}-x", slice_(name))
        return await self.mirror.slices.create(body)

    def methods(self) -> list[str]:
        """Of the writes since this was asked last."""
        found = [one.partition(" ")[0] for one in self.wire.writes]
        self.wire.writes.clear()
        return found


def _body(kind: Resource, name: str, spec: Object) -> Object:
    metadata = {"name": name, "namespace": "mcs-member-east"}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "spec": spec}


@asynccontextmanager
async def mirrored() -> AsyncIterator[Mirrored]:
    async with Clusterset("east", start=False) as world:
        yield Mirrored(world)


async def test_a_record_is_marked_as_withdrawn_before_it_is_deleted_and_once() -> None:
    async with mirrored() as one:
        held = await one.record()
        one.methods()
        await one.mirror.withdraw(held)
        assert one.methods() == ["PUT", "DELETE"]

        again = await one.record()
        marked = await one.mirror.records.patch(again, {"spec": {"withdrawn": True}})
        one.methods()
        await one.mirror.withdraw(marked)
        assert one.methods() == ["DELETE"]


async def test_a_slice_is_emptied_before_it_is_deleted_only_if_its_service_stays_exported() -> None:
    async with mirrored() as one:
        for exported, methods in ((True, ["PUT", "DELETE"]), (False, ["DELETE"])):
            held = await one.slice()
            one.methods()
            await one.mirror.remove_slice(held, exported=exported)
            assert one.methods() == methods


async def test_what_we_removed_is_no_break_and_what_vanishes_later_under_its_name_is_one() -> None:
    async with mirrored() as one:
        records, slices = one.broker.own_records, one.broker.own_slices
        held_record, held_slice = await one.record(), await one.slice()
        await one.mirror.withdraw(held_record)
        await one.mirror.remove_slice(held_slice, exported=False)
        # As a watch shows it that lags behind.
        await asyncio.sleep(REMEMBERED_SECONDS - 1)
        records.apply(held_record)
        slices.apply(held_slice)
        await one.mirror.withdraw(await one.record("other"))
        records.remove(*held_record.key)
        slices.remove(*held_slice.key)
        assert one.broke == []

        await asyncio.sleep(2)
        await one.mirror.withdraw(await one.record("another"))
        records.apply(held_record)
        slices.apply(held_slice)
        records.remove(*held_record.key)
        slices.remove(*held_slice.key)
        assert one.broke == ["our record shop.web is gone", "our slice shop.web-x is gone"]


async def test_what_is_removed_again_is_remembered_longer_and_nothing_else_is_for_that() -> None:
    async with mirrored() as one:
        records = one.broker.own_records
        again, other = await one.record("again"), await one.record("other")
        await one.mirror.withdraw(again)
        await asyncio.sleep(30)
        await one.mirror.withdraw(other)
        await asyncio.sleep(20)
        await one.mirror.withdraw(await one.record("again"))
        await asyncio.sleep(45)
        await one.mirror.withdraw(await one.record("last"))

        for held in (again, other):
            records.apply(held)
            records.remove(*held.key)
        assert one.broke == ["our record shop.other is gone"]


async def test_an_own_object_that_is_older_than_before_is_a_break_and_a_newer_one_is_not() -> None:
    async with mirrored() as one:
        records, held = one.broker.own_records, await one.record()
        records.apply(held._replace(resource_version="1000"))
        records.apply(held._replace(resource_version="1001"))
        assert one.broke == []

        # What a list shows is taken whatever its version is.
        records.begin_list()
        records.replace([held._replace(resource_version="999")], "999")
        assert one.broke == ["our record shop.web is older than before"]


async def test_whose_service_others_changed_is_told() -> None:
    async with mirrored() as one:
        held_record, held_slice = await one.record(), await one.slice("db")
        assert one.changed == []

        one.broker.own_records.apply(held_record._replace(resource_version="1000"))
        one.broker.own_slices.remove(*held_slice.key)

        assert one.changed == [ServiceKey("shop", "web"), ServiceKey("shop", "db")]
