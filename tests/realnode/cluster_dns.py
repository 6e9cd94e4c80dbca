"""A cluster's own DNS as kubeadm installs it: CoreDNS in a pod, its Corefile in a ConfigMap, a Service.

Unlike kubeadm's it has nobody to forward other names to, and no plugin `reload`: `restart` has it read its
Corefile again, and does at once what that plugin does within a minute.
"""

from __future__ import annotations

from typing import Any

import yaml

from tests.realkube.controlplane import ControlPlane

IMAGE = "coredns.mcs-controller.invalid/coredns:test"
ADDRESS = "10.96.0.10"
NAMESPACE, NAME, SERVICE = "kube-system", "coredns", "kube-dns"
_LABELS = {"k8s-app": "kube-dns"}
COREFILE = """\
.:53 {
    errors
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 5
    }
    cache 30
}
"""


async def restart(plane: ControlPlane) -> None:
    """A pod that has read the Corefile as it is now is ready afterwards."""
    ours = (f"--namespace={NAMESPACE}", "pods", "--selector=k8s-app=kube-dns")
    await plane.kubectl("delete", *ours)
    await wait_ready(plane)


async def wait_ready(plane: ControlPlane) -> None:
    where = (f"--namespace={NAMESPACE}", f"deployment/{NAME}")
    await plane.kubectl("rollout", "status", "--timeout=180s", *where)


def manifests() -> str:
    return yaml.safe_dump_all([*_rights(), *_server()])


def _metadata(namespaced: bool = True) -> dict[str, Any]:
    return {"name": NAME, "labels": _LABELS, **({"namespace": NAMESPACE} if namespaced else {})}


def _rights() -> list[dict[str, Any]]:
    rbac = "rbac.authorization.k8s.io"
    verbs = ["list", "watch"]
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata()},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRole",
            "metadata": _metadata(namespaced=False),
            "rules": [
                {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": verbs},
                {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": verbs},
            ],
        },
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": _metadata(namespaced=False),
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": NAME},
            "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
        },
    ]


def _server() -> list[dict[str, Any]]:
    container = {
        "name": NAME,
        "image": IMAGE,
        "args": ["-conf", "/etc/coredns/Corefile"],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": True}],
    }
    pod = {
        "serviceAccountName": NAME,
        "dnsPolicy": "Default",
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": NAME}}],
    }
    ports = [{"name": proto.lower(), "port": 53, "protocol": proto} for proto in ("UDP", "TCP")]
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _metadata(), "data": {"Corefile": COREFILE}},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": _metadata(),
            "spec": {
                "selector": {"matchLabels": _LABELS},
                "template": {"metadata": {"labels": _LABELS}, "spec": pod},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {**_metadata(), "name": SERVICE},
            "spec": {"clusterIP": ADDRESS, "selector": _LABELS, "ports": ports},
        },
    ]
