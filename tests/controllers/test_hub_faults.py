"""Faults beside the hub: no profile is lost, stale or written for ever because of one."""

from typing import Any

import pytest

from mcs_controller.api.resources import MEMBER_CLUSTERS, cluster_profiles
from tests.controllers.test_hub import INVENTORY, World, writes

pytestmark = pytest.mark.looptime

SERVER = "https://east.example.com"


async def world_of(*members: str) -> World:
    world = World()
    await world.install()
    for member in members:
        await world.join(member)
        await world.report(member)
    return world


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
