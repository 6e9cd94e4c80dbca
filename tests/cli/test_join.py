"""`mcs-controller join` and `members`: a cluster gets its credential, and the broker shows its members."""

from __future__ import annotations

import json
from base64 import b64decode, urlsafe_b64encode
from pathlib import Path

import pytest
import yaml

from mcs_controller.api.names import LABEL_INSTALLED_BY
from mcs_controller.api.resources import MEMBER_CLUSTERS, NAMESPACES, SECRETS
from tests.cli.installing import TOKEN, Scene, results, told
from tests.cli.program import run
from tests.support.kubeconfigs import kubeconfig, write

pytestmark = pytest.mark.slow

PLACE = "mcs-member-east"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def test_a_cluster_gets_its_credential_and_a_second_run_changes_nothing(scene: Scene) -> None:
    async with scene.serving():
        file = await scene.member()
        ended = await scene.join(file)
        assert results(ended) == ["created", "created"]
        chart = "helm upgrade --install mcs-controller charts/mcs-controller --namespace mcs-system"
        assert ended.stderr.startswith(f"next: {chart} --set agent.config.clusterId=east ")
        assert TOKEN not in ended.stdout + ended.stderr
        secret = await scene.api["east"].get(SECRETS, "mcs-broker", "mcs-system")
        assert b64decode(secret["data"]["kubeconfig"]).decode() == file.read_text()

        before = scene.contents("east")
        again = await scene.join(file, "-o", "json")
        assert [one["result"] for one in json.loads(again.stdout)["objects"]] == ["unchanged"] * 2
        assert scene.contents("east") == before


async def test_a_namespace_that_is_there_is_used_and_stays_as_it_is(scene: Scene) -> None:
    async with scene.serving():
        file = await scene.member()
        made = await scene.api["east"].create(NAMESPACES, {"metadata": {"name": "multicluster"}})
        assert results(await scene.join(file, "--namespace", "multicluster")) == ["unchanged", "created"]
        assert await scene.api["east"].get(NAMESPACES, "multicluster") == made


async def test_a_dry_run_checks_and_prints_manifests_without_the_credential(scene: Scene) -> None:
    async with scene.serving():
        file = await scene.member()
        before = scene.contents("east"), scene.contents("broker")
        ended = await scene.join(file, "--dry-run")
        namespace, secret = yaml.safe_load_all(ended.stdout)
        assert (namespace["kind"], secret["kind"]) == ("Namespace", "Secret")
        assert TOKEN not in ended.stdout
        # Whoever applies it keeps the credential that is there.
        assert {"data", "stringData"}.isdisjoint(secret)
        assert f"the key kubeconfig, which is what {file} holds" in ended.stderr
        assert (scene.contents("east"), scene.contents("broker")) == before
        await scene.api["broker"].delete(MEMBER_CLUSTERS, "east", namespace=PLACE)
        assert "has no MemberCluster east" in told(await scene.join(file, "--dry-run"))


async def test_another_credential_replaces_the_one_before_and_that_of_another_member_does_not(
    scene: Scene,
) -> None:
    async with scene.serving():
        file = await scene.member()
        await scene.join(file)
        file.write_text(file.read_text().replace("127.0.0.1", "localhost"))
        assert results(await scene.join(file)) == ["unchanged", "updated"]
        other = await scene.member(name="second")
        before = scene.contents("east")
        assert "has joined as east already (Secret mcs-system/mcs-broker)" in told(await scene.join(other))
        assert scene.contents("east") == before


async def test_a_secret_that_others_made_is_not_touched(scene: Scene) -> None:
    async with scene.serving():
        file = await scene.member()
        await scene.join(file)
        secret = await scene.api["east"].get(SECRETS, "mcs-broker", "mcs-system")
        del secret["metadata"]["labels"][LABEL_INSTALLED_BY]
        await scene.api["east"].update(SECRETS, {**secret, "data": {}})
        before = scene.contents("east")
        refused = told(await scene.join(file))
        assert "Secret mcs-system/mcs-broker was not made by this command: nothing was written" in refused
        assert scene.contents("east") == before


async def test_an_id_that_another_cluster_uses_is_refused(scene: Scene) -> None:
    async with scene.serving():
        file = await scene.member()
        status = {"status": {"clusterUID": await scene.uid("east")}}
        await scene.api["broker"].patch(
            MEMBER_CLUSTERS, "east", status, namespace=PLACE, subresource="status"
        )
        before = scene.contents("west")
        assert "cluster id east belongs to another cluster" in told(await scene.join(file, cluster="west"))
        assert scene.contents("west") == before
        assert results(await scene.join(file)) == ["created", "created"]


@pytest.mark.requirement("MCS-NS-06")
async def test_one_file_is_good_for_one_cluster_also_before_an_agent_runs(scene: Scene) -> None:
    async with scene.serving():
        file = await scene.member()
        assert results(await scene.join(file)) == ["created", "created"]
        before = scene.contents("west")
        refused = told(await scene.join(file, cluster="west"))
        assert "cluster id east belongs to another cluster" in refused
        assert "joined with it by mistake, run `leave` there" in refused
        assert scene.contents("west") == before
        assert (await run("leave", "--kubeconfig", scene.kubeconfig("east"))).exit_code == 0
        assert results(await scene.join(file, cluster="west")) == ["created", "created"]


async def test_a_join_that_was_interrupted_can_be_repeated_or_taken_back(scene: Scene) -> None:
    async with scene.serving():
        file = await scene.member()
        fault = scene.clusters["east"].faults.fail(500, verbs=("create",), resources=("secrets",))
        await scene.join(file)
        fault.lift()
        assert "belongs to another cluster" in told(await scene.join(file, cluster="west"))
        leave = ("leave", "--kubeconfig", scene.kubeconfig("east"))
        assert "the file that `join` had" in (await run(*leave)).stderr
        assert "it stays free" in (await run(*leave, "--broker-kubeconfig", file)).stderr
        assert results(await scene.join(file, cluster="west")) == ["created", "created"]


async def test_a_broker_that_does_not_answer_or_refuses_is_named(scene: Scene) -> None:
    async with scene.serving():
        file = await scene.member()
        away = write(scene.folder, "away", kubeconfig(user={"token": TOKEN}))
        assert "cannot be reached from here" in told(await scene.join(away, "--cluster-id", "east"))
        faults = scene.clusters["broker"].faults
        for code, message in ((401, "--renew` makes another"), (403, "is not that of member east")):
            faults.fail(code, verbs=("get",), resources=("memberclusters",))
            refused = told(await scene.join(file))
            assert message in refused
            assert TOKEN not in refused
            faults.clear()


async def test_whether_a_credential_has_expired_says_the_broker_and_not_the_clock_of_this_machine(
    scene: Scene,
) -> None:
    async with scene.serving():
        file = await scene.member()
        claims = urlsafe_b64encode(b'{"iat": 1700000000, "exp": 1700086400}').decode().rstrip("=")
        file.write_text(file.read_text().replace(TOKEN, f"e30.{claims}.c2ln"))
        refusal = scene.clusters["broker"].faults.fail(401, resources=("memberclusters",))
        assert "the credential, which has expired: `broker create-member east --renew`" in told(
            await scene.join(file)
        )
        refusal.lift()
        assert results(await scene.join(file)) == ["created", "created"]


async def test_a_file_that_says_too_little_or_something_else_is_refused(scene: Scene) -> None:
    async with scene.serving():
        file = await scene.member()
        assert "the broker's kubeconfig is for east" in told(await scene.join(file, "--cluster-id", "west"))
        assert "you say another id by --cluster-id" in told(await scene.join(scene.kubeconfig("broker")))
        assert "does-not-exist cannot be read" in told(await scene.join(scene.folder / "does-not-exist"))
        useless = write(scene.folder, "useless", kubeconfig(user={"exec": {"command": "login"}}))
        assert f"kubeconfig {useless}: its user has exec" in told(await scene.join(useless))


async def test_members_are_listed_with_what_they_say_of_themselves(scene: Scene) -> None:
    async with scene.serving():
        file = await scene.member("--namespaces", "shop")
        await scene.member(name="west")
        status = {
            "heartbeat": "2026-01-01T00:00:00.000000Z",
            "version": "0.1.0",
            "exported": {
                "at": "2026-01-01T00:00:00.000000Z",
                "services": 3,
                "endpointSlices": 4,
                "digest": "0" * 16,
            },
        }
        await scene.api["broker"].patch(
            MEMBER_CLUSTERS, "east", {"status": status}, namespace=PLACE, subresource="status"
        )
        ended = await run("members", "--broker-kubeconfig", file)
        header, east, west = (line.split() for line in ended.stdout.splitlines())
        assert header[:4] == ["MEMBER", "HEARTBEAT", "VERSION", "SERVICES"]
        assert [east[0], *east[2:]] == ["east", "ago", "0.1.0", "3", "4", "shop", "-"]
        assert west == ["west", "never", "-", "-", "-", "-", "-"]
        for output, parse in (("json", json.loads), ("yaml", yaml.safe_load)):
            ended = await run("members", "--broker-kubeconfig", file, "-o", output)
            first, second = parse(ended.stdout)["members"]
            assert (first["name"], first["services"], first["heartbeat"]) == ("east", 3, status["heartbeat"])
            assert (second["name"], second["services"], second["heartbeat"]) == ("west", None, None)


async def test_a_broker_without_members_and_a_cluster_that_is_no_broker(scene: Scene) -> None:
    async with scene.serving():
        words = ("members", "--broker-kubeconfig", scene.kubeconfig("broker"))
        assert "serves no MemberClusters" in told(await run(*words))
        await scene.broker("init")
        assert (await run(*words)).stdout == "the broker has no members\n"
