"""A pod that fails its readiness probe gets no more connections, from whichever cluster they come."""

from __future__ import annotations

import pytest

from tests.realnode.bare import ZONES
from tests.realnode.client import answered_by_pods
from tests.realnode.clusters import Cluster, WholeClusters
from tests.realnode.image import IMAGE
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

HTTP = 80
GRPC_PORT, SWITCH_PORT = 5000, 5001
REPLICAS = 2


def spec_with_a_switch() -> Json:
    """Next to the server stands one whose readiness probe can be told to fail: a pod is ready if both are."""
    spec = netexec_spec()
    flags = [f"--port={GRPC_PORT}", f"--http-port={SWITCH_PORT}"]
    spec["containers"].append(
        {
            "name": "switch",
            "image": IMAGE,
            "args": ["grpc-health-checking", *flags],
            "readinessProbe": {"grpc": {"port": GRPC_PORT}, "periodSeconds": 1, "failureThreshold": 1},
        }
    )
    return spec


async def switch(cluster: Cluster, namespace: str, pod: str, to: str) -> None:
    await cluster.plane.call("GET", f"{path('Pod', namespace, pod)}:{SWITCH_PORT}/proxy/{to}")


@pytest.mark.requirement("MCS-EPS-07", "MCS-LIFE-10", "MCS-IMP-21")
async def test_a_pod_that_fails_its_readiness_probe_gets_no_connections_anywhere_until_it_passes(
    whole_clusters: WholeClusters, node_namespace: str
) -> None:
    exporting = [whole_clusters["east"], whole_clusters["west"]]
    await run_in(exporting, node_namespace, service("web", [port("http", HTTP)]), export_body("web"))
    for cluster in exporting:
        workload = deployment("web", cluster, REPLICAS, spec_with_a_switch())
        await create(cluster.plane, node_namespace, workload)
    everyone = {
        pod["metadata"]["name"]
        for cluster in exporting
        for pod in await ready_pods(cluster.plane, node_namespace, "web", REPLICAS)
    }
    east = whole_clusters["east"]
    failing = min(everyone)
    assert failing.startswith("web-east-")
    ips = {
        name: (await service_import(whole_clusters[name], node_namespace, "web"))["spec"]["ips"][0]
        for name in ZONES
    }
    for to, wanted in (
        ("make-serving", everyone),
        ("make-not-serving", everyone - {failing}),
        ("make-serving", everyone),
    ):
        await switch(east, node_namespace, failing, to)
        for name in ZONES:
            await answered_by_pods(whole_clusters[name], ips[name], HTTP, wanted)
