"""Findings about exports that do not agree. The rules' own messages say who decided; these say what to do."""

from collections.abc import Iterator
from typing import Final

from mcs_controller.api.reasons import conflict_todo
from mcs_controller.clusterset.explain.case import Case
from mcs_controller.clusterset.explain.findings.finding import Finding, Severity, finding
from mcs_controller.clusterset.explain.parts import condition_of
from mcs_controller.clusterset.model import MergedService
from mcs_controller.clusterset.services.disputes import port_text
from mcs_controller.clusterset.services.ownership import takes_part
from mcs_controller.clusterset.services.ports import declared

_IDS: Final = {"PortConflict": "10", "TypeConflict": "11", "IPFamilyConflict": "12"}


def conflict_findings(case: Case) -> Iterator[Finding]:
    """All of them, in the order of the conditions."""
    merged = case.merged
    if merged is None:
        return
    if case.is_recorded:
        yield from _told(case)
        return
    for conflict in merged.conflicts:
        number = _IDS.get(conflict.reason, "13")
        yield finding(
            number,
            _severity(conflict.reason),
            "",
            f"{conflict.reason}: {_who(case, conflict.reason)}",
            conflict.message,
            conflict_todo(conflict.reason),
        )
    yield from _unused_exporters(case, merged)


def _severity(reason: str) -> Severity:
    return "warning" if reason in _IDS else "note"


def _who(case: Case, reason: str) -> str:
    """Whose exports are not as the winner's."""
    assert case.order is not None, "records were merged"
    winner = case.order.winner
    match reason:
        case "PortConflict":
            others = [one for one in case.order.records if frozenset(one.ports) != frozenset(winner.ports)]
            return f"{', '.join(one.cluster for one in others)} and {winner.cluster} export different ports"
        case "TypeConflict":
            others = [one for one in case.order.records if one.type != winner.type]
            used, other = "has a clusterset IP", "is headless"
            if winner.type == "Headless":
                used, other = other, "is not"
            return (
                f"the service {used}, as {winner.cluster} exports it; in "
                f"{', '.join(o.cluster for o in others)} it {other}"
            )
    return f"{winner.cluster} decides"


def _told(case: Case) -> Iterator[Finding]:
    """Without the broker, what this cluster's own ServiceExport says."""
    conflict = condition_of(case.here.export if case.here is not None else None, "Conflict")
    if conflict is None or conflict.status != "True":
        return
    first = conflict.reason.partition(",")[0]
    yield finding(
        _IDS.get(first, "13"),
        _severity(first),
        "",
        f"the exports do not agree: {conflict.reason}",
        conflict.message,
        conflict_todo(first),
    )


def _unused_exporters(case: Case, merged: MergedService) -> Iterator[Finding]:
    """Exporters of which no endpoint is used, since they do not fit."""
    for part in case.exporters:
        record = part.record
        if record is None:
            continue
        if not takes_part(merged, record):
            owners = ", ".join(merged.owners)
            yield finding(
                "15",
                "warning",
                part.cluster,
                f"no endpoint of {part.cluster} is used",
                f"{merged.service} belongs to {owners} (spec.owns of its MemberCluster), and the export of "
                f"{part.cluster} does not fit: it needs the type {merged.type} and the ports of {owners}",
                f"export the Service in {part.cluster} with the same type and ports as in {owners}, or "
                "unexport it there",
            )
        elif merged.type == "ClusterSetIP" and not declared(merged.ports, record):
            yield finding(
                "14",
                "warning" if any(use.state == "in" for use in case.uses) else "problem",
                part.cluster,
                f"no endpoint of {part.cluster} takes traffic",
                f"{part.cluster} has {', '.join(map(port_text, record.ports))}, and the service has "
                f"{_ports(case)}: of two ports with one name or one number, only that of the export that "
                "decides is used",
                f"give the Service in {part.cluster} the same ports (name, protocol and number) as the "
                "others",
            )


def _ports(case: Case) -> str:
    return ", ".join(map(port_text, case.merged.ports)) if case.merged is not None else ""
