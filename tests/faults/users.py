"""The users of every cluster: what they offer, and what they change all the time.

Whatever they do they tell the observer's `Expected`, a removal before it is written. They do not give up: a
write that fails, as the API server is away or its kind is missing, is tried again until it is done.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from mcs_controller.api.resources import ENDPOINT_SLICES, NAMESPACES, SERVICES, Resource
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import AlreadyExists, KubeError, NotFound
from tests.support.objects import (
    EXPORTS,
    HTTP,
    Object,
    body,
    endpoint,
    export_body,
    namespace_body,
    slice_body,
)
from tests.support.observer.expected import Expected
from tests.support.users import put

MEMBERS: Final = ("east", "west", "north")
NAMESPACES_OF_USERS: Final = ("shop", "stock", "staff")
SERVICES_IN_ALL: Final = 30
HEADLESS_EVERY: Final = 5
CHURN_EVERY_SECONDS: Final = 0.3
EXPORT_CHURN_SHARE: Final = 0.05
"""Of all changes: those of exports; the others are of endpoints."""
RETRY_SECONDS: Final = 0.3
_MANAGED_BY: Final = {"endpointslice.kubernetes.io/managed-by": "tests.mcs-controller.io"}

Place = tuple[str, str]
"""A cluster, and a service as namespace/name."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A Service in one cluster: the addresses of its endpoints, and whether it is exported."""

    steady: tuple[str, ...]
    passing: tuple[str, ...] = ()
    headless: bool = False
    exported: bool = True

    @property
    def addresses(self) -> tuple[str, ...]:
        return (*self.steady, *self.passing)


def spec_of(offer: Offer) -> Object:
    """Of its Service."""
    return {"ports": [HTTP], "type": "ClusterIP", **({"clusterIP": "None"} if offer.headless else {})}


def first_offers() -> dict[Place, Offer]:
    """Thirty services: a third is exported by all members, a third by two, a third by one."""
    offers: dict[Place, Offer] = {}
    for number in range(SERVICES_IN_ALL):
        service = f"{NAMESPACES_OF_USERS[number % 3]}/svc-{number:02}"
        exporters = [MEMBERS[(number // 3 + place) % 3] for place in range(number % 3 + 1)]
        # What one member exports is all in one namespace, and so on: number % 3 says both.
        for member in exporters:
            steady = tuple(f"10.{MEMBERS.index(member) + 1}.{number}.{host}" for host in (1, 2))
            offers[member, service] = Offer(steady, headless=number % HEADLESS_EVERY == 0)
    return offers


class Users:
    """Of all member clusters; `offers` is what they have at present."""

    def __init__(self, expected: Expected) -> None:
        self.expected = expected
        self.offers: dict[Place, Offer] = {}
        self.left_alone: set[Place] = set()
        """What the churn does not touch at present."""
        self._apis: Mapping[str, Client] = {}
        self._busy: dict[Place, asyncio.Lock] = {}

    def reach(self, apis: Mapping[str, Client]) -> None:
        """By these clients they reach their clusters from now on."""
        self._apis = apis

    async def set_up(self, offers: Mapping[Place, Offer]) -> None:
        """All namespaces, Services, slices and exports."""

        async def of(cluster: str) -> None:
            for namespace in NAMESPACES_OF_USERS:
                await self.namespace(cluster, namespace)
            for (where, service), offer in offers.items():
                if where == cluster:
                    await self.offer(cluster, service, offer)

        async with asyncio.TaskGroup() as group:
            for cluster in self._apis:
                group.create_task(of(cluster), name=f"users of {cluster}")

    # What they do

    async def namespace(self, cluster: str, namespace: str) -> None:
        self.expected.namespace(cluster, namespace)
        await self.create(cluster, NAMESPACES, namespace_body(namespace))

    async def offer(self, cluster: str, service: str, offer: Offer) -> None:
        """A Service with its endpoints, and its export."""
        namespace, name = service.split("/")
        self.offers[cluster, service] = offer
        await self.create(cluster, SERVICES, body(SERVICES, name, namespace, spec=spec_of(offer)))
        await self._write_slice(cluster, service, offer.addresses)
        if offer.exported:
            await self.export(cluster, service)

    async def endpoints(self, cluster: str, service: str, passing: Sequence[str]) -> None:
        """The endpoints are the steady ones and these."""
        offer = replace(self.offers[cluster, service], passing=tuple(passing))
        self.offers[cluster, service] = offer
        if offer.exported:
            self.expected.endpoints(cluster, service, offer.addresses)
        await self._write_slice(cluster, service, offer.addresses)

    async def export(self, cluster: str, service: str) -> None:
        offer = self.offers[cluster, service] = replace(self.offers[cluster, service], exported=True)
        namespace, name = service.split("/")
        await self.create(cluster, EXPORTS, export_body(name, namespace))
        self.expected.exported(cluster, service, offer.addresses, headless=offer.headless)

    async def unexport(self, cluster: str, service: str) -> None:
        self.offers[cluster, service] = replace(self.offers[cluster, service], exported=False)
        self.expected.unexported(cluster, service)
        await self.delete(cluster, EXPORTS, service)

    async def withdraw(self, cluster: str, service: str) -> None:
        """Unexport the Service, and delete it."""
        await self.unexport(cluster, service)
        namespace, name = service.split("/")
        await self.delete(cluster, SERVICES, service)
        await self.delete(cluster, ENDPOINT_SLICES, f"{namespace}/{name}-abc")
        del self.offers[cluster, service]

    def exporters(self, service: str) -> list[str]:
        """The clusters that export it at present."""
        return [
            cluster for (cluster, name), offer in self.offers.items() if name == service and offer.exported
        ]

    def services_of(self, cluster: str, namespace: str = "") -> list[str]:
        """What the cluster exports at present, of one namespace or of all."""
        return [
            service
            for (where, service), offer in self.offers.items()
            if where == cluster and offer.exported and service.startswith(namespace)
        ]

    # How they do it

    async def create(self, cluster: str, kind: Resource, wanted: Object) -> None:
        async def done() -> None:
            with contextlib.suppress(AlreadyExists):
                await self._apis[cluster].create(kind, wanted)

        await until_done(done)

    async def write(self, cluster: str, kind: Resource, wanted: Object) -> None:
        """Create it, or write it over what is there."""

        async def done() -> None:
            await put(self._apis[cluster], kind, wanted)

        await until_done(done)

    async def delete(self, cluster: str, kind: Resource, name: str) -> None:
        """By namespace/name, or the name alone."""
        namespace, _, short = name.rpartition("/")

        async def done() -> None:
            with contextlib.suppress(NotFound):
                await self._apis[cluster].delete(kind, short, namespace=namespace)

        await until_done(done)

    async def _write_slice(self, cluster: str, service: str, addresses: Iterable[str]) -> None:
        namespace, name = service.split("/")
        wanted = slice_body(name, [endpoint(one) for one in addresses], namespace, labels=_MANAGED_BY)
        await self.write(cluster, ENDPOINT_SLICES, wanted)

    # What they do all the time

    @contextlib.asynccontextmanager
    async def churning(self) -> AsyncIterator[None]:
        """Inside, endpoints and exports come and go in every cluster; what was begun is ended in the end."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for cluster in self._apis:
                group.create_task(self._churn(cluster, stop), name=f"churn in {cluster}")
            try:
                yield
            finally:
                stop.set()

    @contextlib.asynccontextmanager
    async def leaving_alone(self, *places: Place) -> AsyncIterator[None]:
        """Inside, the churn does not touch these."""
        taken = set(places) - self.left_alone
        self.left_alone |= taken
        try:
            for place in sorted(taken):
                async with self._lock(place):
                    """What the churn had begun with it has ended."""
            yield
        finally:
            self.left_alone -= taken

    def _lock(self, place: Place) -> asyncio.Lock:
        return self._busy.setdefault(place, asyncio.Lock())

    async def _churn(self, cluster: str, stop: asyncio.Event) -> None:
        random = Random(cluster)
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), CHURN_EVERY_SECONDS)
            places = sorted(
                place for place in self.offers if place[0] == cluster and place not in self.left_alone
            )
            if not places:
                continue
            place = random.choice(places)
            async with self._lock(place):
                if place in self.offers and place not in self.left_alone:
                    await self._change(place, random)

    async def _change(self, place: Place, random: Random) -> None:
        offer = self.offers[place]
        if not offer.exported or random.random() < EXPORT_CHURN_SHARE:
            await (self.unexport if offer.exported else self.export)(*place)
        else:
            network = offer.steady[0].rpartition(".")[0]
            hosts = random.sample(range(100, 200), k=random.randrange(3))
            await self.endpoints(*place, [f"{network}.{host}" for host in hosts])


async def until_done(action: Callable[[], Awaitable[None]]) -> None:
    """Try until it succeeds; only the test's own deadline ends that."""
    while True:
        try:
            await action()
        except KubeError:
            await asyncio.sleep(RETRY_SECONDS)
        else:
            return
