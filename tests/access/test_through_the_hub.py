"""What `broker set-access` says of a member reaches the consumers of the inventory, by way of the hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from mcs_controller.api.resources import NAMESPACES
from tests.access.profiles import CONFIG, FakePlugin, entry, file_text
from tests.cli.installing import Scene
from tests.cli.program import DEADLINE_SECONDS, run, running
from tests.support.waiting import eventually

pytestmark = pytest.mark.slow


@pytest.mark.requirement("CP-23", "CP-27")
async def test_the_way_that_the_administrator_sets_is_the_one_that_a_consumer_goes(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    plugin = FakePlugin(tmp_path, token="system:serviceaccount:default:visitor")
    file = tmp_path / "providers.json"
    file.write_bytes(file_text(entry("cloud", plugin.command, provideClusterInfo=True)))
    async with scene.serving():
        await scene.member()
        await scene.api["broker"].create(NAMESPACES, {"metadata": {"name": "mcs-inventory"}})
        server = yaml.safe_load(scene.kubeconfig("east").read_text())["clusters"][0]["cluster"]["server"]
        ended = await scene.broker(
            *("set-access", "east", "--provider", "cloud", "--server", server),
            *("--exec-config", '{"clusterName": "east"}'),
        )
        assert ended.exit_code == 0, ended
        of_broker = scene.kubeconfig("broker")

        async def offered() -> list[Any]:
            """The access providers of the profile, as `clusters` shows it."""
            listed = json.loads((await run("clusters", "-o", "json", "--kubeconfig", of_broker)).stdout)
            return [
                way for one in listed["items"] for way in one.get("status", {}).get("accessProviders", [])
            ]

        async with running("hub", "--kubeconfig", of_broker, "--no-leader-elect"):
            (way,) = await eventually(offered, within_seconds=DEADLINE_SECONDS)
            assert way == {
                "name": "cloud",
                "cluster": {
                    "server": server,
                    "extensions": [{"name": CONFIG, "extension": {"clusterName": "east"}}],
                },
            }
            words = ("--check", "--clusterprofile-provider-file", file, "--kubeconfig", of_broker)
            ended = await run("clusters", "kubeconfig", "mcs-controller.east", *words)
            assert ended.exit_code == 0, ended
            assert "cluster mcs-controller.east answers" in ended.stderr
            assert plugin.info["spec"]["cluster"]["config"] == {"clusterName": "east"}

            moved = "https://new.example:6443"
            ended = await scene.broker("set-access", "east", "--provider", "cloud", "--server", moved)
            assert ended.exit_code == 0, ended
            await eventually(
                offered,
                lambda ways: [one["cluster"]["server"] for one in ways] == [moved],
                DEADLINE_SECONDS,
            )
