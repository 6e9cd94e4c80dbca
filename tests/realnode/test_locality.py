"""Traffic stays in the client's cluster while that has enough endpoints, fails over, and comes back."""

from __future__ import annotations

import asyncio
import functools

import pytest

from tests.realkube.rest import MERGE_PATCH
from tests.realnode.bare import ZONES
from tests.realnode.client import answered_by
from tests.realnode.clusters import Cluster, WholeClusters
from tests.realnode.workloads import (
    HTTP_PORT,
    addresses,
    create,
    deployment,
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
REPLICAS = 1
SERVICES = ("web", "db")
NEAR = {"mcs-controller.io/locality": "cluster"}


async def scale(cluster: Cluster, namespace: str, replicas: int) -> None:
    for name in SERVICES:
        where = path("Deployment", namespace, f"{name}-{cluster.name}")
        await cluster.plane.call("PATCH", where, {"spec": {"replicas": replicas}}, content_type=MERGE_PATCH)
    for name in SERVICES:
        await ready_pods(cluster.plane, namespace, name, replicas)


@pytest.mark.requirement("MCS-LIFE-10", "MCS-IMP-21", "MCS-EPS-07", "MCS-EXP-11")
async def test_clients_reach_their_own_cluster_then_another_then_their_own_again(
    whole_clusters: WholeClusters, node_namespace: str
) -> None:
    exporting = [whole_clusters["east"], whole_clusters["west"]]
    export = export_body("web", exportedAnnotations=NEAR)
    await run_in(exporting, node_namespace, service("web", [port("http", HTTP)]), export)
    headless = service("db", [port("http", HTTP_PORT)], clusterIP="None")
    await run_in(exporting, node_namespace, headless, export_body("db", exportedAnnotations=NEAR))
    for cluster in exporting:
        for name in SERVICES:
            await create(cluster.plane, node_namespace, deployment(name, cluster, REPLICAS))
    for cluster in exporting:
        for name in SERVICES:
            await ready_pods(cluster.plane, node_namespace, name, REPLICAS)
    east, _ = exporting

    # North has no pods, and is told of no place that would make one of the two nearer.
    used = {"east": {"east"}, "west": {"west"}, "north": {"east", "west"}}
    await reach(whole_clusters, node_namespace, used)
    await resolve(whole_clusters, node_namespace, used)

    await scale(east, node_namespace, 0)
    failed_over = {name: {"west"} for name in ZONES}
    await reach(whole_clusters, node_namespace, failed_over)
    await resolve(whole_clusters, node_namespace, failed_over)
    conditions = (await service_import(east, node_namespace, "web"))["status"]["conditions"]
    said = [one["reason"] for one in conditions if one["type"] == "mcs-controller.io/Locality"]
    assert said == ["FailedOver"]

    await scale(east, node_namespace, REPLICAS)
    await reach(whole_clusters, node_namespace, used)
    await resolve(whole_clusters, node_namespace, used)


async def reach(clusters: WholeClusters, namespace: str, used: dict[str, set[str]]) -> None:
    """Each cluster's client gets answers of exactly these clusters' pods, at every clusterset IP."""
    async with asyncio.TaskGroup() as group:
        for name, expected in used.items():
            for ip in (await service_import(clusters[name], namespace, "web"))["spec"]["ips"]:
                group.create_task(answered_by(clusters[name], ip, HTTP, expected))


async def resolve(clusters: WholeClusters, namespace: str, used: dict[str, set[str]]) -> None:
    """Each cluster's own DNS has the addresses of exactly these clusters' headless pods."""
    sources = set().union(*used.values())
    pods = {name: await ready_pods(clusters[name].plane, namespace, "db", REPLICAS) for name in sources}
    async with asyncio.TaskGroup() as group:
        for name, expected in used.items():
            for family, kind in (("IPv4", "A"), ("IPv6", "AAAA")):
                found = sorted(
                    ip for source in expected for pod in pods[source] for ip in addresses(pod, family)
                )
                look = functools.partial(
                    clusters.resolve, clusters[name], f"db.{namespace}.svc.clusterset.local", kind
                )
                group.create_task(eventually(look, found.__eq__))
