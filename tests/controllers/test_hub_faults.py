"""Faults beside the hub: no profile is lost, stale or written for ever because of one."""

from typing import Any

import pytest

from mcs_controller.api.resources import CUSTOM_RESOURCE_DEFINITIONS, MEMBER_CLUSTERS, cluster_profiles
from tests.controllers.test_hub import INVENTORY, World, seen, writes
from tests.support import crds

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


@pytest.mark.requirement("CP-09")
async def test_reports_that_vanish_for_a_moment_take_no_property_away() -> None:
    world = await world_of("east")
    await world.report("east", properties=[seen("region.example.com", "eu")])
    async with world.hub():
        await world.live(30)
        kind = "memberreports.broker.mcs-controller.io"
        await world.api.delete(CUSTOM_RESOURCE_DEFINITIONS, kind)
        await world.live(60)
        await crds.install(world.api, kind)
        await world.live(60)
        assert (await profile(world))["status"]["properties"] == [seen("region.example.com", "eu")]
        assert await world.condition("east", "ControlPlaneHealthy") == ("True", "Healthy")
