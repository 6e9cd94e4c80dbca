"""Values and objects for the tests of the rules: short to write, overridable in every field."""

from dataclasses import replace
from typing import Any

from mcs_controller.clusterset.model import (
    AffinityConfig,
    Endpoint,
    ExportRecord,
    LocalExport,
    LocalService,
    ServiceKey,
    ServicePort,
    SliceContent,
    SlicePort,
    SourceSlice,
)

WEB = ServiceKey("shop", "web")
HTTP = ServicePort(80, "http")
SECONDS = "2026-01-01T00:00:{:02d}Z"


def record(cluster: str = "east", age_rank: int = 0, **fields: Any) -> ExportRecord:
    """A record; a lower `age_rank` is an older export."""
    base = ExportRecord(cluster, WEB, SECONDS.format(age_rank), "ClusterSetIP", (HTTP,))
    return replace(base, **fields)


def local_export(**fields: Any) -> LocalExport:
    return replace(LocalExport(WEB, "export-uid", 3, SECONDS.format(1)), **fields)


def local_service(**fields: Any) -> LocalService:
    base = LocalService(
        service=WEB,
        uid="service-uid",
        type="ClusterIP",
        headless=False,
        ports=(HTTP,),
        affinity=AffinityConfig(),
        internal_traffic_policy="Cluster",
        traffic_distribution=None,
        ip_families=("IPv4",),
        cluster_ips=("10.96.0.7",),
        has_selector=True,
    )
    return replace(base, **fields)


def source_slice(
    cluster: str = "east",
    name: str = "web-abc",
    *,
    ports: tuple[SlicePort, ...] = (SlicePort(8080, "http"),),
    endpoints: tuple[Endpoint, ...] = (Endpoint(("10.1.0.1",), ready=True, zone="z1", node_name="n1"),),
    family: Any = "IPv4",
) -> SourceSlice:
    return SourceSlice(cluster, WEB, name, SliceContent(family, ports, endpoints))


def raw_slice(**fields: Any) -> dict[str, Any]:
    """A local EndpointSlice as the API server gives it."""
    raw: dict[str, Any] = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "web-abc",
            "namespace": "shop",
            "labels": {
                "kubernetes.io/service-name": "web",
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
            },
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "protocol": "TCP", "port": 8080}],
        "endpoints": [
            {
                "addresses": ["10.1.0.1"],
                "conditions": {"ready": True, "serving": True, "terminating": False},
                "hostname": "web-0",
                "nodeName": "n1",
                "zone": "z1",
                "targetRef": {"kind": "Pod", "name": "web-0"},
            }
        ],
    }
    return raw | fields


def raw_exported_service(**spec: Any) -> dict[str, Any]:
    """An ExportedService of cluster east."""
    return {
        "apiVersion": "broker.mcs-controller.io/v1alpha1",
        "kind": "ExportedService",
        "metadata": {"name": "shop.web", "namespace": "mcs-member-east"},
        "spec": {
            "serviceNamespace": "shop",
            "serviceName": "web",
            "exportedAt": "2026-01-01T00:00:00Z",
            "type": "ClusterSetIP",
            "ports": [{"name": "http", "protocol": "TCP", "port": 80}],
            "ipFamilies": ["IPv4"],
        }
        | spec,
    }


def raw_exported_slice(**spec: Any) -> dict[str, Any]:
    """An ExportedEndpointSlice of cluster east."""
    local = raw_slice()
    return {
        "apiVersion": "broker.mcs-controller.io/v1alpha1",
        "kind": "ExportedEndpointSlice",
        "metadata": {"name": "shop.web-abc", "namespace": "mcs-member-east"},
        "spec": {
            "serviceNamespace": "shop",
            "serviceName": "web",
            "sliceName": "web-abc",
            "addressType": "IPv4",
            "ports": local["ports"],
            "endpoints": local["endpoints"],
        }
        | spec,
    }
