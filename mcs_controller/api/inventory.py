"""The list of clusters that other tools read, and what each member says for it.

`ClusterProfile` (group multicluster.x-k8s.io, KEP-4322) is an API that many programs share. v1alpha1 says
what upstream's definition of that version says, also where it lacks a bound; v1alpha2 narrows what is valid
and drops two deprecated fields, so that both can be served without a conversion. `MemberReport` is ours: a
member writes it in its own namespace on the broker, bounded as all that is written there (broker.py), and the
hub makes the member's profile of it.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, StringConstraints

from mcs_controller.api.broker import BrokerApiVersion, PlainText
from mcs_controller.api.meta import Condition, Keywords, Rule, Timestamp, WireModel, WireObject, list_map

MAX_PROPERTIES: Final = 128
"""How many properties a member may report. Values of the longest are half a mebibyte then."""
MAX_PROPERTY_CHARS: Final = 1024
"""Of a property's value. What is longer is left out, and never cut: values are mirrored as is (CP-10)."""
MAX_PROVIDERS: Final = 64

ProviderName = Annotated[str, StringConstraints(min_length=1, max_length=253)]
ManagerName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"),
]
"""The value of a label, too: `x-k8s.io/cluster-manager`."""
PropertyName = Annotated[
    str,
    StringConstraints(
        max_length=253, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
    ),
]
"""The name of a ClusterProperty, which is that of an object."""
OneLine = Annotated[str, StringConstraints(max_length=1024, pattern=r"^[ -~…]*$")]
"""ASCII that a terminal shows as it is, and the sign for text that was cut."""
ReasonWord = Annotated[
    str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")
]

_ANY_OBJECT: Final = Keywords(
    (("additionalProperties", None), ("x-kubernetes-preserve-unknown-fields", True))
)
_BYTES: Final = Keywords((("format", "byte"),))
_IMMUTABLE: Final[dict[str, Any]] = {
    "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "ClusterManager is immutable"}]
}
_SERVER: Final = Rule("isURL(self) && url(self).getHostname() != ''", "must be an absolute URL with a host")
_PROXY: Final = Rule(
    "self == '' || (isURL(self) && url(self).getHostname() != '' && "
    "url(self).getScheme() in ['http', 'https', 'socks5'])",
    "must be empty, or an http, https or socks5 URL with a host",
)


def _kubeconfig_name(field: str) -> str:
    """As a kubeconfig spells the field."""
    return field.replace("_", "-")


class ClusterExtension(WireModel):
    """Something that consumers need beyond an address, such as arguments of their plugins."""

    name: str
    """Name of the extension."""
    extension: Annotated[dict[str, Any], _ANY_OBJECT]
    """Whatever the consumers of that name expect. Never a secret."""


class _ClusterAccess(WireModel):
    """Where a cluster's API server is, as the cluster of a kubeconfig says it."""

    model_config = ConfigDict(alias_generator=_kubeconfig_name)

    tls_server_name: str | None = None
    """Name that the server's certificate must have; the host of the server when left out."""
    insecure_skip_tls_verify: bool | None = None
    """Whether the server's certificate is not checked. Makes the connection insecure."""
    certificate_authority_data: Annotated[str, _BYTES] | None = None
    """Certificates, as PEM in base64, that the server's certificate must come from."""
    disable_compression: bool | None = None
    """Whether answers are asked for uncompressed, to spare processor time where the network is quick."""


class ClusterAccessV1Alpha1(_ClusterAccess):
    """Where a cluster's API server is, as the cluster of a kubeconfig says it."""

    server: str
    """Address of the API server, as a URL."""
    certificate_authority: str | None = None
    """Path of a file with certificates; means nothing here, where no two readers have the same files."""
    proxy_url: str | None = None
    """Proxy to go through: an http, https or socks5 URL."""
    extensions: list[ClusterExtension] | None = None
    """More that consumers need, such as arguments of their plugins."""


class AccessProviderV1Alpha1(WireModel):
    """One way to reach the cluster."""

    name: str
    """Name of the way. A consumer's provider file says which plugin has credentials for it."""
    cluster: ClusterAccessV1Alpha1 | None = None
    """Where the API server is reached on this way."""


class ClusterManagerV1Alpha1(WireModel):
    """The manager of a profile."""

    model_config = ConfigDict(json_schema_extra=_IMMUTABLE)

    name: str
    """Name of the manager; also the value of the label x-k8s.io/cluster-manager."""


class ClusterProfileSpecV1Alpha1(WireModel):
    """Who manages the profile, and what people call the cluster."""

    display_name: str | None = None
    """What people call the cluster."""
    cluster_manager: ClusterManagerV1Alpha1
    """The manager that made this profile and keeps it. Cannot be changed."""


class ClusterVersion(WireModel):
    """Versions of what the cluster runs."""

    kubernetes: str | None = None
    """Version of the cluster's API server."""


class ClusterProfileProperty(WireModel):
    """One property of the cluster."""

    name: ProviderName
    """Name of the property."""
    value: Annotated[str, StringConstraints(min_length=1, max_length=MAX_PROPERTY_CHARS)]
    """Value of the property."""
    last_observed_time: Timestamp | None = None
    """When the property was last seen to be so in the cluster."""


class _ClusterProfileStatus(WireModel):
    """How the cluster is, and how it is reached."""

    conditions: Annotated[list[Condition], list_map("type")] | None = None
    """ControlPlaneHealthy: the API server and what belongs to it work. Joined: the manager manages it."""
    version: ClusterVersion | None = None
    """Versions of what the cluster runs."""
    properties: Annotated[list[ClusterProfileProperty], list_map("name")] | None = None
    """What the cluster says of itself in its ClusterProperties."""


class ClusterProfileStatusV1Alpha1(_ClusterProfileStatus):
    """How the cluster is, and how it is reached."""

    access_providers: Annotated[list[AccessProviderV1Alpha1], list_map("name")] | None = None
    """Ways to reach the cluster."""
    credential_providers: Annotated[list[AccessProviderV1Alpha1], list_map("name")] | None = None
    """Deprecated: what accessProviders was called. A way that both name is taken from accessProviders."""


class ClusterProfile(WireObject):
    """One cluster of an inventory, which is a namespace of profiles."""

    api_version: Literal["multicluster.x-k8s.io/v1alpha1"] = "multicluster.x-k8s.io/v1alpha1"
    kind: Literal["ClusterProfile"] = "ClusterProfile"
    spec: ClusterProfileSpecV1Alpha1
    """Who manages the profile, and what people call the cluster."""
    status: ClusterProfileStatusV1Alpha1 | None = None
    """How the cluster is, and how it is reached; written by the manager."""


class NamedExtension(ClusterExtension):
    """Something that consumers need beyond an address, such as arguments of their plugins."""

    name: ProviderName
    """Name of the extension."""


class ClusterAccess(_ClusterAccess):
    """Where a cluster's API server is, as the cluster of a kubeconfig says it."""

    server: Annotated[str, StringConstraints(max_length=2048), _SERVER]
    """Address of the API server, as a URL."""
    tls_server_name: Annotated[str, StringConstraints(max_length=253)] | None = None
    """Name that the server's certificate must have; the host of the server when left out."""
    proxy_url: Annotated[str, StringConstraints(max_length=2048), _PROXY] | None = None
    """Proxy to go through: an http, https or socks5 URL."""
    extensions: Annotated[list[NamedExtension], list_map("name")] | None = None
    """More that consumers need, such as arguments of their plugins."""


class AccessProvider(WireModel):
    """One way to reach the cluster."""

    name: ProviderName
    """Name of the way. A consumer's provider file says which plugin has credentials for it."""
    cluster: ClusterAccess
    """Where the API server is reached on this way."""


class ClusterManager(WireModel):
    """The manager of a profile."""

    model_config = ConfigDict(json_schema_extra=_IMMUTABLE)

    name: ManagerName
    """Name of the manager; also the value of the label x-k8s.io/cluster-manager."""


class ClusterProfileSpec(WireModel):
    """Who manages the profile, and what people call the cluster."""

    display_name: str | None = None
    """What people call the cluster."""
    cluster_manager: ClusterManager
    """The manager that made this profile and keeps it. Cannot be changed."""


class ClusterProfileStatus(_ClusterProfileStatus):
    """How the cluster is, and how it is reached."""

    access_providers: (
        Annotated[list[AccessProvider], Field(max_length=MAX_PROVIDERS), list_map("name")] | None
    ) = None
    """Ways to reach the cluster."""


class ClusterProfileV1Alpha2(WireObject):
    """One cluster of an inventory, which is a namespace of profiles."""

    api_version: Literal["multicluster.x-k8s.io/v1alpha2"] = "multicluster.x-k8s.io/v1alpha2"
    kind: Literal["ClusterProfile"] = "ClusterProfile"
    spec: ClusterProfileSpec
    """Who manages the profile, and what people call the cluster."""
    status: ClusterProfileStatus | None = None
    """How the cluster is, and how it is reached; written by the manager."""


class ControlPlaneReport(WireModel):
    """What the member found when it asked its own control plane."""

    status: Literal["True", "False", "Unknown"]
    """Whether all parts of the control plane that could be asked work."""
    reason: ReasonWord
    """CamelCase word for programs saying why."""
    message: OneLine | None = None
    """Explanation for people, on one line; may be empty."""
    observed_time: Timestamp
    """When the member found what is said here. Not renewed as long as it stays so."""


class ReportedProperty(WireModel):
    """A ClusterProperty of the member."""

    name: PropertyName
    """Name of the property."""
    value: Annotated[str, StringConstraints(min_length=1, max_length=MAX_PROPERTY_CHARS)]
    """Value of the property, as it is in the member."""
    last_observed_time: Timestamp
    """When the member saw this value. Not renewed as long as it stays so."""


class SkippedProperty(WireModel):
    """A ClusterProperty of the member that is not reported."""

    name: PropertyName
    """Name of the property."""
    reason: ReasonWord
    """CamelCase word for programs saying why."""


class MemberReportSpec(WireModel):
    """What the member says of its own cluster."""

    cluster_uid: PlainText | None = None
    """UID of the member's kube-system namespace. A report of another cluster, such as one that had the id
    before, does not count."""
    kubernetes_version: Annotated[str, StringConstraints(max_length=64, pattern=r"^[ -~]*$")] | None = None
    """Version of the member's API server."""
    control_plane: ControlPlaneReport | None = None
    """How the member's control plane is."""
    properties: (
        Annotated[list[ReportedProperty], Field(max_length=MAX_PROPERTIES), list_map("name")] | None
    ) = None
    """The member's ClusterProperties."""
    skipped_properties: (
        Annotated[list[SkippedProperty], Field(max_length=MAX_PROPERTIES), list_map("name")] | None
    ) = None
    """ClusterProperties that are not reported, such as those whose value is too long."""


class MemberReport(WireObject):
    """What a member says of its own cluster for the inventory. One in its namespace, written by it alone.
    Whether the member still looks is said by the heartbeat in its MemberCluster."""

    api_version: BrokerApiVersion = "broker.mcs-controller.io/v1alpha1"
    kind: Literal["MemberReport"] = "MemberReport"
    spec: MemberReportSpec
    """The report."""
