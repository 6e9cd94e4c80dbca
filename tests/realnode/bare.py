"""Three clusters with a node each, and nothing of ours on them: started together, taken down together.

`east` is in zone-a, `west` in zone-b, `north` in zone-a again and IPv4 only. They have the same service
addresses, as clusters have that were not planned together; their pods have different ones.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from tests.realkube.clusterset import RealClusterset
from tests.realkube.controlplane import CONTROLLERS, ControlPlane, ControlPlaneSpec
from tests.realkube.process import ServerProcess
from tests.realkube.product import free_port
from tests.realnode.cgroups import CgroupGuardian, groups
from tests.realnode.fabric import Addresses, Fabric
from tests.realnode.image import IMAGE, PAUSE_IMAGE, write_image
from tests.realnode.machine import Machine
from tests.realnode.node import Node, NodeSpec

ZONES = {"east": "zone-a", "west": "zone-b", "north": "zone-a"}
WORKLOAD_CONTROLLERS = ("deployment-controller", "replicaset-controller", "statefulset-controller")
API_SERVER_FLAGS = (
    # It would hold pods back until a controller that we do not run calls the node ready.
    "--disable-admission-plugins=TaintNodesByCondition",
    "--kubelet-preferred-address-types=InternalIP",
)


def cluster_spec(name: str) -> ControlPlaneSpec:
    return ControlPlaneSpec(
        name,
        dual_stack=name != "north",
        controllers=(*CONTROLLERS, *WORKLOAD_CONTROLLERS),
        api_server_flags=API_SERVER_FLAGS,
    )


def pod_cluster_spec(name: str) -> ControlPlaneSpec:
    """Of a cluster whose pods have service accounts and reach the API server, and where Jobs run."""
    spec = cluster_spec(name)
    return replace(spec, serves_pods=True, controllers=(*spec.controllers, "job-controller"))


class BareClusters:
    def __init__(
        self, work_dir: Path, machine: Machine, specs: Sequence[ControlPlaneSpec], images: Sequence[Path] = ()
    ) -> None:
        """`specs` are of the three clusters; all nodes have these `images`, archives, beside agnhost's."""
        self._work_dir = work_dir
        self._machine = machine
        self._specs = tuple(specs)
        self._images = tuple(images)
        self._run_name = f"mcs-{uuid4().hex[:12]}"
        self.fabric = Fabric(work_dir)
        self._nodes: dict[str, Node] = {}
        self._others: list[ServerProcess] = []
        self._real: RealClusterset | None = None
        self._guardian: CgroupGuardian | None = None

    @property
    def run_name(self) -> str:
        """Nobody else's: what could outlive the run bears it."""
        return self._run_name

    def plane(self, name: str) -> ControlPlane:
        assert self._real is not None, "the clusters are not running"
        return self._real[name]

    def node(self, name: str) -> Node:
        return self._nodes[name]

    async def start(self) -> None:
        """Every program is started, and API objects can be created; `wait_ready` waits for the rest."""
        try:
            await self._start()
        except BaseException as failure:
            self.stop()
            while isinstance(failure, BaseExceptionGroup):
                failure = failure.exceptions[0]
            raise failure from None

    async def _start(self) -> None:
        """The API servers answer, and nodes wait to be started."""
        self._guardian = CgroupGuardian(self._run_name)
        await self.fabric.start()
        self._real = RealClusterset(self._work_dir, self._specs, self._machine.binaries, self.fabric.place)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._real.start())
            group.create_task(self._start_runtimes())

    async def start_node(self, name: str, cluster_dns: str) -> None:
        """With its cluster's scheduler; `cluster_dns` is the address of the DNS server for its pods."""
        plane = self.plane(name)
        await self._nodes[name].start(plane, cluster_dns)
        self._start_scheduler(plane)

    async def wait_ready(self) -> None:
        """All nodes can run pods."""
        async with asyncio.TaskGroup() as group:
            for name, node in self._nodes.items():
                group.create_task(node.wait_ready(self.plane(name)))

    async def _start_runtimes(self) -> None:
        image = self._work_dir / "agnhost.tar"
        agnhost = self._machine.programs / "agnhost"
        await asyncio.to_thread(write_image, image, agnhost, (IMAGE, PAUSE_IMAGE), "pause")
        addresses = {name: Addresses(number) for number, name in enumerate(ZONES, 1)}
        for spec in self._specs:
            name = f"{spec.name}-node"
            node = NodeSpec(name, ZONES[spec.name], addresses[spec.name], spec.dual_stack, self._run_name)
            self._nodes[spec.name] = Node(node, self._machine.programs, self._work_dir)
        async with asyncio.TaskGroup() as group:
            for one in self._nodes.values():
                group.create_task(self._start_runtime(one, [*addresses.values()], image))

    async def _start_runtime(self, node: Node, everyone: list[Addresses], image: Path) -> None:
        await node.sandbox.start()
        own = node.spec.addresses
        await self.fabric.plug(node.sandbox, own, [one for one in everyone if one != own])
        await node.start_runtime((image, *self._images), self._machine.cni_plugins)

    def _start_scheduler(self, plane: ControlPlane) -> None:
        argv = plane.place.command(
            [
                self._machine.programs / "kube-scheduler",
                f"--kubeconfig={plane.kubeconfig()}",
                "--leader-elect=false",
                "--bind-address=127.0.0.1",
                f"--secure-port={free_port()}",
            ]
        )
        scheduler = ServerProcess(f"kube-scheduler-{plane.name}", [*map(str, argv)], self._work_dir)
        scheduler.start()
        self._others.append(scheduler)

    def stop(self) -> None:
        """From the inside out; nothing is left when it returns."""
        for process in self._others:
            process.kill()
        for node in self._nodes.values():
            node.stop()
        if self._real is not None:
            self._real.stop()
        self.fabric.stop()
        if self._guardian is not None:
            self._guardian.release()
            self._guardian = None
        self._others.clear()
        self._nodes.clear()

    def leftovers(self) -> list[str]:
        """Processes, mounts and control groups of the run that are still there; after `stop`, none."""
        marks = (str(self._work_dir), self._run_name)
        mounts = Path("/proc/self/mounts").read_text().splitlines()
        found = [f"mount: {line}" for line in mounts if any(mark in line for mark in marks)]
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                told = (process / "cmdline").read_text() + (process / "cgroup").read_text()
                if any(mark in told for mark in marks):
                    found.append(f"process {process.name}: {told[:256]!r}")
        return found + [f"control group: {group}" for group in groups(self._run_name)]
