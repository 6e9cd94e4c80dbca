"""Three whole clusters with our product on them, started together and always taken down together.

`east` is in zone-a, `west` in zone-b, `north` in zone-a again and IPv4 only. They have the same service
addresses, as clusters have that were not planned together; their pods have different ones. The broker is on
north's API server: any will do, and one less to start.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from tests.realkube.clusterset import RealClusterset
from tests.realkube.controlplane import CONTROLLERS, ControlPlane, ControlPlaneSpec
from tests.realkube.process import ServerProcess
from tests.realkube.product import Component, free_port, install_clusterset, start_agent, start_dns
from tests.realnode.cgroups import CgroupGuardian, groups
from tests.realnode.fabric import Addresses, Fabric
from tests.realnode.image import write_image
from tests.realnode.machine import Machine
from tests.realnode.node import Node, NodeSpec

BROKER = "north"
ZONES = {"east": "zone-a", "west": "zone-b", "north": "zone-a"}
# Half a minute by default, which is all that this would wait for.
AGENT_OPTIONS = ("--locality-return-seconds=3",)
WORKLOAD_CONTROLLERS = ("deployment-controller", "replicaset-controller", "statefulset-controller")
API_SERVER_FLAGS = (
    # It would hold pods back until a controller that we do not run calls the node ready.
    "--disable-admission-plugins=TaintNodesByCondition",
    "--kubelet-preferred-address-types=InternalIP",
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a test sees of a cluster."""

    plane: ControlPlane
    node: Node
    agent: Component
    dns: Component
    dual_stack: bool

    @property
    def name(self) -> str:
        return self.plane.name


class WholeClusters:
    def __init__(self, work_dir: Path, machine: Machine) -> None:
        self._work_dir = work_dir
        self._machine = machine
        self._run_name = f"mcs-{uuid4().hex[:12]}"
        self._fabric = Fabric(work_dir)
        self._nodes: dict[str, Node] = {}
        self._others: list[ServerProcess] = []
        self._clusters: dict[str, Cluster] = {}
        self._real: RealClusterset | None = None
        self._guardian: CgroupGuardian | None = None

    @property
    def run_name(self) -> str:
        """Nobody else's: what could outlive the run bears it."""
        return self._run_name

    async def resolve(self, cluster: Cluster, name: str, kind: str) -> list[str]:
        """The records that the cluster's own DNS, which its pods ask, has of that name; sorted."""
        server = f"@{cluster.node.spec.addresses.node_v4}"
        told = await self._fabric.run("dig", server, "+short", "+tries=1", name, kind)
        return sorted(told.split("\n")[:-1])

    def __getitem__(self, name: str) -> Cluster:
        return self._clusters[name]

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
        self._guardian = CgroupGuardian(self._run_name)
        await self._fabric.start()
        members = [_member_spec(name) for name in ZONES]
        self._real = RealClusterset(
            self._work_dir,
            members,
            self._machine.binaries,
            self._fabric.place,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(self._real.start())
            group.create_task(self._start_runtimes())
        planes = [self._real[name] for name in ZONES]
        broker = self._real[BROKER]
        ports = {name: free_port() for name in ZONES}
        async with asyncio.TaskGroup() as group:
            group.create_task(install_clusterset(broker, planes))
            for plane in planes:
                await self._nodes[plane.name].start(plane, ports[plane.name])
                self._start_scheduler(plane)
        for plane in planes:
            agent = await start_agent(plane, broker, self._work_dir, *AGENT_OPTIONS)
            dns = await start_dns(plane, self._work_dir, ports[plane.name])
            self._others += [agent.process, dns.process]
            node = self._nodes[plane.name]
            self._clusters[plane.name] = Cluster(plane, node, agent, dns, node.spec.dual_stack)

    async def wait_ready(self) -> None:
        async with asyncio.TaskGroup() as group:
            for cluster in self._clusters.values():
                group.create_task(cluster.agent.wait_ready())
                group.create_task(cluster.dns.wait_ready())
                group.create_task(cluster.node.wait_ready(cluster.plane))

    async def _start_runtimes(self) -> None:
        image = self._work_dir / "agnhost.tar"
        await asyncio.to_thread(write_image, image, self._machine.programs / "agnhost")
        addresses = {name: Addresses(number) for number, name in enumerate(ZONES, 1)}
        for name, zone in ZONES.items():
            spec = NodeSpec(f"{name}-node", zone, addresses[name], _is_dual_stack(name), self._run_name)
            self._nodes[name] = Node(spec, self._machine.programs, self._work_dir)
        async with asyncio.TaskGroup() as group:
            for node in self._nodes.values():
                group.create_task(self._start_runtime(node, [*addresses.values()], image))

    async def _start_runtime(self, node: Node, everyone: list[Addresses], image: Path) -> None:
        await node.sandbox.start()
        own = node.spec.addresses
        await self._fabric.plug(node.sandbox, own, [one for one in everyone if one != own])
        await node.start_runtime(image, self._machine.cni_plugins)

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
        self._fabric.stop()
        if self._guardian is not None:
            self._guardian.release()
            self._guardian = None
        self._others.clear()
        self._nodes.clear()
        self._clusters.clear()

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


def _is_dual_stack(name: str) -> bool:
    return name != "north"


def _member_spec(name: str) -> ControlPlaneSpec:
    return ControlPlaneSpec(
        name,
        dual_stack=_is_dual_stack(name),
        controllers=(*CONTROLLERS, *WORKLOAD_CONTROLLERS),
        api_server_flags=API_SERVER_FLAGS,
    )
