"""Deployments, StatefulSets, Services and exports for whole clusters, as the API server takes them.

All pods run agnhost's netexec: it answers HTTP and UDP with its host name, which is the pod's name. Pods of a
deployment are named for their cluster, so that an answer tells where it came from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from tests.realkube.controlplane import ControlPlane
from tests.realnode.clusters import Cluster
from tests.realnode.image import IMAGE
from tests.support.objects import service_body
from tests.support.waiting import eventually

HTTP_PORT = 8080
UDP_PORT = 8081
READY_TIMEOUT_S = 60
_PATHS = {
    "Pod": "/api/v1/namespaces/{}/pods",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "Service": "/api/v1/namespaces/{}/services",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "StatefulSet": "/apis/apps/v1/namespaces/{}/statefulsets",
    "ServiceExport": "/apis/multicluster.x-k8s.io/v1beta1/namespaces/{}/serviceexports",
    "ServiceImport": "/apis/multicluster.x-k8s.io/v1beta1/namespaces/{}/serviceimports",
}
Json = dict[str, Any]


def path(kind: str, namespace: str, name: str = "") -> str:
    return _PATHS[kind].format(namespace) + (f"/{name}" if name else "")


async def create(plane: ControlPlane, namespace: str, body: Json) -> Json:
    created: Json = await plane.call("POST", path(body["kind"], namespace), body)
    return created


def netexec_pod(name: str, labels: Mapping[str, str], *flags: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": dict(labels)},
        "spec": netexec_spec(*flags),
    }


def netexec_spec(*flags: str) -> Json:
    return {
        "terminationGracePeriodSeconds": 0,
        "containers": [
            {
                "name": "netexec",
                "image": IMAGE,
                "args": ["netexec", f"--http-port={HTTP_PORT}", f"--udp-port={UDP_PORT}", *flags],
                "readinessProbe": {"httpGet": {"path": "/healthz", "port": HTTP_PORT}, "periodSeconds": 1},
            }
        ],
    }


def deployment(name: str, cluster: Cluster, replicas: int, spec: Json | None = None) -> Json:
    """`name` is the label `app` of its pods, too."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"{name}-{cluster.name}"},
        "spec": _workload(name, replicas, spec or netexec_spec()),
    }


def stateful_set(name: str, replicas: int, spec: Json) -> Json:
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name},
        "spec": {
            **_workload(name, replicas, spec),
            "serviceName": name,
            "podManagementPolicy": "Parallel",
        },
    }


def _workload(name: str, replicas: int, spec: Json) -> Json:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}


def port(name: str, number: int, target: int = HTTP_PORT, protocol: str = "TCP") -> Json:
    return {"name": name, "port": number, "targetPort": target, "protocol": protocol}


def service(name: str, ports: Sequence[Json], **spec: Any) -> Json:
    """In every family that its cluster has."""
    return service_body(name, ports=[*ports], **{"ipFamilyPolicy": "PreferDualStack", **spec})


async def pods(plane: ControlPlane, namespace: str, app: str) -> list[Json]:
    listed = await plane.call("GET", f"{path('Pod', namespace)}?labelSelector=app={app}")
    items: list[Json] = listed["items"]
    return items


def is_ready(pod: Json) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


async def pod_is_ready(plane: ControlPlane, namespace: str, name: str) -> bool:
    return is_ready(await plane.call("GET", path("Pod", namespace, name)))


async def ready_pods(
    plane: ControlPlane, namespace: str, app: str, count: int, within_seconds: float = READY_TIMEOUT_S
) -> list[Json]:
    """These pods, as soon as exactly so many are there and all are ready."""
    return await eventually(
        lambda: pods(plane, namespace, app),
        lambda found: len(found) == count and all(map(is_ready, found)),
        within_seconds,
    )


def addresses(pod: Json, family: str) -> list[str]:
    """Of one pod, in that family."""
    colon = family == "IPv6"
    return [one["ip"] for one in pod["status"]["podIPs"] if (":" in one["ip"]) is colon]


async def service_import(cluster: Cluster, namespace: str, name: str) -> Json:
    """The import of that cluster, as soon as it can be used: with its addresses, or headless."""

    async def look() -> Json:
        found = await cluster.plane.request("GET", path("ServiceImport", namespace, name))
        return found.body if found.status == 200 else {}

    return await eventually(
        look, lambda one: one and (one["spec"]["type"] == "Headless" or one["spec"].get("ips"))
    )


async def run_in(clusters: Sequence[Cluster], namespace: str, *bodies: Json) -> None:
    """Create the same in each of them."""
    async with asyncio.TaskGroup() as group:
        for cluster in clusters:
            for body in bodies:
                group.create_task(create(cluster.plane, namespace, body))
