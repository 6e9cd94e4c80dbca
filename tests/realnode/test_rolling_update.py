"""A rolling update of the exporting Deployment, under steady requests from this and from another cluster."""

from __future__ import annotations

import asyncio

import pytest

from tests.realkube.rest import MERGE_PATCH
from tests.realnode.client import Answers, answered_by, dial
from tests.realnode.clusters import Cluster, WholeClusters
from tests.realnode.workloads import (
    Json,
    create,
    deployment,
    netexec_spec,
    path,
    port,
    ready_pods,
    run_in,
    service,
    service_import,
)
from tests.support.objects import export_body
from tests.support.waiting import eventually

HTTP = 80
REPLICAS = 3
UPDATE_TIMEOUT_S = 90
# Longer than it takes until no one sends anything more to a pod that is going, on a busy machine too.
SHUTDOWN_DELAY_S = 4
TRIES_AT_ONCE = 10
PAUSE_S = 0.02
ENOUGH_REQUESTS = 300


class SteadyRequests:
    """One request after the other, each on a connection of its own, until it is told to end."""

    def __init__(self, client: Cluster, address: str) -> None:
        self._client = client
        self._address = address
        self._ending = asyncio.Event()
        self.answers = Answers()

    async def run(self) -> None:
        while not self._ending.is_set():
            self.answers += await dial(self._client, self._address, HTTP, tries=TRIES_AT_ONCE)
            await asyncio.sleep(PAUSE_S)

    def end(self) -> None:
        self._ending.set()


def spec_that_leaves_slowly() -> Json:
    spec = netexec_spec(f"--delay-shutdown={SHUTDOWN_DELAY_S}")
    return {**spec, "terminationGracePeriodSeconds": 4 * SHUTDOWN_DELAY_S}


async def update(cluster: Cluster, namespace: str, old: set[str]) -> None:
    """Replace every pod, one after the other, and wait until the last old one is gone."""
    name = path("Deployment", namespace, f"web-{cluster.name}")
    changed = {"spec": {"template": {"metadata": {"annotations": {"updated": "once"}}}}}
    await cluster.plane.call("PATCH", name, changed, content_type=MERGE_PATCH)

    async def pods() -> set[str]:
        found = await cluster.plane.call("GET", f"{path('Pod', namespace)}?labelSelector=app=web")
        return {pod["metadata"]["name"] for pod in found["items"]}

    await eventually(pods, lambda found: len(found) == REPLICAS and not found & old, UPDATE_TIMEOUT_S)
    await ready_pods(cluster.plane, namespace, "web", REPLICAS)


@pytest.mark.requirement("MCS-LIFE-10", "MCS-IMP-21", "MCS-EPS-07", "MCS-EXP-16")
async def test_a_rolling_update_loses_no_more_requests_from_afar_than_from_its_own_cluster(
    whole_clusters: WholeClusters, node_namespace: str
) -> None:
    east, west = whole_clusters["east"], whole_clusters["west"]
    await run_in([east], node_namespace, service("web", [port("http", HTTP)]), export_body("web"))
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    workload = deployment("web", east, REPLICAS, spec_that_leaves_slowly())
    workload["spec"]["strategy"] = rolling
    await create(east.plane, node_namespace, workload)
    old = {pod["metadata"]["name"] for pod in await ready_pods(east.plane, node_namespace, "web", REPLICAS)}
    local = (await east.plane.call("GET", path("Service", node_namespace, "web")))["spec"]["clusterIP"]
    (remote, *_) = (await service_import(west, node_namespace, "web"))["spec"]["ips"]
    await answered_by(east, local, HTTP, {"east"})
    await answered_by(west, remote, HTTP, {"east"})

    control, measured = SteadyRequests(east, local), SteadyRequests(west, remote)
    async with asyncio.TaskGroup() as group:
        for requests in (control, measured):
            group.create_task(requests.run())
        await update(east, node_namespace, old)
        for requests in (control, measured):
            requests.end()
    for requests in (control, measured):
        assert sum(requests.answers.hosts.values()) > ENOUGH_REQUESTS
        # All of the old pods and all of the new have had their share.
        assert set(requests.answers.hosts) >= old
        assert len(requests.answers.hosts) == 2 * REPLICAS
    lost = measured.answers.errors
    assert len(lost) <= len(control.answers.errors), (lost[:3], control.answers.errors[:3])
