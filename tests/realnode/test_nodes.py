"""The clusters themselves: what the other tests of this folder stand on."""

from __future__ import annotations

import json

import pytest

from tests.realnode.bare import ZONES
from tests.realnode.client import NAMESPACE, POD
from tests.realnode.clusters import WholeClusters
from tests.realnode.workloads import addresses, path


@pytest.mark.parametrize("name", ZONES)
async def test_kubectl_runs_commands_in_pods(whole_clusters: WholeClusters, name: str) -> None:
    plane = whole_clusters[name].plane
    told = await plane.kubectl("exec", "--namespace", NAMESPACE, POD, "--", "/agnhost", "--version")
    assert told.stdout.startswith("app version")


@pytest.mark.parametrize("name", ZONES)
async def test_pods_have_an_address_of_each_family_of_their_cluster(
    whole_clusters: WholeClusters, name: str
) -> None:
    cluster = whole_clusters[name]
    pod = await cluster.plane.call("GET", path("Pod", NAMESPACE, POD))
    counts = [len(addresses(pod, family)) for family in ("IPv4", "IPv6")]
    assert counts == [1, int(cluster.dual_stack)]


async def test_a_pod_reaches_pods_of_other_clusters_directly(whole_clusters: WholeClusters) -> None:
    there = await whole_clusters["west"].plane.call("GET", path("Pod", NAMESPACE, POD))
    for address in (*addresses(there, "IPv4"), *addresses(there, "IPv6")):
        host = f"[{address}]" if ":" in address else address
        await whole_clusters["east"].plane.kubectl(
            "exec", "-n", NAMESPACE, POD, "--", "/agnhost", "connect", f"{host}:8080", "--timeout=5s"
        )


async def test_nodes_tell_their_zone(whole_clusters: WholeClusters) -> None:
    zones = {}
    for name in ZONES:
        told = await whole_clusters[name].plane.kubectl("get", "nodes", "--output=json")
        (node,) = json.loads(told.stdout)["items"]
        zones[name] = node["metadata"]["labels"]["topology.kubernetes.io/zone"]
    assert zones == ZONES
