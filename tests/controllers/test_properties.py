"""Cluster properties: what an agent reports of them, and that it needs none."""

import asyncio

import pytest

from mcs_controller.api.resources import CUSTOM_RESOURCE_DEFINITIONS, MEMBER_CLUSTERS, cluster_properties
from tests.controllers.test_identity import about_crd, cluster_property
from tests.support.cluster import Cluster
from tests.support.clusterset import Clusterset
from tests.support.objects import Object

NOT_SET = " is not set (create that ClusterProperty)"

pytestmark = pytest.mark.looptime

PROPERTIES = cluster_properties("v1beta1")
CONDITION = "mcs-controller.io/ClusterProperties"


async def install(cluster: Cluster) -> None:
    await cluster.api.create(CUSTOM_RESOURCE_DEFINITIONS, about_crd("v1beta1"))


def clusterset_property(value: str) -> Object:
    return {**cluster_property("v1beta1", value), "metadata": {"name": "clusterset.k8s.io"}}


async def reported(world: Clusterset, member: str = "east") -> tuple[str, str] | None:
    """Status and message of the condition on the MemberCluster."""
    raw = await world.broker_api.get(MEMBER_CLUSTERS, member, f"mcs-member-{member}")
    for one in (raw.get("status") or {}).get("conditions", []):
        if one["type"] == CONDITION:
            return one["status"], one["message"]
    return None


async def until_reported(world: Clusterset, wanted: tuple[str, str] | None) -> None:
    async def is_so() -> bool:
        return await reported(world) == wanted

    await world.until(is_so, within_seconds=90)


def sample(cluster: Cluster, name: str, value: str) -> float | None:
    return cluster.agent.registry.get_sample_value(
        "mcs_cluster_property_info", {"name": name, "value": value}
    )


@pytest.mark.requirement("ABT-12")
async def test_both_properties_are_reported_to_the_broker_and_follow_what_the_cluster_says() -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        await install(east)
        await east.api.create(PROPERTIES, cluster_property("v1beta1", "east"))
        await until_reported(
            world,
            ("False", f"cluster.clusterset.k8s.io is east; clusterset.k8s.io{NOT_SET}"),
        )
        made = await east.api.create(PROPERTIES, clusterset_property("prod"))
        await until_reported(world, ("True", "cluster.clusterset.k8s.io is east; clusterset.k8s.io is prod"))
        assert sample(east, "clusterset.k8s.io", "prod") == 1

        await east.api.update(PROPERTIES, {**made, "spec": {"value": "test"}})
        await until_reported(world, ("True", "cluster.clusterset.k8s.io is east; clusterset.k8s.io is test"))
        assert sample(east, "clusterset.k8s.io", "prod") is None

        await east.api.delete(PROPERTIES, "clusterset.k8s.io")
        await until_reported(
            world,
            ("False", f"cluster.clusterset.k8s.io is east; clusterset.k8s.io{NOT_SET}"),
        )


ONE_IS_SET = (
    "False",
    f"cluster.clusterset.k8s.io is east; clusterset.k8s.io{NOT_SET}",
)


async def begin(world: Clusterset) -> Object:
    """East's MemberCluster, once one property is reported there."""
    await install(world["east"])
    await world["east"].api.create(PROPERTIES, cluster_property("v1beta1", "east"))
    await until_reported(world, ONE_IS_SET)
    return await world.broker_api.get(MEMBER_CLUSTERS, "east", "mcs-member-east")


async def create_anew(world: Clusterset, member: Object) -> None:
    metadata = {"name": "east", "namespace": "mcs-member-east"}
    anew = {**member, "metadata": metadata, "status": {}}
    await world.broker_api.create(MEMBER_CLUSTERS, anew, namespace="mcs-member-east")


async def test_a_report_that_somebody_removed_is_written_again() -> None:
    async with Clusterset("east") as world:
        await begin(world)
        await world.broker_api.patch(
            MEMBER_CLUSTERS,
            "east",
            {"status": {"conditions": []}},
            namespace="mcs-member-east",
            subresource="status",
        )
        await until_reported(world, ONE_IS_SET)


async def test_a_member_cluster_that_is_created_anew_gets_the_report() -> None:
    async with Clusterset("east") as world:
        member = await begin(world)
        await world.broker_api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
        await create_anew(world, member)
        await until_reported(world, ONE_IS_SET)


async def test_a_property_that_changes_while_the_cluster_is_no_member_is_reported_when_it_is_one() -> None:
    async with Clusterset("east") as world:
        member = await begin(world)
        await world.broker_api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
        await asyncio.sleep(60)
        await world["east"].api.create(PROPERTIES, clusterset_property("prod"))
        await asyncio.sleep(60)
        await create_anew(world, member)
        await until_reported(world, ("True", "cluster.clusterset.k8s.io is east; clusterset.k8s.io is prod"))


async def test_an_agent_needs_no_cluster_properties_and_finds_them_when_they_are_installed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        await asyncio.sleep(300)
        assert east.agent.agent.problems() == {}
        assert await reported(world) is None
        assert not [one for one in caplog.messages if "clusterproperties" in one]
        unknown = {"client": "local", "reflector": "clusterproperties"}
        assert east.agent.registry.get_sample_value("mcs_watch_healthy", unknown) is None

        await install(east)
        await east.api.create(PROPERTIES, cluster_property("v1beta1", "east"))
        await until_reported(world, ONE_IS_SET)
        assert east.agent.registry.get_sample_value("mcs_watch_healthy", unknown) == 1


async def test_of_properties_that_nobody_sets_nothing_is_said_nor_of_those_that_are_gone() -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        await install(east)
        await asyncio.sleep(300)
        assert await reported(world) is None
        await east.api.create(PROPERTIES, cluster_property("v1beta1", "east"))
        await until_reported(world, ONE_IS_SET)
        await east.api.delete(PROPERTIES, "cluster.clusterset.k8s.io")
        await until_reported(world, None)


async def test_an_agent_that_may_not_read_the_properties_is_ready_and_its_metrics_tell() -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        fault = east.sim.faults.fail(403, resources=("clusterproperties",))
        await install(east)
        await asyncio.sleep(120)
        assert east.agent.agent.problems() == {}
        where = {"client": "local", "reflector": "clusterproperties"}
        assert east.agent.registry.get_sample_value("mcs_watch_healthy", where) == 0
        fault.lift()


async def test_properties_of_other_names_are_nobodys_business_and_unreadable_ones_are_left_out() -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        await install(east)
        other = {**cluster_property("v1beta1", "blue"), "metadata": {"name": "colour.example.com"}}
        await east.api.create(PROPERTIES, other)
        await east.api.create(PROPERTIES, clusterset_property("x" * 128_001))
        await east.api.create(PROPERTIES, cluster_property("v1beta1", "east"))
        await until_reported(
            world,
            ("False", f"cluster.clusterset.k8s.io is east; clusterset.k8s.io{NOT_SET}"),
        )
        assert sample(east, "colour.example.com", "blue") is None


async def test_values_of_any_characters_and_any_length_are_reported_as_the_broker_takes_them() -> None:
    async with Clusterset("east") as world:
        await install(world["east"])
        await world["east"].api.create(PROPERTIES, cluster_property("v1beta1", "münchen\n\u202e"))
        await world["east"].api.create(PROPERTIES, clusterset_property("é" * 128_000))
        named = "cluster.clusterset.k8s.io is m\\xfcnchen\\n\\u202e; clusterset.k8s.io is "
        long = "\\xe9" * 63 + "\\xe"
        await until_reported(world, ("True", f"{named}{long}…"))


async def test_conditions_of_others_on_the_member_cluster_survive_the_report() -> None:
    async with Clusterset("east") as world:
        other = {
            "type": "example.com/Other",
            "status": "True",
            "reason": "Said",
            "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        await world.broker_api.patch(
            MEMBER_CLUSTERS,
            "east",
            {"status": {"conditions": [other]}},
            namespace="mcs-member-east",
            subresource="status",
        )
        await begin(world)
        await world["east"].api.delete(PROPERTIES, "cluster.clusterset.k8s.io")
        await until_reported(world, None)
        raw = await world.broker_api.get(MEMBER_CLUSTERS, "east", "mcs-member-east")
        assert other in raw["status"]["conditions"]
