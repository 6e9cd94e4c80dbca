"""The hub: one profile for each member, right, quiet, and nobody else's."""

import asyncio
import contextlib
import dataclasses
import logging
import re
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from mcs_controller.api.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    MEMBER_CLUSTERS,
    MEMBER_REPORTS,
    NAMESPACES,
    cluster_profiles,
)
from mcs_controller.cli.hub import make_hub
from mcs_controller.clusterset.inventory.report import Report, decode_report
from mcs_controller.controllers.config import HubConfig
from mcs_controller.controllers.inventory import controller
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import SystemClock
from mcs_controller.kube.connection.transport import Request, Response
from mcs_controller.kube.errors import NotFound
from mcs_controller.simcluster.cluster import SimCluster
from tests.support import crds
from tests.support.transports import PassingTransport
from tests.support.waiting import eventually

pytestmark = pytest.mark.looptime

INVENTORY = "mcs-inventory"
NOW = "2026-11-20T10:00:00Z"
KINDS = (*crds.BROKER_CRDS, "memberreports.broker.mcs-controller.io", "clusterprofiles.multicluster.x-k8s.io")
Object = dict[str, Any]


class Garbling(PassingTransport):
    """Adds something to the list of MemberClusters that nobody can read."""

    garbled = False

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        answer = await super().request(request, timeout_seconds=timeout_seconds)
        if self.garbled and request.path == MEMBER_CLUSTERS.path():
            text = re.sub(rb'"items":\s*\[', b'"items":[7,', answer.body)
            return dataclasses.replace(answer, body=text)
        return answer


class World:
    """A broker, and hubs beside it."""

    def __init__(self) -> None:
        self.cluster = SimCluster("broker")
        self.api = self.cluster.client()
        self.beats = 0
        self.silent: set[str] = set()
        self.leaderless: set[str] = set()
        self.members: list[str] = []

    async def install(self, *kinds: str) -> None:
        await crds.install(self.api, *(kinds or KINDS))
        await self.api.create(NAMESPACES, named(INVENTORY))

    async def join(self, member: str, **spec: Any) -> Object:
        namespace = f"mcs-member-{member}"
        await self.api.create(NAMESPACES, named(namespace))
        body = {
            "apiVersion": MEMBER_CLUSTERS.api_version,
            "kind": "MemberCluster",
            "metadata": {"name": member, "namespace": namespace},
            "spec": {"clusterset": "prod", **spec},
        }
        made = await self.api.create(MEMBER_CLUSTERS, body)
        self.members.append(member)
        await self.beat()
        return made

    async def beat(self) -> None:
        self.beats += 1
        for member in self.members:
            if member not in self.silent:
                beat = f"2026-11-20T10:00:00.{self.beats:06}Z"
                said: Object = {"heartbeat": beat}
                if member not in self.leaderless:
                    said["exported"] = {"at": beat, "services": 0, "endpointSlices": 0, "digest": "0" * 16}
                await self.status(member, said)

    async def status(self, member: str, status: Object) -> None:
        await self.api.patch(
            MEMBER_CLUSTERS,
            member,
            {"status": status},
            namespace=f"mcs-member-{member}",
            subresource="status",
        )

    async def report(self, member: str, **spec: Any) -> None:
        namespace = f"mcs-member-{member}"
        healthy = {"status": "True", "reason": "Healthy", "message": "", "observedTime": NOW}
        body = {
            "apiVersion": MEMBER_REPORTS.api_version,
            "kind": "MemberReport",
            "metadata": {"name": "report", "namespace": namespace},
            "spec": {"kubernetesVersion": "v1.36.4", "controlPlane": healthy, **spec},
        }
        try:
            await self.api.patch(MEMBER_REPORTS, "report", {"spec": body["spec"]}, namespace=namespace)
        except NotFound:
            await self.api.create(MEMBER_REPORTS, body)

    async def profile(self, member: str, manager: str = "mcs-controller") -> Object | None:
        try:
            return await self.api.get(cluster_profiles(), f"{manager}.{member}", INVENTORY)
        except NotFound:
            return None

    async def profiles(self) -> list[str]:
        listed = await self.api.list(cluster_profiles(), namespace=INVENTORY)
        return sorted(one["metadata"]["name"] for one in listed.items)

    async def condition(self, member: str, type: str) -> tuple[str, str] | None:
        profile = await self.profile(member)
        for one in ((profile or {}).get("status") or {}).get("conditions", ()):
            if one["type"] == type:
                return one["status"], one["reason"]
        return None

    async def live(self, seconds: float) -> None:
        """Time passes, with heartbeats."""
        for _ in range(int(seconds / 10)):
            await asyncio.sleep(10)
            await self.beat()

    @contextlib.asynccontextmanager
    async def hub(self, client: Client | None = None, **config: Any) -> AsyncIterator[Any]:
        registry = CollectorRegistry()
        hub = make_hub(
            HubConfig(**config),
            client or self.cluster.client(),
            clock=SystemClock(),
            random=Random(1),
            registry=registry,
        )
        running = asyncio.create_task(hub.run())
        try:
            yield hub, registry
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


def named(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def writes(registry: CollectorRegistry) -> float:
    return sum(
        registry.get_sample_value("mcs_hub_profile_writes_total", {"what": what}) or 0.0
        for what in ("head", "status", "delete")
    )


def seen(name: str, value: str, at: str = NOW) -> Object:
    return {"name": name, "value": value, "lastObservedTime": at}


@pytest.mark.requirement("CP-01", "CP-02", "CP-05", "CP-07", "CP-08", "CP-13", "CP-16")
async def test_each_member_gets_one_profile_that_says_what_is_known_of_it() -> None:
    world = World()
    await world.install()
    made = await world.join(
        "east", displayName="East", access=[{"name": "corp", "server": "https://east.example.com"}]
    )
    await world.join("west")
    await world.report("east", properties=[seen("colour.example.com", "grün")])
    async with world.hub():
        await world.live(30)
        assert await world.profiles() == ["mcs-controller.east", "mcs-controller.west"]
        east = await world.profile("east")
        assert east is not None
        assert east["spec"] == {"displayName": "East", "clusterManager": {"name": "mcs-controller"}}
        labels = east["metadata"]["labels"]
        assert labels["x-k8s.io/cluster-manager"] == "mcs-controller"
        assert labels["multicluster.x-k8s.io/inventory-member-id"] == made["metadata"]["uid"]
        assert east["status"]["version"] == {"kubernetes": "v1.36.4"}
        assert east["status"]["properties"] == [seen("colour.example.com", "grün")]
        assert east["status"]["accessProviders"] == [
            {"name": "corp", "cluster": {"server": "https://east.example.com"}}
        ]
        assert "credentialProviders" not in east["status"]
        assert await world.condition("east", "ControlPlaneHealthy") == ("True", "Healthy")
        assert await world.condition("east", "Joined") == ("True", "MemberJoined")
        assert await world.condition("west", "ControlPlaneHealthy") == ("Unknown", "NoReport")
        namespace = await world.api.get(NAMESPACES, INVENTORY)
        assert namespace["metadata"]["labels"]["multicluster.x-k8s.io/clusterset"] == "prod"


@pytest.mark.requirement("CP-14")
async def test_ten_quiet_minutes_cost_a_profile_no_more_than_twenty_writes() -> None:
    world = World()
    await world.install()
    for member in ("east", "west"):
        await world.join(member)
        await world.report(member)
    async with world.hub() as (_, registry):
        await world.live(60)
        before = writes(registry)
        await world.live(600)
        assert writes(registry) == before <= 20 * 2


@pytest.mark.requirement("CP-14")
async def test_a_member_that_changes_all_the_time_has_its_profile_written_twice_a_minute() -> None:
    world = World()
    await world.install()
    await world.join("east")
    async with world.hub() as (_, registry):
        for number in range(300):
            await asyncio.sleep(2)
            await world.beat()
            await world.report("east", properties=[seen("count.example.com", str(number))])
        assert writes(registry) <= 10 + 600 / 30
        assert writes(registry) >= 10


@pytest.mark.requirement("CP-11")
async def test_a_later_time_of_the_same_value_is_not_written_and_a_new_value_brings_its_own() -> None:
    world = World()
    await world.install()
    await world.join("east")
    await world.report("east", properties=[seen("colour.example.com", "green")])
    async with world.hub() as (_, registry):
        await world.live(30)
        before = writes(registry)
        later = "2026-11-20T11:00:00Z"
        await world.report("east", properties=[seen("colour.example.com", "green", later)])
        await world.live(30)
        assert writes(registry) == before
        await world.report("east", properties=[seen("colour.example.com", "red", later)])
        await world.live(30)
        profile = await world.profile("east")
        assert profile is not None
        assert profile["status"]["properties"] == [seen("colour.example.com", "red", later)]


@pytest.mark.requirement("CP-12")
async def test_a_member_that_falls_silent_is_of_unknown_health_also_after_a_restart_of_the_hub() -> None:
    world = World()
    await world.install()
    for member in ("east", "west"):
        await world.join(member)
        await world.report(member)
    async with world.hub():
        await world.live(30)
        world.silent.add("east")
        await world.live(100)
        assert await world.condition("east", "ControlPlaneHealthy") == ("Unknown", "MemberSilent")
        assert await world.condition("west", "ControlPlaneHealthy") == ("True", "Healthy")
        assert await world.condition("east", "Joined") == ("True", "MemberJoined")
    async with world.hub():
        await world.live(30)
        assert await world.condition("east", "ControlPlaneHealthy") == ("Unknown", "MemberSilent")
        world.silent.clear()
        await world.live(30)
        assert await world.condition("east", "ControlPlaneHealthy") == ("True", "Healthy")


@pytest.mark.requirement("CP-12")
async def test_the_report_of_a_member_without_a_leader_is_of_another_time() -> None:
    """Its other replicas go on renewing the heartbeat, also while its API server answers nobody."""
    world = World()
    await world.install()
    await world.join("east")
    await world.report("east")
    async with world.hub():
        await world.live(30)
        world.leaderless.add("east")
        await world.live(100)
        assert await world.condition("east", "ControlPlaneHealthy") == ("Unknown", "NoLeader")
        world.leaderless.clear()
        await world.live(30)
        assert await world.condition("east", "ControlPlaneHealthy") == ("True", "Healthy")


@pytest.mark.requirement("CP-12")
async def test_what_the_member_says_of_its_control_plane_is_said() -> None:
    world = World()
    await world.install()
    await world.join("east")
    failing = {"status": "False", "reason": "EtcdFailing", "message": "no quorum", "observedTime": NOW}
    await world.report("east", controlPlane=failing)
    async with world.hub():
        await world.live(30)
        assert await world.condition("east", "ControlPlaneHealthy") == ("False", "EtcdFailing")


@pytest.mark.requirement("CP-13")
async def test_a_member_that_leaves_or_is_removed_is_told_and_its_profile_goes_later() -> None:
    world = World()
    await world.install()
    for member in ("east", "west"):
        await world.join(member)
    async with world.hub():
        await world.live(30)
        await world.status("east", {"leaving": "2026-11-20T10:00:00.000000Z"})
        await world.live(20)
        assert await world.condition("east", "Joined") == ("False", "MemberLeaves")
        world.members.remove("east")
        await world.api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
        await world.live(20)
        assert await world.condition("east", "Joined") == ("False", "MemberLeaves")
        await world.live(60)
        assert await world.condition("east", "Joined") == ("False", "MemberRemoved")
        await world.live(300)
        assert await world.profiles() == ["mcs-controller.west"]


@pytest.mark.requirement("CP-12", "CP-13")
async def test_a_dead_member_that_is_made_to_leave_is_not_well_by_what_it_said_when_it_lived() -> None:
    world = World()
    await world.install()
    await world.join("west")
    await world.report("west")
    async with world.hub():
        await world.live(30)
        assert await world.condition("west", "ControlPlaneHealthy") == ("True", "Healthy")
        world.silent.add("west")
        await world.live(100)
        assert await world.condition("west", "ControlPlaneHealthy") == ("Unknown", "MemberSilent")
        # `leave` proves whose the id is, before it withdraws anything: a heartbeat, and no leader's word.
        world.silent.remove("west")
        world.leaderless.add("west")
        await world.live(20)
        assert await world.condition("west", "ControlPlaneHealthy") == ("Unknown", "NoLeader")
        # Then it speaks as the agent would, for as long as it waits for the others.
        world.leaderless.remove("west")
        await world.status("west", {"leaving": "2026-11-20T10:00:00.000000Z"})
        await world.live(100)
        assert await world.condition("west", "ControlPlaneHealthy") == ("Unknown", "MemberLeaves")
        assert await world.condition("west", "Joined") == ("False", "MemberLeaves")
        world.silent.add("west")
        await world.live(100)
        assert await world.condition("west", "ControlPlaneHealthy") == ("Unknown", "MemberLeaves")
    async with world.hub():
        await world.live(20)
        assert await world.condition("west", "ControlPlaneHealthy") == ("Unknown", "MemberLeaves")
        world.silent.remove("west")
        await world.status("west", {"leaving": None})
        await world.live(20)
        assert await world.condition("west", "ControlPlaneHealthy") == ("True", "Healthy")


async def test_a_member_that_was_removed_while_no_hub_ran_is_known_by_its_profile() -> None:
    world = World()
    await world.install()
    for member in ("east", "west"):
        await world.join(member)
    async with world.hub():
        await world.live(30)
    world.members.remove("east")
    await world.api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
    async with world.hub():
        await world.live(20)
        assert await world.condition("east", "Joined") == ("True", "MemberJoined")
        await world.live(60)
        assert await world.condition("east", "Joined") == ("False", "MemberRemoved")
        await world.live(300)
        assert await world.profiles() == ["mcs-controller.west"]


async def test_no_profile_goes_while_the_members_cannot_be_read_or_their_kind_is_deleted_for_a_moment() -> (
    None
):
    world = World()
    await world.install()
    await world.join("east")
    async with world.hub() as (hub, _):
        await world.live(30)
        world.members.clear()
        await world.api.delete(CUSTOM_RESOURCE_DEFINITIONS, "memberclusters.broker.mcs-controller.io")
        await world.live(1200)
        assert await world.profiles() == ["mcs-controller.east"]
        assert await world.condition("east", "Joined") == ("True", "MemberJoined")
        assert "cannot read the members" in hub.problems()["members"]


async def test_no_profile_goes_while_one_of_the_listed_members_cannot_be_decoded() -> None:
    world = World()
    await world.install()
    for member in ("east", "west"):
        await world.join(member)
    transport = Garbling(world.cluster.transport())
    async with world.hub(Client(transport, name="broker")):
        await world.live(30)
        transport.garbled = True
        world.members.remove("east")
        await world.api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
        await world.live(1200)
        assert await world.condition("east", "Joined") == ("True", "MemberJoined")
        transport.garbled = False
        await world.live(400)
        assert await world.profiles() == ["mcs-controller.west"]


@pytest.mark.requirement("CP-04", "CP-05")
async def test_two_managers_in_one_inventory_do_not_touch_each_others() -> None:
    world = World()
    await world.install()
    await world.join("east")
    await world.report("east")
    async with world.hub() as (_, one), world.hub(cluster_manager="other") as (_, two):
        await world.live(60)
        assert await world.profiles() == ["mcs-controller.east", "other.east"]
        before = writes(one), writes(two)
        await world.live(600)
        assert (writes(one), writes(two)) == before


@pytest.mark.requirement("CP-04")
async def test_a_foreign_object_of_our_name_stays_as_it_is_and_is_counted() -> None:
    world = World()
    await world.install()
    await world.join("east")
    foreign = {
        "apiVersion": "multicluster.x-k8s.io/v1alpha1",
        "kind": "ClusterProfile",
        "metadata": {"name": "mcs-controller.east", "namespace": INVENTORY},
        "spec": {"clusterManager": {"name": "somebody"}},
    }
    made = await world.api.create(cluster_profiles(), foreign)
    async with world.hub() as (_, registry):
        await world.live(60)
        assert registry.get_sample_value("mcs_hub_profile_names_taken") == 1
        world.members.remove("east")
        await world.api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
        await world.live(600)
        assert await world.profile("east") == made


@pytest.mark.requirement("CP-09")
async def test_a_member_cannot_speak_of_another_member_or_say_that_it_is_one() -> None:
    world = World()
    await world.install()
    for member in ("east", "west"):
        await world.join(member)
    await world.report("west", properties=[seen("cluster.clusterset.k8s.io", "west")])
    lies = [seen("cluster.clusterset.k8s.io", "west"), seen("clusterset.k8s.io", "prod")]
    await world.report("east", properties=lies, kubernetesVersion="v0")
    other = {
        "apiVersion": MEMBER_REPORTS.api_version,
        "kind": "MemberReport",
        "metadata": {"name": "west", "namespace": "mcs-member-east"},
        "spec": {"kubernetesVersion": "v0"},
    }
    await world.api.create(MEMBER_REPORTS, other)
    async with world.hub():
        await world.live(30)
        east, west = await world.profile("east"), await world.profile("west")
        assert east is not None
        assert west is not None
        assert east["status"]["properties"] == [seen("clusterset.k8s.io", "prod")]
        assert await world.condition("east", "mcs-controller.io/PropertiesMirrored") == (
            "False",
            "SomeSkipped",
        )
        assert west["status"]["properties"] == [seen("cluster.clusterset.k8s.io", "west")]
        assert west["status"]["version"] == {"kubernetes": "v1.36.4"}


@pytest.mark.requirement("CP-02")
async def test_labels_that_somebody_removed_come_back() -> None:
    world = World()
    await world.install()
    await world.join("east")
    async with world.hub():
        await world.live(30)
        gone: Object = {"metadata": {"labels": {"x-k8s.io/cluster-manager": None}}}
        await world.api.patch(cluster_profiles(), "mcs-controller.east", gone, namespace=INVENTORY)
        await world.live(30)
        profile = await world.profile("east")
        assert profile is not None
        assert profile["metadata"]["labels"]["x-k8s.io/cluster-manager"] == "mcs-controller"


async def test_a_hub_without_the_kinds_waits_and_works_once_they_are_there() -> None:
    world = World()
    await crds.install(world.api, *crds.BROKER_CRDS)
    await world.join("east")
    async with world.hub() as (hub, _):
        await world.live(60)
        assert any("clusterprofiles" in name for name in hub.problems())
        await crds.install(world.api, *KINDS[-2:])
        await world.live(120)
        assert "does not exist" in hub.problems()["inventory namespace"]
        await world.api.create(NAMESPACES, named(INVENTORY))

        async def is_there() -> bool:
            return await world.profiles() == ["mcs-controller.east"]

        await eventually(is_there, within_seconds=120)
        await world.live(20)
        assert hub.problems() == {}


async def test_a_namespace_that_is_missing_is_told_once_with_the_option_and_what_to_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    await world.install()
    for member in ("east", "west", "north"):
        await world.join(member)
    says = "--inventory-namespace: namespace nope does not exist: create it (kubectl create namespace nope)"
    async with world.hub(inventory_namespace="nope") as (hub, registry):
        await world.live(600)
        assert says in hub.problems()["inventory namespace"]
        warnings = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
        assert [says in one for one in warnings] == [True]
        assert writes(registry) == 0
        await world.api.create(NAMESPACES, named("nope"))
        await world.live(60)
        assert hub.problems() == {}
        listed = await world.api.list(cluster_profiles(), namespace="nope")
        assert len(listed.items) == 3


async def test_reports_of_other_names_never_reach_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    read: set[str] = set()

    def noted(raw: Object) -> Report | None:
        read.add(raw["metadata"]["name"])
        return decode_report(raw)

    monkeypatch.setattr(controller, "decode_report", noted)
    world = World()
    await world.install()
    await world.join("east")
    await world.report("east")
    report = await world.api.get(MEMBER_REPORTS, "report", namespace="mcs-member-east")
    for name in ("another", "one-more"):
        metadata = {"name": name, "namespace": "mcs-member-east"}
        await world.api.create(MEMBER_REPORTS, {**report, "metadata": metadata})
    async with world.hub():
        await world.live(20)
        last = {"name": "at-last", "namespace": "mcs-member-east"}
        await world.api.create(MEMBER_REPORTS, {**report, "metadata": last})
        await world.live(20)
        assert await world.profile("east")
    assert read == {"report"}
