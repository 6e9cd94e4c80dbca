"""What a merged service must look like in an importing cluster: ServiceImport and derived Service.

Functions of the merge and of what the cluster itself decides: the uid of the import, the IPs that the
derived Service was given, the families that the cluster serves. The imported slices are in
`desired_slices.py` and offered here, too.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mcs_controller.api.names import (
    ANNOTATION_DERIVED_SERVICE,
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
]

NO_ENDPOINT_YET: Final = "no cluster has an endpoint yet: the clusterset IP comes with the first"


IDLE_SECONDS: Final = 3600.0
"""How long a clusterset IP is kept for an import that became headless: a type that flips back finds it."""


@dataclass(frozen=True, slots=True)
class ImportMetadata:
    """All labels and annotations of a ServiceImport of ours: what is not among them is removed."""

    labels: StringMap
    annotations: StringMap


@dataclass(frozen=True, slots=True)
class DesiredImport:
    """A ServiceImport as it must be."""

    service: ServiceKey
    spec: ImportSpec
    metadata: ImportMetadata


@dataclass(frozen=True, slots=True)
class DerivedService:
    """The Service behind a clusterset IP as it must be (MCS-IMP-18, MCS-IMP-19).

    `service` is its own name, `import_name` the ServiceImport's. With `dual_stack` the cluster may give an
    IP of each family; an empty `ip_families` leaves families and their order to the cluster. `cluster_ips`
    are asked for on creation, so that a lost Service comes back with the same IPs (MCS-LIFE-12). With
    `idle_since` it serves nobody and keeps its IPs only.
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
    """The winner's exported labels and annotations and our own marks, which win (MCS-IMP-16, MCS-IMP-17).

    `left_out` are the prefixes of keys that this cluster does not carry.
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

    IPs and families change together (MCS-IMP-09). An IP of a family that the exports do not have is not
    offered: nothing answers there (MCS-IMP-10). `families` are those that the cluster is known to serve, none
    if unknown. Until the IP is there no family is promised, unless none ever will be: then, and for
    Headless (whose addresses any client may reach, MCS-DNS-09), the import says what the service has.
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
    """Whether the ServiceImport has to be written."""
    return (
        not observed.readable
        or observed.spec != wanted.spec
        or observed.labels != wanted.metadata.labels
        or observed.annotations != wanted.metadata.annotations
    )


def derived_service(
    merged: MergedService,
    *,
    owner_uid: str,
    observed: LocalService | None = None,
    requested_ips: Sequence[str] = (),
) -> DerivedService | None:
    """The derived Service; None for Headless, which has none.

    `observed` is the one that exists, `requested_ips` are the import's recorded IPs when none does. An IP
    that exists is never given up, since its primary family cannot change and clients may hold it: the
    import only stops offering it (`import_spec`; traps 5 and 6).
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
    """The derived Service of an import that became headless: as it is, but for whose it is and since when."""
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
    """How long an idle derived Service is still kept, not above 0 when that is over; None if it is not idle.

    What names no time, or one to come, was not written by us or by a clock that went back since.
    """
    since_seconds = seconds_of_time(since)
    if since_seconds is None or since_seconds > now_seconds:
        return None
    return since_seconds + IDLE_SECONDS - now_seconds


def differs(observed: LocalService, wanted: DerivedService) -> bool:
    """Whether the derived Service has to be written: any of what we set is not as we want it."""
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
    """Whether the import has, or is to be given, a clusterset IP.

    An address that leads nowhere is not worth its place in the range that all Services of the cluster share,
    so that the first comes with the first endpoint, ready or not, in `slices` of the exporting clusters.
    What it has, `ips`, it keeps.
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
    observed_generation: int | None = None,
) -> tuple[Condition, ...]:
    """The conditions of the ServiceImport: Ready, and if not why not (MCS-IMP-14).

    `families` are those that the cluster is known to serve, `withdrawn` the clusters whose endpoints were
    taken out because nothing is heard of them, `waiting` says what a clusterset IP waits for, `error` what
    stands in the way of the import.
    """
    notes = [
        f"{family} is not served in this cluster"
        for family in merged.ip_families
        if (families and family not in families) or (spec.ips and family not in spec.ip_families)
    ]
    notes += [
        f"no heartbeat from cluster {cluster}: its endpoints are withdrawn" for cluster in sorted(withdrawn)
    ]
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
