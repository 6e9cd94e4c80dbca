"""`mcs-controller join` sets the two well-known ClusterProperties, and refuses what they must not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcs_controller.api.crd import all_crds
from mcs_controller.api.resources import CUSTOM_RESOURCE_DEFINITIONS, MEMBER_CLUSTERS, cluster_properties
from mcs_controller.clusterset.properties.keeping import property_body
from tests.cli.installing import Scene, results, told
from tests.cli.program import run

pytestmark = pytest.mark.slow

PROPERTIES = cluster_properties("v1beta1")
ID, SET = "cluster.clusterset.k8s.io", "clusterset.k8s.io"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def install_kind(scene: Scene, *clusters: str) -> None:
    (crd,) = (one for one in all_crds() if one["metadata"]["name"] == PROPERTIES.crd_name)
    for cluster in clusters:
        await scene.api[cluster].create(CUSTOM_RESOURCE_DEFINITIONS, crd)


async def held(scene: Scene, cluster: str = "east") -> dict[str, str]:
    found = (await scene.api[cluster].list(PROPERTIES)).items
    return {one["metadata"]["name"]: one["spec"]["value"] for one in found}


async def clusterset_of(scene: Scene, member: str) -> str | None:
    found = await scene.api["broker"].get(MEMBER_CLUSTERS, member, f"mcs-member-{member}")
    clusterset: str | None = found.get("spec", {}).get("clusterset")
    return clusterset


@pytest.mark.requirement("ABT-05", "ABT-08", "ABT-11")
async def test_whoever_joins_says_its_id_and_its_clusterset_and_a_second_time_nothing_changes(
    scene: Scene,
) -> None:
    async with scene.serving():
        await install_kind(scene, "east")
        file = await scene.member("--clusterset", "prod")
        assert results(await scene.join(file)) == ["created"] * 4
        assert await held(scene) == {ID: "east", SET: "prod"}
        before = scene.contents("east")
        assert results(await scene.join(file)) == ["unchanged"] * 4
        assert scene.contents("east") == before


@pytest.mark.requirement("ABT-04", "ABT-10")
async def test_with_an_id_that_is_taken_nothing_is_written(scene: Scene) -> None:
    async with scene.serving():
        await install_kind(scene, "west")
        file = await scene.member("--clusterset", "prod")
        status = {"status": {"clusterUID": await scene.uid("east")}}
        place = "mcs-member-east"
        await scene.api["broker"].patch(
            MEMBER_CLUSTERS, "east", status, namespace=place, subresource="status"
        )
        refused = told(await scene.join(file, cluster="west"))
        assert "cluster id east belongs to another cluster" in refused
        assert "choose another id" in refused
        assert await held(scene, "west") == {}


@pytest.mark.requirement("ABT-09", "ABT-10")
async def test_a_cluster_of_another_clusterset_is_refused_and_told_what_to_do(scene: Scene) -> None:
    async with scene.serving():
        await install_kind(scene, "east")
        file = await scene.member("--clusterset", "prod")
        await scene.api["east"].create(PROPERTIES, property_body(PROPERTIES.api_version, SET, "test"))
        before = scene.contents("east")
        refused = told(await scene.join(file))
        assert "in clusterset test already" in refused
        assert "run `leave` for that one first, or delete the ClusterProperty" in refused
        assert scene.contents("east") == before


async def test_where_the_broker_names_no_clusterset_only_the_id_is_set(scene: Scene) -> None:
    async with scene.serving():
        await install_kind(scene, "east")
        file = await scene.member()
        assert results(await scene.join(file)) == ["created"] * 3
        assert await held(scene) == {ID: "east"}


@pytest.mark.requirement("ABT-07")
async def test_where_nobody_says_an_id_it_is_the_uid_of_kube_system(scene: Scene) -> None:
    async with scene.serving():
        await install_kind(scene, "east")
        uid = await scene.uid("east")
        broker = scene.kubeconfig("broker")
        assert (await scene.broker("init")).exit_code == 0
        assert f"`broker create-member {uid}`" in told(await scene.join(broker))
        assert await held(scene) == {}
        await scene.member(name=uid)
        assert results(await scene.join(broker)) == ["created"] * 3
        assert await held(scene) == {ID: uid}


@pytest.mark.requirement("ABT-06")
async def test_another_cluster_joins_later_with_the_id_of_one_that_has_left(scene: Scene) -> None:
    async with scene.serving():
        await install_kind(scene, "east", "west")
        file = await scene.member("--clusterset", "prod")
        await scene.join(file)
        left = await run("leave", "--kubeconfig", scene.kubeconfig("east"), "--wait-seconds=5")
        assert left.exit_code == 0, left
        assert await held(scene) == {ID: "east"}
        removed = await scene.broker("remove-member", "east")
        assert removed.exit_code == 0, removed
        again = await scene.member("--clusterset", "prod", "--force")
        assert results(await scene.join(again, cluster="west")) == ["created"] * 4
        assert await held(scene, "west") == {ID: "east", SET: "prod"}


async def test_a_new_member_is_of_the_clusterset_of_which_all_others_are(scene: Scene) -> None:
    async with scene.serving():
        await scene.member()
        assert await clusterset_of(scene, "east") is None
        await scene.member("--clusterset", "prod", "--force")
        await scene.member(name="west")
        assert await clusterset_of(scene, "west") == "prod"
        other = await scene.broker("create-member", "south", "--clusterset", "test")
        assert "warning: this broker is that of clusterset prod" in other.stderr
        await scene.member(name="north")
        assert await clusterset_of(scene, "north") is None
