"""Keeps the answers in step with one API server: ServiceImports and imported slices in, services out.

A change marks its service, and at the end of the same turn of the loop each marked service is handed over
whole, once, however many of its objects changed. The zone opens when both kinds have been listed in full,
and is never emptied because an API server is away: its last state stays in use, and answers say that
they may be stale (docs/decisions/0012-dns-never-forgets.md). An object that is unreadable is left out, alone.

Until the lists are complete, what an earlier process saved may be served in their place (`adopt`), as stale.
Then nothing is handed over before both kinds are complete, since an import without its slices is no service.
"""

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial
from itertools import islice
from random import Random
from typing import Any, Final, Protocol

from mcs_controller.api.names import LABEL_SERVICE_NAME
from mcs_controller.api.resources import ENDPOINT_SLICES, MCS_API, service_imports
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.services import decode
from mcs_controller.dns.zone.bounds import bounded
from mcs_controller.dns.zone.decoding import HeldImport, HeldSlice, read_import, read_slice
from mcs_controller.dns.zone.packed import PackedService, packed_service
from mcs_controller.kube.client import Client
from mcs_controller.kube.decoding.field_parser import FieldParser
from mcs_controller.kube.discovery import served_resource
from mcs_controller.kube.reflector import Reflector
from mcs_controller.kube.store import Entry, Store
from mcs_controller.kube.tasks import Tasks

SERVICES_PER_TURN: Final = 256
"""After so many changed services in a row, queries get a turn."""

SLICES_PER_PAGE: Final = 1000
"""Some megabytes; smaller pages take an API server longer."""

STALE_CHECK_SECONDS: Final = 1.0


class ZoneSink(Protocol):
    """Who answers: `ZoneAnswers` in this process, or `Fleet` for worker processes."""

    def update(self, service: ServiceKey, packed: PackedService | None) -> None:
        """Take over a service as it is now, None when it is gone."""
        ...

    def open(self) -> None:
        """The zone is complete: answer from it. There is no way back."""
        ...

    def set_stale(self, stale: bool) -> None:
        """Whether answers may be out of date."""
        ...


class ZoneSource:
    """Feeds `sink` from the API server behind `client`. `changes` counts the services handed over."""

    def __init__(self, client: Client, sink: ZoneSink, *, random: Random) -> None:
        self.changes = 0
        self._sink = sink
        self._imports: Store[HeldImport] = Store()
        self._slices: Store[HeldSlice] = Store(index=_service_of)
        self._imports.subscribe(self._object_changed)
        self._slices.subscribe(self._object_changed)
        self._over_bounds: set[ServiceKey] = set()
        self._changed: dict[ServiceKey, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._complete = False
        self._adopted: Mapping[ServiceKey, PackedService] | None = None
        self._adopted_heard_at = 0.0
        self._import_reflector = Reflector(
            client,
            partial(served_resource, client, MCS_API, service_imports),
            self._imports,
            read_import,
            name="dns ServiceImports",
            random=random,
            page_size=0,
        )
        self._slice_reflector = Reflector(
            client,
            ENDPOINT_SLICES,
            self._slices,
            read_slice,
            name="dns EndpointSlices",
            random=random,
            label_selector=LABEL_SERVICE_NAME,
            page_size=SLICES_PER_PAGE,
            parse=FieldParser(decode.SliceFields),
        )

    @property
    def reflectors(self) -> tuple[Reflector[HeldImport], Reflector[HeldSlice]]:
        """What watches the API server, for metrics."""
        return self._import_reflector, self._slice_reflector

    def adopt(self, services: Mapping[ServiceKey, PackedService], age_seconds: float) -> None:
        """Answer from these, which were true so long ago, until the API server has been read."""
        self._adopted = services
        self._loop = asyncio.get_running_loop()
        self._adopted_heard_at = self._loop.time() - age_seconds
        for service, packed in services.items():
            self._sink.update(service, packed)
        self._sink.open()
        self.check_stale()

    async def run(self) -> None:
        """Go on until cancelled."""
        self._loop = asyncio.get_running_loop()
        async with Tasks("dns") as tasks:
            tasks.start(self._import_reflector.run(), name="imports")
            tasks.start(self._slice_reflector.run(), name="slices")
            tasks.start(self._open_when_complete(), name="open")
            tasks.start(self._watch_staleness(), name="staleness")

    def synced(self) -> bool:
        """Whether the zone has been read in full from the API server."""
        return self._complete

    def is_open(self) -> bool:
        """Whether there are answers, from the API server or from an earlier process."""
        return self._complete or self._adopted is not None

    def services(self) -> Iterable[ServiceKey]:
        """Every service that has an import."""
        if self._adopted is not None:
            return tuple(self._adopted)
        return [entry.value.service for entry in self._imports]

    def packed(self, service: ServiceKey) -> PackedService | None:
        """A service as it is handed over; the order of its slices does not depend on how they came."""
        if self._adopted is not None:
            return self._adopted.get(service)
        imported = self._imports.get(service.namespace, service.name)
        if imported is None:
            self._over_bounds.discard(service)
            return None
        entries = sorted(self._slices.indexed(service), key=_name_of)
        whole = packed_service(imported.value.packed, (entry.value.packed for entry in entries))
        packed = bounded(whole)
        if packed is whole:
            self._over_bounds.discard(service)
        else:
            self._over_bounds.add(service)
        return packed

    @property
    def over_bounds_count(self) -> int:
        """How many services have more than is answered with (`bounds`)."""
        return len(self._over_bounds)

    def problems(self) -> Mapping[str, str]:
        """What is wrong by kind of object, empty when all is well."""
        return {
            reflector.name: reflector.problem
            for reflector in self.reflectors
            if reflector.problem is not None
        }

    def age_seconds(self) -> float | None:
        """How long ago the API server was last heard on both kinds; None before that. From any thread."""
        if self._loop is None:
            return None
        if self._adopted is not None:
            heard_at = self._adopted_heard_at
        else:
            heard = [at for reflector in self.reflectors if (at := reflector.last_contact) is not None]
            if len(heard) < len(self.reflectors):
                return None
            heard_at = min(heard)
        return max(0.0, self._loop.time() - heard_at)

    def check_stale(self) -> None:
        """Let answers say so when the API server can no longer, or not yet, be followed."""
        self._sink.set_stale(self._adopted is not None or (self._complete and bool(self.problems())))

    async def _open_when_complete(self) -> None:
        for reflector in self.reflectors:
            await reflector.wait_synced()
        if self._adopted is not None:
            self._changed.update(dict.fromkeys(self._adopted))
            self._adopted = None
        while self._changed:
            self._hand_over()
            await asyncio.sleep(0)
        self._complete = True
        self._sink.open()
        self.check_stale()

    async def _watch_staleness(self) -> None:
        while True:
            self.check_stale()
            await asyncio.sleep(STALE_CHECK_SECONDS)

    def _object_changed(self, old: Entry[Any] | None, new: Entry[Any] | None) -> None:
        """A slice's label may be changed by hand: both services are touched then."""
        if old is not None and new is not None and old.value == new.value:
            return  # what changed is not in DNS
        for entry in (old, new):
            if entry is not None:
                self._mark(entry.value.service)

    def _mark(self, service: ServiceKey) -> None:
        if not self._changed and self._adopted is None:
            asyncio.get_running_loop().call_soon(self._hand_over)
        self._changed[service] = None

    def _hand_over(self) -> None:
        for service in tuple(islice(self._changed, SERVICES_PER_TURN)):
            del self._changed[service]
            self._sink.update(service, self.packed(service))
            self.changes += 1
        if self._changed:
            asyncio.get_running_loop().call_soon(self._hand_over)


def _name_of(entry: Entry[HeldSlice]) -> str:
    return entry.name


def _service_of(entry: Entry[HeldSlice]) -> ServiceKey:
    return entry.value.service
