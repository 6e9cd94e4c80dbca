"""All findings of a case, the worst first."""

from collections.abc import Iterator
from typing import Final

from mcs_controller.clusterset.explain.case import Case
from mcs_controller.clusterset.explain.findings.bulk import bulk_findings
from mcs_controller.clusterset.explain.findings.conflicts import conflict_findings
from mcs_controller.clusterset.explain.findings.dns import dns_findings
from mcs_controller.clusterset.explain.findings.endpoints import endpoint_findings
from mcs_controller.clusterset.explain.findings.exports import export_findings
from mcs_controller.clusterset.explain.findings.finding import SEVERITIES, Finding, finding
from mcs_controller.clusterset.explain.findings.imports import import_findings
from mcs_controller.clusterset.explain.findings.members import member_findings
from mcs_controller.clusterset.explain.findings.owners import owner_findings
from mcs_controller.clusterset.services.desired import NO_ENDPOINT_YET


def findings(case: Case) -> tuple[Finding, ...]:
    """The worst first; of equal ones those that are nearer to the cause."""
    found = [
        *import_findings(case),
        *export_findings(case),
        *bulk_findings(case),
        *member_findings(case),
        *conflict_findings(case),
        *owner_findings(case),
        *endpoint_findings(case),
        *dns_findings(case),
        *_unread(case),
    ]
    is_silent_here = any(one.id == AGENT_SILENT for one in found)
    return tuple(
        sorted(
            found,
            key=lambda one: (
                SEVERITIES.index(one.severity),
                _follows(one) or (is_silent_here and one.id in UNDONE),
            ),
        )
    )


AGENT_SILENT: Final = "MCS-WHY-33"
UNDONE: Final = frozenset({"MCS-WHY-04", "MCS-WHY-46", "MCS-WHY-49", "MCS-WHY-50"})
"""What the agent here has not done; where it is silent, that is why."""


def _follows(found: Finding) -> bool:
    """Whether it only follows from another one: why there is no endpoint is what a user must know."""
    return found.id == "MCS-WHY-48" and found.why == NO_ENDPOINT_YET


_ASK_AGAIN: Final = (
    "see whether that API server runs, and can be reached from here, and ask again. While the agents do not "
    "reach the broker either (/readyz of an agent says so), names and traffic go on as they are, and no "
    "change of another cluster arrives"
)
_ASK_WITH_RIGHTS: Final = "mend that, or ask with other rights; until then it is not taken into account here"


def _unread(case: Case) -> Iterator[Finding]:
    by_reason: dict[tuple[str, bool], list[str]] = {}
    for one in case.picture.unknown:
        by_reason.setdefault((one.why, one.is_away), []).append(one.what)
    for (why, is_away), what in by_reason.items():
        yield finding(
            "60",
            "warning" if case.picture.broker is None else "note",
            "",
            f"not known: {'; '.join(what)}",
            why,
            _ASK_AGAIN if is_away else _ASK_WITH_RIGHTS,
        )
    here = case.here
    for text in here.unreadable if here is not None else ():
        yield finding(
            "07",
            "problem",
            here.cluster if here is not None else "",
            "the agent leaves out an object of this cluster, since it cannot be read",
            text,
            "correct that object",
        )
