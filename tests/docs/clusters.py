"""Three real clusters as somebody has them who begins, and a shell in a checkout with their kubeconfigs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mcs_controller import __version__
from mcs_controller.dnscheck.client import query
from tests.dns.coredns import CoreDns
from tests.docs.blocks import ROOT
from tests.docs.shell import Shell
from tests.docs.stand_in_node import StandInNode
from tests.realkube.binaries import locate_binaries, locate_helm
from tests.realkube.clusterset import RealClusterset
from tests.realkube.controlplane import CONTROLLERS, ControlPlane, ControlPlaneSpec

NAMES = ("broker", "east", "west")
IMAGE = f"registry.example.com/mcs-controller:{__version__}"
COREFILE = """\
.:53 {
    errors
    forward . /etc/resolv.conf
    cache 30
    reload
}
"""
_CONTROLLERS = (*CONTROLLERS, "deployment-controller", "replicaset-controller", "job-controller")


@dataclass(frozen=True, slots=True)
class World:
    planes: dict[str, ControlPlane]
    nodes: dict[str, StandInNode]
    shell: Shell
    folder: Path

    async def answers(self, cluster: str, name: str) -> tuple[str, ...]:
        """What a real CoreDNS answers that has the Corefile of this cluster."""
        plane, node = self.planes[cluster], self.nodes[cluster]
        service = await plane.call("GET", "/api/v1/namespaces/mcs-system/services/mcs-dns")
        found = await plane.call("GET", "/api/v1/namespaces/kube-system/configmaps/coredns")
        server = next(one.dns for (_, pod), one in node.pods.items() if pod.startswith("mcs-dns-"))
        # Nobody routes cluster IPs here; and the CoreDNS of the tests is built without one plugin.
        corefile = found["data"]["Corefile"].replace(service["spec"]["clusterIP"], "10.96.0.53")
        corefile = corefile.replace("    reload\n", "")
        front = CoreDns(locate_binaries().folder / "coredns", self.folder)
        try:
            await front.start(corefile, zone_server=f"127.0.0.1:{server}")
            return (await query(("127.0.0.1", front.port), name, "A")).data("A")
        finally:
            front.stop()


@asynccontextmanager
async def three_clusters(folder: Path) -> AsyncIterator[World]:
    """A broker and two members, with nothing of ours in them."""
    checkout = folder / "checkout"
    checkout.mkdir()
    for name in ("charts", "crds"):
        (checkout / name).symlink_to(ROOT / name)
    specs = [ControlPlaneSpec(name, controllers=_CONTROLLERS) for name in NAMES]
    async with RealClusterset(folder, specs) as clusterset:
        planes = {name: clusterset[name] for name in NAMES}
        nodes = {
            name: StandInNode(plane, IMAGE, number, folder)
            for number, (name, plane) in enumerate(planes.items(), 1)
        }
        for name, plane in planes.items():
            (checkout / f"{name}.kubeconfig").write_bytes(plane.kubeconfig().read_bytes())
            dns = {"metadata": {"name": "coredns"}, "data": {"Corefile": COREFILE}}
            await plane.call("POST", "/api/v1/namespaces/kube-system/configmaps", dns)
        tasks = [asyncio.create_task(node.run(), name=f"node of {name}") for name, node in nodes.items()]
        shell = Shell(
            checkout,
            locate_binaries().folder,
            locate_helm().parent,
            environment={"KUBECONFIG": str(checkout / "east.kubeconfig")},
            beside=tasks,
        )
        try:
            yield World(planes, nodes, shell, folder)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for one in ended:
            if isinstance(one, Exception):
                raise one
