"""Connections through a clusterset IP while the ports of the service change."""

from __future__ import annotations

import asyncio

import pytest

from tests.realkube.workloads import namespace_in
from tests.realnode.bare import ZONES
from tests.realnode.client import Answers, answered_by, dial
from tests.realnode.clusters import Cluster, WholeClusters
from tests.realnode.workloads import (
    HTTP_PORT,
    UDP_PORT,
    create,
    deployment,
    port,
    ready_pods,
    service,
    service_import,
)
from tests.support.objects import export_body

HTTP, UDP = 80, 81


async def dial_until(done: asyncio.Event, cluster: Cluster, ip: str) -> Answers:
    answers = Answers()
    while not done.is_set():
        answers += await dial(cluster, ip, HTTP, tries=10)
    return answers


@pytest.mark.requirement("MCS-CON-06", "MCS-EPS-09")
async def test_no_connection_to_a_lone_unnamed_port_fails_while_another_cluster_brings_a_second_port(
    whole_clusters: WholeClusters,
) -> None:
    east, west, north = clusters = [whole_clusters[name] for name in ZONES]
    unnamed = {"port": HTTP, "targetPort": HTTP_PORT, "protocol": "TCP"}
    async with namespace_in(*(cluster.plane for cluster in clusters), prefix="ports") as namespace:
        await create(east.plane, namespace, service("web", [unnamed]))
        await create(west.plane, namespace, service("web", [port("talk", UDP, UDP_PORT, "UDP")]))
        for cluster in (east, west):
            await create(cluster.plane, namespace, deployment("web", cluster, 1))
            await ready_pods(cluster.plane, namespace, "web", 1)
        await create(east.plane, namespace, export_body("web"))
        ip = (await service_import(north, namespace, "web"))["spec"]["ips"][0]
        await answered_by(north, ip, HTTP, {"east"})

        done = asyncio.Event()
        dialling = asyncio.create_task(dial_until(done, north, ip))
        await create(west.plane, namespace, export_body("web"))
        await answered_by(north, ip, UDP, {"west"}, protocol="udp")
        done.set()
        answers = await dialling

        assert answers.errors == ()
        assert answers.clusters() == {"east"}
        assert answers.hosts.total() >= 10
