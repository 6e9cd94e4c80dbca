"""Traffic of pods through the clusterset IP of a service that all three have, and only east and west export.

East declares two ports more than west. All tests look at the same running service, and change nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.realkube.workloads import namespace_in
from tests.realnode.bare import ZONES
from tests.realnode.client import TRIES, answered_by, dial
from tests.realnode.clusters import Cluster, WholeClusters
from tests.realnode.workloads import (
    UDP_PORT,
    create,
    deployment,
    path,
    port,
    ready_pods,
    service,
    service_import,
)
from tests.support.objects import export_body

REPLICAS = 2
BOTH = {"east", "west"}
HTTP, UDP, ONLY_EAST, ONLY_WEST, OTHER_NUMBER_EAST, OTHER_NUMBER_WEST = 80, 81, 82, 83, 90, 91
COMMON_PORTS = [port("http", HTTP), port("talk", UDP, UDP_PORT, "UDP")]
PORTS = {
    "east": [*COMMON_PORTS, port("only-east", ONLY_EAST), port("other", OTHER_NUMBER_EAST)],
    "west": [*COMMON_PORTS, port("only-west", ONLY_WEST), port("other", OTHER_NUMBER_WEST)],
    "north": COMMON_PORTS,
}


@pytest.fixture(scope="module")
def shop(whole_clusters: WholeClusters) -> Iterator[str]:
    """The namespace of the service `web`, once each cluster's client reaches all who export it."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        clusters = [whole_clusters[name] for name in ZONES]
        made = namespace_in(*(cluster.plane for cluster in clusters), prefix="shop")
        namespace = runner.run(made.__aenter__())
        try:
            runner.run(_open(clusters, namespace))
            yield namespace
        finally:
            runner.run(made.__aexit__(None, None, None))


async def _open(clusters: list[Cluster], namespace: str) -> None:
    for cluster in clusters:
        await create(cluster.plane, namespace, service("web", PORTS[cluster.name]))
        await create(cluster.plane, namespace, deployment("web", cluster, REPLICAS))
    east, west, _ = clusters
    # Before west's, and so the older one, whose word counts for the port `other`.
    await create(east.plane, namespace, export_body("web"))
    for cluster in clusters:
        await ready_pods(cluster.plane, namespace, "web", REPLICAS)
    await create(west.plane, namespace, export_body("web"))
    for cluster in clusters:
        for ip in (await addresses(cluster, namespace)).values():
            for number in (HTTP, ONLY_WEST):
                await answered_by(cluster, ip, number, BOTH if number == HTTP else {"west"})


async def addresses(cluster: Cluster, namespace: str) -> dict[str, str]:
    """The clusterset IP in each family of the import."""
    spec = (await service_import(cluster, namespace, "web"))["spec"]
    return dict(zip(spec["ipFamilies"], spec["ips"], strict=True))


@pytest.fixture(params=ZONES)
def cluster(request: pytest.FixtureRequest, whole_clusters: WholeClusters) -> Cluster:
    return whole_clusters[request.param]


@pytest.mark.parametrize(("protocol", "number"), [("http", HTTP), ("udp", UDP)])
@pytest.mark.requirement("MCS-IMP-08", "MCS-IMP-21", "MCS-EXP-03", "MCS-NS-09", "MCS-EPS-09")
async def test_the_clusterset_ip_spreads_over_all_exporting_clusters_in_every_family(
    cluster: Cluster, shop: str, protocol: str, number: int
) -> None:
    found = await addresses(cluster, shop)
    assert set(found) == ({"IPv4", "IPv6"} if cluster.dual_stack else {"IPv4"})
    for address in found.values():
        answers = await dial(cluster, address, number, protocol=protocol, tries=TRIES)
        assert not answers.errors
        assert answers.clusters() == BOTH
        # Nothing but pods of the exporting clusters, north's of the same name not among them.
        assert sum(answers.hosts.values()) == TRIES


@pytest.mark.parametrize(("protocol", "number"), [("http", HTTP), ("udp", UDP)])
@pytest.mark.requirement("MCS-IMP-21", "MCS-DNS-01", "MCS-DNS-02", "MCS-DNS-04", "MCS-DNS-05")
async def test_a_pod_reaches_the_service_by_its_clusterset_name(
    cluster: Cluster, shop: str, protocol: str, number: int
) -> None:
    name = f"web.{shop}.svc.clusterset.local"
    answers = await dial(cluster, name, number, protocol=protocol, tries=TRIES)
    assert not answers.errors
    assert answers.clusters() == BOTH


@pytest.mark.requirement("MCS-DNS-05", "MCS-DNS-04", "MCS-IMP-08")
async def test_cluster_dns_resolves_the_name_to_the_clusterset_ip_of_its_own_cluster(
    whole_clusters: WholeClusters, cluster: Cluster, shop: str
) -> None:
    found = await addresses(cluster, shop)
    name = f"web.{shop}.svc.clusterset.local"
    for family, kind in (("IPv4", "A"), ("IPv6", "AAAA")):
        told = await whole_clusters.resolve(cluster, name, kind)
        assert told == ([found[family]] if family in found else [])


@pytest.mark.parametrize(
    ("number", "only"), [(ONLY_EAST, "east"), (ONLY_WEST, "west"), (OTHER_NUMBER_EAST, "east")]
)
@pytest.mark.requirement("MCS-CON-09", "MCS-CON-11", "MCS-EPS-10")
async def test_a_port_that_one_cluster_declares_reaches_that_cluster_only(
    cluster: Cluster, shop: str, number: int, only: str
) -> None:
    for address in (await addresses(cluster, shop)).values():
        answers = await dial(cluster, address, number, tries=TRIES)
        assert not answers.errors
        assert answers.clusters() == {only}


@pytest.mark.requirement("MCS-CON-09")
async def test_the_number_that_lost_a_port_conflict_is_refused(cluster: Cluster, shop: str) -> None:
    for address in (await addresses(cluster, shop)).values():
        answers = await dial(cluster, address, OTHER_NUMBER_WEST)
        assert not answers.hosts
        assert "refused" in answers.errors[0]


@pytest.mark.requirement("MCS-EXP-12", "MCS-DNS-03", "MCS-EXP-02")
async def test_the_cluster_local_name_of_the_same_service_stays_local(cluster: Cluster, shop: str) -> None:
    local = await cluster.plane.call("GET", path("Service", shop, "web"))
    for host in (f"web.{shop}.svc.cluster.local", *local["spec"]["clusterIPs"]):
        for protocol, number in (("http", HTTP), ("udp", UDP)):
            answers = await dial(cluster, host, number, protocol=protocol, tries=TRIES)
            assert not answers.errors
            assert answers.clusters() == {cluster.name}
