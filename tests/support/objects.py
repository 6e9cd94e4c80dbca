"""JSON of the objects that users and a cluster's own controllers write; every field can be given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mcs_controller.api.resources import (
    ENDPOINT_SLICES,
    MEMBER_CLUSTERS,
    NAMESPACES,
    SERVICES,
    Resource,
    service_exports,
    service_imports,
)

Object = dict[str, Any]

HTTP: Object = {"name": "http", "port": 80, "targetPort": 8080}
HTTP_ENDPOINTS: Object = {"name": "http", "port": 8080, "protocol": "TCP"}
EXPORTS, IMPORTS = service_exports(), service_imports()


def body(kind: Resource, name: str, namespace: str = "", **fields: Any) -> Object:
    """Any object; `fields` are those beside its metadata."""
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **fields}


def namespace_body(name: str) -> Object:
    return body(NAMESPACES, name)


def service_body(name: str, namespace: str = "", **spec: Any) -> Object:
    """A Service of the pods with its name as `app`; `http` 80 to 8080/TCP unless `ports` says otherwise."""
    return body(SERVICES, name, namespace, spec={"selector": {"app": name}, "ports": [HTTP], **spec})


def endpoint(address: str, **fields: Any) -> Object:
    """A ready endpoint."""
    conditions = {"ready": True, "serving": True, "terminating": False}
    return {"addresses": [address], "conditions": conditions, **fields}


def slice_body(
    service: str,
    endpoints: Sequence[Object],
    namespace: str = "",
    *,
    name: str = "",
    ports: Sequence[Object] = (HTTP_ENDPOINTS,),
    labels: Object | None = None,
) -> Object:
    """The slice that the cluster's endpoint controller makes of a Service, of the family of its addresses."""
    addresses = [address for one in endpoints for address in one["addresses"]]
    made = body(
        ENDPOINT_SLICES,
        name or f"{service}-abc",
        namespace,
        addressType="IPv6" if any(":" in address for address in addresses) else "IPv4",
        ports=list(ports),
        endpoints=list(endpoints),
    )
    made["metadata"]["labels"] = {
        "kubernetes.io/service-name": service,
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        **(labels or {}),
    }
    return made


def export_body(name: str, namespace: str = "", version: str = "v1beta1", **spec: Any) -> Object:
    """A ServiceExport, in the version of the API that is asked for."""
    return body(service_exports(version), name, namespace, **({"spec": spec} if spec else {}))


def import_by_hand(namespace: str, name: str, **spec: Any) -> Object:
    """A ServiceImport that some user wrote."""
    return body(IMPORTS, name, namespace, spec={"type": "ClusterSetIP", "ports": [], **spec})


def member_cluster(name: str, spec: Object | None = None) -> Object:
    """What the broker's administrator writes for a member."""
    return body(MEMBER_CLUSTERS, name, f"mcs-member-{name}", spec=spec or {})
