"""Faults beside the hub: no profile is lost, stale or written for ever because of one."""

import asyncio
from typing import Any

import pytest

from mcs_controller.api.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    MEMBER_CLUSTERS,
    NAMESPACES,
    cluster_profiles,
)
from mcs_controller.kube.fence import LeaseFence
from tests.controllers.test_hub import INVENTORY, NOW, World, named, seen, writes
from tests.support import crds
from tests.support.agents import LoopClock

pytestmark = pytest.mark.looptime

SERVER = "https://east.example.com"
MEMBERS_CRD = "memberclusters.broker.mcs-controller.io"


async def world_of(*members: str) -> World:
    world = World()
    await world.install()
    for member in members:
        await world.join(member)
        await world.report(member)
    return world


async def remove(world: World, member: str) -> None:
    world.members.remove(member)
    await world.api.delete(MEMBER_CLUSTERS, member, namespace=f"mcs-member-{member}")


async def set_access(world: World, *ways: dict[str, Any]) -> None:
    spec = {"spec": {"access": list(ways)}}
    await world.api.patch(MEMBER_CLUSTERS, "east", spec, namespace="mcs-member-east")


async def profile(world: World) -> Any:
    found = await world.profile("east")
    assert found is not None
    return found


async def ways(world: World) -> Any:
    return (await profile(world))["status"].get("accessProviders")


@pytest.mark.requirement("CP-14", "CP-15")
async def test_what_was_taken_back_of_a_way_is_applied_once_also_by_a_hub_that_started_later() -> None:
    world = await world_of("east")
    lax = {"name": "corp", "server": SERVER, "insecureSkipTLSVerify": True, "proxyUrl": "http://old:1"}
    await set_access(world, lax)
    async with world.hub() as (_, registry):
        await world.live(30)
        before = writes(registry)
        await set_access(world, {"name": "corp", "server": SERVER, "proxyUrl": "http://old:1"})
        await world.live(60)
        # That what is applied no more goes is the API server's; the simulator's leaves it.
        assert writes(registry) == before + 1
    async with world.hub() as (_, registry):
        await world.live(30)
        assert writes(registry) == 1
        await world.live(120)
        assert writes(registry) == 1


@pytest.mark.requirement("CP-14")
async def test_an_extension_with_a_list_of_nameless_objects_is_written_once() -> None:
    world = await world_of("east")
    extension = {"name": "example.com/x", "extension": {"rules": [{"a": "1"}, {"b": "2"}]}}
    await set_access(world, {"name": "corp", "server": SERVER, "extensions": [extension]})
    async with world.hub() as (_, registry):
        await world.live(60)
        before = writes(registry)
        await world.live(300)
        assert writes(registry) == before
        assert (await ways(world))[0]["cluster"]["extensions"] == [extension]


@pytest.mark.requirement("CP-04", "CP-14")
async def test_a_display_name_that_somebody_else_gave_is_no_reason_to_write_for_ever() -> None:
    world = await world_of("east")
    async with world.hub() as (_, registry):
        await world.live(30)
        theirs = {"spec": {"displayName": "Theirs"}}
        await world.api.patch(cluster_profiles(), "mcs-controller.east", theirs, namespace=INVENTORY)
        await world.live(60)
        before = writes(registry)
        await world.live(300)
        assert writes(registry) == before
        ours = {"spec": {"displayName": "Ours"}}
        await world.api.patch(MEMBER_CLUSTERS, "east", ours, namespace="mcs-member-east")
        await world.live(60)
        assert (await profile(world))["spec"]["displayName"] == "Ours"


async def test_members_that_vanish_all_at_once_keep_their_profiles_as_they_are() -> None:
    world = await world_of("east", "west", "north")
    async with world.hub() as (hub, _):
        await world.live(30)
        world.members.clear()
        await world.api.delete(CUSTOM_RESOURCE_DEFINITIONS, MEMBERS_CRD)
        await world.live(20)
        await crds.install(world.api, MEMBERS_CRD)
        await world.live(1200)
        assert len(await world.profiles()) == 3
        assert await world.condition("east", "Joined") == ("True", "MemberJoined")
        assert "3 of 3" in hub.problems()["members"]


async def test_profiles_of_members_that_vanished_all_at_once_outlive_a_restart_of_the_hub() -> None:
    world = await world_of("east", "west", "north")
    async with world.hub():
        await world.live(30)
    for member in ("east", "west"):
        await remove(world, member)
    async with world.hub() as (hub, _):
        await world.live(1200)
        assert len(await world.profiles()) == 3
        assert "2 of 3" in hub.problems()["members"]
        await world.api.delete(cluster_profiles(), "mcs-controller.east", namespace=INVENTORY)
        await world.live(1200)
        assert await world.profiles() == ["mcs-controller.north"]
        assert "members" not in hub.problems()


@pytest.mark.requirement("CP-13")
async def test_members_that_leave_all_together_lose_their_profiles() -> None:
    world = await world_of("east", "west", "north")
    async with world.hub() as (hub, _):
        await world.live(30)
        for member in ("east", "west"):
            await world.status(member, {"leaving": "2026-11-20T10:00:00.000000Z"})
        await world.live(20)
        for member in ("east", "west"):
            await remove(world, member)
        await world.live(600)
        assert await world.profiles() == ["mcs-controller.north"]
        assert "members" not in hub.problems()


@pytest.mark.requirement("CP-12")
async def test_a_cluster_that_joins_under_an_old_id_does_not_inherit_the_report_of_the_old_one() -> None:
    world = await world_of("east", "west")
    async with world.hub():
        await world.live(30)
        old = (await profile(world))["metadata"]["labels"]["multicluster.x-k8s.io/inventory-member-id"]
        await remove(world, "east")
        body = {
            "apiVersion": MEMBER_CLUSTERS.api_version,
            "kind": "MemberCluster",
            "metadata": {"name": "east", "namespace": "mcs-member-east"},
            "spec": {"clusterset": "prod"},
        }
        made = await world.api.create(MEMBER_CLUSTERS, body)
        await world.live(60)
        labels = (await profile(world))["metadata"]["labels"]
        assert labels["multicluster.x-k8s.io/inventory-member-id"] == made["metadata"]["uid"] != old
        assert await world.condition("east", "ControlPlaneHealthy") == ("Unknown", "NoReport")
        assert await world.condition("east", "Joined") == ("False", "NeverJoined")


@pytest.mark.requirement("CP-12")
async def test_a_report_of_the_cluster_that_had_the_id_before_is_not_believed_of_the_new_one() -> None:
    world = await world_of("east", "west")
    colour = [seen("colour.example.com", "green")]
    async with world.hub():
        await world.status("east", {"clusterUID": "old"})
        await world.report("east", clusterUID="old", properties=colour)
        await world.live(30)
        assert await world.condition("east", "ControlPlaneHealthy") == ("True", "Healthy")
        await remove(world, "east")
        await rejoin(world, "east")
        await world.status("east", {"clusterUID": "new"})
        await world.live(600)
        assert await world.condition("east", "Joined") == ("True", "MemberJoined")
        assert await world.condition("east", "ControlPlaneHealthy") == ("Unknown", "NoReport")
        await world.report("east", clusterUID="new", properties=colour)
        await world.live(30)
        assert await world.condition("east", "ControlPlaneHealthy") == ("True", "Healthy")
        # Agents of an older release do not say who they are.
        await world.report("west", clusterUID=None)
        await world.status("west", {"clusterUID": "of-west"})
        await world.live(30)
        assert await world.condition("west", "ControlPlaneHealthy") == ("True", "Healthy")


@pytest.mark.requirement("CP-09")
async def test_reports_that_vanish_for_a_moment_take_no_property_away() -> None:
    world = await world_of("east")
    long = {"name": "notes.example.com", "reason": "ValueTooLong"}
    await world.report("east", properties=[seen("region.example.com", "eu")], skippedProperties=[long])
    async with world.hub():
        await world.live(30)
        kind = "memberreports.broker.mcs-controller.io"
        await world.api.delete(CUSTOM_RESOURCE_DEFINITIONS, kind)
        await world.live(60)
        await crds.install(world.api, kind)
        await world.live(60)
        assert (await profile(world))["status"]["properties"] == [seen("region.example.com", "eu")]
        assert await world.condition("east", "ControlPlaneHealthy") == ("True", "Healthy")
        assert await world.condition("east", "mcs-controller.io/PropertiesMirrored") == (
            "False",
            "SomeSkipped",
        )


async def rejoin(world: World, member: str) -> None:
    body = {
        "apiVersion": MEMBER_CLUSTERS.api_version,
        "kind": "MemberCluster",
        "metadata": {"name": member, "namespace": f"mcs-member-{member}"},
        "spec": {"clusterset": "prod"},
    }
    await world.api.create(MEMBER_CLUSTERS, body)
    world.members.append(member)


async def uids(world: World) -> dict[str, str]:
    listed = await world.api.list(cluster_profiles(), namespace=INVENTORY)
    return {one["metadata"]["name"]: one["metadata"]["uid"] for one in listed.items}


async def is_right(world: World, *members: str) -> bool:
    found = [await world.condition(one, "Joined") for one in members]
    named = [f"mcs-controller.{one}" for one in sorted(members)]
    return await world.profiles() == named and set(found) <= {("True", "MemberJoined")}


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("requests", range(1, 5))
async def test_a_hub_killed_after_any_write_is_followed_by_one_that_completes_it(
    requests: int, answered: bool
) -> None:
    world = await world_of("east", "west")
    killed = asyncio.Event()
    client = world.cluster.client("hub")
    apply, count = client.apply, 0

    async def apply_and_die(*given: Any, **more: Any) -> Any:
        nonlocal count
        count += 1
        number = count
        if number == requests and not answered:
            killed.set()
            await asyncio.Event().wait()
        found = await apply(*given, **more)
        if number == requests:
            killed.set()
            await asyncio.Event().wait()
        return found

    client.apply = apply_and_die  # type: ignore[method-assign]
    async with world.hub(client):
        await asyncio.wait_for(killed.wait(), 60)
    async with world.hub():
        await world.live(30)
        assert await is_right(world, "east", "west")


@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize("bump", [0, 1_000_000_000])
async def test_a_broker_restored_from_a_backup_gets_the_profiles_of_those_it_knows(
    bump: int, in_order: bool
) -> None:
    world = await world_of("east", "west", "north", "south")
    async with world.hub() as (hub, _):
        await world.live(30)
        backup = world.cluster.snapshot()
        await world.status("east", {"leaving": "2026-11-20T10:00:00.000000Z"})
        await world.live(20)
        await remove(world, "east")
        await world.join("late")
        await world.report("late")
        await world.live(600)
        assert await is_right(world, "late", "north", "south", "west")
        world.cluster.restore(backup, bump_revision=bump, in_order=in_order)
        world.members.remove("late")
        await world.live(900)
        names = [f"mcs-controller.{one}" for one in ("east", "north", "south", "west")]
        assert await world.profiles() == names
        assert await world.condition("east", "ControlPlaneHealthy") == ("Unknown", "MemberSilent")
        assert await world.condition("west", "ControlPlaneHealthy") == ("True", "Healthy")
        assert hub.problems() == {}


async def test_profiles_come_back_once_their_kind_does() -> None:
    world = await world_of("east", "west")
    async with world.hub() as (hub, _):
        await world.live(30)
        kind = "clusterprofiles.multicluster.x-k8s.io"
        await world.api.delete(CUSTOM_RESOURCE_DEFINITIONS, kind)
        await world.live(120)
        assert hub.problems() != {}
        await crds.install(world.api, kind)
        await world.live(120)
        assert await is_right(world, "east", "west")
        assert hub.problems() == {}


async def test_profiles_come_back_once_the_inventory_s_namespace_does() -> None:
    world = await world_of("east", "west")
    async with world.hub() as (hub, _):
        await world.live(30)
        await world.api.delete(NAMESPACES, INVENTORY)
        await world.live(600)
        assert "does not exist" in hub.problems()["inventory namespace"]
        await world.api.create(NAMESPACES, named(INVENTORY))
        await world.live(60)
        assert await is_right(world, "east", "west")
        assert hub.problems() == {}


@pytest.mark.parametrize("code", [409, 429, 500, 503])
async def test_a_storm_of_errors_ends_in_the_same_profiles(code: int) -> None:
    world = await world_of("east", "west")
    async with world.hub(world.cluster.client("hub")) as (hub, _):
        await world.live(30)
        before = await uids(world)
        storm = world.cluster.faults.fail(code, share=0.7, users=("hub",))
        await world.api.patch(
            MEMBER_CLUSTERS, "east", {"spec": {"displayName": "E"}}, namespace="mcs-member-east"
        )
        world.cluster.faults.cut_watches()
        await world.live(600)
        storm.lift()
        await world.live(180)
        assert await uids(world) == before
        assert (await profile(world))["spec"]["displayName"] == "E"
        assert await is_right(world, "east", "west")
        assert hub.problems() == {}


async def test_a_member_that_joined_again_since_the_last_read_keeps_its_profile() -> None:
    world = await world_of("east", "west", "north")
    async with world.hub(world.cluster.client("hub")):
        await world.live(30)
        before = await uids(world)
        await remove(world, "east")
        await world.live(200)
        keeps = world.cluster.faults.fail(
            500, users=("hub",), resources=("clusterprofiles",), verbs=("delete",)
        )
        await world.live(200)
        fails = world.cluster.faults.fail(500, users=("hub",), resources=("memberclusters",), verbs=("list",))
        await rejoin(world, "east")
        keeps.lift()
        await world.live(300)
        fails.lift()
        await world.live(60)
        assert await uids(world) == before


@pytest.mark.requirement("CP-04")
async def test_two_hubs_of_one_name_in_one_inventory_do_not_fight() -> None:
    world = await world_of("east", "west")
    async with world.hub() as (_, one), world.hub(member_timeout_seconds=60) as (_, two):
        await world.live(60)
        before = writes(one) + writes(two)
        await world.live(600)
        assert writes(one) + writes(two) == before
        world.silent.add("east")
        await world.live(300)
        assert writes(one) + writes(two) <= before + 6


@pytest.mark.requirement("CP-14")
async def test_health_that_flaps_is_written_no_more_than_twice_a_minute_after_ten_at_once() -> None:
    world = await world_of("east")
    async with world.hub() as (_, registry):
        for number in range(600):
            status = "True" if number % 2 else "False"
            flapping = {"status": status, "reason": "Healthy", "message": "", "observedTime": NOW}
            await world.report("east", controlPlane=flapping)
            await asyncio.sleep(1)
            await world.beat()
        assert writes(registry) <= 10 + 600 / 30


async def test_a_profile_that_a_finalizer_holds_is_deleted_once() -> None:
    world = await world_of("east", "west")
    async with world.hub() as (_, registry):
        await world.live(30)
        held = {"metadata": {"finalizers": ["example.com/held"]}}
        await world.api.patch(cluster_profiles(), "mcs-controller.east", held, namespace=INVENTORY)
        await remove(world, "east")
        await world.live(900)
        assert registry.get_sample_value("mcs_hub_profile_writes_total", {"what": "delete"}) == 1


async def test_a_hub_that_does_not_lead_any_more_writes_nothing_until_it_leads_again() -> None:
    world = await world_of("east")
    fence = LeaseFence(LoopClock())
    fence.close()
    async with world.hub(world.cluster.client("hub").fenced(fence)) as (_, registry):
        await world.live(600)
        assert await world.profiles() == []
        assert writes(registry) == 0
        fence.prove(asyncio.get_running_loop().time() + 600, fence.offset_seconds())
        await world.live(20)
        # No attempt that was refused is waited for.
        assert await is_right(world, "east")
        assert writes(registry) == 2


@pytest.mark.requirement("CP-14")
@pytest.mark.parametrize("code", [409, 429, 503])
async def test_attempts_that_were_refused_count_as_no_writes_and_keep_none_waiting(code: int) -> None:
    world = await world_of("east")
    async with world.hub(world.cluster.client("hub")) as (_, registry):
        await world.live(30)
        before = writes(registry)
        refuses = world.cluster.faults.fail(
            code, users=("hub",), resources=("clusterprofiles",), verbs=("patch",)
        )
        for number in range(300):
            await world.report("east", kubernetesVersion=f"v1.36.{number}")
            await asyncio.sleep(1)
            await world.beat()
        assert writes(registry) == before
        refuses.lift()
        await world.live(20)
        assert (await profile(world))["status"]["version"] == {"kubernetes": "v1.36.299"}
        assert writes(registry) == before + 1


@pytest.mark.requirement("CP-12", "CP-13")
async def test_members_that_are_silent_all_at_once_stay_members_of_unknown_health() -> None:
    world = await world_of("east", "west", "north")
    async with world.hub():
        await world.live(30)
        before = await uids(world)
        world.silent.update(world.members)
        await world.live(1200)
        assert await uids(world) == before
        for member in world.members:
            assert await world.condition(member, "ControlPlaneHealthy") == ("Unknown", "MemberSilent")
            assert await world.condition(member, "Joined") == ("True", "MemberJoined")


@pytest.mark.requirement("CP-12")
async def test_a_hub_that_was_cut_off_for_long_calls_nobody_silent() -> None:
    world = await world_of("east", "west")
    async with world.hub(world.cluster.client("hub")) as (_, registry):
        await world.live(30)
        before = writes(registry)
        away = world.cluster.faults.refuse_connections(users=("hub",))
        await world.live(900)
        away.lift()
        await world.live(120)
        assert writes(registry) == before
        assert await is_right(world, "east", "west")
