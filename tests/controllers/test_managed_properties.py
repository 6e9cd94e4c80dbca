"""An agent with --manage-properties keeps the two well-known properties while its cluster is a member."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mcs_controller.api.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    MEMBER_CLUSTERS,
    cluster_properties,
)
from tests.support.cluster import Cluster
from tests.support.clusterset import Clusterset
from tests.support.objects import Object

pytestmark = pytest.mark.looptime

PROPERTIES = cluster_properties("v1beta1")
CRD = "clusterproperties.about.k8s.io"
ID, SET = "cluster.clusterset.k8s.io", "clusterset.k8s.io"
CONDITION = "mcs-controller.io/ClusterProperties"
BOTH = {ID: "east", SET: "prod"}


def a_world(**settings: Any) -> Clusterset:
    """East, which is to be a member of the clusterset prod; its agent does not run yet."""
    return Clusterset("east", start=False, members={"east": {"clusterset": "prod"}}, **settings)


async def began(east: Cluster, **settings: Any) -> None:
    await east.install(CRD)
    east.start(**{"manage_properties": True, **settings})
    await east.ready()


async def held(east: Cluster) -> dict[str, str]:
    found = (await east.api.list(PROPERTIES)).items
    return {one["metadata"]["name"]: one.get("spec", {}).get("value", "") for one in found}


async def until_held(world: Clusterset, wanted: dict[str, str]) -> None:
    async def is_so() -> bool:
        return await held(world["east"]) == wanted

    await world.until(is_so, within_seconds=150)


async def set_to(east: Cluster, name: str, value: str) -> None:
    await east.api.patch(PROPERTIES, name, {"spec": {"value": value}})


async def condition(world: Clusterset) -> tuple[str, str]:
    """Reason and message."""
    raw = await world.broker_api.get(MEMBER_CLUSTERS, "east", "mcs-member-east")
    found: list[Object] = (raw.get("status") or {}).get("conditions", [])
    return next(((one["reason"], one["message"]) for one in found if one["type"] == CONDITION), ("", ""))


async def until_told(world: Clusterset, reason: str) -> str:
    async def is_so() -> bool:
        return (await condition(world))[0] == reason

    await world.until(is_so, within_seconds=150)
    return (await condition(world))[1]


def foreign(name: str, value: str) -> Object:
    return {
        "apiVersion": PROPERTIES.api_version,
        "kind": PROPERTIES.kind,
        "metadata": {"name": name},
        "spec": {"value": value},
    }


@pytest.mark.requirement("ABT-08", "ABT-11")
async def test_a_member_gets_both_and_nothing_else() -> None:
    async with a_world() as world:
        await began(world["east"])
        await until_held(world, BOTH)
        assert await until_told(world, "PropertiesSet") == f"{ID} is east; {SET} is prod"


@pytest.mark.requirement("ABT-05", "ABT-08")
@pytest.mark.parametrize("name", [ID, SET])
async def test_what_is_edited_or_deleted_comes_back_with_an_event(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_world() as world:
        east = world["east"]
        await began(east)
        await until_told(world, "PropertiesSet")
        await set_to(east, name, "other")
        await until_held(world, BOTH)
        await east.api.delete(PROPERTIES, name)
        await until_held(world, BOTH)
        assert east.agent.told.events == [("ClusterProperty", name, "Warning", "PropertyPutBack")] * 2
        changed, deleted = (one for one in caplog.messages if one.startswith(f"ClusterProperty {name}: it"))
        assert f"it was changed to other, and is {BOTH[name]} again" in changed
        assert f"it was deleted, and is {BOTH[name]} again" in deleted
        assert "run `leave` first" in changed


@pytest.mark.requirement("ABT-05", "ABT-08")
@pytest.mark.parametrize("name", [ID, SET])
async def test_one_that_loses_its_value_or_gets_one_that_is_too_long_is_put_right(name: str) -> None:
    async with a_world() as world:
        east = world["east"]
        await began(east)
        await until_told(world, "PropertiesSet")
        for broken in ({"spec": None}, {"spec": {"value": "x" * 128_001}}):
            await east.api.patch(PROPERTIES, name, broken)
            await until_held(world, BOTH)
        assert await condition(world) == ("PropertiesSet", f"{ID} is east; {SET} is prod")


@pytest.mark.requirement("ABT-04", "ABT-10")
async def test_an_id_that_is_taken_gives_no_clusterset() -> None:
    async with a_world() as world:
        east = world["east"]
        await world.broker_api.patch(
            MEMBER_CLUSTERS,
            "east",
            {"status": {"clusterUID": "another cluster"}},
            namespace="mcs-member-east",
            subresource="status",
        )
        await east.install(CRD)
        agent = east.start(manage_properties=True)
        await asyncio.wait([agent.task], timeout=60)
        assert agent.task.done()
        assert await held(east) == {}
        agent.task.exception()


@pytest.mark.requirement("ABT-09", "ABT-10")
async def test_a_cluster_of_another_clusterset_is_told_and_left_as_it_is() -> None:
    async with a_world() as world:
        east = world["east"]
        await east.install(CRD)
        await east.api.create(PROPERTIES, foreign(SET, "test"))
        east.start(manage_properties=True)
        await east.ready()
        told = await until_told(world, "AnotherClusterset")
        assert "clusterset.k8s.io is test" in told
        assert "the broker is that of clusterset prod: leave that clusterset first" in told
        await asyncio.sleep(300)
        assert await held(east) == {ID: "east", SET: "test"}

        await east.api.delete(PROPERTIES, SET)
        await until_held(world, BOTH)


@pytest.mark.requirement("ABT-10")
async def test_without_a_name_of_the_clusterset_it_is_said_who_gives_it_one() -> None:
    async with Clusterset("east", start=False) as world:
        await began(world["east"])
        assert "broker init --clusterset NAME" in await until_told(world, "ClustersetUnknown")
        assert await held(world["east"]) == {ID: "east"}
        await world.broker_api.patch(
            MEMBER_CLUSTERS, "east", {"spec": {"clusterset": "prod"}}, namespace="mcs-member-east"
        )
        await until_held(world, BOTH)


@pytest.mark.requirement("ABT-13")
async def test_a_definition_that_vanishes_is_told_and_the_properties_come_back_with_it() -> None:
    async with a_world() as world:
        east = world["east"]
        await began(east)
        await until_told(world, "PropertiesSet")
        await east.api.delete(CUSTOM_RESOURCE_DEFINITIONS, CRD)
        told = await until_told(world, "NotServed")
        assert "mcs-controller crds --for member" in told
        assert east.agent.agent.problems() == {}
        await east.install(CRD)
        await until_held(world, BOTH)
        await until_told(world, "PropertiesSet")


@pytest.mark.requirement("ABT-13")
async def test_a_kind_that_is_missing_from_the_start_is_told_and_both_are_set_once_it_is_there() -> None:
    async with a_world() as world:
        east = world["east"]
        east.start(manage_properties=True)
        await east.ready()
        told = await until_told(world, "NotServed")
        assert "mcs-controller crds --for member" in told
        assert east.agent.agent.problems() == {}
        await east.install(CRD)
        await until_held(world, BOTH)
        await until_told(world, "PropertiesSet")


async def test_without_the_right_to_write_it_is_said_which_is_missing() -> None:
    async with a_world() as world:
        east = world["east"]
        fault = east.sim.faults.fail(403, resources=("clusterproperties",), verbs=("create",))
        await began(east)
        assert "the agent may not write them: 403" in await until_told(world, "NotAllowed")
        fault.lift()
        await until_held(world, BOTH)


async def test_without_the_option_nothing_is_written() -> None:
    async with a_world() as world:
        await began(world["east"], manage_properties=False)
        await asyncio.sleep(300)
        assert await held(world["east"]) == {}
        assert await condition(world) == ("", "")


async def test_whoever_insists_on_another_value_costs_a_bounded_number_of_writes() -> None:
    async with a_world() as world:
        east = world["east"]
        await began(east)
        await until_told(world, "PropertiesSet")
        puts, told = 0, set()
        for _ in range(600):
            if (await held(east))[SET] == "prod":
                puts += 1
                await set_to(east, SET, "other")
            told.add((await condition(world))[1])
            await asyncio.sleep(1)
        assert 20 <= puts <= 10 + 600 / 30 + 1
        assert any("clusterset.k8s.io is other; somebody changes them again and again" in one for one in told)
        await until_held(world, BOTH)
