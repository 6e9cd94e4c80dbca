"""`mcs-controller fuse` as people run it: what is held is listed, and what is selected is released."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from mcs_controller.api.names import ANNOTATION_WITHDRAW, CONDITION_HELD, LABEL_MANAGED_BY, MANAGED_BY
from mcs_controller.api.resources import MEMBER_CLUSTERS, NAMESPACES
from mcs_controller.cli.fuse_status import release_text
from mcs_controller.clusterset.fuse import Hold, held_for_mass_withdrawal
from mcs_controller.clusterset.model import ImportSpec, LocalImport, ServiceKey
from mcs_controller.clusterset.syntax import seconds_of_time
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import SystemClock
from mcs_controller.simcluster.cluster import SimCluster
from tests.cli.program import Ended, run
from tests.support import crds
from tests.support.kubeconfigs import kubeconfig, write
from tests.support.objects import IMPORTS, Object, body, member_cluster

pytestmark = pytest.mark.slow

SINCE, ENDS = "2026-01-01T12:00:00Z", "2026-01-01T12:30:00Z"


def held_message(name: str) -> str:
    imported = LocalImport(ServiceKey("shop", name), "uid", 1, ImportSpec("ClusterSetIP", ()))
    return held_for_mass_withdrawal(imported, Hold((("east", 0.0),), 1800.0, ends_at=ENDS)).message


async def imported(
    client: Client, name: str, *clusters: str, reason: str = "", namespace: str = "shop", ours: bool = True
) -> None:
    """An import as an agent leaves it: held if there is a reason."""
    labels = {LABEL_MANAGED_BY: MANAGED_BY} if ours else {}
    made: Object = body(IMPORTS, name, namespace, spec={"type": "ClusterSetIP", "ports": []})
    made["metadata"]["labels"] = labels
    await client.create(IMPORTS, made)
    message = held_message(name) if reason == "MassWithdrawal" else "said why"
    held = {
        "type": CONDITION_HELD,
        "status": "True" if reason else "False",
        "reason": reason or "NotHeld",
        "message": message,
        "lastTransitionTime": SINCE,
    }
    status = {"clusters": [{"cluster": one} for one in clusters], "conditions": [held]}
    await client.patch(IMPORTS, name, {"status": status}, namespace=namespace, subresource="status")


async def annotation(client: Client, name: str, namespace: str = "shop") -> str | None:
    found = await client.get(IMPORTS, name, namespace)
    value: str | None = (found["metadata"].get("annotations") or {}).get(ANNOTATION_WITHDRAW)
    return value


class Scene:
    """West, of which three imports are held, and the broker."""

    def __init__(self, folder: Path) -> None:
        self.west = SimCluster("west", random=Random(1))
        self.broker = SimCluster("broker", random=Random(2))
        self.api, self.broker_api = self.west.client(), self.broker.client()
        self.folder = folder

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Scene"]:
        async with self.west, self.west.serve(), self.broker, self.broker.serve():
            await crds.install(self.api, *crds.MCS_CRDS)
            await crds.install(self.broker_api, *crds.BROKER_CRDS)
            await self.api.create(NAMESPACES, {"metadata": {"name": "shop"}})
            for name in ("east", "north"):
                await self.broker_api.create(NAMESPACES, {"metadata": {"name": f"mcs-member-{name}"}})
                await self.broker_api.create(MEMBER_CLUSTERS, member_cluster(name))
            await imported(self.api, "api", "east", "north", reason="ExportsMissing")
            await imported(self.api, "web", "east", reason="MassWithdrawal")
            await imported(self.api, "silent", "north", reason="MembersSilent")
            await imported(self.api, "well", "east")
            await imported(self.api, "theirs", "east", reason="MassWithdrawal", ours=False)
            yield self

    async def fuse(self, *words: str, broker: bool = False) -> Ended:
        options: list[str | Path] = [
            "--kubeconfig",
            write(self.folder, "west.kubeconfig", self.west.kubeconfig()),
        ]
        if broker:
            options += [
                "--broker-kubeconfig",
                write(self.folder, "broker.kubeconfig", self.broker.kubeconfig()),
            ]
        return await run("fuse", *words, *options)

    async def annotations(self) -> dict[str, str | None]:
        return {name: await annotation(self.api, name) for name in ("api", "web", "silent", "well", "theirs")}

    async def member_annotation(self, name: str) -> str | None:
        found = await self.broker_api.get(MEMBER_CLUSTERS, name, f"mcs-member-{name}")
        value: str | None = (found["metadata"].get("annotations") or {}).get(ANNOTATION_WITHDRAW)
        return value


NOTHING = dict.fromkeys(("api", "web", "silent", "well", "theirs"))


async def test_status_lists_what_is_held_since_when_and_when_it_ends(tmp_path: Path) -> None:
    async with Scene(tmp_path).serving() as scene:
        ended = await scene.fuse("status")
        assert (ended.exit_code, ended.stderr) == (0, "")
        assert [re.split("  +", line) for line in ended.stdout.splitlines()] == [
            ["IMPORT", "REASON", "EXPORTED BY", "SINCE", "ENDS BY ITSELF"],
            ["shop/api", "ExportsMissing", "east,north", SINCE, "when its exporter is heard"],
            ["shop/silent", "MembersSilent", "north", SINCE, "when heartbeats return"],
            ["shop/web", "MassWithdrawal", "east", SINCE, ENDS],
            [""],
            ["MEMBER", "IMPORTS HELD HERE", "RELEASE ON THE BROKER"],
            ["east", "2", "-"],
            ["north", "2", "-"],
        ]


async def test_status_as_json_holds_the_same_and_the_release_of_members(tmp_path: Path) -> None:
    async with Scene(tmp_path).serving() as scene:
        await scene.fuse("release", "--member", "east", "--for", "30m", broker=True)
        await scene.fuse("release", "--import", "shop/web")
        ended = await scene.fuse("status", "-o", "json", broker=True)
        found: dict[str, Any] = json.loads(ended.stdout)
        (web,) = (one for one in found["imports"] if one["name"] == "web")
        assert web == {
            "namespace": "shop",
            "name": "web",
            "reason": "MassWithdrawal",
            "clusters": ["east"],
            "since": SINCE,
            "endsAt": ENDS,
            "released": True,
            "message": held_message("web"),
        }
        assert found["members"] == [
            {
                "name": "east",
                "importsHeld": 2,
                "missing": False,
                "release": await scene.member_annotation("east"),
                "releaseProblem": None,
            },
            {
                "name": "north",
                "importsHeld": 2,
                "missing": False,
                "release": None,
                "releaseProblem": None,
            },
        ]


async def test_status_names_members_without_a_member_cluster_whose_imports_are_here(tmp_path: Path) -> None:
    async with Scene(tmp_path).serving() as scene:
        await imported(scene.api, "more", "mars")
        await scene.broker_api.delete(MEMBER_CLUSTERS, "north", namespace="mcs-member-north")
        ended = await scene.fuse("status", broker=True)
        lines = [re.split("  +", line) for line in ended.stdout.splitlines()]
        gone = "no MemberCluster: its exports are withdrawn after a minute or ten, unless it returns"
        assert lines[-3:] == [["east", "2", "-"], ["mars", "0", gone], ["north", "2", gone]]

        ended = await scene.fuse("status", "-o", "json", broker=True)
        missing = {one["name"]: one["missing"] for one in json.loads(ended.stdout)["members"]}
        assert missing == {"east": False, "mars": True, "north": True}
        ended = await scene.fuse("status", "-o", "json")
        missing = {one["name"]: one["missing"] for one in json.loads(ended.stdout)["members"]}
        assert missing == {"east": None, "north": None}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("", "-"),
        (
            "allowed",
            "not valid: allowed is no time in UTC such as `mcs-controller fuse release",
        ),
        ("2026-01-01T13:00:00Z", "until 2026-01-01T13:00:00Z"),
        ("2026-02-01T12:00:00Z", "not valid: 2026-02-01T12:00:00Z is more than a day ahead"),
        ("2026-01-01T11:00:00Z", "over since 2026-01-01T11:00:00Z"),
        ("yes", "not valid: yes is no time in UTC"),
        ("2026-01-01T15:00:00+02:00", "not valid: 2026-01-01T15:00:00+02:00 is no time in UTC"),
    ],
)
def test_status_says_whether_a_release_on_the_broker_is_valid(value: str, says: str) -> None:
    now_seconds = seconds_of_time("2026-01-01T12:00:00Z")
    assert now_seconds is not None
    assert release_text("east", value, now_seconds).startswith(says)


async def test_an_api_server_that_is_not_the_broker_is_named_as_that(tmp_path: Path) -> None:
    async with Scene(tmp_path).serving() as scene:
        west = write(tmp_path, "west.kubeconfig", scene.west.kubeconfig())
        for words in (("status",), ("release", "--member", "east")):
            ended = await scene.fuse(*words, "--broker-kubeconfig", str(west))
            assert (ended.exit_code, ended.stdout) == (1, "")
            assert "serves no MemberClusters" in ended.stderr


async def test_where_nothing_is_held_status_says_so(tmp_path: Path) -> None:
    async with Scene(tmp_path).serving() as scene:
        for name in ("api", "web", "silent"):
            await scene.api.delete(IMPORTS, name, namespace="shop")
        assert (await scene.fuse("status")).stdout == "nothing is held\n"
        assert json.loads((await scene.fuse("status", "--output=json")).stdout)["imports"] == []


async def test_release_of_imports_writes_their_annotation_and_no_other(tmp_path: Path) -> None:
    async with Scene(tmp_path).serving() as scene:
        dry = await scene.fuse("release", "--import", "shop/web", "--dry-run")
        assert dry.exit_code == 0
        assert "shop/web: would be released (MassWithdrawal, exported by east)" in dry.stdout
        assert await scene.annotations() == NOTHING

        ended = await scene.fuse("release", "--import", "shop/web,shop/well")
        assert (ended.exit_code, ended.stderr) == (0, "")
        assert ended.stdout.splitlines() == [
            "shop/well: not held, nothing to release",
            "shop/web: released (MassWithdrawal, exported by east)",
            "1 of 1 held imports released",
        ]
        assert await scene.annotations() == {**NOTHING, "web": "allowed"}

        again = await scene.fuse("release", "--import", "shop/web")
        assert again.exit_code == 0
        assert "shop/web: released already" in again.stdout


async def test_release_of_all_takes_what_is_held_here_and_says_what_takes_a_member(tmp_path: Path) -> None:
    async with Scene(tmp_path).serving() as scene:
        ended = await scene.fuse("release", "--all")
        assert ended.exit_code == 0
        assert (
            "shop/silent: stays held, its members are silent; release them with --member: north"
            in ended.stdout
        )
        assert await scene.annotations() == {**NOTHING, "api": "allowed", "web": "allowed"}


async def test_release_of_a_member_is_valid_for_the_time_that_was_asked_for(tmp_path: Path) -> None:
    async with Scene(tmp_path).serving() as scene:
        dry = await scene.fuse("release", "--member", "east", "--dry-run", broker=True)
        assert (dry.exit_code, await scene.member_annotation("east")) == (0, None)
        for words, seconds in (((), 3600.0), (("--for", "2h"), 7200.0), (("--for=90s",), 90.0)):
            ended = await scene.fuse("release", "--member", "east", *words, broker=True)
            assert ended.exit_code == 0, ended.stderr
            until = await scene.member_annotation("east")
            assert until is not None
            assert f"until {until}" in ended.stdout
            until_seconds = seconds_of_time(until)
            assert until_seconds is not None
            assert abs(until_seconds - SystemClock().now().timestamp() - seconds) < 30
        assert await scene.member_annotation("north") is None
        assert await scene.annotations() == NOTHING


async def test_several_members_are_all_released_or_none_if_one_is_unknown(tmp_path: Path) -> None:
    async with Scene(tmp_path).serving() as scene:
        ended = await scene.fuse("release", "--member", "east,south", broker=True)
        assert (ended.exit_code, ended.stdout) == (1, "")
        assert "no MemberCluster south" in ended.stderr
        assert await scene.member_annotation("east") is None
        ended = await scene.fuse("release", "--member", "east", "--member", "north", broker=True)
        assert ended.exit_code == 0
        said = [line.partition(":")[0] for line in ended.stdout.splitlines()]
        assert said == ["member east", "member north"]
        assert None not in [await scene.member_annotation(name) for name in ("east", "north")]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), 2, "say what to release"),
        (("--all", "--member", "east"), 2, "say what to release"),
        (("--import", "web"), 2, "write NAMESPACE/NAME"),
        (("--all", "--for", "30m"), 2, "--for is for --member"),
        (("--member", "east", "--for", "2d"), 2, "up to a day"),
        (("--member", "east", "--for", "0m"), 2, "up to a day"),
        (("--member", "east", "--for", "soon"), 2, "write 90s, 30m or 2h"),
        (("--member", "east"), 2, "--broker-kubeconfig is missing"),
        (("--import", "shop/none"), 1, "there is no ServiceImport shop/none"),
    ],
)
async def test_a_mistake_is_told_in_one_line_and_nothing_is_released(
    tmp_path: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    async with Scene(tmp_path).serving() as scene:
        ended = await scene.fuse("release", *words)
        assert ended.exit_code == code
        assert len(ended.stderr.splitlines()) == 1
        assert says in ended.stderr
        assert await scene.annotations() == NOTHING


async def test_a_member_that_the_broker_does_not_know_and_a_cluster_that_is_away_are_errors(
    tmp_path: Path,
) -> None:
    async with Scene(tmp_path).serving() as scene:
        unknown = await scene.fuse("release", "--member", "south", broker=True)
        assert unknown.exit_code == 1
        assert "no MemberCluster south" in unknown.stderr
    nobody = write(tmp_path, "nobody.kubeconfig", kubeconfig())
    ended = await run("fuse", "status", "--kubeconfig", nobody)
    assert (ended.exit_code, ended.stdout, len(ended.stderr.splitlines())) == (1, "", 1)
