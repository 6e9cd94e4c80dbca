"""From wanted values to the JSON of Kubernetes objects.

Bodies are complete except for `resourceVersion`, which the writer adds. Absent texts are left out; lists that
a schema requires are sent even when empty. Decoding a body with `decode` gives the value that it was made
from.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mcs_controller.api.names import (
    ANNOTATION_IDLE_SINCE,
    ANNOTATION_SOURCE_CHANGED_AT,
    LABEL_KUBERNETES_SERVICE_NAME,
    LABEL_MANAGED_BY,
    LABEL_SERVICE_NAME,
    LABEL_SLICE_MANAGED_BY,
    LABEL_SOURCE_CLUSTER,
    MANAGED_BY,
)
from mcs_controller.api.resources import (
    ENDPOINT_SLICES,
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    SERVICES,
    Resource,
    service_imports,
)
from mcs_controller.clusterset.identity import member_namespace
from mcs_controller.clusterset.model import (
    AffinityConfig,
    Endpoint,
    ExportRecord,
    ImportedSlice,
    ServicePort,
    SlicePort,
    SourceSlice,
)
from mcs_controller.clusterset.services.desired import DerivedService, DesiredImport
from mcs_controller.clusterset.services.exported_content import published_content
from mcs_controller.clusterset.services.naming import exported_service_name, exported_slice_name
from mcs_controller.clusterset.syntax import micro_time

Body = dict[str, Any]

_IMPORT_API_VERSION: Final = service_imports().api_version


def _object(resource: Resource, namespace: str, name: str, **metadata: Any) -> Body:
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"name": name, "namespace": namespace, **metadata},
    }


def exported_service(record: ExportRecord, changed_at_seconds: float = 0.0) -> Body:
    """The ExportedService; `changed_at_seconds` since the epoch, 0.0 to leave it out."""
    body = _object(EXPORTED_SERVICES, member_namespace(record.cluster), exported_service_name(record.service))
    body["spec"] = _present(
        serviceNamespace=record.service.namespace,
        serviceName=record.service.name,
        exportedAt=record.exported_at,
        changedAt=micro_time(changed_at_seconds) if changed_at_seconds else None,
        withdrawn=True if record.withdrawn else None,
        type=record.type,
        ports=_ports(record.ports),
        **_affinity(record.affinity),
        internalTrafficPolicy=record.internal_traffic_policy,
        trafficDistribution=record.traffic_distribution,
        ipFamilies=list(record.ip_families),
        exportedLabels=dict(record.labels),
        exportedAnnotations=dict(record.annotations),
    )
    return body


def exported_slice(slice_: SourceSlice, changed_at_seconds: float = 0.0) -> Body:
    """The ExportedEndpointSlice; `changed_at_seconds` since the epoch, 0.0 to leave it out."""
    key = slice_.service
    body = _object(
        EXPORTED_ENDPOINT_SLICES,
        member_namespace(slice_.cluster),
        exported_slice_name(key.namespace, slice_.name),
    )
    body["spec"] = _present(
        serviceNamespace=key.namespace,
        serviceName=key.name,
        sliceName=slice_.name,
        changedAt=micro_time(changed_at_seconds) if changed_at_seconds else None,
        addressType=slice_.content.address_type,
        ports=_ports(slice_.content.ports),
        endpoints=[_endpoint(endpoint) for endpoint in published_content(slice_.content).endpoints],
    )
    return body


def service_import(desired: DesiredImport, api_version: str = _IMPORT_API_VERSION) -> Body:
    """The ServiceImport without its status. `api_version` is the one that the cluster serves."""
    spec = desired.spec
    return {
        "apiVersion": api_version,
        "kind": "ServiceImport",
        "metadata": {
            "name": desired.service.name,
            "namespace": desired.service.namespace,
            "labels": dict(desired.metadata.labels),
            "annotations": dict(desired.metadata.annotations),
        },
        "spec": _present(
            type=spec.type,
            ports=_ports(spec.ports),
            ips=list(spec.ips) or None,
            ipFamilies=list(spec.ip_families) or None,
            **_affinity(spec.affinity),
            internalTrafficPolicy=spec.internal_traffic_policy,
            trafficDistribution=spec.traffic_distribution,
        ),
    }


def derived_service(wanted: DerivedService, api_version: str = _IMPORT_API_VERSION) -> Body:
    """The derived Service. `api_version` is the one that the owning ServiceImport is served in."""
    body = _object(
        SERVICES,
        *wanted.service,
        labels={LABEL_MANAGED_BY: MANAGED_BY, LABEL_SERVICE_NAME: wanted.import_name},
        ownerReferences=[_owner(wanted.import_name, wanted.owner_uid, api_version)],
    )
    if wanted.idle_since:
        body["metadata"]["annotations"] = {ANNOTATION_IDLE_SINCE: wanted.idle_since}
    body["spec"] = _present(
        type="ClusterIP",
        ports=_ports(wanted.ports),
        **_affinity(wanted.affinity),
        internalTrafficPolicy=wanted.internal_traffic_policy,
        trafficDistribution=wanted.traffic_distribution,
        ipFamilyPolicy="PreferDualStack" if wanted.dual_stack else "SingleStack",
        ipFamilies=list(wanted.ip_families) or None,
        clusterIP=wanted.cluster_ips[0] if wanted.cluster_ips else None,
        clusterIPs=list(wanted.cluster_ips) or None,
    )
    return body


def imported_slice(slice_: ImportedSlice, api_version: str = _IMPORT_API_VERSION) -> Body:
    """The imported EndpointSlice. `api_version` is the one that the owning ServiceImport is served in."""
    labels = {
        LABEL_SERVICE_NAME: slice_.service.name,
        LABEL_SOURCE_CLUSTER: slice_.source_cluster,
        LABEL_SLICE_MANAGED_BY: MANAGED_BY,
    }
    if slice_.derived_service:
        labels[LABEL_KUBERNETES_SERVICE_NAME] = slice_.derived_service
    metadata: Body = {"labels": labels}
    if slice_.owner_uid:
        metadata["ownerReferences"] = [_owner(slice_.service.name, slice_.owner_uid, api_version)]
    if slice_.changed_at_seconds:
        metadata["annotations"] = {ANNOTATION_SOURCE_CHANGED_AT: micro_time(slice_.changed_at_seconds)}
    body = _object(ENDPOINT_SLICES, slice_.service.namespace, slice_.name, **metadata)
    body["addressType"] = slice_.content.address_type
    body["ports"] = _ports(slice_.content.ports)
    body["endpoints"] = [_imported_endpoint(endpoint) for endpoint in slice_.content.endpoints]
    return body


def _present(**fields: Any) -> Body:
    return {name: value for name, value in fields.items() if value is not None}


def _owner(name: str, uid: str, api_version: str) -> Body:
    return {"apiVersion": api_version, "kind": "ServiceImport", "name": name, "uid": uid, "controller": False}


def _ports(ports: Sequence[ServicePort] | Sequence[SlicePort]) -> list[Body]:
    return [
        _present(
            name=port.name or None,
            protocol=port.protocol,
            port=port.port,
            appProtocol=port.app_protocol,
        )
        for port in ports
    ]


def _affinity(config: AffinityConfig) -> Mapping[str, Any]:
    fields: Body = {"sessionAffinity": config.affinity}
    if config.timeout_seconds is not None:
        fields["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": config.timeout_seconds}}
    return fields


def _endpoint(endpoint: Endpoint) -> Body:
    """The parts of an endpoint that any cluster may see: not its node, not its pod (MCS-EPS-11)."""
    # Not by `_present`, for speed: this runs for each endpoint of each slice that changes.
    conditions: Body = {}
    if endpoint.ready is not None:
        conditions["ready"] = endpoint.ready
    if endpoint.serving is not None:
        conditions["serving"] = endpoint.serving
    if endpoint.terminating is not None:
        conditions["terminating"] = endpoint.terminating
    body: Body = {"addresses": list(endpoint.addresses), "conditions": conditions}
    if endpoint.hostname:
        body["hostname"] = endpoint.hostname
    if endpoint.zone:
        body["zone"] = endpoint.zone
    return body


def _imported_endpoint(endpoint: Endpoint) -> Body:
    body = _endpoint(endpoint)
    if endpoint.node_name:
        body["nodeName"] = endpoint.node_name
    if endpoint.hint_zones:
        body["hints"] = {"forZones": [{"name": zone} for zone in endpoint.hint_zones]}
    return body
