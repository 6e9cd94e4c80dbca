"""The derived Service by itself: what its API server refuses or drops, and when an IP is given up."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mcs_controller.api.resources import NAMESPACES, SERVICES, service_imports
from mcs_controller.clusterset.model import (
    ImportSpec,
    LocalImport,
    LocalService,
    MergedService,
    ServiceKey,
    ServicePort,
)
from mcs_controller.clusterset.services.merge import merge
from mcs_controller.clusterset.services.naming import derived_service_name
from mcs_controller.controllers.services.imports.derived_services import IP_PATIENCE_SECONDS, DerivedServices
from mcs_controller.controllers.services.imports.owners import Owners
from mcs_controller.controllers.services.stores.local import LocalStores
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.transport import Request, Response, Transport
from mcs_controller.kube.errors import Invalid, NotFound
from mcs_controller.kube.store import Entry, Store
from mcs_controller.simcluster.cluster import SimCluster
from tests.clusterset.builders import record
from tests.support.agents import LoopClock, Wire
from tests.support.transports import PassingTransport

pytestmark = pytest.mark.looptime

Object = dict[str, Any]
HOUR_SECONDS = 3600.0
WEB, API = ServiceKey("shop", "web"), ServiceKey("shop", "api")


class Forgetful(PassingTransport):
    """An API server of before traffic distributions: it drops the field."""

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        return await super().request(_without_distribution(request), timeout_seconds=timeout_seconds)


def _without_distribution(request: Request) -> Request:
    if request.body is None:
        return request
    body = json.loads(request.body)
    body.get("spec", {}).pop("trafficDistribution", None)
    return Request(request.method, request.path, request.query, request.headers, json.dumps(body).encode())


class Sure:
    """Each import is the one that is known."""

    async def confirm(self, key: ServiceKey, uid: str, name: str) -> None:
        """There is nothing to ask."""


class Here:
    """One cluster, and the derived Services of its imports; nothing is watched."""

    def __init__(self, cluster: SimCluster, *, forgets_distributions: bool = False) -> None:
        self.wire = Wire()
        self.cluster = cluster
        self.api = cluster.client()
        self.clock = LoopClock()
        transport: Transport = cluster.transport("agent")
        if forgets_distributions:
            transport = Forgetful(transport)
        self.services: Store[LocalService] = Store()
        local = SimpleNamespace(
            client=Client(self.wire.wrap(transport), name="local"),
            services=self.services,
            imports_resource=service_imports,
        )
        self.derived = DerivedServices(cast(LocalStores, local), cast(Owners, Sure()), self.clock)

    async def ensure(self, merged: MergedService, *ips: str) -> tuple[str, ...]:
        return await self.derived.ensure(merged.service, merged, imported(merged.service, *ips))

    async def rest(self, key: ServiceKey = WEB) -> float | None:
        return await self.derived.rest(key, imported(key))

    def methods(self) -> list[str]:
        """Of the requests to write since this was asked last."""
        found = [one.partition(" ")[0] for one in self.wire.writes]
        self.wire.writes.clear()
        return found

    async def held(self, key: ServiceKey = WEB) -> Object | None:
        found = (await self.api.list(SERVICES, namespace=key.namespace)).items
        return next((one for one in found if one["metadata"]["name"] == derived_service_name(key)), None)

    async def taken_by_another(self, ip: str) -> Object:
        metadata = {"name": "thief", "namespace": "shop"}
        spec = {"clusterIP": ip, "ports": [{"port": 80}]}
        return await self.api.create(SERVICES, {"metadata": metadata, "spec": spec})

    async def hold(self, key: ServiceKey, **fields: Any) -> None:
        """As a watch shows it after somebody wrote it."""
        name = derived_service_name(key)
        entry = self.services.get("shop", name)
        assert entry is not None
        touched = {"metadata": {"annotations": {"touched-after": entry.resource_version}}}
        written = await self.api.patch(SERVICES, name, touched, namespace="shop")
        newer = written["metadata"]["resourceVersion"]
        self.services.apply(entry._replace(value=replace(entry.value, **fields), resource_version=newer))

    async def vanishes(self, key: ServiceKey = WEB) -> None:
        """Somebody deletes it, if it is there."""
        name = derived_service_name(key)
        with contextlib.suppress(NotFound):
            await self.api.delete(SERVICES, name, namespace="shop")
        self.services.remove("shop", name)


@asynccontextmanager
async def here(*cidrs: str, forgets_distributions: bool = False) -> AsyncIterator[Here]:
    cluster = SimCluster("west", service_cidrs=cidrs or ("10.96.0.0/16",), clock=LoopClock())
    one = Here(cluster, forgets_distributions=forgets_distributions)
    await one.api.create(NAMESPACES, {"metadata": {"name": "shop"}})
    yield one
    cluster.close()


def service(key: ServiceKey = WEB, **fields: Any) -> MergedService:
    return merge([record(service=key, **{"ip_families": ("IPv4",), **fields})], frozenset())


def imported(key: ServiceKey, *ips: str) -> Entry[LocalImport]:
    families = tuple("IPv6" if ":" in ip else "IPv4" for ip in ips)
    spec = ImportSpec("ClusterSetIP", (), ips, families)  # type: ignore[arg-type]
    value = LocalImport(key, "import-uid", 1, spec, managed=True)
    return Entry(key.namespace, key.name, "import-uid", "1", value)


# Traffic distributions


async def test_a_distribution_that_is_refused_is_left_out_at_once_and_tried_no_more_for_any_service() -> None:
    async with here() as one:
        assert await one.ensure(service(traffic_distribution="PreferTomorrow"))
        assert one.methods() == ["POST", "POST"]
        held = await one.held()
        assert held is not None
        assert "trafficDistribution" not in held["spec"]

        assert await one.ensure(service(traffic_distribution="PreferTomorrow"))
        assert one.methods() == []
        assert await one.ensure(service(API, traffic_distribution="PreferTomorrow"))
        assert one.methods() == ["POST"]


async def test_a_distribution_that_is_dropped_is_not_asked_for_again() -> None:
    async with here(forgets_distributions=True) as one:
        for _ in range(2):
            assert await one.ensure(service(traffic_distribution="PreferClose"))
        assert one.methods() == ["POST"]


async def test_each_distribution_is_found_out_by_itself_and_one_that_is_known_is_set() -> None:
    async with here() as one:
        for distribution in ("PreferTomorrow", "PreferYesterday"):
            await one.ensure(service(traffic_distribution=distribution))
        assert one.methods() == ["POST", "POST", "PUT", "PUT"]
        for distribution in ("PreferTomorrow", "PreferYesterday"):
            await one.ensure(service(traffic_distribution=distribution))
        assert one.methods() == []

        await one.ensure(service(traffic_distribution="PreferClose"))
        assert one.methods() == ["PUT"]
        held = await one.held()
        assert held is not None
        assert held["spec"]["trafficDistribution"] == "PreferClose"

        await one.ensure(service(traffic_distribution=None))
        await one.ensure(service(traffic_distribution="PreferClose"))
        assert one.methods() == ["PUT", "PUT"]


@pytest.mark.parametrize("distribution", [None, "PreferClose"])
async def test_another_refusal_is_an_error_and_costs_one_write(distribution: str | None) -> None:
    async with here() as one:
        ports = (ServicePort(80, "a"), ServicePort(81, "a"))
        refused = replace(service(traffic_distribution=distribution), ports=ports)
        with pytest.raises(Invalid, match="Duplicate"):
            await one.ensure(refused)
        assert one.methods() == ["POST"]
        assert await one.held() is None


# Families


async def test_a_family_that_is_refused_is_known_not_to_be_served_and_not_asked_for_again() -> None:
    async with here("10.96.0.0/16") as one:
        assert one.derived.served_families() == ()
        assert await one.ensure(service(ip_families=("IPv6",))) == ()
        assert one.derived.served_families() == ("IPv4",)
        one.methods()

        assert await one.ensure(service(API, ip_families=("IPv6",))) == ()
        assert one.methods() == []
        assert await one.ensure(service(API, ip_families=("IPv4",)))
        assert one.methods() == ["POST"]


async def test_a_headless_import_gets_no_derived_service() -> None:
    async with here() as one:
        assert await one.ensure(service(type="Headless")) == ()
        assert one.methods() == []


# IPs


async def test_the_ip_of_an_import_is_that_of_our_service_only() -> None:
    async with here() as one:
        assert one.derived.ips(WEB) == ()
        ips = await one.ensure(service())
        assert one.derived.ips(WEB) == ips != ()

        await one.hold(WEB, managed=False)
        assert one.derived.ips(WEB) == ()


async def test_one_that_is_being_deleted_is_not_written_and_the_recorded_ips_stay() -> None:
    async with here() as one:
        await one.ensure(service())
        await one.hold(WEB, deleting=True)
        one.methods()
        assert await one.ensure(service(ports=(ServicePort(81),)), "10.96.0.200") == ("10.96.0.200",)
        assert await one.rest() is None
        assert one.methods() == []


async def test_a_recorded_ip_that_is_taken_is_insisted_on_for_five_seconds_and_then_given_up() -> None:
    async with here() as one:
        await one.taken_by_another("10.96.0.200")
        for wait_seconds in (0.0, IP_PATIENCE_SECONDS - 0.1):
            await asyncio.sleep(wait_seconds)
            with pytest.raises(Invalid):
                await one.ensure(service(), "10.96.0.200")
        await asyncio.sleep(0.1)

        (fresh,) = await one.ensure(service(), "10.96.0.200")

        held = await one.held()
        assert held is not None
        assert held["spec"]["clusterIPs"] == [fresh] != ["10.96.0.200"]
        assert held["metadata"]["ownerReferences"][0]["uid"] == "import-uid"


async def test_each_service_has_its_own_patience_with_a_recorded_ip() -> None:
    async with here() as one:
        await one.taken_by_another("10.96.0.200")
        with pytest.raises(Invalid):
            await one.ensure(service(), "10.96.0.200")
        await asyncio.sleep(IP_PATIENCE_SECONDS)
        with pytest.raises(Invalid):
            await one.ensure(service(API), "10.96.0.200")


async def test_a_refusal_for_another_reason_than_the_ip_gives_no_ip_up() -> None:
    async with here() as one:
        ports = (ServicePort(80, "a"), ServicePort(81, "a"))
        for wait_seconds in (0.0, 2 * IP_PATIENCE_SECONDS):
            await asyncio.sleep(wait_seconds)
            with pytest.raises(Invalid, match="Duplicate"):
                await one.ensure(replace(service(), ports=ports), "10.96.0.200")


async def created(one: Here) -> None:
    await one.ensure(service())


async def seen(one: Here) -> None:
    """It is there again without our doing."""
    other = Here(one.cluster)
    await other.ensure(service())
    for entry in other.services:
        one.services.apply(entry)
    await one.ensure(service())


async def removed(one: Here) -> None:
    await one.derived.remove(WEB)


@pytest.mark.parametrize("end", [created, seen, removed], ids=["created", "seen", "removed"])
async def test_what_was_refused_before_it_worked_or_went_is_no_reason_to_give_an_ip_up_later(
    end: Callable[[Here], Awaitable[None]],
) -> None:
    async with here() as one:
        await one.taken_by_another("10.96.0.200")
        with pytest.raises(Invalid):
            await one.ensure(service(), "10.96.0.200")
        await end(one)
        await one.vanishes()
        await asyncio.sleep(IP_PATIENCE_SECONDS)

        with pytest.raises(Invalid):
            await one.ensure(service(), "10.96.0.200")


# Ports


async def test_ports_change_only_where_there_is_a_service_with_others_whatever_their_order() -> None:
    async with here() as one:
        first, second, third = ServicePort(80, "a"), ServicePort(81, "b"), ServicePort(82, "c")
        assert not one.derived.changes_ports(WEB, service(ports=(first, second)))
        assert one.derived.ports_given_up(WEB, service(ports=(first, second))) == frozenset()
        await one.ensure(service(ports=(first, second)))

        assert not one.derived.changes_ports(WEB, service(ports=(second, first)))
        assert one.derived.ports_given_up(WEB, service(ports=(second, first))) == frozenset()
        assert one.derived.changes_ports(WEB, service(ports=(first, third)))
        assert one.derived.ports_given_up(WEB, service(ports=(first, third))) == {("b", "TCP")}
        assert one.derived.ports_given_up(WEB, service(ports=(third,), type="Headless")) == frozenset()


# What rests


async def test_a_derived_service_rests_for_an_hour_and_says_since_when() -> None:
    async with here() as one:
        assert await one.rest() is None
        await one.ensure(service())
        one.methods()
        assert await one.rest() == HOUR_SECONDS
        assert one.methods() == ["PUT"]
        held = await one.held()
        assert held is not None
        assert held["metadata"]["annotations"] == {"mcs-controller.io/idle-since": "2026-01-01T00:00:00Z"}

        await asyncio.sleep(HOUR_SECONDS - 1)
        assert await one.rest() == 1
        assert one.methods() == []
        await asyncio.sleep(1)
        assert await one.rest() is None
        assert one.methods() == ["DELETE"]
        assert await one.held() is None


async def test_one_that_cannot_be_read_does_not_rest() -> None:
    async with here() as one:
        await one.ensure(service())
        await one.hold(WEB, unreadable="ports has 120 items")
        one.methods()
        assert await one.rest() is None
        assert one.methods() == ["DELETE"]


async def test_to_remove_what_is_not_there_costs_nothing_and_what_is_not_ours_stays() -> None:
    async with here() as one:
        await one.derived.remove(WEB)
        await one.ensure(service())
        await one.hold(WEB, managed=False)
        one.methods()
        await one.derived.remove(WEB)
        assert one.methods() == []
