"""The objects of the local cluster: ServiceExport, Service, ServiceImport, Namespace, conditions.

The API server has validated them. But the schema of a ServiceImport allows almost any text. An import of ours
that somebody edited must be read, or it would never be corrected: its invalid parts are read as absent, in a
way that no wanted import equals.
"""

from dataclasses import replace
from typing import Final, NamedTuple, cast

from mcs_controller.api.names import (
    ANNOTATION_IDLE_SINCE,
    LABEL_MANAGED_BY,
    LABEL_SERVICE_NAME,
    MANAGED_BY,
)
from mcs_controller.clusterset.conditions import decode_conditions
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.fields import (
    FAMILIES,
    Json,
    affinity,
    an_object,
    child,
    integer,
    internal_traffic_policy,
    ip_families,
    items,
    local_key,
    service_ports,
    string_pairs,
    text,
    texts,
    traffic_distribution,
)
from mcs_controller.clusterset.model import (
    AddressFamily,
    AffinityConfig,
    ImportSpec,
    LocalExport,
    LocalImport,
    LocalService,
    ServicePort,
)
from mcs_controller.clusterset.services.decode.owner import import_owner_uid
from mcs_controller.clusterset.syntax import family_of, parse_ip

_MAX_CLUSTERS: Final = 10_000
_MAX_IMPORT_PORTS: Final = 1000


def service_export(raw: Json) -> LocalExport:
    """A ServiceExport of this cluster."""
    metadata = child(an_object(raw, "object"), "metadata")
    spec = child(raw, "spec")
    return LocalExport(
        service=local_key(metadata),
        uid=text(metadata, "uid"),
        generation=integer(metadata, "generation") or 0,
        created_at=text(metadata, "creationTimestamp"),
        labels=string_pairs(spec, "exportedLabels"),
        annotations=string_pairs(spec, "exportedAnnotations"),
        conditions=decode_conditions(child(raw, "status").get("conditions")),
        deleting=metadata.get("deletionTimestamp") is not None,
    )


def service(raw: Json) -> LocalService:
    """A Service of this cluster.

    A Service that the API server accepted but our values cannot hold is marked `unreadable`. So its
    ServiceExport can report the reason, and a derived Service is corrected and keeps its IPs.
    """
    metadata = child(an_object(raw, "object"), "metadata")
    labels = child(metadata, "labels")
    spec = child(raw, "spec")
    cluster_ip = text(spec, "clusterIP")
    cluster_ips = texts(spec, "clusterIPs", 2) or ((cluster_ip,) if cluster_ip else ())
    headless = cluster_ip == "None"
    if headless:
        cluster_ips = ()
    managed = labels.get(LABEL_MANAGED_BY) == MANAGED_BY
    unreadable = ""
    try:
        offer = _offer(spec, metadata)
    except MalformedObject as error:
        unreadable, offer = str(error), _NO_OFFER
    ports, affinity_config, traffic_policy, distribution, families, owner_uid = offer
    return LocalService(
        service=local_key(metadata),
        uid=text(metadata, "uid"),
        type=text(spec, "type") or "ClusterIP",
        headless=headless,
        ports=ports,
        affinity=affinity_config,
        internal_traffic_policy=traffic_policy,
        traffic_distribution=distribution,
        ip_families=families or tuple(dict.fromkeys(map(family_of, cluster_ips))),
        cluster_ips=cluster_ips,
        managed=managed,
        import_name=text(labels, LABEL_SERVICE_NAME) if managed else "",
        owner_uid=owner_uid,
        has_selector=bool(child(spec, "selector")),
        deleting=metadata.get("deletionTimestamp") is not None,
        ip_family_policy=text(spec, "ipFamilyPolicy"),
        unreadable=unreadable,
        idle_since=text(child(metadata, "annotations"), ANNOTATION_IDLE_SINCE) if managed else "",
    )


def with_labels(service: LocalService, raw: Json) -> LocalService:
    """A Service that was read from `raw`, with its labels. Raises `MalformedObject`."""
    return replace(service, labels=string_pairs(child(raw, "metadata"), "labels"))


class _Offer(NamedTuple):
    """The parts of a Service that may not fit our values."""

    ports: tuple[ServicePort, ...] = ()
    affinity: AffinityConfig = AffinityConfig()
    internal_traffic_policy: str = ""
    traffic_distribution: str | None = None
    ip_families: tuple[AddressFamily, ...] = ()
    owner_uid: str = ""


_NO_OFFER: Final = _Offer()


def _offer(spec: Json, metadata: Json) -> _Offer:
    return _Offer(
        service_ports(spec),
        affinity(spec),
        internal_traffic_policy(spec),
        traffic_distribution(spec),
        ip_families(spec),
        import_owner_uid(metadata),
    )


def service_import(raw: Json) -> LocalImport:
    """A ServiceImport of this cluster, from any writer."""
    metadata = child(an_object(raw, "object"), "metadata")
    labels = string_pairs(metadata, "labels")
    status = child(raw, "status")
    clusters = items(status, "clusters", _MAX_CLUSTERS)
    spec = child(raw, "spec")
    ports = _import_ports(spec)
    return LocalImport(
        service=local_key(metadata),
        uid=text(metadata, "uid"),
        generation=integer(metadata, "generation") or 0,
        spec=_import_spec(spec, ports or ()),
        labels=labels,
        annotations=string_pairs(metadata, "annotations"),
        clusters=tuple(text(an_object(item, "clusters"), "cluster") for item in clusters),
        conditions=decode_conditions(status.get("conditions")),
        slice_objects=text(status, "endpointSliceObjects"),
        managed=(LABEL_MANAGED_BY, MANAGED_BY) in labels,
        deleting=metadata.get("deletionTimestamp") is not None,
        readable=ports is not None,
    )


def _import_spec(spec: Json, ports: tuple[ServicePort, ...]) -> ImportSpec:
    ips, families = _import_ips(spec)
    return ImportSpec(
        type="Headless" if text(spec, "type") == "Headless" else "ClusterSetIP",
        ports=ports,
        ips=ips,
        ip_families=families,
        affinity=_import_affinity(spec),
        internal_traffic_policy=text(spec, "internalTrafficPolicy") or None,
        traffic_distribution=text(spec, "trafficDistribution") or None,
    )


def _import_ips(spec: Json) -> tuple[tuple[str, ...], tuple[AddressFamily, ...]]:
    ips = texts(spec, "ips", 2)
    families = texts(spec, "ipFamilies", 2)
    valid_ips = tuple(ip for ip in ips if parse_ip(ip) is not None)
    if len(valid_ips) != len(ips) or not FAMILIES.issuperset(families):
        return valid_ips, ()
    return ips, cast(tuple[AddressFamily, ...], families)


def _import_ports(spec: Json) -> tuple[ServicePort, ...] | None:
    """None if they are not valid for a service. Another writer may have had a higher limit than we have."""
    try:
        return service_ports(spec, _MAX_IMPORT_PORTS)
    except MalformedObject:
        return None


def _import_affinity(spec: Json) -> AffinityConfig:
    kind = text(spec, "sessionAffinity")
    if kind in ("", "None"):
        return AffinityConfig()
    config = child(child(spec, "sessionAffinityConfig"), "clientIP")
    return AffinityConfig(kind, integer(config, "timeoutSeconds"))
