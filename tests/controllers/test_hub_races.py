"""What changes between what the hub has read and what it writes: nobody else's is overruled or deleted."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import pytest

from mcs_controller.api.resources import MEMBER_CLUSTERS, MEMBER_REPORTS, NAMESPACES, cluster_profiles
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.transport import Request, Response, Transport
from tests.controllers.test_hub import INVENTORY, Object, World
from tests.controllers.test_hub_faults import rejoin, remove, world_of
from tests.support.transports import PassingTransport

pytestmark = pytest.mark.looptime

PROFILE = "mcs-controller.east"
CLUSTERSET = "multicluster.x-k8s.io/clusterset"
OURS = "mcs-controller.io/managed-by"


class Meddling(PassingTransport):
    """Just before the next write of a profile by this method, somebody else does something."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.method = self.path = ""
        self.meddle: Callable[[], Awaitable[object]] | None = None
        self.asked: list[Request] = []

    def before(self, method: str, meddle: Callable[[], Awaitable[object]], *, path: str = "") -> None:
        self.method, self.meddle, self.path = method, meddle, path

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        if "/clusterprofiles/" in request.path:
            self.asked.append(request)
            meant = request.method == self.method and request.path.endswith(self.path)
            if meant and self.meddle is not None:
                meddle, self.meddle = self.meddle, None
                await meddle()
        return await super().request(request, timeout_seconds=timeout_seconds)


def meddled(world: World) -> tuple[Meddling, Client]:
    transport = Meddling(world.cluster.transport("hub"))
    return transport, Client(transport, name="broker")


def foreign() -> Object:
    return {
        "apiVersion": "multicluster.x-k8s.io/v1alpha1",
        "kind": "ClusterProfile",
        "metadata": {"name": PROFILE, "namespace": INVENTORY},
        "spec": {"clusterManager": {"name": "somebody"}},
    }


@pytest.mark.requirement("CP-04")
async def test_a_profile_that_somebody_takes_over_just_before_it_is_deleted_stays() -> None:
    world = await world_of("east", "west", "north")
    transport, client = meddled(world)
    unmarked = {"metadata": {"labels": {OURS: None}}}

    async def take_over() -> None:
        await world.api.patch(cluster_profiles(), PROFILE, unmarked, namespace=INVENTORY)

    async with world.hub(client):
        await world.live(30)
        transport.before("DELETE", take_over)
        await remove(world, "east")
        await world.live(600)
        assert transport.meddle is None
        found = await world.profile("east")
        assert found is not None
        assert OURS not in found["metadata"]["labels"]


@pytest.mark.requirement("CP-04")
async def test_a_profile_that_is_another_managers_by_now_is_not_written() -> None:
    world = await world_of("east", "west")
    transport, client = meddled(world)
    made: list[Object] = []

    async def replace() -> None:
        await world.api.delete(cluster_profiles(), PROFILE, namespace=INVENTORY)
        made.append(await world.api.create(cluster_profiles(), foreign()))

    async with world.hub(client) as (_, registry):
        await world.live(30)
        transport.before("PATCH", replace)
        called = {"spec": {"displayName": "East"}}
        await world.api.patch(MEMBER_CLUSTERS, "east", called, namespace="mcs-member-east")
        await world.live(120)
        assert made == [await world.profile("east")]
        assert registry.get_sample_value("mcs_hub_profile_names_taken") == 1
        # It is one of ours again as soon as there is none in the way.
        await world.api.delete(cluster_profiles(), PROFILE, namespace=INVENTORY)
        await world.live(60)
        assert (await world.profile("east") or {})["spec"]["clusterManager"] == {"name": "mcs-controller"}
        assert registry.get_sample_value("mcs_hub_profile_names_taken") == 0


@pytest.mark.requirement("CP-04")
async def test_a_profile_that_takes_the_place_of_one_just_made_gets_no_status_of_ours() -> None:
    world = await world_of("east")
    transport, client = meddled(world)
    made: list[Object] = []

    async def replace() -> None:
        await world.api.delete(cluster_profiles(), PROFILE, namespace=INVENTORY)
        made.append(await world.api.create(cluster_profiles(), foreign()))

    transport.before("PATCH", replace, path="/status")
    async with world.hub(client):
        await world.live(120)
        assert made == [await world.profile("east")]


@pytest.mark.requirement("CP-04")
async def test_a_profile_is_made_without_overruling_anybody_and_kept_by_overruling() -> None:
    """The simulated API server knows no conflicts, so that this looks at what is asked for."""
    world = await world_of("east", "west")
    transport, client = meddled(world)

    def forced() -> list[bool]:
        heads = (one for one in transport.asked if one.method == "PATCH" and one.path.endswith(PROFILE))
        return [("force", "true") in one.query for one in heads]

    async with world.hub(client):
        await world.live(30)
        assert forced() == [False]
        theirs = {"metadata": {"labels": {"x-k8s.io/cluster-manager": "theirs"}}}
        await world.api.patch(cluster_profiles(), PROFILE, theirs, namespace=INVENTORY)
        await world.live(30)
        assert forced() == [False, True]


@pytest.mark.requirement("CP-08", "CP-13")
async def test_a_profile_of_a_member_that_was_removed_while_no_hub_ran_keeps_its_id_and_name() -> None:
    world = await world_of("west", "north")
    await world.join("east", displayName="East")
    async with world.hub():
        await world.live(30)
    before = (await world.profile("east") or {})["metadata"]["labels"]
    await remove(world, "east")
    transport, client = meddled(world)
    async with world.hub(client):
        await world.live(60)
        assert await world.condition("east", "Joined") == ("False", "MemberRemoved")
        # What it says of the member is no reason to write more than the status.
        assert {one.path.rpartition("/")[2] for one in transport.asked} == {"status"}
        gone: Object = {"metadata": {"labels": {"x-k8s.io/cluster-manager": None}}}
        await world.api.patch(cluster_profiles(), PROFILE, gone, namespace=INVENTORY)
        await world.live(30)
        (head,) = (one for one in transport.asked if one.path.endswith(PROFILE))
        said = json.loads(head.body or b"")
        assert said["metadata"]["labels"] == before
        assert said["spec"]["displayName"] == "East"


@pytest.mark.requirement("CP-12")
async def test_a_cluster_that_joins_under_an_old_id_is_not_taken_for_healthy_before_it_reports() -> None:
    world = await world_of("east", "west")
    async with world.hub():
        await world.live(30)
        await remove(world, "east")
        await world.api.delete(MEMBER_REPORTS, "report", namespace="mcs-member-east")
        await rejoin(world, "east")
        await world.live(30)
        assert await world.condition("east", "Joined") == ("True", "MemberJoined")
        assert await world.condition("east", "ControlPlaneHealthy") == ("Unknown", "NoReport")


async def label(world: World) -> str | None:
    namespace = await world.api.get(NAMESPACES, INVENTORY)
    found: str | None = (namespace["metadata"].get("labels") or {}).get(CLUSTERSET)
    return found


@pytest.mark.requirement("CP-07")
async def test_the_inventory_is_labelled_where_all_members_agree_and_nobody_else_did() -> None:
    world = await world_of("east")
    await world.join("west", clusterset="test")
    async with world.hub():
        await world.live(30)
        assert await label(world) is None
        one = {"spec": {"clusterset": None}}
        await world.api.patch(MEMBER_CLUSTERS, "west", one, namespace="mcs-member-west")
        await world.live(30)
        assert await label(world) is None
        await world.api.patch(
            MEMBER_CLUSTERS, "west", {"spec": {"clusterset": "prod"}}, namespace="mcs-member-west"
        )
        await world.live(30)
        assert await label(world) == "prod"
        await world.api.patch(NAMESPACES, INVENTORY, {"metadata": {"labels": {CLUSTERSET: "theirs"}}})
        await world.live(30)
        assert await label(world) == "theirs"


async def test_profiles_of_others_are_not_counted_as_ours() -> None:
    world = await world_of("east", "west")
    other = {**foreign(), "metadata": {"name": "somebody.east", "namespace": INVENTORY}}
    await world.api.create(cluster_profiles(), other)
    async with world.hub() as (_, registry):
        await world.live(30)
        assert registry.get_sample_value("mcs_hub_profiles") == 2
        assert registry.get_sample_value("mcs_hub_members") == 2
        assert registry.get_sample_value("mcs_hub_members_silent") == 0


@pytest.mark.requirement("CP-14")
async def test_a_profile_is_written_once_however_late_its_watch_brings_that() -> None:
    world = await world_of("east")
    transport, client = meddled(world)
    async with world.hub(client):
        await world.live(30)
        before = len(transport.asked)
        world.cluster.faults.delay(45, verbs=("watch",), users=("hub",))
        called = {"spec": {"displayName": "East"}}
        await world.api.patch(MEMBER_CLUSTERS, "east", called, namespace="mcs-member-east")
        await world.live(120)
        assert len(transport.asked) == before + 1


@pytest.mark.requirement("CP-14")
async def test_a_name_that_the_administrator_takes_back_is_applied_away_once() -> None:
    world = World()
    await world.install()
    await world.join("east", displayName="East")
    transport, client = meddled(world)
    async with world.hub(client):
        await world.live(30)
        before = len(transport.asked)
        called: Object = {"spec": {"displayName": None}}
        await world.api.patch(MEMBER_CLUSTERS, "east", called, namespace="mcs-member-east")
        await world.live(120)
        (head,) = transport.asked[before:]
        assert "displayName" not in json.loads(head.body or b"")["spec"]


@pytest.mark.requirement("CP-04", "CP-14")
async def test_what_others_add_after_a_start_is_no_reason_to_write() -> None:
    world = await world_of("east")
    async with world.hub():
        await world.live(30)
    transport, client = meddled(world)
    async with world.hub(client):
        await world.live(30)
        theirs = {"status": {"properties": [{"name": "z.example.com", "value": "z"}]}}
        await world.api.patch(cluster_profiles(), PROFILE, theirs, namespace=INVENTORY, subresource="status")
        await world.live(120)
        assert transport.asked == []
