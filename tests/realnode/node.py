"""A node: containerd, kubelet, kube-proxy and, if wanted, a CoreDNS, in namespaces of its own.

What they keep lies on a tmpfs in the node's own mount namespace and goes with it. Settings of the machine
that kubelet would change are hidden behind files that already say what it wants, so it changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.realkube.controlplane import ControlPlane
from tests.realkube.process import ServerProcess
from tests.realkube.rest import MERGE_PATCH
from tests.realkube.workloads import ZONE_LABEL
from tests.realnode import cgroups, node_config
from tests.realnode.fabric import Addresses
from tests.realnode.sandbox import Sandbox, SandboxError
from tests.support.waiting import eventually

READY_TIMEOUT_S = 60
# The values that kubelet writes where it finds others; none of them belongs to a namespace.
_MACHINE_SETTINGS = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/keys/root_maxbytes": 25_000_000,
}


@dataclass(frozen=True, slots=True)
class NodeSpec:
    name: str
    zone: str
    addresses: Addresses
    dual_stack: bool
    cgroup: str
    """Below it are all control groups of the run; a name at the root of each hierarchy."""


class Node:
    def __init__(self, spec: NodeSpec, programs: Path, work_dir: Path) -> None:
        self.spec = spec
        self._programs = programs
        self._work_dir = work_dir / spec.name
        self._work_dir.mkdir()
        self.sandbox = Sandbox(
            spec.name, self._work_dir, whole=True, prepare="\n".join(_prepare(spec.cgroup))
        )
        self._processes: list[ServerProcess] = []

    async def start_runtime(self, images: Sequence[Path], cni_plugins: Path) -> None:
        """containerd with these archives in it: needs no API server, and so can start beside it."""
        config = self._write("containerd.toml", node_config.containerd(self._work_dir, cni_plugins))
        self._write("cni/10-pods.conflist", node_config.cni(self.spec.addresses, self.spec.dual_stack))
        self._start("containerd", ["containerd", f"--config={config}"])
        await eventually(lambda: self._ctr("version"), lambda answer: answer, READY_TIMEOUT_S)
        for image in images:
            await self.sandbox.run([*_CTR, "images", "import", "--no-unpack", image])

    async def name_image(self, name: str, other: str) -> None:
        """An image that is there has another name, too; names are whole, with registry and tag."""
        await self.sandbox.run([*_CTR, "images", "tag", name, other])

    async def start(self, plane: ControlPlane, cluster_dns: str) -> None:
        """kubelet and kube-proxy; `wait_ready` tells when they work. Pods ask `cluster_dns` for names."""
        kubeconfig = plane.kubeconfig()
        spec, programs = self.spec, self._programs
        node_ips = [spec.addresses.node_v4, *([spec.addresses.node_v6] if spec.dual_stack else [])]
        kubelet = self._write("kubelet.yaml", node_config.kubelet(cluster_dns))
        self._start(
            "kubelet",
            [
                programs / "kubelet",
                f"--config={kubelet}",
                f"--kubeconfig={kubeconfig}",
                f"--hostname-override={spec.name}",
                f"--node-ip={','.join(node_ips)}",
                f"--root-dir={node_config.STATE}/kubelet",
                f"--cert-dir={node_config.STATE}/pki",
            ],
        )
        kube_proxy = self._write("kube-proxy.yaml", node_config.kube_proxy(kubeconfig, spec.name))
        self._start("kube-proxy", [programs / "kube-proxy", f"--config={kube_proxy}"])

    def start_dns(self, plane: ControlPlane, clusterset_dns: str) -> None:
        """The cluster's CoreDNS, at the node's address."""
        content = node_config.corefile(self.spec.addresses.node_v4, plane.kubeconfig(), clusterset_dns)
        corefile = self._write("Corefile", content)
        self._start("coredns", [self._programs / "coredns", "-conf", corefile])

    async def wait_ready(self, plane: ControlPlane) -> None:
        """The API server knows the node and may place pods on it."""

        async def is_ready() -> bool:
            found = await plane.request("GET", f"/api/v1/nodes/{self.spec.name}")
            if found.status != 200:
                return False
            conditions = found.body.get("status", {}).get("conditions", ())
            return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

        kubelet = next(one for one in self._processes if one.name == "kubelet")
        await kubelet.wait_ready(is_ready, READY_TIMEOUT_S)
        # Not before kube-proxy works: it asks for its node's labels first and for changes of them after,
        # and one that came in between would be lost for good.
        await eventually(
            lambda: self.sandbox.run(["nft", "list", "tables"]),
            lambda tables: "kube-proxy" in tables,
            READY_TIMEOUT_S,
        )
        labels = {"metadata": {"labels": {ZONE_LABEL: self.spec.zone}}}
        node = f"/api/v1/nodes/{self.spec.name}"
        await plane.call("PATCH", node, labels, content_type=MERGE_PATCH)

    def stop(self) -> None:
        self.sandbox.stop()
        for process in reversed(self._processes):
            process.kill()
        self._processes.clear()

    def _start(self, name: str, argv: Sequence[str | Path]) -> None:
        process = ServerProcess(name, [*map(str, self.sandbox.command(argv))], self._work_dir)
        process.start()
        self._processes.append(process)

    async def _ctr(self, *args: str) -> bool:
        try:
            await self.sandbox.run([*_CTR, *args])
        except SandboxError:
            return False
        return True

    def _write(self, name: str, content: str) -> Path:
        path = self._work_dir / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        return path


_CTR = ("ctr", f"--address={node_config.SOCKET}", "--namespace=k8s.io")


def _prepare(cgroup: str) -> Iterator[str]:
    """Shell code: the node's own view of the machine's files and its network settings."""
    state = node_config.STATE
    yield "mount -t tmpfs -o mode=755 node /run"
    yield f"mkdir -p /run/netns {state}/lib {state}/lib-work {state}/settings"
    # The library behind CNI plugins keeps its cache in /var/lib/cni, whatever it is told.
    yield (
        f"mount -t overlay -o lowerdir=/var/lib,upperdir={state}/lib,workdir={state}/lib-work node /var/lib"
    )
    yield "mount -t tmpfs node /var/log"
    yield cgroups.within(cgroup, f"{state}/cgroup")
    for number, (name, value) in enumerate(_MACHINE_SETTINGS.items()):
        file = f"{state}/settings/{number}"
        yield f"echo {value} >{file}; mount --bind {file} /proc/sys/{name}"
    yield "cd /proc/sys/net; echo 1 >ipv4/ip_forward; echo 1 >ipv6/conf/all/forwarding"
    # An address that is still being checked for duplicates cannot be used for a second or two.
    yield "echo 0 >ipv6/conf/all/accept_dad; echo 0 >ipv6/conf/default/accept_dad; cd /"
