"""A hub where somebody else's definition of ClusterProfile is installed, in other versions than ours."""

import asyncio
from typing import Any

import pytest

from mcs_controller.api.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    MEMBER_CLUSTERS,
    NAMESPACES,
    cluster_profiles,
)
from mcs_controller.install.checks.facts import CheckConfig, ProfileFacts
from mcs_controller.install.checks.reading_broker import read_broker
from mcs_controller.install.checks.reading_cluster import read_cluster
from mcs_controller.kube.clock import SystemClock
from tests.controllers.test_hub import INVENTORY, KINDS, Object, World, named, seen
from tests.controllers.test_hub_faults import is_right, remove, uids
from tests.support import crds

pytestmark = pytest.mark.looptime

CRD = "clusterprofiles.multicluster.x-k8s.io"
NEW = cluster_profiles("v1alpha2")


def only(version: str) -> Any:
    """Edits a definition: this version of it, and no other."""

    def edit(crd: Object) -> None:
        crd["spec"]["versions"] = [
            {**one, "name": version, "storage": True}
            for one in crd["spec"]["versions"]
            if one["name"] == NEW.version
        ]

    return edit


async def world_with(version: str) -> World:
    world = World()
    await crds.install(world.api, *KINDS[:-1])
    await crds.install(world.api, CRD, edit=only(version))
    await world.api.create(NAMESPACES, named(INVENTORY))
    await world.join("east", access=[{"name": "corp", "server": "https://east.example.com"}])
    await world.report("east", properties=[seen("colour.example.com", "green")])
    return world


async def names(world: World) -> list[str]:
    listed = await world.api.list(NEW, namespace=INVENTORY)
    return [one["metadata"]["name"] for one in listed.items]


@pytest.mark.requirement("CP-01", "CP-09")
async def test_a_hub_keeps_profiles_of_which_only_the_newer_version_is_served() -> None:
    world = await world_with("v1alpha2")
    await world.join("west")
    async with world.hub() as (hub, _):
        await world.live(30)
        assert hub.problems() == {}
        east = await world.api.get(NEW, "mcs-controller.east", INVENTORY)
        assert east["status"]["properties"] == [seen("colour.example.com", "green")]
        assert east["status"]["accessProviders"][0]["name"] == "corp"
        facts = await read_broker(world.api, None, None, CheckConfig(), SystemClock())
        assert ProfileFacts(f"{INVENTORY}/mcs-controller.east", "east", "mcs-controller") in facts.profiles  # type: ignore[operator]
        # The MCS API is in the same group, and is not served because of that.
        assert (await read_cluster(world.api, CheckConfig(), SystemClock())).served == ()
        world.members.remove("west")
        await world.api.delete(MEMBER_CLUSTERS, "west", namespace="mcs-member-west")
        await world.live(400)
        assert await names(world) == ["mcs-controller.east"]


async def test_a_hub_follows_a_definition_that_is_replaced_by_one_of_another_version() -> None:
    world = World()
    await world.install()
    await world.join("east")
    async with world.hub() as (hub, _):
        await world.live(30)
        assert await names(world) == ["mcs-controller.east"]
        await world.api.delete(CUSTOM_RESOURCE_DEFINITIONS, CRD)
        await world.live(20)
        await crds.install(world.api, CRD, edit=only("v1alpha2"))
        await world.live(120)
        assert await names(world) == ["mcs-controller.east"]
        assert hub.problems() == {}


async def test_a_definition_without_a_version_that_we_speak_is_told_with_those_that_we_do() -> None:
    world = await world_with("v2")
    async with world.hub() as (hub, _):
        await asyncio.sleep(60)
        [problem] = [text for text in hub.problems().values() if CRD in text]
        assert f"does not serve {CRD} v1alpha1 or v1alpha2: apply the CRDs" in problem


@pytest.mark.requirement("CP-02", "CP-04")
async def test_profiles_of_a_hub_s_former_name_stay_and_are_found_by_their_label() -> None:
    world = World()
    await world.install()
    for member in ("east", "west"):
        await world.join(member)
    async with world.hub(cluster_manager="old"):
        await world.live(30)
    async with world.hub(cluster_manager="new"):
        await world.live(30)
        label = "x-k8s.io/cluster-manager=old"
        old = await world.api.list(NEW, namespace=INVENTORY, label_selector=label)
        assert [one["metadata"]["name"] for one in old.items] == ["old.east", "old.west"]
        for one in old.items:
            await world.api.delete(NEW, one["metadata"]["name"], namespace=INVENTORY)
        await world.live(60)
        assert await names(world) == ["new.east", "new.west"]


async def test_half_of_the_members_at_once_count_as_removed_and_keep_their_profiles_for_a_while() -> None:
    world = World()
    await world.install()
    members = ("east", "west", "north", "south")
    for member in members:
        await world.join(member)
    async with world.hub() as (hub, _):
        await world.live(30)
        before = await uids(world)
        backup = world.cluster.snapshot()
        for member in members[:2]:
            await remove(world, member)
        await world.live(60)
        assert await world.condition("east", "Joined") == ("False", "MemberRemoved")
        assert await world.condition("south", "Joined") == ("True", "MemberJoined")
        assert "members" not in hub.problems()
        world.cluster.restore(backup, bump_revision=1_000_000_000, in_order=True)
        world.members[:] = members
        await world.live(60)
        assert await is_right(world, *members)
        assert await uids(world) == before
