"""Where a cluster's id comes from, and what becomes of the old one when it changes."""

import asyncio
from random import Random

import pytest

from mcs_controller.api.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    EXPORTED_SERVICES,
    MEMBER_CLUSTERS,
    NAMESPACES,
    cluster_properties,
)
from mcs_controller.clusterset.errors import InvalidClusterId
from mcs_controller.controllers.membership.cluster_id import ClusterId
from mcs_controller.kube.client import Client
from mcs_controller.simcluster.cluster import SimCluster
from tests.support.clusterset import EAST, WEST, Clusterset
from tests.support.objects import Object

pytestmark = pytest.mark.looptime


def about_crd(version: str) -> Object:
    """As much of ClusterProperty's definition as its reader needs."""
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"value": {"type": "string"}}}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": "clusterproperties.about.k8s.io",
            "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"},
        },
        "spec": {
            "group": "about.k8s.io",
            "scope": "Cluster",
            "names": {
                "kind": "ClusterProperty",
                "listKind": "ClusterPropertyList",
                "plural": "clusterproperties",
                "singular": "clusterproperty",
            },
            "versions": [
                {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
            ],
        },
    }


def cluster_property(version: str, value: str) -> Object:
    return {
        "apiVersion": f"about.k8s.io/{version}",
        "kind": "ClusterProperty",
        "metadata": {"name": "cluster.clusterset.k8s.io"},
        "spec": {"value": value},
    }


async def with_property(sim: SimCluster, version: str, value: str) -> Client:
    client = sim.client()
    await client.create(CUSTOM_RESOURCE_DEFINITIONS, about_crd(version))
    await client.create(cluster_properties(version), cluster_property(version, value))
    return client


@pytest.mark.requirement("MCS-NS-08")
@pytest.mark.parametrize("version", ["v1alpha1", "v1beta1"])
@pytest.mark.parametrize("option", [None, "east"])
async def test_the_property_says_the_id_in_either_version(version: str, option: str | None) -> None:
    client = await with_property(SimCluster("east"), version, "east")
    assert await ClusterId(client, random=Random(1)).find(option) == "east"


@pytest.mark.requirement("ABT-12")
async def test_an_id_that_changed_between_two_memberships_is_that_of_the_next() -> None:
    client = await with_property(SimCluster("east"), "v1beta1", "east")
    assert await ClusterId(client, random=Random(1)).find(None) == "east"
    value = {"spec": {"value": "south"}}
    await client.patch(cluster_properties("v1beta1"), "cluster.clusterset.k8s.io", value)
    assert await ClusterId(client, random=Random(1)).find(None, or_uid=True) == "south"


@pytest.mark.requirement("ABT-07")
@pytest.mark.parametrize("kind_is_there", [False, True])
async def test_a_cluster_without_an_id_may_take_the_uid_of_its_kube_system(kind_is_there: bool) -> None:
    client = SimCluster("east").client()
    if kind_is_there:
        await client.create(CUSTOM_RESOURCE_DEFINITIONS, about_crd("v1beta1"))
    uid = (await client.get(NAMESPACES, "kube-system"))["metadata"]["uid"]
    assert await ClusterId(client, random=Random(1)).find(None, or_uid=True) == uid
    assert await ClusterId(client, random=Random(1)).find("east", or_uid=True) == "east"


@pytest.mark.requirement("MCS-NS-08")
async def test_two_different_ids_are_refused() -> None:
    client = await with_property(SimCluster("east"), "v1beta1", "east")
    with pytest.raises(InvalidClusterId, match="says east: make them equal"):
        await ClusterId(client, random=Random(1)).find("west")


@pytest.mark.requirement("MCS-NS-08")
async def test_without_the_kind_or_the_property_the_option_counts_and_without_both_there_is_no_id() -> None:
    sim = SimCluster("east")
    for installed in (False, True):
        if installed:
            await sim.client().create(CUSTOM_RESOURCE_DEFINITIONS, about_crd("v1beta1"))
        assert await ClusterId(sim.client(), random=Random(1)).find("east") == "east"
        with pytest.raises(InvalidClusterId, match="has no id"):
            await ClusterId(sim.client(), random=Random(1)).find(None)


@pytest.mark.requirement("MCS-NS-08")
@pytest.mark.parametrize("option", [None, "east"])
async def test_an_api_server_that_is_away_is_waited_for(option: str | None) -> None:
    sim = SimCluster("east")
    client = await with_property(sim, "v1beta1", "east")
    fault = sim.faults.fail(503)
    reader = ClusterId(client, random=Random(1))
    finding = asyncio.create_task(reader.find(option))
    await asyncio.sleep(300)
    assert not finding.done()
    assert reader.problem is not None
    assert "cannot read ClusterProperty cluster.clusterset.k8s.io" in reader.problem

    fault.lift()
    assert await asyncio.wait_for(finding, 15) == "east"
    assert reader.problem is None


@pytest.mark.requirement("MCS-NS-08")
async def test_where_the_property_may_not_be_read_the_option_counts_or_the_right_is_waited_for() -> None:
    sim = SimCluster("east")
    client = await with_property(sim, "v1beta1", "east")
    fault = sim.faults.fail(403, resources=("clusterproperties",))
    assert await ClusterId(client, random=Random(1)).find("west") == "west"
    reader = ClusterId(client, random=Random(1))
    finding = asyncio.create_task(reader.find(None))
    await asyncio.sleep(60)
    assert reader.problem is not None
    fault.lift()
    assert await asyncio.wait_for(finding, 15) == "east"


async def renamed(world: Clusterset) -> None:
    """East's and west's export of one service; then east's agent is started anew under another id."""
    await world.everywhere("shop")
    await world["east"].deploy("shop", "web")
    await world["west"].deploy("shop", "web")
    await world["east"].deploy("shop", "mine")
    await world.imported("shop", "web", EAST | WEST)
    await world.admit("orient")
    await world["east"].kill()
    world["east"].start(cluster_id="orient")
    await world["east"].ready()


@pytest.mark.requirement("MCS-NS-07", "MCS-LIFE-06")
async def test_a_changed_id_is_a_leave_and_a_join() -> None:
    async with Clusterset("east", "west") as world:
        await renamed(world)
        before = {cluster.name: await cluster.import_of("shop", "web") for cluster in world}
        await asyncio.sleep(120)

        records = await world.records()
        assert {name.split()[1].split("/")[0] for name in records} == {"mcs-member-orient", "mcs-member-west"}
        for cluster in world:
            imported = await cluster.import_of("shop", "web")
            assert imported is not None
            assert [one["cluster"] for one in imported["status"]["clusters"]] == ["orient", "west"]
            old = before[cluster.name]
            assert old is not None
            assert imported["metadata"]["uid"] == old["metadata"]["uid"]
            assert imported["spec"]["ips"] == old["spec"]["ips"]
            assert await cluster.addresses_of("shop", "web", "east") == set()
            assert await cluster.addresses_of("shop", "web", "orient") == EAST
            assert await cluster.addresses_of("shop", "mine") == EAST
        assert world["east"].agent.registry.get_sample_value("mcs_former_ids") == 0


@pytest.mark.requirement("MCS-NS-07")
async def test_where_the_credential_is_for_the_new_id_only_the_administrator_is_told_what_to_delete(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Clusterset("east", "west") as world:
        # As on a broker where a member's right to delete is in its own namespace.
        fault = world.broker.faults.fail(403, verbs=("delete",), users=("member-east",))
        await renamed(world)
        await asyncio.sleep(120)

        assert world["east"].agent.registry.get_sample_value("mcs_former_ids") == 1
        told = [one.getMessage() for one in caplog.records if "was member east before" in one.getMessage()]
        assert len(told) == 1
        assert "should delete namespace mcs-member-east" in told[0]
        assert world["east"].agent.agent.synced()
        # Its endpoints are gone everywhere as a dead member's are.
        for cluster in world:
            assert await cluster.addresses_of("shop", "web", "east") == set()
        fault.lift()


@pytest.mark.requirement("MCS-NS-07")
async def test_under_an_id_that_somebody_still_renews_nothing_is_withdrawn() -> None:
    """Two agents in one cluster with two ids must not fight; the administrator sees both heartbeats."""
    async with Clusterset("east", "west") as world:
        await world.admit("other")
        uid = (await world["east"].api.get(NAMESPACES, "kube-system"))["metadata"]["uid"]
        await world.publish("other", EXPORTED_SERVICES, "shop.web", **RECORD)
        for number in range(30):
            status = {"clusterUID": uid, "heartbeat": f"2026-01-01T00:{number:02}:00.000000Z"}
            await world.broker_api.patch(
                MEMBER_CLUSTERS,
                "other",
                {"status": status},
                namespace="mcs-member-other",
                subresource="status",
            )
            await asyncio.sleep(10)
        assert "ExportedService mcs-member-other/shop.web" in await world.records()

        await asyncio.sleep(120)
        assert await world.records() == {}


RECORD = {
    "serviceNamespace": "shop",
    "serviceName": "web",
    "exportedAt": "2026-01-01T00:00:00Z",
    "type": "ClusterSetIP",
    "ports": [{"name": "http", "protocol": "TCP", "port": 80}],
    "ipFamilies": ["IPv4"],
}
