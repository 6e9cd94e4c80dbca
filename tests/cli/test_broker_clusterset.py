"""`broker init --clusterset` names the clusterset for the members that there are, and for those that come."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcs_controller.api.crd import crds_of
from mcs_controller.api.names import LABEL_INSTALLED_BY
from mcs_controller.api.resources import MEMBER_CLUSTERS
from mcs_controller.cli.broker_clusterset import Names, for_member
from tests.cli.installing import Scene, results, told

pytestmark = pytest.mark.slow

KINDS = len(crds_of("broker"))
"""Two roles come after them."""


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def clustersets(scene: Scene) -> dict[str, str | None]:
    """What each member's MemberCluster says."""
    found = (await scene.api["broker"].list(MEMBER_CLUSTERS)).items
    return {one["metadata"]["name"]: (one.get("spec") or {}).get("clusterset") for one in found}


@pytest.mark.requirement("ABT-08")
async def test_a_broker_that_is_named_first_names_each_member_that_comes(scene: Scene) -> None:
    async with scene.serving():
        assert results(await scene.broker("init", "--clusterset", "prod")) == ["created"] * (KINDS + 2)
        for member in ("east", "west"):
            await scene.member(name=member)
        assert await clustersets(scene) == {"east": "prod", "west": "prod"}


async def test_a_name_stays_when_it_is_not_given_again_and_a_second_run_changes_nothing(scene: Scene) -> None:
    async with scene.serving():
        await scene.broker("init", "--clusterset", "prod")
        before = scene.contents("broker")
        for words in (("init",), ("init", "--clusterset", "prod")):
            assert results(await scene.broker(*words)) == ["unchanged"] * (KINDS + 2)
        assert scene.contents("broker") == before


async def test_members_that_have_no_name_get_it(scene: Scene) -> None:
    async with scene.serving():
        await scene.member()
        await scene.member("--clusterset", "prod", name="west")
        ended = await scene.broker("init", "--clusterset", "prod")
        # The role and east change; west says it already.
        assert results(ended) == [*["unchanged"] * (KINDS + 1), "updated", "updated"]
        assert await clustersets(scene) == {"east": "prod", "west": "prod"}


async def test_a_broker_whose_members_are_of_another_clusterset_is_not_named(scene: Scene) -> None:
    async with scene.serving():
        await scene.member()
        await scene.member("--clusterset", "test", name="west")
        before = scene.contents("broker")
        refused = told(await scene.broker("init", "--clusterset", "prod"))
        assert "members are of another clusterset: west of test. Nothing was written" in refused
        assert "broker create-member NAME --renew --clusterset prod" in refused
        assert scene.contents("broker") == before


async def test_a_member_that_others_made_keeps_what_it_has_and_that_is_told(scene: Scene) -> None:
    async with scene.serving():
        await scene.member()
        by_others = {"metadata": {"labels": {LABEL_INSTALLED_BY: "a-gitops-tool"}}}
        await scene.api["broker"].patch(MEMBER_CLUSTERS, "east", by_others, namespace="mcs-member-east")
        ended = await scene.broker("init", "--clusterset", "prod")
        assert results(ended) == [*["unchanged"] * (KINDS + 1), "updated"]
        assert "warning: east was not made by this command, and has no clusterset" in ended.stderr
        assert await clustersets(scene) == {"east": None}


async def test_one_member_may_be_named_otherwise_with_a_warning(scene: Scene) -> None:
    async with scene.serving():
        await scene.broker("init", "--clusterset", "prod")
        other = await scene.broker("create-member", "south", "--clusterset", "test")
        assert "warning: this broker is that of clusterset prod: all members" in other.stderr
        await scene.member(name="north")
        assert await clustersets(scene) == {"south": "test", "north": "prod"}


@pytest.mark.parametrize(
    ("broker", "members", "name"),
    [
        ("", {}, None),
        ("prod", {}, "prod"),
        ("", {"west": "prod", "south": ""}, "prod"),
        ("", {"west": "prod", "south": "test"}, None),
        ("prod", {"west": "test"}, "prod"),
        ("prod", {"east": "test"}, None),
        ("prod", {"east": ""}, "prod"),
    ],
)
def test_a_member_of_which_nothing_is_said_gets_the_brokers_name_or_that_of_all_others(
    broker: str, members: dict[str, str], name: str | None
) -> None:
    assert for_member(Names(broker, members), "east", None) == name
