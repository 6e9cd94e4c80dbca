"""Pods of a StatefulSet that runs in two clusters under one name, found by host name and cluster."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from tests.realnode.bare import ZONES
from tests.realnode.client import dial
from tests.realnode.clusters import Cluster, WholeClusters
from tests.realnode.workloads import (
    HTTP_PORT,
    addresses,
    netexec_spec,
    port,
    ready_pods,
    run_in,
    service,
    service_import,
    stateful_set,
)
from tests.support.objects import export_body
from tests.support.waiting import eventually

REPLICAS = 2
EXPORTING = ("east", "west")


def says_where_it_is(cluster: Cluster) -> dict[str, Any]:
    """Pods of both clusters have the same host names, so these answer HTTP with the cluster as well."""
    spec = netexec_spec(f"--http-override=/echo?msg=$(POD)-{cluster.name}")
    (container,) = spec["containers"]
    container["env"] = [{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
    return spec


@pytest.mark.requirement("MCS-DNS-06", "MCS-DNS-07", "MCS-DNS-10", "MCS-DNS-12", "MCS-EPS-07", "MCS-IMP-11")
async def test_the_pods_of_a_stateful_set_resolve_by_host_name_and_cluster(
    whole_clusters: WholeClusters, node_namespace: str
) -> None:
    exporting = [whole_clusters[name] for name in EXPORTING]
    headless = service("db", [port("http", HTTP_PORT)], clusterIP="None")
    await run_in(exporting, node_namespace, headless, export_body("db"))
    for cluster in exporting:
        await run_in([cluster], node_namespace, stateful_set("db", REPLICAS, says_where_it_is(cluster)))
    pods = {
        (cluster.name, pod["metadata"]["name"]): pod
        for cluster in exporting
        for pod in await ready_pods(cluster.plane, node_namespace, "db", REPLICAS)
    }
    assert len(pods) == 4
    suffix = f"db.{node_namespace}.svc.clusterset.local"
    for name in ZONES:
        cluster = whole_clusters[name]
        assert (await service_import(cluster, node_namespace, "db"))["spec"].get("ips") is None
        for family, kind in (("IPv4", "A"), ("IPv6", "AAAA")):
            everyone = sorted(ip for pod in pods.values() for ip in addresses(pod, family))
            await resolves(whole_clusters, cluster, suffix, kind, everyone)
            for (source, host), pod in pods.items():
                one = f"{host}.{source}.{suffix}"
                await resolves(whole_clusters, cluster, one, kind, addresses(pod, family))
        for source, host in pods:
            answers = await dial(cluster, f"{host}.{source}.{suffix}", HTTP_PORT)
            assert (list(answers.hosts), answers.errors) == ([f"{host}-{source}"], ())
        targets = await whole_clusters.resolve(cluster, f"_http._tcp.{suffix}", "SRV")
        expected = {f"{HTTP_PORT} {host}.{source}.{suffix}." for source, host in pods}
        assert {" ".join(target.split()[2:]) for target in targets} == expected
        for source in EXPORTING:
            assert await whole_clusters.resolve(cluster, f"{source}.{suffix}", "A") == []


async def resolves(
    clusters: WholeClusters, cluster: Cluster, name: str, kind: str, expected: list[str]
) -> None:
    """As soon as cluster DNS no longer remembers the time before."""
    await eventually(functools.partial(clusters.resolve, cluster, name, kind), lambda told: told == expected)
