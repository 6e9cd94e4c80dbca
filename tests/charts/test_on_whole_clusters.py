"""Installed with Helm on whole clusters, upgraded, rolled back and taken away again, while users go on.

One story for all tests, whose steps are in tests/realnode/installation.py: west exports a service; a pod in
east asks for its name, and visits it by that name, all the time. The tests look at what came of it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from mcs_controller import __version__
from mcs_controller.install.checks.judging import CHECKS
from tests.realkube.contents import Key, everything_lasting
from tests.realkube.controlplane import ControlPlane
from tests.realnode import asker, cluster_dns, fetcher, visitor
from tests.realnode.asker import KEPT_PORTS
from tests.realnode.installation import NAMESPACE, NEXT, PAGE_SEEN_BY, Installation
from tests.realnode.machine import look_at_machine
from tests.realnode.pod_clusters import MEMBERS, PodClusters
from tests.realnode.status_pages import (
    PagesOf,
    endpoints_taking_traffic,
    seen_from_a_pod,
    seen_through_a_forwarded_port,
)
from tests.realnode.workloads import HTTP_PORT, Json, create, netexec_spec, path, port, ready_pods, service
from tests.support.objects import export_body
from tests.support.waiting import eventually

SHOP, USERS, POD = "shop", PAGE_SEEN_BY, "user"
NAME = f"web.{SHOP}.svc.clusterset.local"
REPLICAS = 2
UNDISTURBED_SECONDS = 1.0
UNPACKED_SECONDS = 240.0
SETTLED_SECONDS = 60.0
ENOUGH = 300
"""Answers, or visits, among which a loss would show."""
TIMEOUT_SECONDS = 1800
"""The first test waits for the whole story, on a machine that may be busy."""
EVERY_CHECK = {one.id for one in CHECKS}
NO_KUBE_PROXY = "MCS-CHK-23"
"""The nodes here have no kube-proxy that a ConfigMap configures."""
RESULTS = ("ok", "warning", "failed", "skipped")
LOG = logging.getLogger(__name__)

pytestmark = [pytest.mark.realnode, pytest.mark.alone, pytest.mark.timeout(TIMEOUT_SECONDS)]


@dataclass
class Story:
    """What was seen, for the tests."""

    before: dict[str, dict[Key, Any]] = field(default_factory=dict)
    after: dict[str, dict[Key, Any]] = field(default_factory=dict)
    pods: dict[str, list[Json]] = field(default_factory=dict)
    """Ours in east, by moment."""
    checked_by_helm: str = ""
    checked_in_agents_pod: Json = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    """Those with which west's agent came to the broker, in their order."""
    renewing: tuple[list[Json], list[Json]] = ([], [])
    """West's pods when they were installed, and when its agent used the renewed token."""
    visits: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What those who asked were told, by the server: the cluster's own DNS, and our Service."""
    pages: dict[str, PagesOf] = field(default_factory=dict)
    """The status pages of each cluster's agents."""
    web: list[Json] = field(default_factory=list)
    """The pods behind the exported service, in west."""


@pytest.fixture(scope="module")
def story(
    tmp_path_factory: pytest.TempPathFactory, container_image: Path, helm_program: Path
) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("installed")
    clusters = PodClusters(folder, look_at_machine(), container_image)
    try:
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            told = runner.run(_tell(clusters, folder))
        yield told
    finally:
        clusters.stop()
        left = clusters.leftovers()
    assert left == [], "the run left something on the machine"


async def _tell(clusters: PodClusters, folder: Path) -> Story:
    told = Story()
    last = time.monotonic()

    def log(what: str) -> None:
        nonlocal last
        now = time.monotonic()
        LOG.info("%s: %.1f s", what, now - last)
        last = now

    await clusters.start()
    await clusters.wait_ready()
    await _open_shop(clusters)
    for name in MEMBERS:
        told.before[name] = await everything_lasting(clusters.plane(name))
    log("clusters")
    installation = Installation(clusters, folder)
    await installation.install()
    told.pods["installed"] = await installation.pods("east")
    before = await installation.pods("west")
    log("install")
    await _export(clusters)
    log("export")
    async with _users(clusters, told):
        async with asyncio.TaskGroup() as group:
            by_helm = group.create_task(installation.check_by_helm())
            in_agents_pod = group.create_task(installation.check_in_agents_pod())
            renewed = group.create_task(installation.renewed())
            group.create_task(_look_at_pages(clusters, installation, told))
        told.checked_by_helm, told.checked_in_agents_pod = by_helm.result(), in_agents_pod.result()
        told.tokens = renewed.result()
        told.renewing = before, await installation.pods("west")
        log("checks and renewal")
        await installation.upgrade()
        told.pods["upgraded"] = await installation.pods("east")
        log("upgrade")
        await asyncio.sleep(UNDISTURBED_SECONDS)
        await installation.roll_back()
        told.pods["rolled back"] = await installation.pods("east")
        log("rollback")
        await asyncio.sleep(UNDISTURBED_SECONDS)
    await installation.take_away()
    for name in MEMBERS:
        told.after[name] = await _settled(clusters.plane(name), told.before[name])
    log("uninstall")
    return told


async def _open_shop(clusters: PodClusters) -> None:
    """A service in west, its namespace in east too, and a pod of a user in east."""
    east, west = (clusters.plane(name) for name in MEMBERS)
    for plane in (east, west):
        await plane.kubectl("create", "namespace", SHOP)
    await create(west, SHOP, service("web", [port("http", HTTP_PORT)]))
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": netexec_spec()}
    spec = {"replicas": REPLICAS, "selector": {"matchLabels": labels}, "template": template}
    await create(
        west, SHOP, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}
    )
    await east.kubectl("create", "namespace", USERS)
    await east.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(_user()))
    await ready_pods(west, SHOP, "web", REPLICAS)
    # The first of our image: it is unpacked now.
    await ready_pods(east, USERS, POD, 1, UNPACKED_SECONDS)


def _user() -> Iterator[Json]:
    """Of our image, which has Python and what the programs need."""
    files = [Path(str(module.__file__)) for module in (asker, fetcher, visitor)]
    yield {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "programs", "namespace": USERS},
        "data": {file.name: file.read_text() for file in files},
    }
    container = {
        "name": POD,
        "image": f"mcs-controller:{__version__}",
        "command": ["sleep", "infinity"],
        "volumeMounts": [{"name": "programs", "mountPath": "/programs"}],
    }
    yield {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": POD, "namespace": USERS, "labels": {"app": POD}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
            "volumes": [{"name": "programs", "configMap": {"name": "programs"}}],
        },
    }


async def _export(clusters: PodClusters) -> None:
    """Returns once the user's pod resolves the name, as its programs do."""
    await create(clusters.plane("west"), SHOP, export_body("web"))
    east = clusters.plane("east")
    command = ("exec", f"--namespace={USERS}", POD, "--", "getent", "hosts", NAME)

    async def resolved() -> str:
        return (await east.kubectl(*command, check=False)).stdout

    await eventually(resolved, bool, SETTLED_SECONDS)


@asynccontextmanager
async def _users(clusters: PodClusters, told: Story) -> AsyncIterator[None]:
    """They ask and visit for as long as the block runs; then what they got is in the story."""
    east = clusters.plane("east")
    (ip, *_) = (await east.call("GET", path("ServiceImport", SHOP, "web")))["spec"]["ips"]
    ours = (await east.call("GET", path("Service", NAMESPACE, "mcs-dns")))["spec"]["clusterIP"]
    programs = {
        "visits": ("visitor.py", NAME, str(HTTP_PORT)),
        "cluster": ("asker.py", cluster_dns.ADDRESS, "53", NAME, ip),
        "ours": ("asker.py", ours, "53", NAME, ip),
    }
    running: dict[str, asyncio.subprocess.Process] = {}
    try:
        for what, (program, *arguments) in programs.items():
            command = ("python3", f"/programs/{program}", *arguments)
            running[what] = await asyncio.create_subprocess_exec(
                *east.kubectl_command("exec", "--stdin", f"--namespace={USERS}", POD, "--", *command),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        yield
        for what, process in running.items():
            out, _ = await asyncio.wait_for(process.communicate(b"\n"), 60)
            told.asked[what] = json.loads(out)
        told.visits = told.asked.pop("visits")
        LOG.info("visits %s; asked %s", told.visits, told.asked)
    finally:
        for process in running.values():
            if process.returncode is None:
                process.kill()
                await process.wait()


async def _look_at_pages(clusters: PodClusters, installation: Installation, told: Story) -> None:
    east, west = (clusters.plane(name) for name in MEMBERS)
    told.web = await ready_pods(west, SHOP, "web", REPLICAS)
    told.pages["east"] = await seen_from_a_pod(east, installation, (f"--namespace={USERS}", POD))
    told.pages["west"] = await seen_through_a_forwarded_port(west, installation)


async def _settled(plane: ControlPlane, wanted: dict[Key, Any]) -> dict[Key, Any]:
    """What there is: at once if it is what is wanted, else what there still is after a while."""
    found: dict[Key, Any] = {}
    loop = asyncio.get_running_loop()
    deadline = loop.time() + SETTLED_SECONDS
    while loop.time() < deadline:
        found = await everything_lasting(plane)
        if found == wanted:
            break
        await asyncio.sleep(1)
    return found


@pytest.mark.parametrize("moment", ["installed", "upgraded", "rolled back"])
def test_all_pods_are_ready_in_a_restricted_namespace(story: Story, moment: str) -> None:
    pods = story.pods[moment]
    components = [one["metadata"]["labels"]["app.kubernetes.io/component"] for one in pods]
    assert sorted(components) == ["agent", "agent", "dns", "dns"]
    version = NEXT if moment == "upgraded" else __version__
    for pod in pods:
        (status,) = pod["status"]["containerStatuses"]
        assert status["ready"]
        assert status["restartCount"] == 0
        assert pod["spec"]["containers"][0]["image"] == f"mcs-controller:{version}"
        assert pod["metadata"]["labels"]["app.kubernetes.io/instance"] == "mcs-controller"


def test_helm_test_finds_all_well_and_sees_everything_of_the_cluster(story: Story) -> None:
    told = story.checked_by_helm
    LOG.info("%s", told)
    found = results_by_check(told)
    assert set(found) == EVERY_CHECK
    assert {one for one, result in found.items() if result == "failed"} == set()
    # No member reads what the check of the hub looks at.
    assert {one for one, result in found.items() if result == "skipped"} <= {NO_KUBE_PROXY, "MCS-CHK-26"}


def results_by_check(table: str) -> dict[str, str]:
    """The result of each check that a table has, also where one line has several."""
    found: dict[str, str] = {}
    for line in table.splitlines():
        result, _, rest = line.partition(" ")
        if result in RESULTS:
            found |= dict.fromkeys(re.findall(r"MCS-CHK-\d+", rest), result)
    return found


def test_check_in_a_pod_of_the_agent_finds_all_well_that_the_agent_may_see(
    story: Story,
) -> None:
    told = {one["id"]: one["result"] for one in story.checked_in_agents_pod["checks"]}
    assert set(told) == EVERY_CHECK
    assert {one for one, result in told.items() if result == "failed"} == set()
    # It may not ask for the rights of others, nor read ConfigMaps, nor policies without the options for them;
    # on the broker it may read neither Leases nor ClusterProfiles.
    assert {one for one, result in told.items() if result == "skipped"} == {
        "MCS-CHK-03",
        "MCS-CHK-04",
        "MCS-CHK-17",
        NO_KUBE_PROXY,
        "MCS-CHK-24",
        "MCS-CHK-26",
    }


def test_a_renewed_token_comes_to_the_agents_file_by_the_kubelet_and_is_used_without_a_restart(
    story: Story,
) -> None:
    joined, renewed = story.tokens
    assert joined != renewed
    before, after = ({pod["metadata"]["uid"]: _restarts(pod) for pod in pods} for pods in story.renewing)
    assert before == after
    assert set(after.values()) == {0}


def _restarts(pod: Json) -> int:
    return sum(one["restartCount"] for one in pod["status"]["containerStatuses"])


def test_a_pod_reaches_the_other_clusters_pods_by_name_and_upgrade_and_rollback_lose_no_visit(
    story: Story,
) -> None:
    assert story.visits["lost"] == []
    # Both pods of west's Deployment, and nobody else.
    assert len(story.visits["met"]) == REPLICAS
    assert sum(story.visits["met"].values()) > ENOUGH


@pytest.mark.parametrize("server", ["cluster", "ours"])
def test_upgrade_and_rollback_lose_no_answer(story: Story, server: str) -> None:
    told = story.asked[server]
    assert told["lost"] == []
    assert told["answered"] > ENOUGH
    # Of clients that keep their ports, as the cluster's own DNS does, too: see asker.py.
    assert told["sent_again"] <= 2 * REPLICAS * KEPT_PORTS


@pytest.mark.parametrize("cluster", MEMBERS)
def test_the_status_page_of_an_agent_in_a_pod_shows_members_and_the_services_endpoints(
    story: Story, cluster: str
) -> None:
    seen = story.pages[cluster]
    assert (seen.front.status, seen.service.status) == (200, 200)
    assert f"The clusterset, seen from {cluster}" in seen.front.text
    for name in MEMBERS:
        (row,) = re.findall(f'<tr id="member-{name}">.*', seen.front.text)
        assert ("this cluster" if name == cluster else "alive") in row
    assert 'id="exporter-west"' in seen.service.text
    assert 'id="exporter-east"' not in seen.service.text
    assert endpoints_taking_traffic(seen.service, story.web, "west") == REPLICAS
    assert seen.posted.status == 405


def test_the_page_of_a_waiting_replica_says_which_pod_to_ask(story: Story) -> None:
    waiting = story.pages["east"].of_another
    assert waiting is not None
    assert waiting.status == 503
    pods = [one["metadata"]["name"] for one in story.pods["installed"]]
    (named,) = re.findall(r"port-forward pod/(\S+) 8081", waiting.text)
    assert named in pods


@pytest.mark.parametrize("cluster", MEMBERS)
def test_nothing_is_left_and_nothing_else_was_changed(story: Story, cluster: str) -> None:
    before, after = story.before[cluster], story.after[cluster]
    assert sorted(set(after) - set(before)) == []
    assert sorted(set(before) - set(after)) == []
    assert after == before
