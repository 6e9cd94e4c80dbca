"""The zone follows an API server, and says so honestly when it cannot. In virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from mcs_controller.api.resources import ENDPOINT_SLICES
from mcs_controller.dns.zone.source import SERVICES_PER_TURN, ZoneSource
from mcs_controller.kube.client import Client
from mcs_controller.kube.reflector import LONGEST_RETRY_SECONDS
from mcs_controller.simcluster.cluster import SimCluster
from tests.dns.cluster import Importer
from tests.dns.zonetext import Server
from tests.support.waiting import until

pytestmark = pytest.mark.looptime

Z = "clusterset.local"
WEB, DB = f"web.shop.svc.{Z}", f"db.shop.svc.{Z}"


class Scene:
    """A cluster, what its agent writes, and a DNS server that watches it."""

    def __init__(self) -> None:
        self.cluster = SimCluster("east", random=Random(1))
        self.importer = Importer(self.cluster.client())
        self.client: Client = self.cluster.client("dns")
        self.server = Server(is_open=False)
        self.source = ZoneSource(self.client, self.server.answers, random=Random(2))

    def addresses(self, name: str) -> list[str]:
        return sorted(str(rr.rdata) for rr in self.server.ask(name, "A").raw.rr)

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.source.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    async with scene.cluster:
        yield scene


@pytest.mark.requirement("MCS-DNS-04")
async def test_imports_and_slices_of_the_cluster_become_answers_and_follow_changes(scene: Scene) -> None:
    await scene.importer.install()
    await scene.importer.vip("shop/web", "10.96.0.1")
    await scene.importer.headless("shop/db")
    await scene.importer.slice("db-east", "shop/db", "east", "10.1.0.1")
    async with scene.following():
        await until(scene.source.synced)
        assert scene.addresses(WEB) == ["10.96.0.1"]
        assert scene.addresses(DB) == ["10.1.0.1"]

        await scene.importer.slice("db-west", "shop/db", "west", "10.2.0.1")
        await until(lambda: scene.addresses(DB) == ["10.1.0.1", "10.2.0.1"])
        await scene.importer.slice("db-east", "shop/db", "east", "10.1.0.9")
        await until(lambda: scene.addresses(DB) == ["10.1.0.9", "10.2.0.1"])
        await scene.importer.drop_slice("db-west")
        await until(lambda: scene.addresses(DB) == ["10.1.0.9"])
        await scene.importer.forget("shop/web")
        await until(lambda: scene.server.ask(WEB, "A").rcode == "NXDOMAIN")
        assert not scene.source.problems()


@pytest.mark.requirement("MCS-DNS-20")
@pytest.mark.parametrize("missing", ["serviceimports", "endpointslices"])
async def test_everything_fails_until_both_kinds_have_been_listed(scene: Scene, missing: str) -> None:
    await scene.importer.install()
    await scene.importer.vip("shop/web", "10.96.0.1")
    fault = scene.cluster.faults.fail(500, verbs=("list",), resources=(missing,), users=("dns",))
    async with scene.following():
        await until(lambda: bool(scene.source.problems()))
        await asyncio.sleep(60)
        assert not scene.source.synced()
        assert scene.server.ask(WEB, "A").rcode == "SERVFAIL"
        assert missing in "; ".join(scene.source.problems().values())

        fault.lift()
        await until(scene.source.synced)
        assert scene.addresses(WEB) == ["10.96.0.1"]
        assert not scene.source.problems()


@pytest.mark.requirement("MCS-API-14")
async def test_a_crd_that_is_not_installed_is_waited_for_and_named(scene: Scene) -> None:
    async with scene.following():
        await until(lambda: bool(scene.source.problems()))
        assert "CRD not installed" in "; ".join(scene.source.problems().values())
        assert scene.server.ask(WEB, "A").rcode == "SERVFAIL"

        await scene.importer.install()
        await until(scene.source.synced)
        assert scene.server.ask(WEB, "A").rcode == "NXDOMAIN"


@pytest.mark.requirement("MCS-API-14")
async def test_a_cluster_that_serves_only_the_older_version_is_followed(scene: Scene) -> None:
    importer = Importer(scene.importer.client, "v1alpha1")
    await importer.install(versions=("v1alpha1",))
    await importer.vip("shop/web", "10.96.0.1")
    async with scene.following():
        await until(scene.source.synced)

        assert scene.addresses(WEB) == ["10.96.0.1"]


@pytest.mark.requirement("MCS-LIFE-07")
async def test_without_its_api_server_the_zone_is_served_on_and_called_stale_and_then_catches_up(
    scene: Scene,
) -> None:
    await scene.importer.install()
    await scene.importer.headless("shop/db")
    await scene.importer.slice("db-east", "shop/db", "east", "10.1.0.1")
    async with scene.following():
        await until(scene.source.synced)
        fault = scene.cluster.faults.refuse_connections(users=("dns",))
        await until(lambda: scene.server.answers.stale)
        await asyncio.sleep(600)
        assert scene.addresses(DB) == ["10.1.0.1"]
        assert (scene.source.age_seconds() or 0) >= 600
        assert set(scene.source.problems()) == {"dns ServiceImports", "dns EndpointSlices"}

        await scene.importer.slice("db-east", "shop/db", "east", "10.1.0.2")
        fault.lift()
        await until(lambda: scene.addresses(DB) == ["10.1.0.2"])
        await until(lambda: not scene.server.answers.stale)
        assert (scene.source.age_seconds() or 0) <= LONGEST_RETRY_SECONDS


@pytest.mark.requirement("MCS-LIFE-07")
async def test_a_list_that_fails_after_the_history_is_lost_removes_nothing(scene: Scene) -> None:
    await scene.importer.install()
    await scene.importer.vip("shop/web", "10.96.0.1")
    async with scene.following():
        await until(scene.source.synced)
        fault = scene.cluster.faults.fail(503, verbs=("list",), users=("dns",))
        # The history must have moved on for its loss to be noticed.
        await scene.importer.vip("shop/cart", "10.96.0.2")
        scene.cluster.faults.cut_watches()
        scene.cluster.faults.compact()
        await asyncio.sleep(600)
        assert scene.addresses(WEB) == ["10.96.0.1"]

        fault.lift()
        await until(lambda: scene.addresses(f"cart.shop.svc.{Z}") == ["10.96.0.2"])
        assert scene.addresses(WEB) == ["10.96.0.1"]


async def test_a_slice_that_changes_its_service_leaves_the_old_one(scene: Scene) -> None:
    await scene.importer.install()
    for service in ("shop/db", "shop/db2"):
        await scene.importer.headless(service)
    await scene.importer.slice("one", "shop/db", "east", "10.1.0.1")
    async with scene.following():
        await until(lambda: scene.addresses(DB) == ["10.1.0.1"])

        await scene.importer.slice("one", "shop/db2", "east", "10.1.0.1")

        await until(lambda: scene.addresses(f"db2.shop.svc.{Z}") == ["10.1.0.1"])
        assert scene.server.ask(DB, "A").rcode == "NXDOMAIN"


async def test_slices_that_are_nobodys_import_are_not_even_fetched(scene: Scene) -> None:
    await scene.importer.install()
    local: dict[str, Any] = {
        "apiVersion": ENDPOINT_SLICES.api_version,
        "kind": "EndpointSlice",
        "metadata": {
            "namespace": "shop",
            "name": "local",
            "labels": {"kubernetes.io/service-name": "db"},
        },
        "addressType": "IPv4",
        "ports": [],
        "endpoints": [{"addresses": ["10.9.0.1"]}],
    }
    await scene.importer.client.create(ENDPOINT_SLICES, local)
    await scene.importer.headless("shop/db")
    async with scene.following():
        await until(scene.source.synced)

        assert scene.server.ask(DB, "A").rcode == "NXDOMAIN"
        assert scene.source.reflectors[1].events == 0

        await scene.importer.client.create(
            ENDPOINT_SLICES, local | {"metadata": local["metadata"] | {"name": "another"}}
        )
        await scene.importer.slice("db-east", "shop/db", "east", "10.1.0.1")
        await until(lambda: scene.addresses(DB) == ["10.1.0.1"])
        assert scene.source.reflectors[1].events == 1


async def test_many_services_are_all_there_when_the_zone_opens(scene: Scene) -> None:
    await scene.importer.install()
    count = 2 * SERVICES_PER_TURN + 10
    for number in range(count):
        await scene.importer.vip(f"shop/s{number}", "10.96.0.1")
    async with scene.following():
        await until(scene.source.synced)

        assert scene.server.answers.zone.service_count == count
