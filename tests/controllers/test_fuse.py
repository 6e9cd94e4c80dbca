"""The fuse: much that is lost at once is held, and let go when that was meant."""

import asyncio
from functools import partial

import pytest

from mcs_controller.api.resources import (
    EXPORTED_SERVICES,
    SERVICES,
)
from mcs_controller.controllers.membership.withdrawal import withdraw_exports
from tests.controllers.releasing import release_member
from tests.support.cluster import Cluster
from tests.support.clusterset import Clusterset
from tests.support.objects import EXPORTS, IMPORTS, Object

pytestmark = pytest.mark.looptime

ALLOW = {"metadata": {"annotations": {"mcs-controller.io/withdraw": "allowed"}}}
HELD = "mcs-controller.io/Held"


async def exported(world: Clusterset, *counts: int) -> None:
    """So many services in the first clusters, and all of them imported everywhere."""
    await world.everywhere("shop")
    for cluster, count in zip(world, counts, strict=False):
        for number in range(count):
            await cluster.deploy("shop", f"{cluster.name}-{number}")
    total = sum(counts)
    for cluster in world:
        await world.until(partial(_has, cluster, total))


async def _has(cluster: Cluster, count: int) -> bool:
    imports = await cluster.all_of(IMPORTS, "shop")
    return len(imports) == count and all(_condition(one, "Ready") == "True" for one in imports)


def _condition(body: Object, kind: str) -> str:
    found = (body.get("status") or {}).get("conditions") or ()
    return next((one["status"] for one in found if one["type"] == kind), "")


async def names(cluster: Cluster) -> set[str]:
    return {one["metadata"]["name"] for one in await cluster.all_of(IMPORTS, "shop")}


async def held(cluster: Cluster) -> set[str]:
    return {
        one["metadata"]["name"]
        for one in await cluster.all_of(IMPORTS, "shop")
        if _condition(one, HELD) == "True"
    }


async def withdraw_all(world: Clusterset, member: str) -> None:
    async for _ in withdraw_exports(world.broker_api, f"mcs-member-{member}"):
        pass


async def withdraw_records(world: Clusterset, member: str) -> None:
    """A member takes all back that it exported, and means it no more than its users do."""
    await world[member].kill()
    await withdraw_all(world, member)


def metric(cluster: Cluster, name: str, **labels: str) -> float | None:
    return cluster.agent.registry.get_sample_value(name, labels)


@pytest.mark.requirement("MCS-LIFE-07")
async def test_a_mass_withdrawal_is_held_told_and_undone_when_the_data_comes_back() -> None:
    async with Clusterset("east", "west") as world:
        await exported(world, 12)
        west = world["west"]
        before = {
            one["metadata"]["name"]: (one["metadata"]["uid"], one["spec"])
            for one in await west.all_of(IMPORTS, "shop")
        }
        slices = await west.contents()
        await withdraw_records(world, "east")
        await world.settle()

        # Deleted one by one, the first few had gone before it became many.
        kept = await names(west)
        assert len(kept) >= 3
        assert await held(west) == kept
        assert metric(west, "mcs_fuse_tripped", fuse="imports") == 1
        assert metric(west, "mcs_fuse_held_imports") == len(kept)
        for one in await west.all_of(IMPORTS, "shop"):
            assert _condition(one, "Ready") == "True"
            assert (one["metadata"]["uid"], one["spec"]) == before[one["metadata"]["name"]]
            addresses = await west.addresses_of("shop", one["metadata"]["name"])
            assert addresses == set(world["east"].addresses())
            assert await west.derived_of("shop", one["metadata"]["name"]) is not None
        told = [event for event in west.agent.told.events if event[3] == "MassWithdrawal"]
        assert {event[:3] for event in told} == {("ServiceImport", name, "Warning") for name in kept}
        assert west.agent.agent.synced()

        world["east"].start()
        await world.until(lambda: _has(west, 12))
        await world.settle()
        assert await held(west) == set()
        assert metric(west, "mcs_fuse_tripped", fuse="imports") == 0
        for one in await west.all_of(IMPORTS, "shop"):
            if one["metadata"]["name"] in kept:
                assert (one["metadata"]["uid"], one["spec"]) == before[one["metadata"]["name"]]
        assert set(await west.contents()) == set(slices)


@pytest.mark.requirement("MCS-LIFE-07")
async def test_records_that_one_list_lacks_are_all_held() -> None:
    """Without their member's word, and as after a broker that was rebuilt empty: nothing is withdrawn."""
    async with Clusterset("east", "west") as world:
        await exported(world, 12)
        west = world["west"]
        before = await west.contents()
        await world["east"].kill()
        await west.kill()
        for one in (await world.broker_api.list(EXPORTED_SERVICES)).items:
            await world.broker_api.delete(
                EXPORTED_SERVICES, one["metadata"]["name"], namespace="mcs-member-east"
            )
        west.start()
        await asyncio.sleep(300)

        assert len(await held(west)) == 12
        assert set(await west.contents()) == set(before)

        # What comes back bit by bit is no reason to withdraw the rest, and neither is a restart.
        await world.publish("east", EXPORTED_SERVICES, "shop.east-0", **record("east-0"))
        for number in range(1, 8):
            await world.publish("east", EXPORTED_SERVICES, f"shop.east-{number}", **record(f"east-{number}"))
        await world.settle()
        assert len(await held(west)) == 4
        await west.restart()
        await asyncio.sleep(300)
        assert len(await held(west)) == 4
        assert len(await names(west)) == 12


def record(name: str) -> Object:
    return {
        "serviceNamespace": "shop",
        "serviceName": name,
        "exportedAt": "2026-01-01T00:00:00Z",
        "type": "ClusterSetIP",
        "ports": [{"name": "http", "protocol": "TCP", "port": 80}],
        "ipFamilies": ["IPv4"],
    }


@pytest.mark.requirement("MCS-LIFE-07", "MCS-LIFE-01")
async def test_an_operator_lets_single_imports_go_and_with_the_last_the_fuse_closes() -> None:
    async with Clusterset("east", "west", fuse_share=0.1, fuse_minimum=3) as world:
        await exported(world, 6)
        west = world["west"]
        await west.kill()
        await withdraw_records(world, "east")
        west.start()
        await world.until(lambda: _all_held(west, 6), within_seconds=60)

        await west.edit(IMPORTS, "shop", "east-0", ALLOW)
        await world.until(lambda: _all_held(west, 5))
        await world.settle()
        assert await held(west) == await names(west) == {f"east-{number}" for number in range(1, 6)}
        assert await west.slices_of("shop", "east-0") == []

        for number in range(1, 6):
            await west.edit(IMPORTS, "shop", f"east-{number}", ALLOW)
        await world.until(lambda: _all_held(west, 0))
        await world.settle()
        assert await west.all_of(SERVICES, "shop") == []
        assert metric(west, "mcs_fuse_tripped", fuse="imports") == 0


async def _all_held(cluster: Cluster, count: int) -> bool:
    kept = await names(cluster)
    return len(kept) == count and await held(cluster) == kept


@pytest.mark.requirement("MCS-IMP-17")
async def test_leave_given_for_an_import_that_is_exported_is_taken_back_at_once() -> None:
    async with Clusterset("east", "west") as world:
        await exported(world, 1)
        await world["west"].edit(IMPORTS, "shop", "east-0", ALLOW)
        await world.settle()
        imported = await world["west"].import_of("shop", "east-0")
        assert imported is not None
        assert "mcs-controller.io/withdraw" not in imported["metadata"]["annotations"]


@pytest.mark.requirement("MCS-LIFE-01")
async def test_fewer_than_ten_or_half_or_less_go_as_ever() -> None:
    async with Clusterset("east", "west", "north") as world:
        await exported(world, 9, 13)
        await withdraw_records(world, "east")
        await world.settle()
        assert await names(world["north"]) == {f"west-{number}" for number in range(13)}
        assert metric(world["north"], "mcs_fuse_tripped", fuse="imports") == 0


@pytest.mark.requirement("MCS-LIFE-01")
async def test_more_than_half_goes_when_it_goes_slowly() -> None:
    async with Clusterset("east", "west") as world:
        await exported(world, 14)
        for number in range(14):
            await world["east"].unexport("shop", f"east-{number}")
            await asyncio.sleep(10)
        await world.settle()
        assert await names(world["west"]) == set()
        assert await names(world["east"]) == set()


async def test_a_share_of_one_turns_the_fuse_off() -> None:
    async with Clusterset("east", "west", fuse_share=1.0) as world:
        await exported(world, 12)
        for one in await world["east"].all_of(EXPORTS, "shop"):
            await world["east"].unexport("shop", one["metadata"]["name"])
        await world.settle()
        assert await names(world["west"]) == set()


async def test_the_exporters_own_cluster_holds_as_well() -> None:
    """Users who delete all their exports at once have to say so once more, in each cluster."""
    async with Clusterset("east", "west") as world:
        await exported(world, 20)
        for number in range(20):
            await world["east"].unexport("shop", f"east-{number}")
        await world.settle()
        for cluster in world:
            assert await held(cluster) == await names(cluster) != set()


@pytest.mark.requirement("MCS-LIFE-03", "MCS-LIFE-07")
async def test_most_members_silent_at_once_keep_their_endpoints_until_they_are_heard_again() -> None:
    async with Clusterset("east", "west", "north", "south") as world:
        await exported(world, 1, 1, 1)
        south = world["south"]
        everything = await south.contents()
        for name in ("east", "west", "north"):
            await world[name].kill()
        await asyncio.sleep(300)

        assert set(await south.contents()) == set(everything)
        assert await held(south) == {"east-0", "west-0", "north-0"}
        assert metric(south, "mcs_fuse_tripped", fuse="members") == 1
        assert metric(south, "mcs_fuse_held_members") == 3
        assert ("ServiceImport", "east-0", "Warning", "MembersSilent") in south.agent.told.events

        for name in ("east", "west", "north"):
            world[name].start()
            await world[name].ready()
        await world.settle()
        assert await held(south) == set()
        assert metric(south, "mcs_fuse_tripped", fuse="members") == 0
        assert set(await south.contents()) == set(everything)


@pytest.mark.requirement("MCS-LIFE-03")
async def test_members_that_the_administrator_lets_go_are_withdrawn_and_the_others_held() -> None:
    async with Clusterset("east", "west", "north") as world:
        await exported(world, 1, 1)
        north = world["north"]
        for name in ("east", "west"):
            await world[name].kill()
        await asyncio.sleep(120)
        assert await held(north) == {"east-0", "west-0"}

        await release_member(world, "east")
        await world.settle()

        assert await north.addresses_of("shop", "east-0") == set()
        assert await north.addresses_of("shop", "west-0") == set(world["west"].addresses())
        assert await held(north) == {"west-0"}


@pytest.mark.requirement("MCS-LIFE-03")
async def test_members_that_die_one_after_the_other_are_withdrawn_as_ever() -> None:
    async with Clusterset("east", "west", "north") as world:
        await exported(world, 1, 1)
        north = world["north"]
        for name in ("east", "west"):
            await world[name].kill()
            await asyncio.sleep(120)
            assert await north.addresses_of("shop", f"{name}-0") == set()
        assert await held(north) == set()
