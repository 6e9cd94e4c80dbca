"""The wanted ServiceImport and derived Service of a merged service in an importing cluster.

Functions of the merge and of what the cluster itself decides: the uid of the import, the IPs allocated to the
derived Service, the families that the cluster serves. The wanted imported slices are in `desired_slices.py`,
and exported here, too.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mcs_controller.api.names import (
    ANNOTATION_DERIVED_SERVICE,
    ANNOTATION_WITHDRAWN,
    LABEL_MANAGED_BY,
    MANAGED_BY,
)
from mcs_controller.clusterset.conditions import MAX_MESSAGE_CHARS
from mcs_controller.clusterset.errors import cut
from mcs_controller.clusterset.model import (
    AddressFamily,
    AffinityConfig,
    Condition,
    ConditionStatus,
    ImportSpec,
    LocalImport,
    LocalService,
    MergedService,
    ServiceKey,
    ServicePort,
    SourceSlice,
    StringMap,
)
from mcs_controller.clusterset.services.desired_slices import imported_slices, with_ports_in_use
from mcs_controller.clusterset.services.families import servable
from mcs_controller.clusterset.services.metadata import without
from mcs_controller.clusterset.services.naming import derived_service_name
from mcs_controller.clusterset.services.ports import derived_ports, ports_given_up
from mcs_controller.clusterset.syntax import family_of, seconds_of_time, string_map

__all__ = [
    "DerivedService",
    "DesiredImport",
    "ImportMetadata",
    "derived_ports",
    "derived_service",
    "differs",
    "idle_seconds_left",
    "idle_service",
    "import_conditions",
    "import_differs",
    "import_metadata",
    "import_spec",
    "imported_slices",
    "ports_given_up",
    "wants_clusterset_ip",
    "with_ports_in_use",
    "withdrawn_import",
]

NO_ENDPOINT_YET: Final = "no cluster has an endpoint yet: the clusterset IP comes with the first"

_NO_HEARTBEAT: Final = (
    "no heartbeat from cluster {}: its endpoints are withdrawn until its agent is heard again"
)
_named_without_heartbeat = re.compile(_NO_HEARTBEAT.format("([-a-z0-9]+)")).findall

IDLE_SECONDS: Final = 3600.0
"""How long the clusterset IP of an import that became headless is retained, in case the type changes back."""


@dataclass(frozen=True, slots=True)
class ImportMetadata:
    """All labels and annotations of a ServiceImport of ours. Others are removed."""

    labels: StringMap
    annotations: StringMap


@dataclass(frozen=True, slots=True)
class DesiredImport:
    """A wanted ServiceImport."""

    service: ServiceKey
    spec: ImportSpec
    metadata: ImportMetadata


@dataclass(frozen=True, slots=True)
class DerivedService:
    """The wanted Service behind a clusterset IP (MCS-IMP-18, MCS-IMP-19).

    `service` is its own name, `import_name` the ServiceImport's. With `dual_stack` the cluster may allocate
    an IP of each family. If `ip_families` is empty, the cluster decides the families and their order.
    `cluster_ips` are requested on creation, so that a lost Service gets the same IPs again (MCS-LIFE-12).
    With `idle_since` the Service has no users and only retains its IPs.
    """

    service: ServiceKey
    import_name: str
    owner_uid: str
    ports: tuple[ServicePort, ...]
    affinity: AffinityConfig
    internal_traffic_policy: str
    traffic_distribution: str | None
    dual_stack: bool
    ip_families: tuple[AddressFamily, ...] = ()
    cluster_ips: tuple[str, ...] = ()
    idle_since: str = ""


def import_metadata(merged: MergedService, left_out: Sequence[str] = ()) -> ImportMetadata:
    """The winner's exported labels and annotations, overridden by our own (MCS-IMP-16, MCS-IMP-17).

    `left_out` are the prefixes of keys that this cluster leaves out.
    """
    labels = dict(without(merged.labels, left_out))
    labels[LABEL_MANAGED_BY] = MANAGED_BY
    annotations = dict(without(merged.annotations, left_out))
    if merged.type == "ClusterSetIP":
        annotations[ANNOTATION_DERIVED_SERVICE] = derived_service_name(merged.service)
    return ImportMetadata(string_map(labels), string_map(annotations))


def import_spec(
    merged: MergedService, ips: Sequence[str] = (), families: Sequence[AddressFamily] = ()
) -> ImportSpec:
    """The spec of the ServiceImport, given the derived Service's cluster IPs and the cluster's families.

    IPs and families change together (MCS-IMP-09). An IP of a family that the exports do not have is left out:
    nothing answers there (MCS-IMP-10). `families` are those that the cluster is known to serve, empty if
    unknown. While the import waits for its IP, it names no family. If it will never get one, and for Headless
    (whose addresses any client may reach, MCS-DNS-09), it names the families of the service.
    """
    offered: tuple[str, ...] = ()
    ip_families = merged.ip_families
    if merged.type == "ClusterSetIP":
        offered = tuple(ip for ip in ips if family_of(ip) in merged.ip_families)
        if offered:
            ip_families = tuple(family_of(ip) for ip in offered)
        elif servable(merged.ip_families, families):
            ip_families = ()
    return ImportSpec(
        type=merged.type,
        ports=merged.ports,
        ips=offered,
        ip_families=ip_families,
        affinity=merged.affinity,
        internal_traffic_policy=merged.internal_traffic_policy,
        traffic_distribution=merged.traffic_distribution,
    )


def import_differs(observed: LocalImport, wanted: DesiredImport) -> bool:
    """Whether the ServiceImport must be written."""
    return (
        not observed.readable
        or observed.spec != wanted.spec
        or observed.labels != wanted.metadata.labels
        or observed.annotations != wanted.metadata.annotations
    )


def withdrawn_import(observed: LocalImport) -> DesiredImport:
    """The ServiceImport as it is, marked as withdrawn.

    The mark gives it a new version, which the deletion names. If the deletion is carried out late, and
    another agent found the service exported by then, that agent has removed the mark, and the deletion fails.
    """
    annotations = dict(observed.annotations) | {ANNOTATION_WITHDRAWN: "true"}
    metadata = ImportMetadata(observed.labels, string_map(annotations))
    return DesiredImport(observed.service, observed.spec, metadata)


def derived_service(
    merged: MergedService,
    *,
    owner_uid: str,
    observed: LocalService | None = None,
    requested_ips: Sequence[str] = (),
) -> DerivedService | None:
    """The wanted derived Service; None for Headless, which has none.

    `observed` is the existing one. `requested_ips` are the IPs that the import recorded, used if no derived
    Service exists. An allocated IP is kept even when the exports no longer have its family: a Service's
    primary family cannot change, and clients may use the IP. The import only stops listing it
    (`import_spec`).
    """
    if merged.type == "Headless":
        return None
    if observed is not None:
        families = observed.ip_families
        needed = {*merged.ip_families, *families}
        dual_stack = len(needed) > 1
        cluster_ips: tuple[str, ...] = ()
    else:
        cluster_ips = tuple(requested_ips)
        families = tuple(map(family_of, cluster_ips))
        dual_stack = len({*merged.ip_families, *families}) > 1
        if not families and not dual_stack:
            families = merged.ip_families
    return DerivedService(
        service=ServiceKey(merged.service.namespace, derived_service_name(merged.service)),
        import_name=merged.service.name,
        owner_uid=owner_uid,
        ports=derived_ports(merged.ports),
        affinity=merged.affinity,
        internal_traffic_policy=merged.internal_traffic_policy,
        traffic_distribution=merged.traffic_distribution,
        dual_stack=dual_stack,
        ip_families=families,
        cluster_ips=cluster_ips,
    )


def idle_service(observed: LocalService, *, owner_uid: str, since: str) -> DerivedService:
    """The derived Service of an import that became headless: unchanged but for its owner and `idle_since`."""
    return DerivedService(
        service=observed.service,
        import_name=observed.import_name,
        owner_uid=owner_uid,
        ports=observed.ports,
        affinity=observed.affinity,
        internal_traffic_policy=observed.internal_traffic_policy,
        traffic_distribution=observed.traffic_distribution,
        dual_stack=observed.ip_family_policy != "SingleStack",
        ip_families=observed.ip_families,
        idle_since=since,
    )


def idle_seconds_left(since: str, now_seconds: float) -> float | None:
    """For how many seconds an idle derived Service is still kept, 0 or less if no longer; None if not idle.

    Also None if `since` is no time, or a time in the future: then somebody else wrote it, or the clock was
    set back.
    """
    since_seconds = seconds_of_time(since)
    if since_seconds is None or since_seconds > now_seconds:
        return None
    return since_seconds + IDLE_SECONDS - now_seconds


def differs(observed: LocalService, wanted: DerivedService) -> bool:
    """Whether the derived Service must be written: a field that we set differs from the wanted value."""
    return (
        observed.unreadable != ""
        or observed.type != "ClusterIP"
        or observed.has_selector
        or not observed.managed
        or observed.idle_since != wanted.idle_since
        or observed.owner_uid != wanted.owner_uid
        or observed.import_name != wanted.import_name
        or frozenset(observed.ports) != frozenset(wanted.ports)
        or observed.affinity != wanted.affinity
        or observed.internal_traffic_policy != wanted.internal_traffic_policy
        or observed.traffic_distribution != wanted.traffic_distribution
        or (wanted.dual_stack and observed.ip_family_policy == "SingleStack")
    )


def wants_clusterset_ip(
    merged: MergedService, slices: Iterable[SourceSlice], ips: Collection[str] = ()
) -> bool:
    """Whether the import has a clusterset IP, or needs one to be allocated.

    All Services of the cluster share one range of IPs, so an import without endpoints gets none. The IP is
    allocated with the first endpoint, ready or not, in `slices` of the exporting clusters. An import that
    has `ips` keeps them.
    """
    if merged.type == "Headless":
        return False
    return bool(ips) or any(slice_.content.endpoints for slice_ in slices)


def import_conditions(
    merged: MergedService,
    spec: ImportSpec,
    *,
    families: Sequence[AddressFamily] = (),
    withdrawn: Collection[str] = (),
    waiting: str = "",
    error: str = "",
    note: str = "",
    observed_generation: int | None = None,
) -> tuple[Condition, ...]:
    """The conditions of the ServiceImport: Ready, or the reason why it is not (MCS-IMP-14).

    `families` are those that the cluster is known to serve. `withdrawn` are the clusters whose endpoints are
    withdrawn because they send no heartbeats. `waiting` says what the clusterset IP waits for. `error` says
    what prevents the import. `note` is said beside all else.
    """
    notes = [note] if note else []
    notes += [
        f"{family} is not served in this cluster, so no client here reaches endpoints that have only {family}"
        for family in merged.ip_families
        if (families and family not in families) or (spec.ips and family not in spec.ip_families)
    ]
    notes += [_NO_HEARTBEAT.format(cluster) for cluster in sorted(withdrawn)]
    message = cut("; ".join(notes), MAX_MESSAGE_CHARS)

    def ready(status: ConditionStatus, reason: str, text: str) -> tuple[Condition, ...]:
        return (Condition("Ready", status, reason, text, observed_generation),)

    if error:
        return ready("False", "Pending", cut(error, MAX_MESSAGE_CHARS))
    if not servable(merged.ip_families, families):
        return ready("False", "IPFamilyNotSupported", message)
    if merged.type == "ClusterSetIP" and not spec.ips:
        return ready("False", "Pending", waiting or "waiting for the clusterset IP")
    return ready("True", "Ready", message)


def withdrawn_by_conditions(conditions: Iterable[Condition]) -> frozenset[str]:
    """The clusters of which `import_conditions` said that their endpoints are withdrawn."""
    return frozenset(
        cluster
        for one in conditions
        if one.type == "Ready"
        for cluster in _named_without_heartbeat(one.message)
    )
