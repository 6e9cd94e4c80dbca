"""`mcs-controller leave` as operators run it: which broker it asks, and whose credential it takes."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from mcs_controller.api.resources import EXPORTED_SERVICES, LEASES, MEMBER_CLUSTERS, SECRETS, SERVICES
from tests.cli.installing import TOKEN, Scene, told
from tests.cli.program import Ended, run, start
from tests.controllers.mars import record
from tests.support.objects import body, service_body

pytestmark = pytest.mark.slow

PLACE = "mcs-member-east"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def leave(scene: Scene, *words: str | Path) -> Ended:
    return await run("leave", "--kubeconfig", scene.kubeconfig("east"), *words)


def objects(ended: Ended) -> dict[str, str]:
    assert ended.exit_code == 0, ended
    return {f"{one['kind']} {one['name']}": one["result"] for one in json.loads(ended.stdout)["objects"]}


async def joined(scene: Scene) -> None:
    """East has joined, exports something, and has an import's derived Service."""
    await scene.join(await scene.member())
    await scene.api["broker"].create(
        EXPORTED_SERVICES, body(EXPORTED_SERVICES, "shop.web", PLACE, spec=record("web"))
    )
    derived = service_body("derived", "mcs-system")
    derived["metadata"]["labels"] = {"mcs-controller.io/managed-by": "mcs-controller.io"}
    await scene.api["east"].create(SERVICES, derived)


async def test_with_nothing_but_the_cluster_it_leaves_by_the_credential_that_join_left_there(
    scene: Scene,
) -> None:
    async with scene.serving():
        await joined(scene)
        before = scene.contents("east"), scene.contents("broker")
        planned = await leave(scene, "--dry-run", "-o", "json")
        assert (scene.contents("east"), scene.contents("broker")) == before
        assert objects(planned) == dict.fromkeys(
            ("ExportedService shop.web", "Service derived", "Secret mcs-broker"), "to be deleted"
        )

        ended = await leave(scene, "-o", "json")
        assert objects(ended) == dict.fromkeys(objects(planned), "deleted")
        assert TOKEN not in ended.stdout + ended.stderr
        assert "east has left. Next, the broker's administrator: " in ended.stderr
        assert "mcs-controller broker remove-member east" in ended.stderr
        assert (await scene.api["broker"].list(EXPORTED_SERVICES)).items == []
        for kind in (LEASES, SECRETS):
            assert (await scene.api["east"].list(kind, namespace="mcs-system")).items == []
        member = await scene.api["broker"].get(MEMBER_CLUSTERS, "east", PLACE)
        assert member["status"]["leaving"]

        again = await leave(scene)
        assert (again.exit_code, again.stdout) == (0, "nothing to remove\n")
        assert "it has left, or has never joined" in again.stderr


async def test_without_a_credential_it_says_what_to_give(scene: Scene) -> None:
    async with scene.serving():
        await joined(scene)
        await scene.api["east"].delete(SECRETS, "mcs-broker", namespace="mcs-system")
        assert "no credential for the broker (Secret mcs-system/mcs-broker): give" in told(await leave(scene))
        alone = await leave(scene, "--local-only", "-o", "json")
        assert objects(alone) == {"Service derived": "deleted"}
        assert (await scene.api["broker"].list(EXPORTED_SERVICES)).items != []


async def test_a_credential_of_somebody_else_or_of_nobody_is_refused(scene: Scene) -> None:
    async with scene.serving():
        await joined(scene)
        other = await scene.member(name="west")
        refused = told(await leave(scene, "--broker-kubeconfig", other, "--cluster-id", "east"))
        assert "this cluster is east, but the credential for the broker is that of west" in refused
        secret = await scene.api["east"].get(SECRETS, "mcs-broker", "mcs-system")
        await scene.api["east"].update(SECRETS, {**secret, "data": {"kubeconfig": "/w=="}})
        assert "has no kubeconfig under kubeconfig: give --broker-kubeconfig" in told(await leave(scene))
        assert len((await scene.api["broker"].list(EXPORTED_SERVICES)).items) == 1
        assert (await scene.api["east"].list(LEASES)).items == []


async def test_who_is_stopped_has_not_left(scene: Scene) -> None:
    async with scene.serving():
        await joined(scene)
        process = await start("leave", "--kubeconfig", scene.kubeconfig("east"))
        assert process.stderr is not None
        line = await process.stderr.readline()
        assert b"exports nothing any more" in line
        process.send_signal(signal.SIGINT)
        _, error = await process.communicate()
        assert process.returncode == 1
        assert b"stopped before the cluster has left: run the command again" in error
        assert (await scene.api["east"].list(SECRETS, namespace="mcs-system")).items != []
