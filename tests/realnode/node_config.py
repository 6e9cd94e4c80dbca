"""The configuration files of a node's programs, as text; node.py says what runs with them.

Each setting that differs from a node out of the box is there for a machine that is shared, slow or short
of rights, and says for which.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.realnode.fabric import Addresses
from tests.realnode.image import PAUSE_IMAGE

STATE = Path("/run/node")
"""In the node's own mount namespace, on a tmpfs."""
SOCKET = STATE / "containerd.sock"


def containerd(work_dir: Path, cni_plugins: Path) -> str:
    return f"""\
version = 2
root = "{STATE}/containerd"
state = "{STATE}/containerd-state"
# Not used for containers here, and slow to start or told as broken where the machine lacks what they need.
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing",
]
[grpc]
  address = "{SOCKET}"
[ttrpc]
  address = "{SOCKET}.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  # A profile would be loaded into the machine's kernel, and stay.
  disable_apparmor = true
  # For machines that withhold CAP_SYS_RESOURCE: runc fails without a word otherwise.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni_plugins}"
    conf_dir = "{work_dir}/cni"
"""


def cni(addresses: Addresses, dual_stack: bool) -> str:
    """A cable for each pod and no bridge: between two pods of a node a bridge would skip kube-proxy's
    rules on the way back, unless the machine has a module (br_netfilter) for that."""
    families = [(addresses.pods_v4, "0.0.0.0/0"), *([(addresses.pods_v6, "::/0")] if dual_stack else [])]
    ipam = {
        "type": "host-local",
        "dataDir": f"{STATE}/cni",
        "ranges": [[{"subnet": pods}] for pods, _ in families],
        "routes": [{"dst": everything} for _, everything in families],
    }
    plugins = [{"type": "ptp", "ipMasq": False, "ipam": ipam}]
    return json.dumps({"cniVersion": "0.4.0", "name": "pods", "plugins": plugins}, indent=1)


def kubelet(cluster_dns: str) -> str:
    return f"""\
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
# Only the API server of this run can reach it.
authentication: {{anonymous: {{enabled: true}}, webhook: {{enabled: false}}}}
authorization: {{mode: AlwaysAllow}}
clusterDNS: ["{cluster_dns}"]
clusterDomain: cluster.local
# How soon a pod's file follows its Secret. It is a minute otherwise, and a test waits for it.
syncFrequency: 5s
containerRuntimeEndpoint: unix://{SOCKET}
podLogsDir: {STATE}/pod-logs
resolvConf: ""
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failCgroupV1: false
failSwapOn: false
localStorageCapacityIsolation: false
# A machine that is nearly full is none of a test's business.
imageGCHighThresholdPercent: 100
evictionHard:
  {{memory.available: "0%", nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%"}}
"""


def kube_proxy(kubeconfig: Path, node_name: str) -> str:
    return f"""\
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {{kubeconfig: {kubeconfig}}}
hostnameOverride: {node_name}
mode: nftables
nftables: {{minSyncPeriod: 0.1s}}
# They are the machine's, and cannot be written in a namespace.
conntrack: {{maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}}
"""


def corefile(address: str, kubeconfig: Path, clusterset_dns: str) -> str:
    """What kubeadm installs, and the one stanza that our README tells people to add."""
    return f"""\
.:53 {{
    bind {address}
    errors
    kubernetes cluster.local {{
        kubeconfig {kubeconfig}
        ttl 5
    }}
    cache 30
}}
clusterset.local:53 {{
    bind {address}
    errors
    cache 30
    forward . {clusterset_dns}
}}
"""
