"""What becomes of the two well-known ClusterProperties when a cluster leaves, and on uninstalling."""

from __future__ import annotations

import pytest

from mcs_controller.api.crd import all_crds
from mcs_controller.api.resources import CUSTOM_RESOURCE_DEFINITIONS, cluster_properties
from mcs_controller.clusterset.properties.keeping import property_body
from mcs_controller.simcluster.storage.versions import Bucket, Event
from tests.cli.leaving import installed, leave, told
from tests.cli.test_uninstall import told as told_by_uninstall
from tests.cli.test_uninstall import uninstall
from tests.support.cluster import Cluster
from tests.support.clusterset import Clusterset
from tests.support.waiting import eventually

pytestmark = pytest.mark.looptime

PROPERTIES = cluster_properties("v1beta1")
ID, SET = "cluster.clusterset.k8s.io", "clusterset.k8s.io"
CRD = "clusterproperties.about.k8s.io"


async def held(east: Cluster) -> dict[str, str]:
    return {one["metadata"]["name"]: one["spec"]["value"] for one in (await east.api.list(PROPERTIES)).items}


async def set_by_us(east: Cluster, **values: str) -> None:
    for name, value in {ID: "east", SET: "prod", **values}.items():
        await east.api.create(PROPERTIES, property_body(PROPERTIES.api_version, name, value))


async def set_by_others(east: Cluster, name: str, value: str) -> None:
    body = property_body(PROPERTIES.api_version, name, value)
    del body["metadata"]["annotations"]
    await east.api.create(PROPERTIES, body)


@pytest.mark.requirement("ABT-06", "ABT-08")
async def test_who_leaves_is_of_no_clusterset_and_keeps_its_id(capsys: pytest.CaptureFixture[str]) -> None:
    async with Clusterset("east", start=False, members={"east": {"clusterset": "prod"}}) as world:
        await installed(world)
        east = world["east"]
        await east.install(CRD)
        east.start(manage_properties=True)
        await east.ready()
        await eventually(lambda: held(east), lambda found: found == {ID: "east", SET: "prod"})
        await east.kill()

        await leave(world, dry_run=True)
        planned, _, _ = told(capsys)
        assert planned[f"ClusterProperty /{SET}"] == "to be deleted"
        assert await held(east) == {ID: "east", SET: "prod"}
        await leave(world)
        objects, _, _ = told(capsys)
        assert objects[f"ClusterProperty /{SET}"] == "deleted"
        assert f"ClusterProperty /{ID}" not in objects
        assert await held(east) == {ID: "east"}


@pytest.mark.requirement("ABT-08")
@pytest.mark.parametrize(("value", "stays"), [("prod", False), ("test", True)])
async def test_of_what_others_wrote_only_the_clusterset_that_is_left_goes(value: str, stays: bool) -> None:
    async with Clusterset("east", start=False, members={"east": {"clusterset": "prod"}}) as world:
        east = world["east"]
        await installed(world)
        await east.install(CRD)
        await set_by_others(east, SET, value)
        await leave(world)
        assert await held(east) == ({SET: value} if stays else {})


async def test_without_the_broker_what_we_wrote_goes_and_what_others_wrote_stays() -> None:
    async with Clusterset("east", start=False) as world:
        east = world["east"]
        await east.install(CRD)
        await set_by_others(east, SET, "prod")
        await leave(world, broker=False, local_only=True)
        assert await held(east) == {SET: "prod"}
        await east.api.delete(PROPERTIES, SET)
        await set_by_us(east)
        await leave(world, broker=False, local_only=True)
        assert await held(east) == {ID: "east"}


async def test_the_property_is_marked_as_going_before_it_is_deleted() -> None:
    """By the mark the admission policy tells it from a slip."""
    async with Clusterset("east", start=False) as world:
        east = world["east"]
        await east.install(CRD)
        await set_by_us(east)
        marks: list[object] = []

        def look(bucket: Bucket, event: Event) -> None:
            metadata = event.last.object["metadata"]
            if metadata["name"] == SET:
                marks.append(metadata["annotations"].get("mcs-controller.io/leaving"))

        east.sim._storage.subscribe_all(look)
        await leave(world, broker=False, local_only=True)
        assert marks == ["true", "true"]
        assert await held(east) == {ID: "east"}


@pytest.mark.requirement("ABT-08", "ABT-13")
async def test_uninstall_finds_what_is_left_of_the_properties(capsys: pytest.CaptureFixture[str]) -> None:
    async with Clusterset("east", start=False) as world:
        east = world["east"]
        await east.install(CRD)
        await set_by_us(east)
        assert await uninstall(world, check=True) == 1
        assert told_by_uninstall(capsys)[0] == {f"ClusterProperty {SET}": "left"}
        assert await uninstall(world) == 0
        assert await held(east) == {ID: "east"}
        capsys.readouterr()
        assert await uninstall(world, check=True, crds=True) == 1
        assert told_by_uninstall(capsys)[0][f"CustomResourceDefinition {CRD}"] == "left"
        assert await uninstall(world, crds=True) == 0
        assert CRD not in await definitions(east)


@pytest.mark.requirement("ABT-13")
@pytest.mark.parametrize("of_others", ["a property", "the definition"])
async def test_a_definition_that_others_need_or_installed_stays(of_others: str) -> None:
    async with Clusterset("east", start=False) as world:
        east = world["east"]
        (ours,) = (one for one in all_crds() if one["metadata"]["name"] == CRD)
        if of_others == "the definition":
            del ours["metadata"]["labels"]
        await east.api.create(CUSTOM_RESOURCE_DEFINITIONS, ours)
        if of_others == "a property":
            await set_by_others(east, "colour.example.com", "green")
        assert await uninstall(world, crds=True) == 0
        assert CRD in await definitions(east)


async def definitions(east: Cluster) -> set[str]:
    return {one["metadata"]["name"] for one in (await east.api.list(CUSTOM_RESOURCE_DEFINITIONS)).items}
