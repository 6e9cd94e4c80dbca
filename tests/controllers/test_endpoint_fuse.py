"""The fuse of endpoints: many that vanish at once stay until they return, or it is sure to be meant."""

import asyncio

import pytest

from mcs_controller.api.names import ANNOTATION_WITHDRAW
from mcs_controller.api.resources import ENDPOINT_SLICES, MEMBER_CLUSTERS, NAMESPACES, SERVICES
from mcs_controller.clusterset.fuse import HOLD_SECONDS
from tests.controllers.releasing import release_member
from tests.controllers.test_fuse import ALLOW, HELD, exported, held, metric, names
from tests.support.cluster import Cluster
from tests.support.clusterset import Clusterset
from tests.support.objects import IMPORTS

pytestmark = pytest.mark.looptime

COUNT = 24


async def scale_to_zero(world: Clusterset, member: str, count: int, *, first: int = 0) -> None:
    """The slices stay, with no endpoint in them."""
    for number in range(first, count):
        await world[member].endpoints("shop", f"{member}-{number}")


async def not_ready(world: Clusterset, member: str, count: int) -> None:
    """As when the nodes of a cluster lose their control plane: every pod is there, and none is ready."""
    for number in range(count):
        addresses = world[member].addresses()
        await world[member].endpoints(
            "shop", f"{member}-{number}", *addresses, conditions={"ready": False, "serving": False}
        )


async def empty(cluster: Cluster, *, of: str = "") -> set[str]:
    """The imports without a ready endpoint."""
    found = set()
    for name in await names(cluster):
        slices = [
            one
            for one in await cluster.slices_of("shop", name)
            if any(
                (endpoint.get("conditions") or {}).get("ready") is not False
                for endpoint in one["endpoints"] or ()
            )
        ]
        if not slices and name.startswith(of):
            found.add(name)
    return found


async def tripped(world: Clusterset, member: str = "west") -> set[str]:
    """East has lost the endpoints of all its services; the names of those that are held."""
    await exported(world, COUNT)
    await scale_to_zero(world, "east", COUNT)
    await world.settle()
    kept = await held(world[member])
    assert len(kept) >= COUNT / 2
    assert await empty(world[member]) == await names(world[member]) - kept
    return kept


@pytest.mark.requirement("MCS-LIFE-07")
@pytest.mark.parametrize("how", ["gone", "not ready"])
async def test_endpoints_that_vanish_at_once_stay_told_and_go_on_when_they_return(how: str) -> None:
    async with Clusterset("east", "west") as world:
        await exported(world, COUNT)
        west = world["west"]
        before = await west.contents()
        await (scale_to_zero if how == "gone" else not_ready)(world, "east", COUNT)
        await world.settle()

        kept = await held(west)
        assert len(kept) >= COUNT / 2
        assert await empty(west) == await names(west) - kept
        assert metric(west, "mcs_fuse_tripped", fuse="endpoints") == 1
        assert metric(west, "mcs_fuse_tripped", fuse="imports") == 0
        assert metric(west, "mcs_fuse_held_endpoints") == len(kept)
        told = {event[1] for event in west.agent.told.events if event[3] == "MassEndpointLoss"}
        assert told == kept
        assert await held(world["east"]) == set(), "its own endpoints are its own business"
        assert await empty(world["east"]) == await names(world["east"])

        for number in range(COUNT):
            await world["east"].endpoints("shop", f"east-{number}", *world["east"].addresses())
        await world.settle()
        assert await held(west) == set()
        assert metric(west, "mcs_fuse_tripped", fuse="endpoints") == 0
        after = await west.contents()
        assert {key for key in after if "endpointslice" in key.lower()} == {
            key for key in before if "endpointslice" in key.lower()
        }
        assert await empty(west) == set()


@pytest.mark.requirement("MCS-LIFE-07")
async def test_what_comes_back_bit_by_bit_is_used_and_the_rest_stays_held() -> None:
    async with Clusterset("east", "west") as world:
        kept = await tripped(world)
        west = world["west"]
        back = sorted(kept)[:5]
        for name in back:
            await world["east"].endpoints("shop", name, "10.1.0.9")
        await world.settle()
        assert await held(west) == kept - set(back)
        for name in back:
            assert await west.addresses_of("shop", name) == {"10.1.0.9"}


async def test_services_with_endpoints_elsewhere_follow_what_their_members_say() -> None:
    """A cluster that is drained on purpose, while another one serves the same services."""
    async with Clusterset("east", "west", "north") as world:
        await world.everywhere("shop")
        for number in range(COUNT):
            for member in ("east", "west"):
                await world[member].deploy("shop", f"east-{number}")
        await world.settle()
        await scale_to_zero(world, "east", COUNT)
        await world.settle()
        for one in world:
            assert await held(one) == set()
        assert await world["north"].addresses_of("shop", "east-3") == set(world["west"].addresses())


async def test_fewer_than_ten_half_and_one_after_the_other_are_changes_as_ever() -> None:
    async with Clusterset("east", "west", "north") as world:
        await exported(world, 9, 30)
        await scale_to_zero(world, "east", 9)
        await scale_to_zero(world, "west", 14)
        await world.settle()
        assert await held(world["north"]) == set()
        assert len(await empty(world["north"])) == 23

    async with Clusterset("east", "west") as world:
        await exported(world, 14)
        for number in range(14):
            await scale_to_zero(world, "east", number + 1, first=number)
            await asyncio.sleep(10)
        assert await empty(world["west"]) == await names(world["west"])


@pytest.mark.requirement("MCS-LIFE-07")
async def test_the_losses_of_one_member_hold_no_others_endpoints() -> None:
    async with Clusterset("east", "west", "north") as world:
        await exported(world, COUNT, 3)
        await scale_to_zero(world, "east", COUNT)
        await scale_to_zero(world, "west", 2)
        await world.settle()
        assert {"west-0", "west-1"} < await empty(world["north"])
        assert all(name.startswith("east") for name in await held(world["north"]))
        assert await held(world["north"])


@pytest.mark.requirement("MCS-LIFE-07")
async def test_a_restart_keeps_what_is_held_and_what_vanished_while_no_agent_ran() -> None:
    async with Clusterset("east", "west") as world:
        kept = await tripped(world)
        west = world["west"]
        await west.restart()
        await asyncio.sleep(200)
        assert await held(west) == kept
        assert await empty(west) == await names(west) - kept

    async with Clusterset("east", "west") as world:
        await exported(world, COUNT)
        west = world["west"]
        await west.kill()
        await scale_to_zero(world, "east", COUNT)
        await world.settle()
        west.start()
        await asyncio.sleep(200)
        assert await held(west) == await names(west)
        assert await empty(west) == set()


@pytest.mark.requirement("MCS-LIFE-01", "MCS-LIFE-07")
async def test_scaled_to_zero_on_purpose_it_goes_after_the_time_of_a_hold() -> None:
    async with Clusterset("east", "west") as world:
        kept = await tripped(world)
        west = world["west"]
        await asyncio.sleep(HOLD_SECONDS - 200)
        assert await held(west) == kept
        await asyncio.sleep(400)
        assert await held(west) == set()
        assert await empty(west) == await names(west)
        assert len(await names(west)) == COUNT, "the exports stay, and so do their clusterset IPs"


@pytest.mark.requirement("MCS-LIFE-07")
@pytest.mark.parametrize("policy", ["keep", "withdraw"])
async def test_while_the_exporter_is_silent_time_does_not_end_it_but_the_policy_for_dead_members(
    policy: str,
) -> None:
    async with Clusterset("east", "west", dead_member_policy=policy) as world:
        kept = await tripped(world)
        west = world["west"]
        await world["east"].kill()
        await asyncio.sleep(2 * HOLD_SECONDS)
        assert await held(west) == (kept if policy == "keep" else set())
        assert await empty(west) == await names(west) - (kept if policy == "keep" else set())


@pytest.mark.requirement("MCS-LIFE-07")
async def test_an_operator_releases_single_imports_and_the_administrator_a_member() -> None:
    async with Clusterset("east", "west") as world:
        kept = await tripped(world)
        west, first = world["west"], min(kept)
        await west.edit(IMPORTS, "shop", first, ALLOW)
        await world.settle()
        assert await held(west) == kept - {first}
        assert first in await empty(west)
        imported = await west.import_of("shop", first)
        assert imported is not None
        assert ANNOTATION_WITHDRAW not in (imported["metadata"].get("annotations") or {})

        await release_member(world, "east")
        await world.settle()
        assert await held(west) == set()
        assert await empty(west) == await names(west)

    async with Clusterset("east", "west") as world:
        await exported(world, COUNT)
        await release_member(world, "east")
        await asyncio.sleep(20)
        await scale_to_zero(world, "east", COUNT)
        await world.settle()
        assert await held(world["west"]) == set()
        assert await empty(world["west"]) == await names(world["west"])


@pytest.mark.requirement("MCS-LIFE-07")
async def test_what_is_held_goes_with_the_export_and_with_the_member() -> None:
    async with Clusterset("east", "west") as world:
        kept = await tripped(world)
        west, first = world["west"], min(kept)
        await world["east"].unexport("shop", first)
        await world.gone("shop", first)
        await world["east"].kill()
        await world.broker_api.delete(NAMESPACES, "mcs-member-east")
        await asyncio.sleep(120)
        assert await names(west) == set()
        assert await west.all_of(ENDPOINT_SLICES, "shop") == []


async def test_addresses_that_a_member_may_not_have_any_more_go_at_once() -> None:
    async with Clusterset("east", "west") as world:
        kept = await tripped(world)
        west = world["west"]
        body = {"spec": {"podCIDRs": ["10.1.0.1/32"]}}
        await world.broker_api.patch(MEMBER_CLUSTERS, "east", body, namespace="mcs-member-east")
        await asyncio.sleep(20)
        for name in kept:
            assert await west.addresses_of("shop", name) == {"10.1.0.1"}
        body = {"spec": {"podCIDRs": ["192.0.2.0/24"]}}
        await world.broker_api.patch(MEMBER_CLUSTERS, "east", body, namespace="mcs-member-east")
        await asyncio.sleep(20)
        for name in kept:
            assert await west.addresses_of("shop", name) == set()
        assert await held(west) == set()

    async with Clusterset("east", "west") as world:
        await exported(world, COUNT)
        await world.broker_api.patch(MEMBER_CLUSTERS, "east", body, namespace="mcs-member-east")
        await asyncio.sleep(20)
        assert await empty(world["west"]) == await names(world["west"])
        assert await held(world["west"]) == set()


async def test_kept_endpoints_have_the_ports_that_they_had_when_the_service_gets_others() -> None:
    async with Clusterset("east", "west") as world:
        kept = await tripped(world)
        west, name = world["west"], min(kept)
        ports_now = [{"name": "http", "port": 81}, {"name": "more", "port": 90}]
        await world["east"].edit(SERVICES, "shop", name, {"spec": {"ports": ports_now}})
        await world.settle()
        derived = await west.derived_of("shop", name)
        assert derived is not None
        assert {(one["name"], one["port"]) for one in derived["spec"]["ports"]} == {
            ("http", 81),
            ("more", 90),
        }
        (slice_,) = await west.slices_of("shop", name)
        assert [(one["name"], one["port"]) for one in slice_["ports"]] == [("http", 8080)]
        assert await west.addresses_of("shop", name) == set(world["east"].addresses())


async def test_a_share_of_one_turns_this_fuse_off_too() -> None:
    async with Clusterset("east", "west", fuse_share=1.0) as world:
        await exported(world, COUNT)
        await scale_to_zero(world, "east", COUNT)
        await world.settle()
        assert await empty(world["west"]) == await names(world["west"])
        assert HELD not in str(await world["west"].all_of(IMPORTS, "shop"))
