"""`mcs-controller broker init` and `broker create-member`, as the broker's administrator runs them."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
import yaml

from mcs_controller.api.names import INSTALLED_BY, LABEL_INSTALLED_BY
from mcs_controller.api.resources import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    MEMBER_CLUSTERS,
    NAMESPACES,
    ROLE_BINDINGS,
    SERVICE_ACCOUNTS,
)
from mcs_controller.install.rules import rules_of
from mcs_controller.kube.errors import NotFound
from tests.cli.installing import TOKEN, Scene, results, told
from tests.cli.program import run

pytestmark = pytest.mark.slow

PLACE = "mcs-member-east"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def test_a_broker_gets_its_kinds_and_roles_and_a_second_run_changes_nothing(scene: Scene) -> None:
    async with scene.serving():
        ended = await scene.broker("init")
        assert results(ended) == ["created"] * 7
        *progress, advice = ended.stderr.splitlines()
        assert advice == "next, for each cluster: mcs-controller broker create-member NAME"
        assert all(line.startswith("waiting until the API server serves") for line in progress)
        role = await scene.api["broker"].get(CLUSTER_ROLES, "mcs-broker-member")
        assert role["rules"] == rules_of("broker-member")
        assert (await scene.api["broker"].list(MEMBER_CLUSTERS)).items == []

        before = scene.contents("broker")
        again = await scene.broker("init", "-o", "json")
        objects = json.loads(again.stdout)["objects"]
        assert [one["result"] for one in objects] == ["unchanged"] * 7
        assert scene.contents("broker") == before


async def test_roles_of_an_older_release_are_updated_and_those_of_others_are_not(scene: Scene) -> None:
    async with scene.serving():
        await scene.broker("init")
        client = scene.api["broker"]
        role = await client.get(CLUSTER_ROLES, "mcs-broker-member")
        role = await client.update(CLUSTER_ROLES, {**role, "rules": []})
        assert results(await scene.broker("init"))[-1] == "updated"

        role = await client.get(CLUSTER_ROLES, "mcs-broker-member")
        role["metadata"]["labels"] = {LABEL_INSTALLED_BY: "Helm"}
        await client.update(CLUSTER_ROLES, role)
        assert results(await scene.broker("init"))[-1] == "unchanged"
        role = await client.get(CLUSTER_ROLES, "mcs-broker-member")
        await client.update(CLUSTER_ROLES, {**role, "rules": []})
        before = scene.contents("broker")
        assert "ClusterRole mcs-broker-member was not made by this command (managed by Helm)" in told(
            await scene.broker("init")
        )
        assert scene.contents("broker") == before


async def test_dry_runs_print_manifests_and_ask_no_cluster() -> None:
    for words, kinds in (
        (("init",), ["CustomResourceDefinition"] * 5 + ["ClusterRole"] * 2),
        (
            ("create-member", "east"),
            ["Namespace", "ServiceAccount", "RoleBinding", "ClusterRoleBinding", "MemberCluster"],
        ),
    ):
        ended = await run("broker", *words, "--dry-run")
        assert (ended.exit_code, ended.stderr) == (0, "")
        assert [one["kind"] for one in yaml.safe_load_all(ended.stdout)] == kinds


async def test_a_member_gets_its_place_and_a_credential_that_is_printed(scene: Scene) -> None:
    async with scene.serving():
        await scene.broker("init")
        ended = await scene.broker("create-member", "east", "--server", "https://broker.example:6443")
        assert ended.exit_code == 0
        config = yaml.safe_load(ended.stdout)
        assert config["users"][0]["user"] == {"token": TOKEN}
        assert config["clusters"][0]["cluster"] == {"server": "https://broker.example:6443"}
        assert config["contexts"][0]["context"]["namespace"] == PLACE
        assert TOKEN not in ended.stderr
        assert "the credential expires at 20" in ended.stderr
        assert "next, with the kubeconfig of cluster east: mcs-controller join" in ended.stderr

        client = scene.api["broker"]
        for resource, name, namespace in (
            (NAMESPACES, PLACE, ""),
            (SERVICE_ACCOUNTS, "member", PLACE),
            (ROLE_BINDINGS, "member", PLACE),
            (CLUSTER_ROLE_BINDINGS, PLACE, ""),
            (MEMBER_CLUSTERS, "east", PLACE),
        ):
            made = await client.get(resource, name, namespace)
            assert made["metadata"]["labels"][LABEL_INSTALLED_BY] == INSTALLED_BY


async def test_a_file_with_a_credential_is_its_owners_and_is_not_replaced_unasked(scene: Scene) -> None:
    async with scene.serving():
        file = await scene.member()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert TOKEN in file.read_text()
        file.write_text("something else")
        words = ("create-member", "east", "--output-file", file)
        assert f"{file} exists" in told(await scene.broker(*words))
        assert file.read_text() == "something else"
        ended = await scene.broker(*words, "--force", "-o", "yaml")
        assert [one["result"] for one in yaml.safe_load(ended.stdout)["objects"]] == ["unchanged"] * 5
        assert TOKEN in file.read_text()
        assert TOKEN not in ended.stdout + ended.stderr
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert sorted(one.name for one in scene.folder.iterdir()) == ["broker.kubeconfig", file.name]


async def test_a_file_that_cannot_be_written_is_refused_before_anything_is_done(scene: Scene) -> None:
    async with scene.serving():
        await scene.member()
        before = scene.contents("broker")
        for file, message in (
            (scene.folder / "missing" / "file", "cannot be written: No such file or directory"),
            (scene.folder, "is a directory"),
        ):
            words = ("create-member", "east", "--renew", "--revoke", "--force", "--output-file", file)
            assert message in told(await scene.broker(*words))
            assert scene.contents("broker") == before


async def test_limits_are_set_and_those_that_are_not_given_stay(scene: Scene) -> None:
    async with scene.serving():
        file = await scene.member("--pod-cidrs", "10.1.0.0/16,fd00:1::/48", "--namespaces", "shop")
        words = ("create-member", "east", "--output-file", file, "--force")
        assert results(await scene.broker(*words, "--namespaces", "bank"))[-1] == "updated"
        member = await scene.api["broker"].get(MEMBER_CLUSTERS, "east", PLACE)
        assert member["spec"] == {"podCIDRs": ["10.1.0.0/16", "fd00:1::/48"], "namespaces": ["bank"]}


async def test_where_a_member_lies_is_set_as_a_whole_and_stays_if_it_is_not_given(scene: Scene) -> None:
    async with scene.serving():
        file = await scene.member("--location", "eu-west/eu-west-1a")
        words = ("create-member", "east", "--output-file", file, "--force")
        for more, expected in (
            ((), {"region": "eu-west", "zone": "eu-west-1a"}),
            (("--location", "us"), {"region": "us"}),
        ):
            assert results(await scene.broker(*words, *more))[-1] == ("updated" if more else "unchanged")
            member = await scene.api["broker"].get(MEMBER_CLUSTERS, "east", PLACE)
            assert member["spec"] == {"location": expected}


async def test_a_member_in_use_gets_another_credential_only_when_that_is_meant(scene: Scene) -> None:
    async with scene.serving():
        file = await scene.member()
        assert "there is no member west" in told(await scene.broker("create-member", "west", "--renew"))
        status = {"status": {"clusterUID": "a-cluster"}}
        client = scene.api["broker"]
        await client.patch(MEMBER_CLUSTERS, "east", status, namespace=PLACE, subresource="status")
        before = scene.contents("broker")
        refused = told(await scene.broker("create-member", "east"))
        assert "member east is in use" in refused
        assert "--renew makes another credential for that cluster" in refused
        words = ("create-member", "east", "--renew", "--output-file", file, "--force")
        assert results(await scene.broker(*words)) == ["unchanged"] * 5
        assert scene.contents("broker") == before


async def test_all_earlier_credentials_of_a_member_can_be_revoked(scene: Scene) -> None:
    async with scene.serving():
        file = await scene.member()
        client = scene.api["broker"]
        words = ("create-member", "east", "--renew", "--revoke", "--output-file", file, "--force")
        # No token of an account outlives it, nor is good for another one of its name.
        uids = set()
        for _ in range(2):
            account = await client.get(SERVICE_ACCOUNTS, "member", PLACE)
            uids.add(account["metadata"]["uid"])
            ended = await scene.broker(*words)
            assert sorted(results(ended)) == ["replaced", *["unchanged"] * 4]
            assert "all earlier credentials of east have ended" in ended.stderr
        account = await client.get(SERVICE_ACCOUNTS, "member", PLACE)
        assert account["metadata"]["uid"] not in uids
        assert account["metadata"]["labels"][LABEL_INSTALLED_BY] == INSTALLED_BY
        await client.delete(SERVICE_ACCOUNTS, "member", namespace=PLACE)
        assert sorted(results(await scene.broker(*words))) == ["created", *["unchanged"] * 4]


async def test_an_account_that_others_made_is_not_revoked(scene: Scene) -> None:
    async with scene.serving():
        file = await scene.member()
        client = scene.api["broker"]
        unlabelled = {"metadata": {"labels": {LABEL_INSTALLED_BY: None}}}
        await client.patch(SERVICE_ACCOUNTS, "member", unlabelled, namespace=PLACE)
        before = scene.contents("broker")
        words = ("create-member", "east", "--renew", "--output-file", file, "--force")
        assert "ServiceAccount mcs-member-east/member was not made by this command" in told(
            await scene.broker(*words, "--revoke")
        )
        assert scene.contents("broker") == before
        assert results(await scene.broker(*words)) == ["unchanged"] * 5


async def test_a_namespace_of_others_is_not_taken_for_a_member(scene: Scene) -> None:
    async with scene.serving():
        await scene.broker("init")
        client = scene.api["broker"]
        await client.create(NAMESPACES, {"metadata": {"name": PLACE}})
        before = scene.contents("broker")
        refused = told(await scene.broker("create-member", "east"))
        label = f"{LABEL_INSTALLED_BY}={INSTALLED_BY}"
        assert f"Namespace {PLACE} was not made by this command: nothing was written" in refused
        assert f"kubectl label namespaces {PLACE} --overwrite {label}" in refused
        assert scene.contents("broker") == before
        with pytest.raises(NotFound):
            await client.get(SERVICE_ACCOUNTS, "member", PLACE)
        await client.patch(NAMESPACES, PLACE, {"metadata": {"labels": dict([label.split("=")])}})
        assert (await scene.broker("create-member", "east")).exit_code == 0


async def test_a_cluster_that_is_no_broker_is_named_as_such(scene: Scene) -> None:
    async with scene.serving():
        assert "is no broker yet, it lacks its kinds: run `mcs-controller broker init`" in told(
            await scene.broker("create-member", "east")
        )
        await scene.broker("init")
        await scene.api["broker"].delete(CLUSTER_ROLES, "mcs-broker-reader")
        assert "it lacks ClusterRole mcs-broker-reader" in told(await scene.broker("create-member", "east"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("create-member", "East"), "cluster id 'East' is not a DNS label"),
        (("create-member", "east", "--pod-cidrs", "10.1.0.1/16"), "--pod-cidrs: '10.1.0.1/16' is no network"),
        (("create-member", "east", "--location", "eu/"), "--location: 'eu/' is no location: write REGION"),
        (("create-member", "east", "--location", "eu west"), "--location: 'eu west' is no location"),
        (("create-member", "east", "--server", "broker"), "--server: the value is no URL of an API server"),
        (("create-member", "east", "--token-hours", "0"), "--token-hours: '0' is not a whole number"),
        (("create-member", "east", "--revoke"), "--revoke needs --renew"),
        (("create-member", "east"), "--broker-kubeconfig is missing"),
        (("init",), "--broker-kubeconfig is missing"),
        ((), "see mcs-controller broker --help"),
    ],
)
async def test_wrong_options_are_named(words: tuple[str, ...], message: str) -> None:
    ended = await run("broker", *words)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert message in ended.stderr
