"""What the broker holds: the other members' exports, and this member's own mirror of what it wrote.

A record's source cluster is the namespace that it lies in (docs/architecture.md, The broker). The others'
objects and our own are watched apart, so that the echo of our own writes never looks like news from
another cluster.
"""

import asyncio
import random
from collections.abc import Iterator, Mapping
from typing import Any

from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES
from mcs_controller.clusterset.identity import member_namespace
from mcs_controller.clusterset.model import ExportRecord, ServiceKey, SourceSlice
from mcs_controller.clusterset.services import decode
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.services.stores.intake import Intake, Revisit
from mcs_controller.kube.client import Client
from mcs_controller.kube.reflector import Reflector
from mcs_controller.kube.store import Entry, Store, is_older

FIRST_PAGE_SIZE = 10
"""Of what other members wrote, each object may be as large as etcd takes."""


def _service_of(entry: Entry[ExportRecord] | Entry[SourceSlice]) -> ServiceKey:
    return entry.value.service


class BrokerState:
    """The stores of the broker's objects, and the reflectors that keep them in step."""

    def __init__(
        self, cluster_id: str, client: Client, membership: Membership, *, random: random.Random
    ) -> None:
        self.client = client
        self.own_namespace = member_namespace(cluster_id)
        others = f"metadata.namespace!={self.own_namespace}"

        self.records: Store[ExportRecord] = Store(index=_service_of)
        self.slices: Store[SourceSlice] = Store(index=_service_of)
        self.own_records: Store[ExportRecord] = Store(index=_service_of)
        self.own_slices: Store[SourceSlice] = Store(index=_service_of)

        self._membership = membership
        self._record_intake = Intake(
            EXPORTED_SERVICES.kind, self.records, lambda cluster: membership.limits(cluster).records()
        )
        self._slice_intake = Intake(
            EXPORTED_ENDPOINT_SLICES.kind, self.slices, lambda cluster: membership.limits(cluster).slices()
        )
        self.own_record_intake = Intake(
            EXPORTED_SERVICES.kind,
            self.own_records,
            lambda cluster: membership.limits(cluster).records(),
            enforce=False,
        )
        self.own_slice_intake = Intake(
            EXPORTED_ENDPOINT_SLICES.kind,
            self.own_slices,
            lambda cluster: membership.limits(cluster).slices(),
            enforce=False,
        )
        # A broker that is restored ends each watch. Once enough has been written there again no version
        # shows it, and what was written meanwhile, under versions seen before, would never be heard of.
        self._records = Reflector(
            client, EXPORTED_SERVICES, self.records, decode.exported_service,
            field_selector=others, random=random, name="exportedservices", first_page_size=FIRST_PAGE_SIZE,
            admit=self._record_intake.admit, lists_after_error=True,
        )  # fmt: skip
        self._slices = Reflector(
            client, EXPORTED_ENDPOINT_SLICES, self.slices, self._decode_slice,
            field_selector=others, random=random, name="exportedendpointslices",
            first_page_size=FIRST_PAGE_SIZE, admit=self._slice_intake.admit,
            lists_after_error=True,
        )  # fmt: skip
        self._own_records = Reflector(
            client, EXPORTED_SERVICES, self.own_records, decode.own_exported_service,
            namespace=self.own_namespace, random=random, name="own-exportedservices",
            admit=self.own_record_intake.admit, lists_after_error=True,
        )  # fmt: skip
        self._own_slices = Reflector(
            client, EXPORTED_ENDPOINT_SLICES, self.own_slices, self._decode_own_slice,
            namespace=self.own_namespace, random=random, name="own-exportedendpointslices",
            admit=self.own_slice_intake.admit, lists_after_error=True,
        )  # fmt: skip
        self.reflectors = (self._records, self._slices, self._own_records, self._own_slices)
        self._revisits = (
            Revisit(self._record_intake, self._records),
            Revisit(self._slice_intake, self._slices),
        )

    async def run(self) -> None:
        """Keep the stores in step, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for reflector in self.reflectors:
                tasks.create_task(self._follow(reflector), name=f"{self.client.name}-{reflector.name}")
            for revisit in self._revisits:
                tasks.create_task(revisit.run(), name=f"{self.client.name}-left-out")

    async def _follow(self, reflector: Reflector[Any]) -> None:
        if reflector in (self._records, self._slices):
            # Before the members have been read nobody can say how much of each is to be taken.
            await self._membership.wait_observed()
        await reflector.run()

    def left_out(self) -> Iterator[tuple[str, str, str, int]]:
        """Member, kind, bound and number of the objects that are not taken."""
        for intake in (self._record_intake, self._slice_intake):
            for cluster, reason, number in intake.left_out():
                yield cluster, intake.kind, reason, number

    def member_changed(self, cluster: str) -> None:
        """What a member may have has perhaps changed."""
        for intake in (self._record_intake, self._slice_intake):
            intake.allow_more(cluster)

    def _decode_slice(self, raw: Mapping[str, Any]) -> SourceSlice | None:
        slice_ = decode.exported_slice(raw)
        return slice_ if _taken(self._slice_intake, slice_, raw) else None

    def _decode_own_slice(self, raw: Mapping[str, Any]) -> SourceSlice:
        slice_ = decode.own_exported_slice(raw)
        _taken(self.own_slice_intake, slice_, raw)
        return slice_

    def imports_synced(self) -> bool:
        """Whether the other members' records and slices have been read completely once."""
        return self._records.synced() and self._slices.synced()

    def exports_synced(self) -> bool:
        """Whether our own mirror has been read completely once."""
        return self._own_records.synced() and self._own_slices.synced()

    async def wait_synced(self) -> None:
        """Wait until everything has been read completely once."""
        for reflector in self.reflectors:
            await reflector.wait_synced()

    def relist(self) -> None:
        """The broker's history broke: take everything anew."""
        for reflector in self.reflectors:
            reflector.relist()

    def relist_imports(self) -> None:
        """Take the others' part anew."""
        self._records.relist()
        self._slices.relist()

    def imports_current(self) -> bool:
        """Whether the others' part has been read completely since that was asked for last."""
        return self._records.current() and self._slices.current()

    def exports_current(self) -> bool:
        """The same of our own mirror."""
        return self._own_records.current() and self._own_slices.current()

    def newest_version(self) -> str:
        """The latest version of this server that any of the reflectors has seen."""
        newest = "0"
        for reflector in self.reflectors:
            if is_older(newest, reflector.version):
                newest = reflector.version
        return newest

    def leaves_out(self, entry: Entry[Any]) -> bool:
        """Whether an object that is no longer held was left out here, since its member has too much."""
        return self._intake_of(entry).leaves_out(entry.value.cluster, entry.name)

    def retain(self, entry: Entry[Any]) -> None:
        """What has just gone from its store is kept by the caller: its member still pays for it."""
        self._intake_of(entry).retain(entry.value.cluster, entry.name)

    def let_go(self, entry: Entry[Any]) -> None:
        """What was kept is kept no longer."""
        self._intake_of(entry).let_go(entry.value.cluster, entry.name)

    def _intake_of(self, entry: Entry[Any]) -> Intake:
        return self._record_intake if isinstance(entry.value, ExportRecord) else self._slice_intake


def _taken(intake: Intake, slice_: SourceSlice, raw: Mapping[str, Any]) -> bool:
    endpoints = sum(len(endpoint.addresses) for endpoint in slice_.content.endpoints)
    return intake.takes(slice_.cluster, raw["metadata"]["name"], endpoints)
