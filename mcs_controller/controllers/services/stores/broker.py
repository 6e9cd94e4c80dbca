"""What the broker holds: the other members' exports, and this member's own mirror of what it wrote.

A record's namespace says its source cluster (docs/architecture.md, The broker). Other members' objects and
our own have separate watches, so the echo of our own writes never looks like a change by another cluster.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES
from mcs_controller.clusterset.identity import member_namespace
from mcs_controller.clusterset.membership.limits import Allowance
from mcs_controller.clusterset.model import ExportRecord, ServiceKey, SourceSlice
from mcs_controller.clusterset.services import decode
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.services.stores.intake import Intake, Revisit
from mcs_controller.controllers.services.stores.stamps import Stamps
from mcs_controller.kube.informer import Informer
from mcs_controller.kube.store import Entry, is_older
from mcs_controller.kube.tasks import Tasks

FIRST_PAGE_SIZE: Final = 10
"""The first page of a list is small: each object of another member may be as large as etcd allows."""


def _service_of(entry: Entry[ExportRecord] | Entry[SourceSlice]) -> ServiceKey:
    return entry.value.service


class BrokerStores:
    """The broker's objects, and the informers that hold them; `stamps` gives the times of changes."""

    def __init__(self, context: Context, membership: Membership) -> None:
        informers = context.broker
        client = informers.client
        self.client = client
        self.own_namespace = member_namespace(context.config.cluster_id)
        others = f"metadata.namespace!={self.own_namespace}"
        services, slices = EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES

        def records_allowed(cluster: str) -> Allowance:
            return membership.limits(cluster).records()

        def slices_allowed(cluster: str) -> Allowance:
            return membership.limits(cluster).slices()

        self._record_intake = Intake(services.kind, records_allowed)
        self._slice_intake = Intake(slices.kind, slices_allowed)
        self.own_record_intake = Intake(services.kind, records_allowed, enforce=False)
        self.own_slice_intake = Intake(slices.kind, slices_allowed, enforce=False)
        # The others' objects are read after the members: only then their limits are known.
        self.records: Informer[ExportRecord] = informers.add(
            "exportedservices",
            services,
            decode.exported_service,
            index=_service_of,
            field_selector=others,
            first_page_size=FIRST_PAGE_SIZE,
            admit=self._record_intake.admit,
            begin=membership.wait_observed,
        )
        self.slices: Informer[SourceSlice] = informers.add(
            "exportedendpointslices",
            slices,
            self._decode_slice,
            index=_service_of,
            field_selector=others,
            first_page_size=FIRST_PAGE_SIZE,
            admit=self._slice_intake.admit,
            begin=membership.wait_observed,
        )
        self.own_records: Informer[ExportRecord] = informers.add(
            "own-exportedservices",
            services,
            decode.own_exported_service,
            index=_service_of,
            namespace=self.own_namespace,
            admit=self.own_record_intake.admit,
        )
        self.own_slices: Informer[SourceSlice] = informers.add(
            "own-exportedendpointslices",
            slices,
            self._decode_own_slice,
            index=_service_of,
            namespace=self.own_namespace,
            admit=self.own_slice_intake.admit,
        )
        self._record_intake.follow(self.records)
        self._slice_intake.follow(self.slices)
        self.own_record_intake.follow(self.own_records)
        self.own_slice_intake.follow(self.own_slices)
        self.stamps = Stamps(context.clock, lambda: membership.heartbeat_seconds)
        self.stamps.follow(self.own_records)
        self.stamps.follow(self.own_slices)
        self._informers: tuple[Informer[Any], ...] = (
            self.records, self.slices, self.own_records, self.own_slices
        )  # fmt: skip
        self._revisits = (
            Revisit(self._record_intake, self.records.reflector),
            Revisit(self._slice_intake, self.slices.reflector),
        )

    async def run(self) -> None:
        """Read again what was left out and may fit by now, until cancelled."""
        async with Tasks("left-out") as tasks:
            for revisit in self._revisits:
                tasks.start(revisit.run(), name=revisit.kind)

    def left_out(self) -> Iterator[tuple[str, str, str, int]]:
        """Member, kind, limit and number of the objects that are left out."""
        for intake in (self._record_intake, self._slice_intake):
            for cluster, reason, number in intake.left_out():
                yield cluster, intake.kind, reason, number

    def member_changed(self, cluster: str) -> None:
        """The limits of a member may have changed."""
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
        return self.records.synced() and self.slices.synced()

    def exports_synced(self) -> bool:
        """Whether our own mirror has been read completely once."""
        return self.own_records.synced() and self.own_slices.synced()

    async def wait_synced(self) -> None:
        """Wait until everything has been read completely once."""
        for informer in self._informers:
            await informer.wait_synced()

    def relist(self) -> None:
        """The broker's history broke: list everything again."""
        for informer in self._informers:
            informer.reflector.relist()
        self.client.contact.doubt_history()

    def relist_imports(self) -> None:
        """List the other members' objects again."""
        self.records.reflector.relist()
        self.slices.reflector.relist()

    def imports_current(self) -> bool:
        """Whether the other members' objects have been read completely since the last `relist`."""
        return self.records.reflector.current() and self.slices.reflector.current()

    def exports_current(self) -> bool:
        """Whether our own mirror has been read completely since the last `relist`."""
        return self.own_records.reflector.current() and self.own_slices.reflector.current()

    def newest_version(self) -> str:
        """The latest resource version of the broker that any of the reflectors has seen."""
        newest = "0"
        for informer in self._informers:
            if is_older(newest, informer.reflector.version):
                newest = informer.reflector.version
        return newest

    def leaves_out(self, entry: Entry[Any]) -> bool:
        """Whether an object is missing in its store because its member exceeds its limits."""
        return self._intake_of(entry).leaves_out(entry.value.cluster, entry.name)

    def read_again(self, entry: Entry[Any]) -> None:
        """Read all objects of the entry's kind and member again, soon."""
        self._intake_of(entry).ask(entry.value.cluster)

    def read_since(self, entry: Entry[Any], since_seconds: float) -> bool:
        """Whether all objects of the entry's kind and member have been read by a read begun since then."""
        return self._intake_of(entry).read_since(entry.value.cluster, since_seconds)

    def retain(self, entry: Entry[Any]) -> None:
        """The caller retains an entry that was just removed from its store: it counts for its member."""
        self._intake_of(entry).retain(entry.value.cluster, entry.name)

    def let_go(self, entry: Entry[Any]) -> None:
        """An entry is no longer retained, and no longer counts for its member."""
        self._intake_of(entry).let_go(entry.value.cluster, entry.name)

    def _intake_of(self, entry: Entry[Any]) -> Intake:
        return self._record_intake if isinstance(entry.value, ExportRecord) else self._slice_intake


def _taken(intake: Intake, slice_: SourceSlice, raw: Mapping[str, Any]) -> bool:
    endpoints = sum([len(endpoint.addresses) for endpoint in slice_.content.endpoints])
    return intake.takes(slice_.cluster, raw["metadata"]["name"], endpoints)
