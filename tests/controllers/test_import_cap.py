"""How many imports, and addresses of the Service range, one member can make the others spend."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from mcs_controller.api.resources import (
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    MEMBER_CLUSTERS,
    NAMESPACES,
    SERVICES,
)
from mcs_controller.clusterset.membership.limits import Limits
from tests.controllers.mars import record, slice_
from tests.support.cluster import Cluster
from tests.support.clusterset import Clusterset
from tests.support.objects import IMPORTS, Object, import_by_hand

pytestmark = pytest.mark.looptime

SMALL = dict.fromkeys(("east", "west"), ("10.96.0.0/24",))
RANGE_OF_SMALL = 254
TEN = Limits(imports=10)


@asynccontextmanager
async def beside_mars(
    spec: Object | None = None, **options: Any
) -> AsyncIterator[tuple[Clusterset, Cluster]]:
    """East, west, which is looked at, and `mars`, a member that no agent runs in."""
    async with Clusterset("east", "west", **options) as world:
        await world.admit("mars", spec)
        await world.everywhere("shop")
        yield world, world["west"]


async def allow(world: Clusterset, imports: int) -> None:
    """So many imports of mars."""
    limits = {"spec": {"limits": {"imports": imports}}}
    await world.broker_api.patch(MEMBER_CLUSTERS, "mars", limits, namespace="mcs-member-mars")


def named(numbers: Iterable[int]) -> set[str]:
    return {f"s{number:03}" for number in numbers}


async def mars_exports(
    world: Clusterset, numbers: Iterable[int], *, endpoints: int = 1, second: int = 0
) -> None:
    """As a member could that was taken over: no agent runs in it."""
    for name in sorted(named(numbers)):
        await world.publish(
            "mars",
            EXPORTED_SERVICES,
            f"shop.{name}",
            **record(name, exportedAt=f"2025-01-01T00:00:{second:02}Z"),
        )
        if endpoints:
            addresses = [{"addresses": [f"10.9.0.{number}"]} for number in range(1, endpoints + 1)]
            await world.publish(
                "mars", EXPORTED_ENDPOINT_SLICES, f"shop.{name}-x", **slice_(name, endpoints=addresses)
            )


async def withdraw(world: Clusterset, name: str) -> None:
    """As its member does: it says so first."""
    said = {"spec": {"withdrawn": True}}
    await world.broker_api.patch(EXPORTED_SERVICES, f"shop.{name}", said, namespace="mcs-member-mars")
    await world.broker_api.delete(EXPORTED_SERVICES, f"shop.{name}", namespace="mcs-member-mars")
    await world.broker_api.delete(EXPORTED_ENDPOINT_SLICES, f"shop.{name}-x", namespace="mcs-member-mars")


async def imported(cluster: Cluster) -> set[str]:
    return {one["metadata"]["name"] for one in await cluster.all_of(IMPORTS)}


async def has_ip(cluster: Cluster, name: str) -> str | None:
    found = await cluster.import_of("shop", name)
    ips = (found or {"spec": {}})["spec"].get("ips")
    return ips[0] if ips else None


async def ips_of_derived(cluster: Cluster) -> int:
    services = await cluster.all_of(SERVICES, "shop")
    return sum(one["metadata"]["name"].startswith("derived-") for one in services)


def waiting(registry: CollectorRegistry, member: str = "mars") -> float:
    return registry.get_sample_value("mcs_imports_waiting", {"member": member}) or 0.0


def count_is(
    count: Callable[[Cluster], Awaitable[int]], cluster: Cluster, number: int
) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return await count(cluster) == number

    return holds


async def imports_of(cluster: Cluster) -> int:
    return len(await imported(cluster))


async def test_a_members_flood_of_exports_takes_no_more_than_its_places_and_others_go_on() -> None:
    async with beside_mars(service_cidrs=SMALL, limits=TEN) as (world, west):
        await mars_exports(world, range(RANGE_OF_SMALL + 50))
        await world.until(count_is(ips_of_derived, west, 10))

        await world["east"].deploy("shop", "web")
        await west.deploy("shop", "own")
        await world.until(partial(has_ip, west, "web"))
        await world.until(partial(has_ip, west, "own"))
        await west.service("shop", "somebodys")
        await world.settle()

        assert await imports_of(west) == 12
        assert await ips_of_derived(west) == 12
        assert waiting(west.agent.registry) == RANGE_OF_SMALL + 40


async def test_who_waits_for_a_place_comes_in_when_one_is_free_or_more_are_allowed() -> None:
    async with beside_mars(limits=TEN) as (world, west):
        await mars_exports(world, range(10))
        await world.until(count_is(imports_of, west, 10))
        await mars_exports(world, range(10, 15))
        await world.settle()
        assert await imported(west) == named(range(10))

        await withdraw(world, "s003")
        await world.until(count_is(imports_of, west, 10))
        await world.settle()
        assert await imported(west) == named(range(11)) - named([3])

        await allow(world, 12)
        await world.until(count_is(imports_of, west, 12))
        await world.settle()
        assert await imports_of(west) == 12
        assert waiting(west.agent.registry) == 2

        await allow(world, 20)
        await world.until(count_is(imports_of, west, 14))
        assert waiting(west.agent.registry) == 0


async def test_an_import_that_somebody_deletes_comes_back_to_its_place_though_others_wait() -> None:
    async with beside_mars(limits=Limits(imports=2)) as (world, west):
        await mars_exports(world, range(2))
        await world.until(count_is(imports_of, west, 2))
        await mars_exports(world, range(2, 5))
        await world.settle()
        await west.api.delete(IMPORTS, "s000", namespace="shop")
        await world.settle()
        assert await imported(west) == named(range(2))


async def test_what_this_cluster_exports_itself_takes_none_of_another_members_places() -> None:
    async with beside_mars(limits=Limits(imports=2)) as (world, west):
        await mars_exports(world, range(2))
        await world.until(count_is(imports_of, west, 2))
        await mars_exports(world, range(2, 4))
        await world.settle()
        assert await imported(west) == named(range(2))
        await west.deploy("shop", "s000")
        await world.until(count_is(imports_of, west, 3))
        await world.settle()
        assert await imports_of(west) == 3


async def test_what_is_imported_keeps_its_place_over_a_restart_and_when_fewer_are_allowed() -> None:
    async with beside_mars(limits=TEN) as (world, west):
        await mars_exports(world, range(10, 20))
        await world.until(count_is(ips_of_derived, west, 10))
        await world.settle()
        await mars_exports(world, range(10))
        await allow(world, 3)
        await west.restart()
        await world.settle()
        assert await imported(west) == named(range(10, 20))
        assert await ips_of_derived(west) == 10


async def test_what_this_cluster_or_another_with_places_left_exports_is_imported_whoever_else_does() -> None:
    async with beside_mars(limits=Limits(imports=2)) as (world, west):
        await mars_exports(world, range(4))
        await world.until(count_is(imports_of, west, 2))
        await west.deploy("shop", "s002")
        await world["east"].deploy("shop", "s003")
        await world.until(count_is(imports_of, west, 4))


async def test_a_clusterset_ip_comes_with_the_first_endpoint_and_stays_when_there_is_none() -> None:
    async with beside_mars(service_cidrs=SMALL) as (world, west):
        await mars_exports(world, range(RANGE_OF_SMALL + 50), endpoints=0)
        await world.until(count_is(imports_of, west, RANGE_OF_SMALL + 50))
        await world.settle()
        assert await ips_of_derived(west) == 0
        assert (await west.import_conditions("shop", "s000"))["Ready"] == ("False", "Pending")
        (ready,) = (await west.import_of("shop", "s000") or {})["status"]["conditions"]
        assert "no cluster has an endpoint yet" in ready["message"]

        await world.publish("mars", EXPORTED_ENDPOINT_SLICES, "shop.s000-x", **slice_("s000"))
        ip = await world.until(partial(has_ip, west, "s000"))
        await world.settle()
        assert (await west.import_conditions("shop", "s000"))["Ready"] == ("True", "Ready")

        await world.broker_api.patch(
            EXPORTED_ENDPOINT_SLICES, "shop.s000-x", {"spec": {"endpoints": []}}, namespace="mcs-member-mars"
        )
        await world.settle()
        assert await west.addresses_of("shop", "s000") == set()
        assert await has_ip(west, "s000") == ip
        await west.restart()
        await world.settle()
        assert await has_ip(west, "s000") == ip


async def test_an_endpoint_that_the_member_may_not_name_brings_no_clusterset_ip() -> None:
    async with beside_mars({"podCIDRs": ["192.0.2.0/24"]}) as (world, west):
        await mars_exports(world, range(3))
        await world.until(count_is(imports_of, west, 3))
        await world.settle()
        assert await ips_of_derived(west) == 0


async def test_the_addresses_of_a_member_are_free_again_when_it_is_one_no_longer() -> None:
    async with beside_mars(service_cidrs=SMALL) as (world, west):
        await mars_exports(world, range(5))
        await world.until(count_is(ips_of_derived, west, 5))
        await world.settle()
        await world.broker_api.delete(MEMBER_CLUSTERS, "mars", namespace="mcs-member-mars")
        await world.until(count_is(ips_of_derived, west, 0), within_seconds=200)
        await world.until(count_is(imports_of, west, 0))


async def test_the_places_of_a_namespace_that_ends_all_go_to_others_at_once() -> None:
    async with beside_mars(limits=Limits(imports=2)) as (world, west):
        await world.everywhere("bank")
        for name in ("a", "b"):
            await world.publish(
                "mars", EXPORTED_SERVICES, f"bank.{name}", **record(name, serviceNamespace="bank")
            )
        await world.until(count_is(imports_of, west, 2))
        await mars_exports(world, range(2))
        await world.settle()
        assert await imported(west) == {"a", "b"}

        await west.api.delete(NAMESPACES, "bank")
        await world.settle()
        assert await imported(west) == named(range(2))


async def test_who_waits_first_stays_the_first_when_a_place_goes_that_was_one_too_many() -> None:
    async with beside_mars(limits=Limits(imports=3)) as (world, west):
        await mars_exports(world, range(3))
        await world.until(count_is(imports_of, west, 3))
        await mars_exports(world, range(3, 6))
        await asyncio.sleep(5)
        await allow(world, 2)
        await asyncio.sleep(5)
        # Before mars is dead, at which everything is looked at in another order.
        await withdraw(world, "s000")
        await asyncio.sleep(5)
        assert await imported(west) == named([1, 2])

        await withdraw(world, "s001")
        await world.settle()
        assert await imported(west) == named([2, 3])


async def test_an_import_by_hand_takes_no_place_of_the_cluster_that_it_names() -> None:
    async with beside_mars(limits=Limits(imports=2)) as (world, west):
        for name in ("mine", "my-own"):
            await west.api.create(IMPORTS, import_by_hand("shop", name))
            named_mars = {"status": {"clusters": [{"cluster": "mars"}]}}
            await west.api.patch(IMPORTS, name, named_mars, namespace="shop", subresource="status")
        # At its start an agent takes what it finds as it is.
        await west.restart()
        await world.settle()
        await mars_exports(world, range(3))
        await world.settle()

        assert await imported(west) == {"mine", "my-own", *named(range(2))}
