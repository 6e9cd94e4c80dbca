"""What the hub makes of looks at the members that fail, are cut short, or show what nobody can read."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from random import Random

import pytest

from mcs_controller.api.resources import MEMBER_CLUSTERS, MEMBER_REPORTS, cluster_profiles
from mcs_controller.controllers.config import HubConfig
from mcs_controller.controllers.inventory.members import Members
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.transport import Request, Response
from tests.controllers.test_hub import INVENTORY, World, writes
from tests.controllers.test_hub_faults import rejoin, remove, world_of
from tests.support.transports import PassingTransport

pytestmark = pytest.mark.looptime


class Odd(PassingTransport):
    """The MemberCluster of the member `odd` is shown with a heartbeat that is none, as no schema allows, or
    as something that is no object at all.
    """

    odd = ""
    unreadable = False

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        answer = await super().request(request, timeout_seconds=timeout_seconds)
        if not self.odd or not request.path.endswith(f"/{MEMBER_CLUSTERS.plural}"):
            return answer
        listed = json.loads(answer.body)
        for place, one in enumerate(listed["items"]):
            if one["metadata"]["name"] == self.odd:
                one["status"] = {"heartbeat": 7}
                listed["items"][place] = 7 if self.unreadable else one
        return dataclasses.replace(answer, body=json.dumps(listed).encode())


def looking(world: World) -> tuple[Odd, Client]:
    transport = Odd(world.cluster.transport("hub"))
    return transport, Client(transport, name="broker")


async def test_a_member_whose_words_cannot_be_read_is_there_and_its_profile_stays() -> None:
    world = await world_of("east", "west", "north")
    transport, client = looking(world)
    async with world.hub(client) as (_, registry):
        await world.live(30)
        before = await world.profile("east")
        transport.odd = "east"
        await world.live(900)
        assert await world.profile("east") == before
        assert await world.condition("west", "ControlPlaneHealthy") == ("True", "Healthy")
        assert registry.get_sample_value("mcs_hub_members") == 3
        transport.odd = ""
        world.silent.add("east")
        await world.live(120)
        assert await world.condition("east", "ControlPlaneHealthy") == ("Unknown", "MemberSilent")


async def test_a_hub_that_starts_while_members_are_unreadable_takes_nobody_for_removed() -> None:
    world = await world_of("east", "west", "north")
    async with world.hub():
        await world.live(30)
    transport, client = looking(world)
    transport.odd, transport.unreadable = "east", True
    async with world.hub(client):
        await world.live(900)
        assert len(await world.profiles()) == 3
        assert await world.condition("east", "Joined") == ("True", "MemberJoined")


async def test_a_time_in_which_nobody_could_look_makes_no_member_removed() -> None:
    world = await world_of("east", "west", "north")
    async with world.hub(world.cluster.client("hub")):
        await world.live(30)
        await remove(world, "east")
        await world.live(10)
        away = world.cluster.faults.refuse_connections(users=("hub",))
        await world.live(900)
        away.lift()
        await world.live(10)
        assert await world.condition("east", "Joined") == ("True", "MemberJoined")
        await world.live(60)
        assert await world.condition("east", "Joined") == ("False", "MemberRemoved")


@pytest.mark.requirement("CP-12")
async def test_an_outage_of_the_broker_for_all_makes_no_member_silent_or_without_a_leader() -> None:
    world = await world_of("east", "west")
    async with world.hub(world.cluster.client("hub")) as (_, registry):
        await world.live(30)
        before = writes(registry)
        away = world.cluster.faults.refuse_connections(users=("hub",))
        # Nor can any member renew its heartbeat meanwhile.
        await asyncio.sleep(900)
        away.lift()
        await asyncio.sleep(15)
        await world.live(60)
        assert writes(registry) == before


@pytest.mark.requirement("CP-12")
async def test_how_long_a_heartbeat_may_be_missing_is_the_operators_to_say() -> None:
    world = await world_of("east", "west")
    async with world.hub(member_timeout_seconds=40) as (_, registry):
        await world.live(30)
        world.silent.add("east")
        await world.live(60)
        assert await world.condition("east", "ControlPlaneHealthy") == ("Unknown", "MemberSilent")
        assert registry.get_sample_value("mcs_hub_members_silent") == 1
        age = registry.get_sample_value("mcs_hub_heartbeat_age_seconds", {"member": "east"})
        assert age is not None
        assert 40 <= age <= 80
        assert (registry.get_sample_value("mcs_hub_heartbeat_age_seconds", {"member": "west"}) or 0) <= 20


def members_at(client: Client) -> Members:
    return Members(HubConfig(), client, with_profiles=set, joined=set, on_read=lambda: None, random=Random(1))


async def test_a_member_is_back_where_its_member_cluster_is_or_what_is_there_cannot_be_read() -> None:
    world = await world_of("east", "west")
    transport, client = looking(world)
    members = members_at(client)
    assert await members.is_back("east")
    transport.odd = "east"
    assert await members.is_back("east")
    await remove(world, "east")
    assert not await members.is_back("east")
    await rejoin(world, "east")
    transport.unreadable = True
    assert await members.is_back("east")


@pytest.mark.requirement("CP-12")
async def test_a_time_without_looks_makes_nobody_silent_or_without_a_leader_at_the_next_one() -> None:
    world = await world_of("east", "west")
    members = members_at(world.cluster.client("hub"))
    for _ in range(2):
        await world.live(10)
        await members.step()
    assert not members.unproven
    await asyncio.sleep(900)
    await members.step()
    assert not members.silent
    assert not members.leaderless
    assert max(members.ages_seconds().values()) <= 2 * HubConfig().interval_seconds


@pytest.mark.requirement("CP-12")
async def test_a_report_that_is_gone_counts_for_three_minutes_each_time_and_no_longer() -> None:
    world = await world_of("east", "west")
    namespace = "mcs-member-east"
    async with world.hub():
        await world.live(30)
        for _ in range(2):
            await world.api.delete(MEMBER_REPORTS, "report", namespace=namespace)
            await world.live(150)
            assert await world.condition("east", "ControlPlaneHealthy") == ("True", "Healthy")
            await world.report("east")
            await world.live(60)
        await world.api.delete(MEMBER_REPORTS, "report", namespace=namespace)
        await world.live(210)
        assert await world.condition("east", "ControlPlaneHealthy") == ("Unknown", "NoReport")


@pytest.mark.requirement("CP-14")
@pytest.mark.parametrize("late", ["clusterprofiles", "memberreports"])
async def test_a_hub_that_has_not_read_all_yet_writes_nothing(late: str) -> None:
    world = await world_of("east", "west")
    async with world.hub():
        await world.live(30)
    if late == "memberreports":
        # No profile remembers then what was reported.
        for name in await world.profiles():
            await world.api.delete(cluster_profiles(), name, namespace=INVENTORY)
    profiles = await world.profiles()
    world.cluster.faults.delay(45, verbs=("list",), resources=(late,), users=("hub",))
    async with world.hub(world.cluster.client("hub")) as (_, registry):
        await world.live(40)
        assert writes(registry) == 0
        assert await world.profiles() == profiles
        await world.live(60)
        assert await world.condition("east", "ControlPlaneHealthy") == ("True", "Healthy")
        assert writes(registry) == (0 if profiles else 4)
