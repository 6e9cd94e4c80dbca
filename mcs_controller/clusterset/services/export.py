"""Evaluates one cluster's export: whether it is valid, its record, and the ServiceExport's conditions.

All but labels, annotations and age comes from the Service (MCS-EXP-10). The Service itself is never changed
(MCS-EXP-12). An invalid export has no record, so it can never win precedence (MCS-CON-08).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from mcs_controller.clusterset.conditions import MAX_MESSAGE_CHARS
from mcs_controller.clusterset.errors import cut
from mcs_controller.clusterset.model import (
    Condition,
    ConditionStatus,
    ExportRecord,
    LocalExport,
    LocalService,
    MergedService,
    SourceSlice,
    StringMap,
)
from mcs_controller.clusterset.services.exported_content import published_slice
from mcs_controller.clusterset.services.metadata import exportable_annotations, exportable_labels

__all__ = [
    "CONDITION_TYPES",
    "NOT_HEARD",
    "NOT_VALID",
    "ExportEvaluation",
    "ReadyReason",
    "conflict_condition",
    "evaluate_export",
    "published_slice",
    "ready_condition",
    "without_endpoints",
]

ReadyReason = Literal["Exported", "Pending", "Failed"]
NOT_VALID: Final = "the export is not valid: the condition Valid says why"
NOT_HEARD: Final = "the agent has not heard yet whether the broker has the export"
"""What Ready says then."""
CONDITION_TYPES: Final = frozenset({"Valid", "Ready", "Conflict"})
"""What the agent says of a ServiceExport."""
EXPORTABLE_TYPES: Final = frozenset({"ClusterIP", "NodePort", "LoadBalancer"})


@dataclass(frozen=True, slots=True)
class ExportEvaluation:
    """The Valid condition of an export, and its record if it is valid."""

    valid: Condition
    record: ExportRecord | None


def evaluate_export(export: LocalExport, service: LocalService | None, cluster: str) -> ExportEvaluation:
    """Evaluates the ServiceExport and the Service of the same name (MCS-EXP-04..08, MCS-EXP-18)."""
    if export.deleting:
        return _invalid(export, "Deleting", "the ServiceExport is being deleted")
    if service is None or service.deleting:
        return _invalid(
            export,
            "NoService",
            f"there is no Service {export.service}: create it, or delete this ServiceExport",
        )
    if service.managed:
        return _invalid(
            export,
            "InvalidServiceType",
            f"Service {export.service} is derived from a ServiceImport, and is not exported again: delete "
            "this ServiceExport",
        )
    if service.type not in EXPORTABLE_TYPES:
        return _invalid(
            export,
            "InvalidServiceType",
            f"a Service of type {cut(service.type)} cannot be exported: change its type (ClusterIP, NodePort "
            "and LoadBalancer can, also headless), or delete this ServiceExport",
        )
    if service.unreadable:
        return _invalid(
            export,
            "InvalidService",
            f"Service {export.service} cannot be exported: {service.unreadable}; change that in the Service",
        )
    labels, annotations = exportable_labels(export.labels), exportable_annotations(export.annotations)
    return ExportEvaluation(
        _condition(export, "Valid", "True", "Valid", _not_carried(export, labels, annotations)),
        ExportRecord(
            cluster=cluster,
            service=export.service,
            exported_at=export.created_at,
            type="Headless" if service.headless else "ClusterSetIP",
            ports=service.ports,
            affinity=service.affinity,
            internal_traffic_policy=service.internal_traffic_policy,
            traffic_distribution=service.traffic_distribution,
            ip_families=service.ip_families or ("IPv4",),
            labels=labels,
            annotations=annotations,
        ),
    )


def _not_carried(export: LocalExport, labels: StringMap, annotations: StringMap) -> str:
    """Names the exported labels and annotations that imports will not have; "" if they will have all."""
    left_out = [f"label {pair[0]}" for pair in export.labels if pair not in labels]
    left_out += [f"annotation {pair[0]}" for pair in export.annotations if pair not in annotations]
    if not left_out:
        return ""
    return cut(f"not carried to imports, since reserved, not valid or too many: {', '.join(left_out)}")


def _invalid(export: LocalExport, reason: str, message: str) -> ExportEvaluation:
    return ExportEvaluation(_condition(export, "Valid", "False", reason, message), None)


def _condition(
    export: LocalExport, kind: str, status: ConditionStatus, reason: str, message: str
) -> Condition:
    return Condition(kind, status, reason, message, observed_generation=export.generation)


def ready_condition(
    reason: ReadyReason, message: str = "", *, observed_generation: int | None = None
) -> Condition:
    """The Ready condition: `Exported` once the broker holds the export, else the reason (MCS-EXP-08)."""
    status: ConditionStatus = "True" if reason == "Exported" else "False"
    return Condition("Ready", status, reason, cut(message, MAX_MESSAGE_CHARS), observed_generation)


def without_endpoints(service: LocalService, slices: Iterable[SourceSlice]) -> str:
    """What the user is told while no endpoint of the exported Service takes traffic, "" while one does.

    Such an export is Ready all the same: that says only that it is exported (MCS-EXP-08). `slices` are those
    of the Service itself.
    """
    number = 0
    for slice_ in slices:
        for endpoint in slice_.content.endpoints:
            if endpoint.ready is not False:
                return ""
            number += 1
    if number:
        return (
            f"the broker has the export, but no endpoint of Service {service.service} is ready ({number} "
            f"{'is' if number == 1 else 'are'} not), so that this cluster answers nobody: look at its pods, "
            "their readiness probes and events"
        )
    why = (
        "its selector matches no pod that has an address, or its workload is scaled to zero; compare the "
        "selector with the labels of the pods"
        if service.has_selector
        else "it has no selector, so that somebody has to write its EndpointSlices"
    )
    return (
        f"the broker has the export, but Service {service.service} has no endpoint, so that this cluster "
        f"answers nobody: {why}"
    )


def conflict_condition(merged: MergedService, *, observed_generation: int | None = None) -> Condition:
    """The Conflict condition, the same on every constituent ServiceExport (MCS-CON-03, MCS-CON-05).

    Reasons are joined without a space: the API server refuses a reason with a space (MCS-API-12).
    """
    if not merged.conflicts:
        return Condition("Conflict", "False", "NoConflicts", "", observed_generation)
    reason = ",".join(conflict.reason for conflict in merged.conflicts)
    message = "; ".join(conflict.message for conflict in merged.conflicts)
    message += (
        f"; this ends when all clusters that export {merged.service} agree, or those that do not unexport it"
    )
    return Condition("Conflict", "True", reason, cut(message, MAX_MESSAGE_CHARS), observed_generation)
