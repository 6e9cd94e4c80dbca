"""Pods that are ready without a kubelet, and what kube-controller-manager makes of them.

A test binds a pod to a node that exists only as an object and writes the status that a kubelet
would; kube-controller-manager then makes the EndpointSlices of the services that select it.
Everything goes through a control plane's `call`, so it works with any real API server.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import uuid4

from mcs_controller.api.resources import SERVICES
from tests.realkube.controlplane import ControlPlane
from tests.realkube.rest import MERGE_PATCH, ApiError
from tests.support.objects import body, namespace_body

DEFAULT_NODE = "node-1"
ZONE_LABEL = "topology.kubernetes.io/zone"


@contextlib.asynccontextmanager
async def namespace_in(*planes: ControlPlane, prefix: str = "test") -> AsyncIterator[str]:
    """A namespace of one new name in each cluster; its deletion is begun, not awaited."""
    name = f"{prefix}-{uuid4().hex[:8]}"
    try:
        for plane in planes:
            await plane.call("POST", "/api/v1/namespaces", namespace_body(name))
        yield name
    finally:
        for plane in planes:
            await plane.request("DELETE", f"/api/v1/namespaces/{name}")


async def node(plane: ControlPlane, name: str = DEFAULT_NODE, *, zone: str | None = None) -> None:
    """A node of that name and zone exists afterwards; nodes are shared by all tests of a cluster."""
    labels = {} if zone is None else {ZONE_LABEL: zone}
    metadata = {"name": name, "labels": labels}
    created = await plane.request(
        "POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": metadata}
    )
    if created.status == 409 and labels:
        await _merge(plane, f"/api/v1/nodes/{name}", {"metadata": {"labels": labels}})
    elif created.status not in (201, 409):
        raise ApiError(f"create node {name}", created)


async def ready_pod(
    plane: ControlPlane,
    namespace: str,
    name: str,
    *,
    ips: Sequence[str],
    labels: Mapping[str, str],
    ports: Mapping[str, int] | None = None,
    hostname: str | None = None,
    subdomain: str | None = None,
    node_name: str = DEFAULT_NODE,
    zone: str | None = None,
    termination_grace_s: int = 0,
) -> None:
    """Create a running, ready pod; `ports` are its named container ports.

    With no grace it is gone the moment that it is deleted; with some, it stays terminating, as
    there is no kubelet to end it. Give each zone a node name of its own.
    """
    await node(plane, node_name, zone=zone)
    container_ports = [{"name": port, "containerPort": number} for port, number in (ports or {}).items()]
    spec: dict[str, Any] = {
        "nodeName": node_name,
        "terminationGracePeriodSeconds": termination_grace_s,
        "containers": [{"name": "main", "image": "none", "ports": container_ports}],
    }
    if hostname is not None:
        spec["hostname"] = hostname
    if subdomain is not None:
        spec["subdomain"] = subdomain
    metadata = {"name": name, "labels": dict(labels)}
    await plane.call(
        "POST",
        f"/api/v1/namespaces/{namespace}/pods",
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec},
    )
    status: dict[str, Any] = {"phase": "Running", "podIP": ips[0]}
    status["podIPs"] = [{"ip": ip} for ip in ips]
    await _merge_status(plane, namespace, name, {**status, **_ready(True)})


async def set_pod_ready(plane: ControlPlane, namespace: str, name: str, ready: bool) -> None:
    await _merge_status(plane, namespace, name, _ready(ready))


async def delete_pod(plane: ControlPlane, namespace: str, name: str) -> None:
    await plane.call("DELETE", f"/api/v1/namespaces/{namespace}/pods/{name}")


async def service(plane: ControlPlane, namespace: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The Service as the API server created it, with its defaults and cluster IPs."""
    made = body(SERVICES, name, spec=spec)
    created: dict[str, Any] = await plane.call("POST", SERVICES.path(namespace), made)
    return created


async def endpoint_slices(plane: ControlPlane, namespace: str, label_selector: str) -> list[dict[str, Any]]:
    path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    listed = await plane.call("GET", f"{path}?labelSelector={label_selector}")
    items: list[dict[str, Any]] = listed["items"]
    return items


def _ready(ready: bool) -> dict[str, Any]:
    return {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}


async def _merge_status(plane: ControlPlane, namespace: str, name: str, status: Mapping[str, Any]) -> None:
    await _merge(plane, f"/api/v1/namespaces/{namespace}/pods/{name}/status", {"status": status})


async def _merge(plane: ControlPlane, path: str, body: Any) -> None:
    await plane.call("PATCH", path, body, content_type=MERGE_PATCH)
