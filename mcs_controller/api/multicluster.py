"""The MCS API, group multicluster.x-k8s.io: ServiceExport and ServiceImport (MCS-API-01..11).

v1alpha1 and v1beta1 are the same shape under two names, so there is one model per kind. What the API leaves
unchecked (affinity, policies, label syntax) is unchecked here too: the rules in `clusterset/` judge it.
"""

from typing import Annotated, Literal

from pydantic import Field

from mcs_controller.api.meta import ATOMIC_LIST, Condition, Int32, WireModel, WireObject, list_map

McsApiVersion = Literal["multicluster.x-k8s.io/v1beta1", "multicluster.x-k8s.io/v1alpha1"]
Conditions = Annotated[list[Condition], list_map("type")]


class ServiceExportSpec(WireModel):
    """What the ServiceImports made from this export shall carry."""

    exported_labels: dict[str, str] | None = None
    """Labels for the ServiceImports. Nothing else of this object's or the Service's labels is exported."""
    exported_annotations: dict[str, str] | None = None
    """Annotations for the ServiceImports. No other annotation is exported."""


class ServiceExportStatus(WireModel):
    """How the export fares; written by the controller."""

    conditions: Conditions | None = None
    """Valid: the Service exists and can be exported. Ready: the broker holds the export.
    Conflict: clusters that export this name disagree."""


class ServiceExport(WireObject):
    """Exports the Service of the same name and namespace to all clusters of the clusterset."""

    api_version: McsApiVersion = "multicluster.x-k8s.io/v1beta1"
    kind: Literal["ServiceExport"] = "ServiceExport"
    spec: ServiceExportSpec | None = None
    """Options of the export; may be left out."""
    status: ServiceExportStatus | None = None
    """State of the export as the controller sees it."""


class ServicePort(WireModel):
    """A port that the service offers to the clusterset."""

    name: str | None = None
    """Name of the port, unique within the service; may be left out if there is only one."""
    protocol: str | None = None
    """TCP, UDP or SCTP; TCP when left out."""
    app_protocol: str | None = None
    """Application protocol, such as http or a prefixed name; a hint for clients and proxies."""
    port: Int32
    """Number of the port that clients connect to."""


class ClientIPConfig(WireModel):
    """Affinity by client address."""

    timeout_seconds: Int32 | None = None
    """Seconds that a client stays with its endpoint, 1 to 86400; 10800 when left out."""


class SessionAffinityConfig(WireModel):
    """Details of session affinity."""

    client_ip: ClientIPConfig | None = None
    """Used when sessionAffinity is ClientIP."""


class ServiceImportSpec(WireModel):
    """The service as every cluster of the clusterset sees it."""

    type: Literal["ClusterSetIP", "Headless"]
    """ClusterSetIP: reached through the addresses in ips. Headless: reached through DNS only."""
    ports: Annotated[list[ServicePort], ATOMIC_LIST]
    """Ports of all exporting clusters together; where they clash, the oldest export wins."""
    ips: Annotated[list[str], Field(max_length=2)] | None = None
    """Clusterset IPs in this cluster, one per IP family; empty for Headless."""
    ip_families: Annotated[list[str], Field(max_length=2)] | None = None
    """IPv4, IPv6 or both; in the order of ips where there are any."""
    session_affinity: str | None = None
    """None or ClientIP; None when left out. Ignored for Headless."""
    session_affinity_config: SessionAffinityConfig | None = None
    """Details of session affinity, taken from the same export as sessionAffinity."""
    internal_traffic_policy: str | None = None
    """Cluster, or Local to use only endpoints on the client's own node; Cluster when left out."""
    traffic_distribution: str | None = None
    """Preference among endpoints, such as PreferClose; none when left out."""


class ClusterStatus(WireModel):
    """One exporting cluster."""

    cluster: str
    """Id of the cluster within the clusterset, one DNS label."""


class ServiceImportStatus(WireModel):
    """Where the service comes from and how the import fares; written by the controller."""

    clusters: Annotated[list[ClusterStatus], list_map("cluster")] | None = None
    """The clusters that export the service."""
    conditions: Conditions | None = None
    """Ready: the service can be used in this cluster, or why not."""
    endpoint_slice_objects: Literal["Present", "Absent"] | None = None
    """Whether the imported endpoints are in EndpointSlices of this cluster."""


class ServiceImport(WireObject):
    """A service of the clusterset, in each cluster that has its namespace; made by the controller alone."""

    api_version: McsApiVersion = "multicluster.x-k8s.io/v1beta1"
    kind: Literal["ServiceImport"] = "ServiceImport"
    spec: ServiceImportSpec | None = None
    """The service as merged from all its exports."""
    status: ServiceImportStatus | None = None
    """Sources and state of the import."""
