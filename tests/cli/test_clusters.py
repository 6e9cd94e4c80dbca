"""`mcs-controller clusters`: the list of an inventory, its kubeconfigs, and what older registries had."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from aiohttp import web

from mcs_controller.api.resources import CUSTOM_RESOURCE_DEFINITIONS, NAMESPACES, cluster_profiles
from mcs_controller.kube.client import Client
from mcs_controller.simcluster.cluster import SimCluster
from tests.access.profiles import ENVS, FakePlugin, entry, file_text, offer, profile
from tests.cli.program import Ended, run, start
from tests.cli.registry_file import REGISTRY
from tests.kube.http_servers import serving
from tests.support.crds import install
from tests.support.kubeconfigs import kubeconfig, write

pytestmark = pytest.mark.slow

INVENTORY = "mcs-inventory"
PROFILES = cluster_profiles()
Json = dict[str, Any]


class HubScene:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cluster = SimCluster("hub", random=Random(1))
        self.api: Client = self.cluster.client()

    @property
    def kubeconfig(self) -> Path:
        return write(self.folder, "hub.kubeconfig", self.cluster.kubeconfig())

    async def clusters(self, *words: str | Path) -> Ended:
        """The command, with the hub's kubeconfig."""
        return await run("clusters", *words, "--kubeconfig", self.kubeconfig)

    async def add(self, body: Json, *, namespace: str = INVENTORY) -> None:
        """A ClusterProfile with its status."""
        body["metadata"]["namespace"] = namespace
        made = await self.api.create(PROFILES, body)
        await self.api.patch(
            PROFILES,
            made["metadata"]["name"],
            {"status": body["status"]},
            namespace=namespace,
            subresource="status",
        )


def healthy(name: str, *, status: str = "True", **changes: Any) -> Json:
    """A profile of a cluster that is well."""
    body = profile(offer("cloud"), offer("secretreader"), name=name)
    body["metadata"]["labels"] = {"multicluster.x-k8s.io/inventory-member-id": f"id-of-{name}"}
    body["spec"]["displayName"] = f"The {name}"
    condition = {"reason": "Probed", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    body["status"] |= {
        "conditions": [
            {"type": "ControlPlaneHealthy", "status": status, **condition},
            {"type": "Joined", "status": "True", **condition},
        ],
        "version": {"kubernetes": "v1.36.0"},
        "properties": [{"name": "clusterset.k8s.io", "value": "prod"}],
        **changes,
    }
    return body


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HubScene]:
    scene = HubScene(tmp_path)
    async with scene.cluster, scene.cluster.serve():
        await install(scene.api, PROFILES.crd_name)
        for name in (INVENTORY, "other"):
            await scene.api.create(NAMESPACES, {"metadata": {"name": name}})
        yield scene


def cells(ended: Ended) -> list[list[str]]:
    assert (ended.exit_code, ended.stderr) == (0, ""), ended
    return [line.split() for line in ended.stdout.splitlines()]


@pytest.mark.requirement("CR-01")
async def test_clusters_of_an_inventory_are_listed_by_name_and_no_others(hub: HubScene) -> None:
    assert "there are no ClusterProfiles in namespace mcs-inventory" in (await hub.clusters()).stdout
    await hub.add(healthy("prod-west", status="Unknown"))
    await hub.add(healthy("prod-east"))
    await hub.add(healthy("prod-far"), namespace="other")
    head, *rows = cells(await hub.clusters())
    assert head == ["NAME", "MANAGER", "VERSION", "HEALTHY", "JOINED", "AGE"]
    assert [row[:5] for row in rows] == [
        ["prod-east", "prod", "v1.36.0", "True", "True"],
        ["prod-west", "prod", "v1.36.0", "Unknown", "True"],
    ]
    assert [row[0] for row in cells(await hub.clusters("-n", "other"))[1:]] == ["prod-far"]
    everywhere = cells(await hub.clusters("-A"))
    assert [row[:2] for row in everywhere] == [
        ["NAMESPACE", "NAME"],
        [INVENTORY, "prod-east"],
        [INVENTORY, "prod-west"],
        ["other", "prod-far"],
    ]


async def test_a_selector_chooses_clusters_by_their_labels(hub: HubScene) -> None:
    for name, region in (("prod-east", "us"), ("prod-west", "us"), ("prod-far", "eu")):
        one = healthy(name)
        one["metadata"]["labels"]["region"] = region
        await hub.add(one)
    assert [row[0] for row in cells(await hub.clusters("-l", "region=us"))[1:]] == ["prod-east", "prod-west"]
    shown = json.loads((await hub.clusters("-l", "region notin (us)", "-o", "json")).stdout)["items"]
    assert [one["metadata"]["name"] for one in shown] == ["prod-far"]
    none = await hub.clusters("-l", "region=moon")
    assert none.stdout == "there are no ClusterProfiles in namespace mcs-inventory with labels region=moon\n"
    for words in ((), ("--watch",)):
        refused = await hub.clusters("-l", "region in us", *words)
        assert (refused.exit_code, refused.stdout) == (2, "")
        (line,) = refused.stderr.splitlines()
        assert "--selector is none that the hub understands" in line


async def test_a_hub_that_serves_only_the_newer_version_is_read_in_that(
    hub: HubScene, tmp_path: Path
) -> None:
    await hub.add(healthy("prod-east"))
    definition = await hub.api.get(CUSTOM_RESOURCE_DEFINITIONS, PROFILES.crd_name)
    newer = [one for one in definition["spec"]["versions"] if one["name"] == "v1alpha2"]
    only = {"spec": {"versions": [{**newer[0], "storage": True}]}}
    await hub.api.patch(CUSTOM_RESOURCE_DEFINITIONS, PROFILES.crd_name, only)
    assert [row[0] for row in cells(await hub.clusters())[1:]] == ["prod-east"]
    [shown] = json.loads((await hub.clusters("-o", "json")).stdout)["items"]
    assert shown["apiVersion"] == "multicluster.x-k8s.io/v1alpha2"


async def test_wide_shows_what_they_are_called_and_how_they_are_reached(hub: HubScene) -> None:
    await hub.add(healthy("prod-east"))
    ended = await hub.clusters("-o", "wide")
    for text in ("The prod-east", "prod", "id-of-prod-east", "cloud,secretreader", "CLUSTERSET"):
        assert text in ended.stdout


@pytest.mark.requirement("CR-01")
@pytest.mark.parametrize(("output", "load"), [("json", json.loads), ("yaml", yaml.safe_load)])
async def test_programs_read_the_whole_objects_as_from_kubectl(hub: HubScene, output: str, load: Any) -> None:
    await hub.add(healthy("prod-east"))
    listed = load((await hub.clusters("-o", output)).stdout)
    assert (listed["apiVersion"], listed["kind"]) == ("v1", "List")
    (one,) = listed["items"]
    assert (one["apiVersion"], one["kind"]) == ("multicluster.x-k8s.io/v1alpha1", "ClusterProfile")
    assert one["status"]["version"] == {"kubernetes": "v1.36.0"}
    assert "managedFields" not in one["metadata"]


@pytest.mark.requirement("CP-15")
@pytest.mark.parametrize("output", ["json", "yaml", "wide"])
async def test_a_password_that_a_profile_should_not_have_is_not_shown(hub: HubScene, output: str) -> None:
    way = offer("cloud", proxy_url="http://me:s3cret@proxy:3128")
    await hub.add(healthy("prod-east", accessProviders=[way]))
    ended = await hub.clusters("-o", output)
    assert "s3cret" not in ended.stdout + ended.stderr
    assert ("http://***@proxy:3128" in ended.stdout) == (output != "wide")


@pytest.mark.requirement("CR-01")
@pytest.mark.parametrize("output", ["table", "json"])
async def test_watch_prints_each_change_until_it_is_stopped(hub: HubScene, output: str) -> None:
    await hub.add(healthy("prod-east"))
    await hub.add(healthy("unseen"))
    only = "multicluster.x-k8s.io/inventory-member-id!=id-of-unseen"
    process = await start("clusters", "--watch", "-l", only, "-o", output, "--kubeconfig", hub.kubeconfig)
    assert process.stdout is not None

    async def line_with(*words: str) -> str:
        assert process.stdout is not None
        while True:
            line = (await process.stdout.readline()).decode()
            assert line, "it ended"
            assert "unseen" not in line
            if all(word in line for word in words):
                return line

    try:
        async with asyncio.timeout(60):
            await line_with("prod-east")
            await hub.add(healthy("prod-west", status="False"))
            await line_with("prod-west", "False")
            await hub.api.delete(PROFILES, "prod-west", namespace=INVENTORY)
            await line_with("prod-west", "deleted" if output == "table" else "DELETED")
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("words", [("list",), ("get", "-A"), ("-A", "ls", "-o", "wide")])
async def test_the_first_guess_at_a_command_is_told_what_to_write(words: tuple[str, ...]) -> None:
    ended = await run("clusters", *words)
    assert (ended.exit_code, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert "`mcs-controller clusters` alone lists the clusters" in line


async def test_a_hub_without_the_kind_is_said_to_be_none(tmp_path: Path) -> None:
    scene = HubScene(tmp_path)
    async with scene.cluster, scene.cluster.serve():
        ended = await scene.clusters()
    assert ended.exit_code == 1
    assert "serves no ClusterProfiles" in ended.stderr


@pytest.mark.requirement("CP-20", "CP-21")
async def test_kubeconfig_is_printed_or_written_for_its_owner_alone(hub: HubScene) -> None:
    await hub.add(healthy("prod-east"))
    file = hub.folder / "providers.json"
    file.write_bytes(file_text(entry("nobody", "x"), entry("secretreader", "mcs-controller")))
    words = ("kubeconfig", "prod-east", "--clusterprofile-provider-file", file)
    printed = yaml.safe_load((await hub.clusters(*words)).stdout)
    assert printed["users"][0]["user"]["exec"]["command"] == "mcs-controller"
    made = hub.folder / "east.kubeconfig"
    ended = await hub.clusters(*words, "--output-file", made)
    assert (ended.exit_code, ended.stdout) == (0, "")
    assert yaml.safe_load(made.read_text()) == printed
    assert made.stat().st_mode & 0o777 == 0o600
    assert "exists" in (await hub.clusters(*words, "--output-file", made)).stderr
    assert (await hub.clusters(*words, "--output-file", made, "--force")).exit_code == 0


@pytest.mark.requirement("CP-20", "CP-21")
async def test_kubeconfig_says_in_a_line_what_is_missing(hub: HubScene) -> None:
    await hub.add(healthy("prod-east"))
    file = hub.folder / "providers.json"
    words = ("kubeconfig", "prod-east", "--clusterprofile-provider-file", file)
    assert "cannot be read: No such file" in (await hub.clusters(*words)).stderr
    file.write_text("{")
    assert "is not valid JSON" in (await hub.clusters(*words)).stderr
    file.write_text('{"argz": []}')
    assert "unknown keys, which are ignored: argz in the file" in (await hub.clusters(*words)).stderr
    file.write_text("{}")
    assert "no access provider of ClusterProfile" in (await hub.clusters(*words)).stderr
    file.write_bytes(file_text(entry("cloud")))
    ended = await hub.clusters("kubeconfig", "nobody", "--clusterprofile-provider-file", file)
    assert "there is no ClusterProfile mcs-inventory/nobody" in ended.stderr


@pytest.mark.parametrize(
    ("code", "words", "told"),
    [
        (401, (), ("does not accept the credential of", "refusing.kubeconfig", "renew it")),
        (
            403,
            (),
            ("no right to list ClusterProfiles in namespace mcs-inventory", "grant get, list and watch"),
        ),
        (403, ("-A",), ("in all namespaces", "leave out --all-namespaces")),
        (401, ("kubeconfig", "prod-east"), ("does not accept the credential of", "refusing.kubeconfig")),
        (403, ("kubeconfig", "prod-east"), ("get the ClusterProfile mcs-inventory/prod-east", "grant it")),
    ],
)
async def test_a_hub_that_refuses_is_told_with_the_file_and_what_to_do(
    tmp_path: Path, code: int, words: tuple[str, ...], told: tuple[str, ...]
) -> None:
    providers = tmp_path / "providers.json"
    providers.write_bytes(file_text(entry("cloud")))
    more = ("--clusterprofile-provider-file", providers) if "kubeconfig" in words else ()

    async with serving(refusing(code)) as server:
        file = write(tmp_path, "refusing.kubeconfig", kubeconfig(server))
        ended = await run("clusters", *words, *more, "--kubeconfig", file)
    assert (ended.exit_code, ended.stdout) == (1, "")
    for text in told:
        assert text in ended.stderr


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (401, "does not accept the credential that the plugin of access provider cloud handed out; renew it"),
        (403, "give the user of access provider cloud rights in that cluster"),
    ],
)
async def test_a_cluster_that_refuses_is_told_with_the_provider_and_what_to_do(
    hub: HubScene, code: int, advice: str
) -> None:
    plugin = FakePlugin(hub.folder)
    async with serving(refusing(code)) as server:
        await hub.add(healthy("prod-east", accessProviders=[offer("cloud", server)]))
        file = hub.folder / "providers.json"
        file.write_bytes(file_text(entry("cloud", plugin.command)))
        ended = await hub.clusters(
            "kubeconfig", "prod-east", "--check", "--clusterprofile-provider-file", file
        )
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert f"cluster prod-east cannot be reached: {code}" in ended.stderr
    assert advice in ended.stderr


def refusing(code: int) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    """An API server that answers nothing else."""

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        reason = {401: "Unauthorized", 403: "Forbidden"}[code]
        body = {"kind": "Status", "status": "Failure", "reason": reason, "code": code, "message": reason}
        return web.json_response(body, status=code)

    return answer


async def test_kubeconfig_notes_what_of_the_plugin_depends_on_where_it_is_used(hub: HubScene) -> None:
    await hub.add(healthy("prod-east"))
    file = hub.folder / "providers.json"
    words = ("kubeconfig", "prod-east", "--clusterprofile-provider-file", file)
    reader = ["credentials", "secretreader"]
    for command, arguments, notes in (
        (
            "mcs-controller",
            [*reader, "--kubeconfig", "hub.kubeconfig"],
            ("in PATH", "looks for hub.kubeconfig"),
        ),
        ("/usr/bin/mcs-controller", [*reader, "--kubeconfig=hub.kubeconfig"], ("looks for hub.kubeconfig",)),
        ("/usr/bin/mcs-controller", [*reader, "--kubeconfig", "/etc/hub.kubeconfig"], ()),
        ("/usr/bin/other", ["--kubeconfig", "hub.kubeconfig"], ()),
    ):
        file.write_bytes(file_text(entry("cloud", command, args=arguments)))
        ended = await hub.clusters(*words)
        assert ended.exit_code == 0, ended
        told = ended.stderr.splitlines()
        assert len(told) == len(notes), told
        for line, text in zip(told, notes, strict=True):
            assert line.startswith("note: ")
            assert text in line


async def test_check_asks_the_cluster_with_the_plugins_credential(hub: HubScene) -> None:
    plugin = FakePlugin(hub.folder, token="system:serviceaccount:default:default")
    server = yaml.safe_load(hub.cluster.kubeconfig())["clusters"][0]["cluster"]["server"]
    body = healthy("prod-east")
    body["status"]["accessProviders"] = [offer("cloud", server, extensions={ENVS: {"EVIL": "1"}})]
    await hub.add(body)
    file = hub.folder / "providers.json"
    file.write_bytes(file_text(entry("cloud", plugin.command)))
    words = ("kubeconfig", "prod-east", "--check", "--clusterprofile-provider-file", file)
    ended = await hub.clusters(*words)
    assert ended.exit_code == 0, ended
    assert "cluster prod-east answers: Kubernetes v1." in ended.stderr
    assert "EVIL" not in plugin.runs[0]["environment"]
    plugin.fail()
    ended = await hub.clusters(*words)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "cluster prod-east cannot be reached" in ended.stderr
    assert "s3cret" not in ended.stderr


@pytest.mark.parametrize("said", ["v1\x1b[2J\u202e" + "x" * 5000, {"s": 1}, None])
async def test_what_a_cluster_says_of_its_version_sends_no_control_codes(hub: HubScene, said: Any) -> None:
    plugin = FakePlugin(hub.folder)

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"gitVersion": said})

    async with serving(answer) as server:
        await hub.add(healthy("prod-east", accessProviders=[offer("cloud", server)]))
        file = hub.folder / "providers.json"
        file.write_bytes(file_text(entry("cloud", plugin.command)))
        ended = await hub.clusters(
            "kubeconfig", "prod-east", "--check", "--clusterprofile-provider-file", file
        )
    assert ended.exit_code == 0, ended
    assert "cluster prod-east answers: Kubernetes " in ended.stderr
    assert ended.stderr.rstrip("\n").isprintable()
    assert len(ended.stderr) < 200


@pytest.mark.requirement("CR-05")
async def test_an_old_registry_is_imported_as_what_the_hub_takes(hub: HubScene) -> None:
    file = hub.folder / "clusters.yaml"
    file.write_text(REGISTRY)
    ended = await run("clusters", "import", "--from", "cluster-registry", file, "--cluster-manager", "old")
    assert ended.exit_code == 0, ended
    made = list(yaml.safe_load_all(ended.stdout))
    assert [one["metadata"]["name"] for one in made] == ["old.east", "old.west"]
    for one in made:
        await hub.add(one)
    rows = cells(await hub.clusters("-o", "wide"))
    assert [row[0] for row in rows[1:]] == ["old.east", "old.west"]
    providers = hub.folder / "providers.json"
    providers.write_bytes(file_text(entry("secretreader", "mcs-controller", provideClusterInfo=True)))
    printed = await hub.clusters("kubeconfig", "old.west", "--clusterprofile-provider-file", providers)
    (cluster,) = yaml.safe_load(printed.stdout)["clusters"]
    assert cluster["cluster"]["extensions"][0]["extension"] == {"clusterName": "west-token"}
