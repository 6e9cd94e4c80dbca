"""`mcs-controller policy preview` as people run it: it says what would be done, and does nothing."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from mcs_controller.api.resources import NAMESPACES, SERVICE_EXPORT_POLICIES, SERVICES
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.services.policies.bulk.service_policy import (
    decode_service_policy,
    export_body,
)
from mcs_controller.simcluster.cluster import SimCluster
from tests.cli.program import Ended, run
from tests.controllers.bulking import CRD, bulk
from tests.support import crds
from tests.support.kubeconfigs import kubeconfig, write
from tests.support.objects import EXPORTS, Object, body, service_body

pytestmark = pytest.mark.slow

PUBLIC = {"public": "yes"}


class Scene:
    """A cluster whose policy `public` has exported `web` and `old`; a user has exported `hand`."""

    def __init__(self, folder: Path) -> None:
        self.east = SimCluster("east", random=Random(1))
        self.api = self.east.client()
        self.folder = folder
        self.kubeconfig: str | Object = kubeconfig()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Scene]:
        async with self.east, self.east.serve():
            await crds.install(self.api, *crds.MCS_CRDS, CRD)
            await self.api.create(NAMESPACES, {"metadata": {"name": "shop"}})
            held = await self.api.create(SERVICE_EXPORT_POLICIES, bulk(), namespace="shop")
            policy = decode_service_policy(held)
            for name, labels in {
                "web": PUBLIC,
                "new": PUBLIC,
                "hand": PUBLIC,
                "never": {**PUBLIC, "mcs-controller.io/export": "never"},
                "old": {},
            }.items():
                made = service_body(name, "shop")
                made["metadata"]["labels"] = labels
                await self.api.create(SERVICES, made)
            for name in ("web", "old"):
                key = ServiceKey("shop", name)
                made = export_body(key, policy, EXPORTS.api_version)
                await self.api.create(EXPORTS, made, namespace="shop")
            await self.api.create(EXPORTS, body(EXPORTS, "hand", "shop"))
            self.kubeconfig = self.east.kubeconfig()
            yield self

    async def preview(self, *words: str | Path, policies: list[Object] | None = None) -> Ended:
        file = self.folder / "policies.yaml"
        file.write_text(yaml.safe_dump_all([bulk()] if policies is None else policies))
        config = write(self.folder, "east.kubeconfig", self.kubeconfig)
        return await run("policy", "preview", file, *words, "--kubeconfig", config)


def rows(ended: Ended) -> list[list[str]]:
    assert (ended.exit_code, ended.stderr) == (0, "")
    return [re.split("  +", line) for line in ended.stdout.splitlines()]


async def test_it_lists_what_is_made_is_there_is_removed_and_is_left_out(tmp_path: Path) -> None:
    async with Scene(tmp_path).serving() as scene:
        before = (await scene.api.list(EXPORTS)).items
        assert rows(await scene.preview()) == [
            ["WHAT", "SERVICE", "POLICY", "WHY"],
            ["remove", "shop/old", "public", "no ServiceExportPolicy selects it"],
            ["make", "shop/new", "public"],
            ["keep", "shop/web", "public"],
            ["by hand", "shop/hand", "public"],
            ["left out", "shop/never", "public", "its label mcs-controller.io/export is never"],
            ["1 to be exported, 1 exported already, 1 exported by hand, 1 to be removed, 1 left out"],
        ]
        assert (await scene.api.list(EXPORTS)).items == before


async def test_a_policy_that_would_be_deleted_takes_along_what_it_made_within_the_bound(
    tmp_path: Path,
) -> None:
    async with Scene(tmp_path).serving() as scene:
        ended = await scene.preview("--deleted", "-o", "json", "--fuse-minimum", "2")
        found: dict[str, Any] = json.loads(ended.stdout)
        assert {one["name"]: one["what"] for one in found["services"]} == {
            "web": "remove",
            "old": "remove",
            "hand": "by hand",
            "new": "left out",
            "never": "left out",
        }
        assert found["held"] == [{"namespace": "shop", "name": "public"}]
        assert (await scene.preview("--deleted")).stdout.count("held") == 0


async def test_who_may_read_only_the_namespace_of_the_policy_sees_what_it_does_there(tmp_path: Path) -> None:
    async with Scene(tmp_path).serving() as scene:
        wide = rows(await scene.preview())
        scene.east.faults.fail(403, count=1, verbs=("list",), resources=("services",))
        narrow = await scene.preview()
        assert narrow.exit_code == 0
        assert [re.split("  +", line) for line in narrow.stdout.splitlines()] == wide
        assert narrow.stderr.startswith("other namespaces may not be read: ")


@pytest.mark.parametrize(
    ("policies", "problem"),
    [
        ([], "holds no ServiceExportPolicy"),
        (
            [{"kind": "ExportPolicy"}],
            "ExportPolicy cannot be previewed, only ServiceExportPolicy",
        ),
        ([{"kind": "ServiceExportPolicy"}], "a ServiceExportPolicy has no name"),
        ([{**bulk(), "spec": {}}], "shop/public cannot be read: serviceSelector is missing"),
    ],
)
async def test_a_file_that_holds_something_else_is_refused(
    tmp_path: Path, policies: list[Object], problem: str
) -> None:
    scene = Scene(tmp_path)
    ended = await scene.preview(policies=policies)
    assert ended.exit_code > 0
    assert problem in ended.stderr
