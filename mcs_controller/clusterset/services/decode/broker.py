"""Decodes the broker's kinds. Other clusters write them, so the checks are strictest here.

The source cluster comes from the namespace, never from a field (MCS-RBAC-06). An object must have the name
that its content requires, so that a member cannot publish two records of one service. An exported label or
annotation that an API server would refuse is dropped, and the rest of the record is kept (MCS-IMP-17).
"""

from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.fields import (
    Json,
    affinity,
    an_object,
    bad,
    change_seconds,
    child,
    internal_traffic_policy,
    ip_families,
    required_label,
    required_name,
    service_ports,
    string_pairs,
    text,
    traffic_distribution,
)
from mcs_controller.clusterset.membership.limits import ADDRESSES_PER_ENDPOINT_MAX
from mcs_controller.clusterset.membership.member import check_name, source_cluster
from mcs_controller.clusterset.model import (
    ExportRecord,
    ImportType,
    ServiceKey,
    SourceSlice,
)
from mcs_controller.clusterset.services.decode.slices import slice_content
from mcs_controller.clusterset.services.exported_content import published_content
from mcs_controller.clusterset.services.metadata import exportable_annotations, exportable_labels
from mcs_controller.clusterset.services.naming import exported_service_name, exported_slice_name
from mcs_controller.clusterset.syntax import seconds_of_time


def _service_key(spec: Json) -> ServiceKey:
    return ServiceKey(required_label(spec, "serviceNamespace"), required_label(spec, "serviceName"))


def exported_service(raw: Json) -> ExportRecord:
    """A member's export of one service."""
    metadata = child(an_object(raw, "object"), "metadata")
    spec = child(raw, "spec")
    cluster = source_cluster(metadata)
    key = _service_key(spec)
    check_name(metadata, exported_service_name(key))
    kind: ImportType
    match spec.get("type"):
        case "ClusterSetIP":
            kind = "ClusterSetIP"
        case "Headless":
            kind = "Headless"
        case other:
            raise bad("type", other, "ClusterSetIP or Headless")
    ports = service_ports(spec)
    if kind == "ClusterSetIP" and not ports:
        raise MalformedObject("a service with a clusterset IP has no ports")
    families = ip_families(spec)
    if not families:
        raise MalformedObject("ipFamilies is empty")
    return ExportRecord(
        cluster=cluster,
        service=key,
        exported_at=_whole_second(text(spec, "exportedAt")),
        type=kind,
        ports=ports,
        affinity=affinity(spec),
        internal_traffic_policy=internal_traffic_policy(spec),
        traffic_distribution=traffic_distribution(spec),
        ip_families=families,
        labels=exportable_labels(string_pairs(spec, "exportedLabels")),
        annotations=exportable_annotations(string_pairs(spec, "exportedAnnotations")),
        changed_at_seconds=change_seconds(spec, "changedAt"),
        withdrawn=spec.get("withdrawn") is True,
    )


def _whole_second(value: str) -> str:
    """The time, which must be written so that it compares as text (MCS-CON-01)."""
    if len(value) != len("2026-01-01T00:00:00Z") or seconds_of_time(value) is None:
        raise bad("exportedAt", value, "a time in UTC with whole seconds")
    return value


def exported_slice(raw: Json) -> SourceSlice:
    """A member's slice of an exported service. Nodes of other clusters mean nothing here (MCS-EPS-11)."""
    metadata = child(an_object(raw, "object"), "metadata")
    spec = child(raw, "spec")
    cluster = source_cluster(metadata)
    key = _service_key(spec)
    slice_name = required_name(spec, "sliceName")
    check_name(metadata, exported_slice_name(key.namespace, slice_name))
    content = published_content(slice_content(spec, ADDRESSES_PER_ENDPOINT_MAX))
    return SourceSlice(cluster, key, slice_name, content, change_seconds(spec, "changedAt"))
