"""Definitions are installed where they are missing, updated where they are older, and never downgraded."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from mcs_controller.api.crd import BROKER_SCHEMA_REVISION, all_crds, crds_of
from mcs_controller.api.resources import CUSTOM_RESOURCE_DEFINITIONS
from mcs_controller.api.revisions import verdict
from mcs_controller.cli.crds import compare
from mcs_controller.simcluster.cluster import SimCluster
from tests.cli.program import run
from tests.realkube.controlplane import ControlPlane

pytestmark = pytest.mark.slow

RELEASE = "multicluster.x-k8s.io/release-version"
REVISION = "multicluster.x-k8s.io/crd-schema-revision"
IMPORTS = "serviceimports.multicluster.x-k8s.io"
OURS = {crd["metadata"]["name"]: crd for crd in all_crds()}


def labelled(**labels: str | None) -> dict[str, Any]:
    crd = copy.deepcopy(OURS[IMPORTS])
    names = {"release": RELEASE, "revision": REVISION}
    for key, value in labels.items():
        if value is None:
            del crd["metadata"]["labels"][names[key]]
        else:
            crd["metadata"]["labels"][names[key]] = value
    return crd


@pytest.mark.requirement("MCS-API-06")
@pytest.mark.parametrize(
    ("installed", "expected"),
    [
        (None, "missing"),
        (labelled(), "equal"),
        (labelled(release="v0.4.9", revision="7"), "older"),
        (labelled(release="v0.10.0"), "newer"),
        (labelled(release="v1.0.0", revision="0"), "newer"),
        (labelled(revision="10"), "newer"),
        (labelled(release="v0.5.0-rc1", revision="9"), "older"),
        (labelled(revision=None), "older"),
        (labelled(revision="soon"), "older"),
        (labelled(release="latest"), "older"),
    ],
)
def test_release_comes_before_revision_and_both_are_numbers(
    installed: dict[str, Any] | None, expected: str
) -> None:
    assert verdict(installed, OURS[IMPORTS]) == expected


@pytest.mark.requirement("MCS-API-06")
async def test_a_newer_definition_is_left_as_it_is_and_an_older_one_is_brought_up() -> None:
    client = SimCluster("east").client()
    older = labelled(release="v0.4.0")
    older["metadata"]["labels"]["other"] = "stays"
    del older["spec"]["versions"][1]["schema"]["openAPIV3Schema"]["properties"]["status"]
    newer = copy.deepcopy(OURS["serviceexports.multicluster.x-k8s.io"])
    newer["metadata"]["labels"][RELEASE] = "v0.6.0"
    for crd in (older, newer):
        await client.create(CUSTOM_RESOURCE_DEFINITIONS, crd)

    found = {name: what async for name, what in compare(client, list(OURS.values()), apply=True)}

    assert found[IMPORTS] == "older"
    assert found["serviceexports.multicluster.x-k8s.io"] == "newer"
    assert found["memberclusters.broker.mcs-controller.io"] == "missing"
    imports = await client.get(CUSTOM_RESOURCE_DEFINITIONS, IMPORTS)
    assert imports["spec"]["versions"] == OURS[IMPORTS]["spec"]["versions"]
    assert imports["metadata"]["labels"] == {**OURS[IMPORTS]["metadata"]["labels"], "other": "stays"}
    exports = await client.get(CUSTOM_RESOURCE_DEFINITIONS, "serviceexports.multicluster.x-k8s.io")
    assert exports["metadata"]["labels"][RELEASE] == "v0.6.0"
    again = [what async for _, what in compare(client, list(OURS.values()), apply=True)]
    assert sorted(again) == ["equal"] * (len(OURS) - 1) + ["newer"]


@pytest.mark.requirement("MCS-API-06", "MCS-API-11")
async def test_on_a_real_api_server_nothing_is_downgraded(real_cluster: ControlPlane) -> None:
    """With the broker's definitions, which no other test wants on a member."""
    name = "memberclusters.broker.mcs-controller.io"
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
    options: list[str | Path] = ["--for", "broker", "--kubeconfig", real_cluster.kubeconfig()]
    try:
        missing = await run("crds", "--check", *options)
        assert (missing.exit_code, f"{name}: not installed" in missing.stdout) == (1, True), missing
        applied = await run("crds", "--apply", *options)
        assert (applied.exit_code, f"{name}: installed" in applied.stdout) == (0, True), applied
        assert (await run("crds", "--check", *options)).exit_code == 0

        label = "broker.mcs-controller.io/crd-schema-revision"
        for revision, word in (("9", "newer than ours, left as it is"), (None, "updated")):
            await real_cluster.call(
                "PATCH",
                path,
                {"metadata": {"labels": {label: revision}}},
                content_type="application/merge-patch+json",
            )
            told = await run("crds", "--apply", *options)
            assert (told.exit_code, f"{name}: {word}" in told.stdout) == (0, True), told
            held = (await real_cluster.call("GET", path))["metadata"]["labels"][label]
            assert held == (revision or BROKER_SCHEMA_REVISION)
    finally:
        for crd in crds_of("broker"):
            await real_cluster.request("DELETE", path.replace(name, crd["metadata"]["name"]))


@pytest.mark.requirement("ABT-13")
async def test_a_definition_of_a_shared_api_that_others_installed_stays_whatever_it_serves() -> None:
    client = SimCluster("east").client()
    name = "clusterproperties.about.k8s.io"
    theirs = copy.deepcopy(OURS[name])
    del theirs["metadata"]["labels"]
    theirs["spec"]["versions"] = theirs["spec"]["versions"][1:]
    await client.create(CUSTOM_RESOURCE_DEFINITIONS, theirs)
    found = {one: what async for one, what in compare(client, [OURS[name]], apply=True)}
    assert found == {name: "foreign"}
    held = await client.get(CUSTOM_RESOURCE_DEFINITIONS, name)
    assert [one["name"] for one in held["spec"]["versions"]] == ["v1beta1"]
    assert "labels" not in held["metadata"]

    elsewhere = SimCluster("west").client()
    assert [what async for _, what in compare(elsewhere, [OURS[name]], apply=True)] == ["missing"]
    older = copy.deepcopy(OURS[name])
    older["metadata"]["labels"]["mcs-controller.io/crd-schema-revision"] = "0"
    assert (verdict(older, OURS[name]), verdict(OURS[name], OURS[name])) == ("older", "equal")


async def test_a_cluster_that_cannot_be_read_is_not_one_that_lacks_a_definition(tmp_path: Path) -> None:
    options = ("--kubeconfig", tmp_path / "missing")
    told = [await run("crds", word, *options) for word in ("--check", "--apply")]
    assert [one.exit_code for one in told] == [2, 1], told
    assert all("does not exist" in one.stderr for one in told)


async def test_printing_can_be_limited_to_what_a_role_needs() -> None:
    member, broker = await run("crds", "--for", "member"), await run("crds", "--for", "broker")
    assert list(yaml.safe_load_all(member.stdout)) == crds_of("member")
    assert list(yaml.safe_load_all(broker.stdout)) == crds_of("broker")
