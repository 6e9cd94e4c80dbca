"""What clusters tell each other through the broker, group broker.mcs-controller.io/v1alpha1.

An object's namespace on the broker says which cluster it belongs to; no field repeats that, so none can lie
about it (MCS-RBAC-06). Every text, list and map is bounded: what one member may store, all members must read.
Plain schema keywords do the checking, no CEL: they cost the broker nothing worth counting.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints

from mcs_controller.api.meta import (
    ATOMIC_LIST,
    SET_LIST,
    Condition,
    Keywords,
    PortNumber,
    Timestamp,
    WireModel,
    WireObject,
    list_map,
)
from mcs_controller.api.names import CLUSTER_ID_MAX_CHARS, MAX_LET_GO

BrokerApiVersion = Literal["broker.mcs-controller.io/v1alpha1"]

DnsLabel = Annotated[str, StringConstraints(max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
PlainText = Annotated[str, StringConstraints(max_length=63, pattern=r"^[ -~]*$")]
"""ASCII that a terminal shows as it is: what a member says of itself is read by others' administrators."""
ShortText = Annotated[str, StringConstraints(max_length=63)]
OwnedName = Annotated[
    str,
    StringConstraints(
        max_length=127,
        pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(/[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$",
    ),
]
"""A namespace, or the namespace and the name of a Service."""
ObjectName = Annotated[str, StringConstraints(min_length=1, max_length=253)]
LocationName = Annotated[
    str, StringConstraints(max_length=63, pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")
]
"""As the labels topology.kubernetes.io/region and zone of nodes."""
LabelValue = Annotated[str, StringConstraints(max_length=63)]
AnnotationValue = Annotated[str, StringConstraints(max_length=16384)]
Cidr = Annotated[str, StringConstraints(max_length=49), Keywords((("format", "cidr"),))]
Address = Annotated[str, StringConstraints(min_length=1, max_length=45)]
"""At its longest an IPv6 address that ends in a dotted IPv4 one."""

MAX_PORTS: Final = 100
MAX_ENDPOINTS: Final = 1000
"""What Kubernetes itself allows in one EndpointSlice. Of ports it allows more."""
MAX_ADDRESSES: Final = 8
"""Kubernetes allows an endpoint 100 addresses, writes one, and lets readers use the first alone."""
MAX_MAP_ENTRIES: Final = 100


Limit = Annotated[int, Field(ge=0, le=10_000_000), Keywords((("format", "int32"),))]


class MemberLimits(WireModel):
    """How much importers take of the member; what is left out here they decide by their own settings."""

    services: Limit | None = None
    """Exported services that are read."""
    endpoint_slices: Limit | None = None
    """Exported EndpointSlices that are read."""
    endpoints: Limit | None = None
    """Endpoints in all of its slices together; one with several addresses counts once for each."""
    mebibytes: Limit | None = None
    """Size of all its exported services and slices together, a quarter of it for the services."""
    imports: Limit | None = None
    """ServiceImports that a cluster makes of the member's exports, its own exports not counted."""


class Location(WireModel):
    """Where a member lies. Clusters are near each other that name the same."""

    region: LocationName | None = None
    """Name of its region."""
    zone: LocationName | None = None
    """Name of its zone in that region, if all of its nodes are in one."""


class MemberAccessExtension(WireModel):
    """Something that consumers need beyond an address, such as arguments of their plugins."""

    name: ObjectName
    """Name of the extension."""
    extension: Annotated[
        dict[str, Any],
        Keywords((("additionalProperties", None), ("x-kubernetes-preserve-unknown-fields", True))),
    ]
    """Whatever the consumers of that name expect. Never a secret."""


class MemberAccess(WireModel):
    """One way in which others reach the member's API server."""

    name: ObjectName
    """Name of the way. A consumer's provider file says which plugin has credentials for it."""
    server: Annotated[str, StringConstraints(max_length=2048, pattern=r"^https?://[^\s/?#@]+([/?#][^\s]*)?$")]
    """Address of the API server: an http or https URL without user information."""
    certificate_authority_data: (
        Annotated[str, StringConstraints(max_length=131072), Keywords((("format", "byte"),))] | None
    ) = None
    """Certificates, as PEM in base64, that the server's certificate must come from."""
    tls_server_name: Annotated[str, StringConstraints(max_length=253)] | None = None
    """Name that the server's certificate must have; the host of the server when left out."""
    proxy_url: (
        Annotated[
            str, StringConstraints(max_length=2048, pattern=r"^(https?|socks5)://[^\s/?#@]+([/?#][^\s]*)?$")
        ]
        | None
    ) = None
    """Proxy to go through: an http, https or socks5 URL without user information."""
    insecure_skip_tls_verify: bool | None = None
    """Whether the server's certificate is not checked. Makes the connection insecure."""
    disable_compression: bool | None = None
    """Whether answers are asked for uncompressed, to spare processor time where the network is quick."""
    extensions: Annotated[list[MemberAccessExtension], Field(max_length=16), list_map("name")] | None = None
    """More that consumers need, such as arguments of their plugins."""


class MemberClusterSpec(WireModel):
    """What the broker's administrator allows the member. The member cannot change it."""

    clusterset: DnsLabel | None = None
    """Name of the clusterset, the same for all members."""
    pod_cidrs: Annotated[list[Cidr], Field(max_length=100), SET_LIST] | None = None
    """Networks that the member's endpoints must lie in; importers drop others. Empty: any address."""
    namespaces: Annotated[list[DnsLabel], Field(max_length=1000), SET_LIST] | None = None
    """Namespaces that the member may export from; importers ignore exports from others. Empty: all."""
    owns: Annotated[list[OwnedName], Field(max_length=1000), SET_LIST] | None = None
    """Namespaces, or namespace/name, of which its exports decide whatever their age; others only add
    endpoints that fit. Several members may own one name."""
    limits: MemberLimits | None = None
    """How much of the member importers take. What is over a limit is left out, the newest first."""
    location: Location | None = None
    """Where the member lies, for services whose clients get near endpoints first."""
    display_name: Annotated[str, StringConstraints(max_length=253, pattern=r"^[^\x00-\x1f\x7f]*$")] | None = (
        None
    )
    """What people call the cluster, in the inventory."""
    access: Annotated[list[MemberAccess], Field(max_length=16), list_map("name")] | None = None
    """Ways in which readers of the inventory reach the member's API server. The member has no say in it:
    consumers send credentials there."""


class ExportedSummary(WireModel):
    """All that the member exports, in short: who has read the same names has missed nothing."""

    at: Timestamp
    """When the member said so. A time that is not later than one seen before says nothing."""
    services: Annotated[int, Field(ge=0), Keywords((("format", "int32"),))]
    """How many ExportedServices the member wants here."""
    endpoint_slices: Annotated[int, Field(ge=0), Keywords((("format", "int32"),))]
    """How many ExportedEndpointSlices the member wants here."""
    digest: Annotated[str, StringConstraints(max_length=16, pattern=r"^[0-9a-f]{16}$")]
    """Of the names of all of these."""


class MemberCondition(Condition):
    """One aspect of the membership, as the member sees it."""

    message: Annotated[str, StringConstraints(max_length=32768, pattern=r"^[ -~…]*$")]
    """Explanation for people, on one line; may be empty."""


class LetGo(WireModel):
    """A member that is leaving, and of whose exports nothing is left here."""

    member: Annotated[
        str,
        StringConstraints(max_length=CLUSTER_ID_MAX_CHARS, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"),
    ]
    """The member that is leaving."""
    leaving: Timestamp
    """The time in its `leaving` that this answers."""


class MemberClusterStatus(WireModel):
    """What the member says of itself."""

    cluster_uid: PlainText | None = None
    """UID of the member's kube-system namespace: tells two clusters that claim one id apart."""
    version: PlainText | None = None
    """Version of the member's controller."""
    kubernetes_version: PlainText | None = None
    """Version of the member's API server."""
    heartbeat: Timestamp | None = None
    """Renewed while the member is alive. Readers watch it change; they do not compare it with their clock."""
    exported: ExportedSummary | None = None
    """What the member exports in all, said whenever all of it has been written."""
    leaving: Timestamp | None = None
    """Since when the member is leaving the clusterset: it has withdrawn all that it exported."""
    let_go: Annotated[list[LetGo], Field(max_length=MAX_LET_GO), list_map("member")] | None = None
    """Which of the members that are leaving this member has let go of: it holds nothing of their exports."""
    conditions: Annotated[list[MemberCondition], Field(max_length=16), list_map("type")] | None = None
    """State of the member's membership."""


class MemberCluster(WireObject):
    """A cluster of the clusterset. One in each member's namespace, created by the broker's administrator."""

    api_version: BrokerApiVersion = "broker.mcs-controller.io/v1alpha1"
    kind: Literal["MemberCluster"] = "MemberCluster"
    spec: MemberClusterSpec | None = None
    """Limits set by the broker's administrator."""
    status: MemberClusterStatus | None = None
    """Written by the member."""


class BrokerPort(WireModel):
    """A port of an exported Service, or of a slice of its endpoints."""

    name: ShortText | None = None
    """Name of the port, as the Service has it."""
    protocol: Literal["TCP", "UDP", "SCTP"]
    """Transport protocol."""
    port: PortNumber
    """Number of the port: in a service what clients connect to, in a slice what endpoints listen on."""
    app_protocol: Annotated[str, StringConstraints(max_length=317)] | None = None
    """Application protocol, if declared."""


Ports = Annotated[list[BrokerPort], Field(max_length=MAX_PORTS), ATOMIC_LIST]


class BrokerClientIPConfig(WireModel):
    """Affinity by client address."""

    timeout_seconds: Annotated[int, Field(ge=1, le=86400), Keywords((("format", "int32"),))] | None = None
    """Seconds that a client stays with its endpoint."""


class BrokerSessionAffinityConfig(WireModel):
    """Details of session affinity."""

    client_ip: BrokerClientIPConfig | None = None
    """Used when sessionAffinity is ClientIP."""


class ExportedServiceSpec(WireModel):
    """All of a Service and its ServiceExport that other clusters need to merge it."""

    service_namespace: DnsLabel
    """Namespace of the Service, the same in all clusters."""
    service_name: DnsLabel
    """Name of the Service and of its ServiceExport."""
    exported_at: Timestamp
    """The ServiceExport's own creationTimestamp in the member. The oldest export wins a conflict."""
    changed_at: Timestamp | None = None
    """When the member saw this content, by its clock; never goes back: of two states, the later is newer."""
    withdrawn: bool | None = None
    """The member has taken the export back and is about to delete this; it counts as no export any more."""
    type: Literal["ClusterSetIP", "Headless"]
    """Headless if the Service has no cluster IP."""
    ports: Ports
    """Ports that the Service declares."""
    session_affinity: ShortText | None = None
    """None or ClientIP; None when left out."""
    session_affinity_config: BrokerSessionAffinityConfig | None = None
    """Details of session affinity."""
    internal_traffic_policy: ShortText | None = None
    """Cluster or Local; Cluster when left out."""
    traffic_distribution: Annotated[str, StringConstraints(max_length=253)] | None = None
    """Preference among endpoints, if declared."""
    ip_families: Annotated[list[Literal["IPv4", "IPv6"]], Field(max_length=2), ATOMIC_LIST]
    """IP families of the Service in its order, the primary one first."""
    exported_labels: Annotated[dict[str, LabelValue], Field(max_length=MAX_MAP_ENTRIES)] | None = None
    """Labels that the ServiceImports shall carry."""
    exported_annotations: Annotated[dict[str, AnnotationValue], Field(max_length=MAX_MAP_ENTRIES)] | None = (
        None
    )
    """Annotations that the ServiceImports shall carry."""


class ExportedService(WireObject):
    """A Service that a member exports; in the member's namespace, written by the member alone."""

    api_version: BrokerApiVersion = "broker.mcs-controller.io/v1alpha1"
    kind: Literal["ExportedService"] = "ExportedService"
    spec: ExportedServiceSpec
    """The export."""


class EndpointConditions(WireModel):
    """State of an endpoint, as its own cluster reports it."""

    ready: bool | None = None
    """Takes new traffic; also counts as true when left out."""
    serving: bool | None = None
    """Can answer, even if it is terminating."""
    terminating: bool | None = None
    """Is being deleted."""


class BrokerEndpoint(WireModel):
    """One backend of the Service."""

    addresses: Annotated[list[Address], Field(min_length=1, max_length=MAX_ADDRESSES), ATOMIC_LIST]
    """Addresses of the endpoint, of the slice's address type."""
    conditions: EndpointConditions | None = None
    """State of the endpoint."""
    hostname: DnsLabel | None = None
    """Host name under which a headless service lists the endpoint in DNS."""
    zone: Annotated[str, StringConstraints(max_length=253)] | None = None
    """Zone that the endpoint runs in."""


class ExportedEndpointSliceSpec(WireModel):
    """A slice of the Service's endpoints, as the member's own cluster has it."""

    service_namespace: DnsLabel
    """Namespace of the Service."""
    service_name: DnsLabel
    """Name of the Service."""
    slice_name: ObjectName
    """Name of the EndpointSlice in the member."""
    changed_at: Timestamp | None = None
    """When the member saw this content, by its clock; never goes back: of two states, the later is newer."""
    address_type: Literal["IPv4", "IPv6"]
    """IP family of all addresses in the slice."""
    ports: Ports
    """Ports that the endpoints listen on, under the Service's port names."""
    endpoints: Annotated[list[BrokerEndpoint], Field(max_length=MAX_ENDPOINTS), ATOMIC_LIST]
    """The endpoints."""


class ExportedEndpointSlice(WireObject):
    """Endpoints of an exported Service; in the member's namespace, written by the member alone."""

    api_version: BrokerApiVersion = "broker.mcs-controller.io/v1alpha1"
    kind: Literal["ExportedEndpointSlice"] = "ExportedEndpointSlice"
    spec: ExportedEndpointSliceSpec
    """The slice."""
