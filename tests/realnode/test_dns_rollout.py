"""A rollout of the clusterset's DNS server, two replicas behind a Service, under steady queries.

Pods of these clusters cannot run Python, so the replicas are processes, and the test does to their endpoints
what a Deployment and the EndpointSlice controller do: a new one is ready before an old one goes; one that
goes gets its SIGTERM, and only then does anybody hear of it. What kube-proxy makes of that is real.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.realkube import rest
from tests.realkube.product import Component, free_port, start_dns
from tests.realkube.rest import MERGE_PATCH
from tests.realnode.asker import KEPT_PORTS
from tests.realnode.clusters import Cluster, WholeClusters
from tests.realnode.sandbox import SandboxError
from tests.realnode.workloads import (
    Json,
    create,
    deployment,
    port,
    run_in,
    service,
    service_import,
)
from tests.support.objects import export_body
from tests.support.waiting import eventually

REPOSITORY = Path(__file__).resolve().parents[2]
SERVICE = "clusterset-dns"
# As long as kube-proxy may take on a machine that does much else.
DRAIN_SECONDS = 10
UPDATE_SECONDS = 3
REPLICAS = 2
PROBE_PERIOD_SECONDS = 1
ENOUGH_QUERIES = 1000


@dataclass(frozen=True, slots=True)
class Replica:
    """One process, and the slice that stands for its pod's place in the Service."""

    name: str
    component: Component
    address: str
    port: int

    def slice(self) -> Json:
        ports = [{"name": proto.lower(), "port": self.port, "protocol": proto} for proto in ("UDP", "TCP")]
        return {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": self.name, "labels": {"kubernetes.io/service-name": SERVICE}},
            "addressType": "IPv4",
            "ports": ports,
            "endpoints": [self.endpoint(serving=True, terminating=False)],
        }

    def endpoint(self, *, serving: bool, terminating: bool) -> Json:
        ready = serving and not terminating
        conditions = {"ready": ready, "serving": serving, "terminating": terminating}
        return {"addresses": [self.address], "conditions": conditions}

    async def is_ready(self) -> bool:
        """As kubelet asks, of pods that are ending, too."""
        return await rest.answers_ok(self.component.http, "/readyz", place=self.component.place)


class Rollout:
    """The replicas of one cluster's DNS Service."""

    def __init__(self, cluster: Cluster, namespace: str, work_dir: Path, drain_seconds: float) -> None:
        self._cluster = cluster
        self._slices = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
        self._work_dir = work_dir
        self._drain_seconds = drain_seconds
        self._started = 0
        self.replicas: list[Replica] = []

    async def add(self) -> None:
        """A new replica, in the Service as soon as it is ready."""
        self._started += 1
        name = f"{SERVICE}-{self._started}"
        folder = self._work_dir / name
        folder.mkdir()
        plane, number = self._cluster.plane, free_port()
        options = (f"--drain-seconds={self._drain_seconds:g}", "--workers=2")
        component = await start_dns(plane, folder, number, *options)
        replica = Replica(name, component, plane.place.address, number)
        self.replicas.append(replica)
        await component.wait_ready()
        await plane.call("POST", self._slices, replica.slice())

    async def remove_oldest(self) -> None:
        """As with a pod that is deleted: it is told to end, others hear of it, and it fails its probe.

        Only the last makes kube-proxy forget where the packets of a UDP client with a port of its own go.
        """
        replica = self.replicas[0]
        plane, name = self._cluster.plane, f"{self._slices}/{replica.name}"
        replica.component.process.signal(signal.SIGTERM)
        for serving in (True, False):
            leaving = {"endpoints": [replica.endpoint(serving=serving, terminating=True)]}
            await plane.call("PATCH", name, leaving, content_type=MERGE_PATCH)
            await asyncio.sleep(PROBE_PERIOD_SECONDS)
            assert not await replica.is_ready()
            assert not await replica.component.process.has_ended()
        await eventually(replica.component.process.has_ended, bool, self._drain_seconds + 30)
        await plane.call("DELETE", name)
        self.replicas.pop(0)

    def stop(self) -> None:
        for replica in self.replicas:
            replica.component.kill()


@asynccontextmanager
async def asking(cluster: Cluster, address: str, name: str, data: str) -> AsyncIterator[dict[str, Any]]:
    """Clients on the cluster's node for as long as the block runs; then what they got."""
    argv = [sys.executable, "-m", "tests.realnode.asker", address, "53", name, data]
    process = await asyncio.create_subprocess_exec(
        *cluster.node.sandbox.command(argv),
        cwd=REPOSITORY,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    told: dict[str, Any] = {}
    try:
        yield told
        out, _ = await asyncio.wait_for(process.communicate(b"\n"), 30)
        told.update(json.loads(out))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def told_by(cluster: Cluster, address: str, name: str) -> str:
    """What the server at that address tells the cluster's node, "" while it tells nothing."""
    try:
        return (
            await cluster.node.sandbox.run(["dig", f"@{address}", "+short", "+time=1", name, "A"])
        ).strip()
    except SandboxError:
        return ""


async def test_a_rollout_of_two_dns_replicas_behind_a_service_loses_no_query(
    whole_clusters: WholeClusters, node_namespace: str, tmp_path: Path
) -> None:
    east = whole_clusters["east"]
    await run_in([east], node_namespace, service("web", [port("http", 80)]), export_body("web"))
    await create(east.plane, node_namespace, deployment("web", east, 1))
    (wanted, *_) = (await service_import(east, node_namespace, "web"))["spec"]["ips"]
    ports = [port(proto.lower(), 53, 53, proto) for proto in ("UDP", "TCP")]
    without_selector = service(SERVICE, ports, ipFamilyPolicy="SingleStack", ipFamilies=["IPv4"])
    del without_selector["spec"]["selector"]
    address = (await create(east.plane, node_namespace, without_selector))["spec"]["clusterIP"]
    rollout = Rollout(east, node_namespace, tmp_path, DRAIN_SECONDS)
    async with AsyncExitStack() as stack:
        stack.callback(rollout.stop)
        await asyncio.gather(rollout.add(), rollout.add())
        name = f"web.{node_namespace}.svc.clusterset.local"
        await eventually(lambda: told_by(east, address, name), lambda answer: answer == wanted)
        async with asking(east, address, name, wanted) as told:
            await asyncio.sleep(UPDATE_SECONDS)
            for _ in range(REPLICAS):
                await rollout.add()
                await asyncio.sleep(UPDATE_SECONDS)
                await rollout.remove_oldest()
            await asyncio.sleep(UPDATE_SECONDS)

    assert told["lost"] == []
    assert told["sent_again"] <= KEPT_PORTS * REPLICAS
    assert told["answered"] > ENOUGH_QUERIES
