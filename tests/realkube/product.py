"""Our own product on real control planes: installed as an administrator would, run as its users run it.

CRDs are the files that we ship, and RBAC is what `mcs-controller rbac` prints; each component is a process of
its own with a service account's token and no other credential, so that a right that is missing fails a test.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.api.rbac import as_yaml
from tests.realkube import rest
from tests.realkube.controlplane import ControlPlane
from tests.realkube.place import LOOPBACK, Place
from tests.realkube.process import ServerProcess

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(sys.executable).with_name("mcs-controller")
SYNC_TIMEOUT_S = 60
MCS_CRDS = ("serviceexports.multicluster.x-k8s.io", "serviceimports.multicluster.x-k8s.io")
BROKER_CRDS = ("memberclusters", "exportedservices", "exportedendpointslices", "memberreports")
PROFILES = "clusterprofiles.multicluster.x-k8s.io"
FIRST_PORT, PORTS_EACH, PROCESSES_MAX = 20_000, 750, 16
_WORKER = int("0" + os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")) % PROCESSES_MAX
_PORTS = itertools.cycle(range(FIRST_PORT + _WORKER * PORTS_EACH, FIRST_PORT + (_WORKER + 1) * PORTS_EACH))
FUSE_OUT_OF_REACH = "--fuse-minimum=1000"
"""For agents that many tests share: ten unexports within a minute, of as many tests, are no mass unexport."""


async def install_member(plane: ControlPlane) -> None:
    """The MCS API and the rights of agent, DNS server and users, in a member cluster."""
    policies = ("policies", "service-export-policies")
    of_the_agent = ("agent", "properties", "managed-properties", "reports", *policies, "credential")
    await _apply(plane, MCS_CRDS, *of_the_agent, "dns", "users")


async def install_broker(plane: ControlPlane, members: Sequence[str]) -> None:
    """The broker's kinds, the hub's rights, and for each member its namespace, rights and MemberCluster."""
    names = [f"{plural}.broker.mcs-controller.io" for plural in BROKER_CRDS]
    await _apply(plane, [*names, PROFILES], "broker", "hub")
    await plane.kubectl("apply", "-f", "-", stdin="---\n".join(map(member_manifest, members)))


async def _apply(plane: ControlPlane, crds: Sequence[str], *rbac: str) -> None:
    """At one go, and until the kinds are served: a start of kubectl costs more than what it does."""
    files = [f"--filename={ROOT / 'crds' / name}.yaml" for name in crds]
    await plane.kubectl("apply", *files, "--filename=-", stdin=as_yaml(*rbac))
    await plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", *crds)


def member_manifest(member: str) -> str:
    namespace = f"mcs-member-{member}"
    return f"""\
apiVersion: v1
kind: Namespace
metadata: {{name: {namespace}}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: member, namespace: {namespace}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: member, namespace: {namespace}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: mcs-broker-member}}
subjects: [{{kind: ServiceAccount, name: member, namespace: {namespace}}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: {namespace}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: mcs-broker-reader}}
subjects: [{{kind: ServiceAccount, name: member, namespace: {namespace}}}]
---
apiVersion: broker.mcs-controller.io/v1alpha1
kind: MemberCluster
metadata: {{name: {member}, namespace: {namespace}}}
"""


@dataclass(frozen=True, slots=True)
class Component:
    """A running agent or DNS server; `http` is where it serves metrics and health."""

    process: ServerProcess
    http: str
    place: Place = LOOPBACK

    async def wait_ready(self, timeout_s: float = SYNC_TIMEOUT_S) -> None:
        await self.process.wait_ready(
            lambda: rest.answers_ok(self.http, "/readyz", place=self.place), timeout_s
        )

    def pid(self) -> int:
        pid = self.process.pid
        assert pid is not None, f"{self.process.name} is not running"
        return pid

    async def metrics(self) -> str:
        answer = await rest.send(self.http, "GET", "/metrics", place=self.place)
        return str(answer.body)

    def kill(self) -> None:
        self.process.kill()


async def start_agent(
    plane: ControlPlane,
    broker: ControlPlane,
    work_dir: Path,
    *options: str,
    around: Sequence[str] = (),
    credential: Path | None = None,
) -> Component:
    """The agent of the member cluster `plane`, named as it is; `around` are words before the command.

    Without a `credential` for the broker it gets one that is good for an hour.
    """
    if credential is None:
        credential = await broker.service_account_kubeconfig(f"mcs-member-{plane.name}", "member")
    http = f"127.0.0.1:{free_port()}"
    process = ServerProcess(
        f"agent-{plane.name}",
        plane.place.command(
            [
                *around,
                PROGRAM,
                "agent",
                f"--cluster-id={plane.name}",
                f"--kubeconfig={await plane.service_account_kubeconfig('mcs-system', 'mcs-agent')}",
                f"--broker-kubeconfig={credential}",
                f"--http={http}",
                *options,
            ]
        ),
        work_dir,
    )
    process.start()
    return Component(process, f"http://{http}", plane.place)


async def start_hub(broker: ControlPlane, work_dir: Path, *options: str) -> Component:
    """The hub beside the broker."""
    http = f"127.0.0.1:{free_port()}"
    process = ServerProcess(
        "hub",
        broker.place.command(
            [
                PROGRAM,
                "hub",
                f"--kubeconfig={await broker.service_account_kubeconfig('mcs-system', 'mcs-hub')}",
                f"--http={http}",
                *options,
            ]
        ),
        work_dir,
    )
    process.start()
    return Component(process, f"http://{http}", broker.place)


async def start_dns(
    plane: ControlPlane, work_dir: Path, port: int, *options: str, around: Sequence[str] = ()
) -> Component:
    """The DNS server of the member cluster `plane`, on a port of its place, over UDP and TCP."""
    http = f"127.0.0.1:{free_port()}"
    process = ServerProcess(
        f"dns-{plane.name}",
        plane.place.command(
            [
                *around,
                PROGRAM,
                "dns",
                f"--listen={plane.place.address}:{port}",
                f"--kubeconfig={await plane.service_account_kubeconfig('mcs-system', 'mcs-dns')}",
                f"--http={http}",
                *options,
            ]
        ),
        work_dir,
    )
    process.start()
    return Component(process, f"http://{http}", plane.place)


def free_port() -> int:
    """A loopback port that was free a moment ago, for UDP and TCP, and that no client is given meanwhile.

    Each process of a test run has ports of its own, below those of which the kernel gives clients one.
    """
    for number in itertools.islice(_PORTS, PORTS_EACH):
        with contextlib.ExitStack() as stack:
            try:
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    probe = stack.enter_context(contextlib.closing(socket.socket(type=kind)))
                    probe.bind(("127.0.0.1", number))
            except OSError:
                continue
            return number
    raise RuntimeError("none of our ports is free")


@contextlib.contextmanager
def killed_in_the_end(*components: Component) -> Iterator[None]:
    """Whatever happens, no process outlives the block."""
    try:
        yield
    finally:
        for component in components:
            component.kill()


async def install_clusterset(broker: ControlPlane, members: Sequence[ControlPlane]) -> None:
    """Everything, in all clusters at once; a broker that is a member as well gets one after the other."""
    async with asyncio.TaskGroup() as group:
        for member in members:
            if member is not broker:
                group.create_task(install_member(member))
        await install_broker(broker, [member.name for member in members])
        if broker in members:
            # Not beside each other: each creates the namespace that both use.
            await install_member(broker)
