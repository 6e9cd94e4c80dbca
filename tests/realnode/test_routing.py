"""What the fields of an exported Service do to its traffic, and what leaving it does."""

from __future__ import annotations

import functools

import pytest

from tests.realkube.workloads import endpoint_slices
from tests.realnode.bare import ZONES
from tests.realnode.client import TRIES, answered_by, answered_by_pods, dial
from tests.realnode.clusters import Cluster, WholeClusters
from tests.realnode.workloads import (
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
BOTH = {"east", "west"}


async def export(clusters: list[Cluster], namespace: str, **spec: object) -> dict[str, set[str]]:
    """A Service with these fields in each of them, exported, and two ready pods behind it: their names."""
    await run_in(clusters, namespace, service("web", [port("http", HTTP)], **spec), export_body("web"))
    for cluster in clusters:
        await create(cluster.plane, namespace, deployment("web", cluster, 2))
    return {
        cluster.name: {
            pod["metadata"]["name"] for pod in await ready_pods(cluster.plane, namespace, "web", 2)
        }
        for cluster in clusters
    }


async def clusterset_ips(cluster: Cluster, namespace: str) -> list[str]:
    ips: list[str] = (await service_import(cluster, namespace, "web"))["spec"]["ips"]
    return ips


@pytest.mark.requirement("MCS-IMP-07", "MCS-IMP-19")
async def test_session_affinity_keeps_a_client_with_one_pod_of_the_clusterset(
    whole_clusters: WholeClusters, node_namespace: str
) -> None:
    exporting = [whole_clusters["east"], whole_clusters["west"]]
    await export(exporting, node_namespace, sessionAffinity="ClientIP")
    for name in ZONES:
        cluster = whole_clusters[name]
        for ip in await clusterset_ips(cluster, node_namespace):
            answers = await eventually(
                functools.partial(dial, cluster, ip, HTTP, tries=TRIES), lambda answers: not answers.errors
            )
            assert list(answers.hosts.values()) == [TRIES]


async def every_endpoint_is_hinted_for_its_zone(cluster: Cluster, namespace: str) -> None:
    """kube-proxy heeds hints only if all endpoints of the service have them."""

    async def look() -> list[tuple[str | None, object]]:
        label = "multicluster.kubernetes.io/service-name=web"
        slices = await endpoint_slices(cluster.plane, namespace, label)
        endpoints = [endpoint for one in slices for endpoint in one["endpoints"] or ()]
        return [(endpoint.get("zone"), endpoint.get("hints")) for endpoint in endpoints]

    def is_complete(found: list[tuple[str | None, object]]) -> bool:
        hinted = all(hints == {"forZones": [{"name": zone}]} for zone, hints in found)
        return hinted and {zone for zone, _ in found} == set(ZONES.values())

    await eventually(look, is_complete)


@pytest.mark.requirement("MCS-EPS-13", "MCS-EPS-07", "MCS-IMP-07", "MCS-IMP-19")
async def test_traffic_distribution_keeps_traffic_in_the_clients_zone_across_clusters(
    whole_clusters: WholeClusters, node_namespace: str
) -> None:
    exporting = [whole_clusters["east"], whole_clusters["west"]]
    pods = await export(exporting, node_namespace, trafficDistribution="PreferSameZone")
    for name in ZONES:
        await every_endpoint_is_hinted_for_its_zone(whole_clusters[name], node_namespace)
    # North has no pods of the service, and shares its zone with east.
    for name, expected in (("east", "east"), ("west", "west"), ("north", "east")):
        cluster = whole_clusters[name]
        for ip in await clusterset_ips(cluster, node_namespace):
            await answered_by_pods(cluster, ip, HTTP, pods[expected])


@pytest.mark.requirement("MCS-LIFE-02", "MCS-EXP-13", "MCS-IMP-03", "MCS-LIFE-10")
async def test_unexporting_in_one_cluster_leaves_the_others_pods_behind_the_same_address(
    whole_clusters: WholeClusters, node_namespace: str
) -> None:
    exporting = [whole_clusters["east"], whole_clusters["west"]]
    await export(exporting, node_namespace)
    north = whole_clusters["north"]
    before = await clusterset_ips(north, node_namespace)
    for ip in before:
        await answered_by(north, ip, HTTP, BOTH)
    await exporting[0].plane.call("DELETE", path("ServiceExport", node_namespace, "web"))
    for name in ZONES:
        cluster = whole_clusters[name]
        for ip in await clusterset_ips(cluster, node_namespace):
            await answered_by(cluster, ip, HTTP, {"west"})
    assert await clusterset_ips(north, node_namespace) == before


@pytest.mark.requirement("MCS-EXP-01")
async def test_a_service_that_is_not_exported_has_no_name_in_the_clusterset(
    whole_clusters: WholeClusters, node_namespace: str
) -> None:
    east = whole_clusters["east"]
    await create(east.plane, node_namespace, service("web", [port("http", HTTP)]))
    await create(east.plane, node_namespace, deployment("web", east, 1))
    await ready_pods(east.plane, node_namespace, "web", 1)
    await answered_by(east, f"web.{node_namespace}.svc.cluster.local", HTTP, {"east"})
    for name in ZONES:
        answers = await dial(whole_clusters[name], f"web.{node_namespace}.svc.clusterset.local", HTTP)
        assert not answers.hosts
        assert "no such host" in answers.errors[0]
