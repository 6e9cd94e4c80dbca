"""The values that the rules work on: slim, frozen, and the same for every source.

Nothing here knows JSON: `services/decode` makes these values from objects on the wire, and
`services/encode.py` makes objects from wanted values. Every field has a reader in the rules; a field without
one does not belong here, since stores hold many of these values. Optional texts that the API may leave out
are `""` or `None`, as each field says. Lists are tuples and maps are sorted tuples of pairs, so that equal
content compares equal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

AddressFamily = Literal["IPv4", "IPv6"]
ImportType = Literal["ClusterSetIP", "Headless"]
ConditionStatus = Literal["True", "False", "Unknown"]
MAX_PORTS: Final = 100
"""Of an export, as in the broker's schema; and of a union, so that each cluster can hold it."""

StringMap = tuple[tuple[str, str], ...]
"""A map of strings as pairs sorted by key."""


class ServiceKey(NamedTuple):
    """Namespace and name of a service, the same in every cluster of the clusterset (MCS-NS-01)."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class ServicePort:
    """A port as a Service declares it; `protocol` is filled, `app_protocol` is None when absent."""

    port: int
    name: str = ""
    protocol: str = "TCP"
    app_protocol: str | None = None


@dataclass(frozen=True, slots=True)
class SlicePort:
    """A port as an EndpointSlice holds it: `port` is the number that the endpoint listens on."""

    port: int
    name: str = ""
    protocol: str = "TCP"
    app_protocol: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint of a slice. A condition that the slice left out is None (ready=None counts as ready).

    `node_name` is kept only inside the cluster that the endpoint lives in; `hint_zones` only on slices
    that we write.
    """

    addresses: tuple[str, ...]
    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None
    hostname: str = ""
    zone: str = ""
    node_name: str = ""
    hint_zones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SliceContent:
    """The content of a slice in any place. `address_type` is IPv4 or IPv6 (FQDN is never kept)."""

    address_type: AddressFamily
    ports: tuple[SlicePort, ...]
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class SourceSlice:
    """A slice of an exported service, as in its own cluster.

    `name` is the slice's name in its own cluster. `changed_at_seconds` is the exporter's wall clock
    (seconds since the epoch) when it saw this content, 0.0 if unknown; it takes no part in equality.
    """

    cluster: str
    service: ServiceKey
    name: str
    content: SliceContent
    changed_at_seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class AffinityConfig:
    """Session affinity with its time-out; `timeout_seconds` is None unless affinity is ClientIP."""

    affinity: str = "None"
    timeout_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class ExportRecord:
    """All that merging needs to know of one cluster's export of one service.

    `exported_at` is the ServiceExport's own creationTimestamp (RFC 3339 in UTC, whole seconds: compares as
    text), MCS-CON-02. Values are normalised (MCS-CON-13). `withdrawn`: the cluster has withdrawn the export
    and will delete the record, which is no export any more.
    """

    cluster: str
    service: ServiceKey
    exported_at: str
    type: ImportType
    ports: tuple[ServicePort, ...]
    affinity: AffinityConfig = AffinityConfig()
    internal_traffic_policy: str = "Cluster"
    traffic_distribution: str | None = None
    ip_families: tuple[AddressFamily, ...] = ("IPv4",)
    labels: StringMap = ()
    annotations: StringMap = ()
    changed_at_seconds: float = field(default=0.0, compare=False)
    withdrawn: bool = False

    @property
    def readable(self) -> bool:
        """False for a record of ours that somebody made unreadable on the broker: it has no age then."""
        return self.exported_at != ""


@dataclass(frozen=True, slots=True)
class Condition:
    """A metav1.Condition; `last_transition_at` is RFC 3339 text, "" in a wanted condition."""

    type: str
    status: ConditionStatus
    reason: str
    message: str = ""
    observed_generation: int | None = None
    last_transition_at: str = ""


@dataclass(frozen=True, slots=True)
class LocalExport:
    """A ServiceExport of this cluster."""

    service: ServiceKey
    uid: str
    generation: int
    created_at: str
    labels: StringMap = ()
    annotations: StringMap = ()
    conditions: tuple[Condition, ...] = ()
    deleting: bool = False


@dataclass(frozen=True, slots=True)
class LocalService:
    """A Service of this cluster: an exported one, or a derived Service of ours (`managed`).

    `import_name` is the name of the ServiceImport that a derived Service of ours serves, else "".
    `idle_since` is when its import became headless, as the Service records it; "" while it serves one.
    `unreadable` says which part of it cannot be read, "" if all can. If a part cannot, ports, affinity,
    policies, families and owner hold no Service's values. `labels` are read only for policies that ask for
    them (`with_labels`).
    """

    service: ServiceKey
    uid: str
    type: str
    headless: bool
    ports: tuple[ServicePort, ...]
    affinity: AffinityConfig
    internal_traffic_policy: str
    traffic_distribution: str | None
    ip_families: tuple[AddressFamily, ...]
    cluster_ips: tuple[str, ...] = ()
    managed: bool = False
    import_name: str = ""
    owner_uid: str = ""
    has_selector: bool = False
    deleting: bool = False
    ip_family_policy: str = ""
    unreadable: str = ""
    idle_since: str = ""
    labels: StringMap = ()


@dataclass(frozen=True, slots=True)
class Conflict:
    """One disputed field: `reason` is the condition reason (MCS-CON-05), `message` its text (MCS-CON-04)."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class MergedService:
    """The merge of one service's exports: a pure function of the set of its records.

    `clusters` are all exporting clusters, sorted. `winner` is the cluster whose value is used where a field
    can have only one. `conflicts` is in the order of MCS-CON-05. `owners` are the exporting clusters that own
    the name, sorted: if there are any, only their exports decide these values.
    """

    service: ServiceKey
    type: ImportType
    ports: tuple[ServicePort, ...]
    affinity: AffinityConfig
    internal_traffic_policy: str
    traffic_distribution: str | None
    ip_families: tuple[AddressFamily, ...]
    labels: StringMap
    annotations: StringMap
    clusters: tuple[str, ...]
    winner: str
    conflicts: tuple[Conflict, ...] = ()
    owners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportSpec:
    """The spec of a ServiceImport; `ips` and `ip_families` have the same length when `ips` is not empty."""

    type: ImportType
    ports: tuple[ServicePort, ...]
    ips: tuple[str, ...] = ()
    ip_families: tuple[AddressFamily, ...] = ()
    affinity: AffinityConfig = AffinityConfig()
    internal_traffic_policy: str | None = None
    traffic_distribution: str | None = None


@dataclass(frozen=True, slots=True)
class LocalImport:
    """A ServiceImport of this cluster. `managed`: it has our label; one without it is left alone.

    `clusters` is `status.clusters`; `slice_objects` is `status.endpointSliceObjects`, "" when absent.
    `readable` is False if the ports are not valid for a service and were left out of `spec`.
    """

    service: ServiceKey
    uid: str
    generation: int
    spec: ImportSpec
    labels: StringMap = ()
    annotations: StringMap = ()
    clusters: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    slice_objects: str = ""
    managed: bool = False
    deleting: bool = False
    readable: bool = True


@dataclass(frozen=True, slots=True)
class ImportedSlice:
    """An imported EndpointSlice, wanted or observed, in the importing cluster (MCS-EPS-01..13).

    `derived_service` is the value of `kubernetes.io/service-name`, "" for Headless. `owner_uid` is the uid
    of the ServiceImport that owns the slice. `changed_at_seconds` is that of the source slice when the
    content was written, 0.0 if unknown; it takes no part in equality.
    """

    service: ServiceKey
    name: str
    source_cluster: str
    content: SliceContent
    derived_service: str = ""
    owner_uid: str = ""
    changed_at_seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Statement:
    """A member's statement of its exports: how many, and a digest of the names (`membership/statement.py`).

    `at` is a time that compares as text.
    """

    at: str
    services: int
    endpoint_slices: int
    digest: str


@dataclass(frozen=True, slots=True)
class Member:
    """A cluster of the clusterset as the broker knows it. The id comes from the namespace, never the payload.

    `heartbeat` is an opaque text that changes when the member renews it; readers compare it and never parse
    it. Empty `allowed_cidrs` or `allowed_namespaces` means no restriction. `release` is the administrator's
    word that what the member withdraws, or its silence, is no fault, "" without one
    (`membership/release.py`). `limits` are the fields of `limits.Limits` that the administrator set for it.
    `owns` are the namespaces and names (`namespace/name`) that belong to it. `exported` is the member's last
    statement, None if its MemberCluster has none yet. `object_uid` is the UID of that MemberCluster.
    `leaving` is the time since which it is leaving, "" if it is not. `let_go` says which members that are
    leaving it has let go of, with the times that it answers; None if it does not say
    (`membership/farewell.py`). `region` and `zone` say where it lies, "" if the administrator did not, and
    `clusterset` the name of the clusterset, "" likewise.
    """

    cluster: str
    cluster_uid: str = ""
    version: str = ""
    heartbeat: str = ""
    allowed_cidrs: tuple[str, ...] = ()
    allowed_namespaces: tuple[str, ...] = ()
    release: str = ""
    limits: tuple[tuple[str, int], ...] = ()
    owns: frozenset[str] = frozenset()
    exported: Statement | None = None
    object_uid: str = ""
    leaving: str = ""
    let_go: Mapping[str, str] | None = None
    region: str = ""
    zone: str = ""
    clusterset: str = ""
