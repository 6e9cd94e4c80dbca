"""What the broker holds: the other members' exports, and this member's own mirror of what it wrote.

A record's source cluster is the namespace that it lies in (architecture.md, The broker). The others'
objects and our own are watched apart, so that the echo of our own writes never looks like news from
another cluster.
"""

import asyncio
import random

from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES
from mcs_controller.clusterset import decode
from mcs_controller.clusterset.identity import member_namespace
from mcs_controller.clusterset.model import ExportRecord, ServiceKey, SourceSlice
from mcs_controller.kube.client import Client
from mcs_controller.kube.reflector import Reflector
from mcs_controller.kube.store import Entry, Store

FIRST_PAGE_SIZE = 10
"""Of what other members wrote, each object may be as large as etcd takes."""


def _service_of(entry: Entry[ExportRecord] | Entry[SourceSlice]) -> ServiceKey:
    return entry.value.service


class BrokerState:
    """The stores of the broker's objects, and the reflectors that keep them in step."""

    def __init__(self, cluster_id: str, client: Client, *, random: random.Random) -> None:
        self.client = client
        self.own_namespace = member_namespace(cluster_id)
        others = f"metadata.namespace!={self.own_namespace}"

        self.records: Store[ExportRecord] = Store(index=_service_of)
        self.slices: Store[SourceSlice] = Store(index=_service_of)
        self.own_records: Store[ExportRecord] = Store(index=_service_of)
        self.own_slices: Store[SourceSlice] = Store(index=_service_of)

        self._records = Reflector(
            client, EXPORTED_SERVICES, self.records, decode.exported_service,
            field_selector=others, random=random, name="exportedservices", first_page_size=FIRST_PAGE_SIZE,
        )  # fmt: skip
        self._slices = Reflector(
            client, EXPORTED_ENDPOINT_SLICES, self.slices, decode.exported_slice,
            field_selector=others, random=random, name="exportedendpointslices",
            first_page_size=FIRST_PAGE_SIZE,
        )  # fmt: skip
        self._own_records = Reflector(
            client, EXPORTED_SERVICES, self.own_records, decode.exported_service,
            namespace=self.own_namespace, random=random, name="own-exportedservices",
        )  # fmt: skip
        self._own_slices = Reflector(
            client, EXPORTED_ENDPOINT_SLICES, self.own_slices, decode.exported_slice,
            namespace=self.own_namespace, random=random, name="own-exportedendpointslices",
        )  # fmt: skip
        self.reflectors = (self._records, self._slices, self._own_records, self._own_slices)

    async def run(self) -> None:
        """Keep the stores in step, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for reflector in self.reflectors:
                tasks.create_task(reflector.run(), name=f"{self.client.name}-{reflector.name}")

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

    async def confirm(self) -> None:
        """Read the other members' records and slices anew: a second complete list."""
        await self._records.fetch()
        await self._slices.fetch()
