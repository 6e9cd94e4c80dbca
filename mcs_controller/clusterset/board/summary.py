"""The whole clusterset in a few lines, judged by the rules of the overview."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from mcs_controller.clusterset.board.rows import MemberRow, ServiceRow
from mcs_controller.clusterset.overview.findings import Finding, Severity, age_text, findings
from mcs_controller.clusterset.overview.model import (
    AgentSeen,
    BrokerSeen,
    ClusterSeen,
    ExportsSeen,
    ImportsSeen,
    MemberSeen,
    Overview,
    Unknown,
)

FINDINGS_MAX: Final = 20


class Counts(NamedTuple):
    """`services` that any cluster exports, or that have something here; and how many of them are what."""

    members: int
    services: int
    exported_here: int
    imported: int
    conflicts: int
    held: int
    attention: int


def by_cause(problems: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Why an agent is not ready, by name, with one line for each cause: what is behind the first colon."""
    found: dict[str, list[str]] = {}
    for name, why in sorted(problems.items()):
        what, colon, cause = why.partition(": ")
        found.setdefault(cause if colon else what, []).append(name)
    return tuple(
        (names[0], problems[names[0]])
        if len(names) == 1
        else (f"{names[0]} and {len(names) - 1} more", problems[names[0]])
        for names in found.values()
    )


class Summary(NamedTuple):
    """The worst findings, and how many more there are; of all of them so many are `problems`."""

    counts: Counts
    findings: tuple[Finding, ...]
    more: int
    problems: int

    @property
    def text(self) -> str:
        """In one sentence, for whoever hears the page."""
        others = len(self.findings) + self.more - self.problems
        if not self.problems and not others:
            return "Nothing was found that should be otherwise."
        return f"{_number(self.problems, 'problem')}, {_number(others, 'warning')}."


def summary(
    own: str,
    members: Sequence[MemberRow],
    services: Collection[ServiceRow],
    *,
    reaches_broker: bool,
    member_timeout_seconds: float,
) -> Summary:
    """What there is, and what is not as it should be, seen from the cluster `own`."""
    exports = ExportsSeen(sum(row.is_exported_here for row in services), (), ())
    imports = ImportsSeen(
        sum(row.is_imported_here for row in services),
        sum("held" in row.marks for row in services),
        tuple(trouble for row in services for trouble in row.troubles),
    )
    disputes = tuple(row.dispute for row in services if row.dispute is not None)
    seen = tuple(
        MemberSeen(one.cluster, one.cluster_uid, one.heartbeat_age_seconds or 0.0, one.services, one.version)
        if one.state != "never joined"
        else MemberSeen(one.cluster, one.cluster_uid, None, one.services, one.version)
        for one in members
        if one.state not in _JUDGED_HERE
    )
    not_asked = Unknown("the page shows what one agent holds")
    agent = AgentSeen(not_asked, reaches_broker, ())
    here = ClusterSeen(own, own, "", not_asked, exports, imports, agent, not_asked)
    exported = sum(len(row.clusters) for row in services)
    broker = BrokerSeen(seen, exported, len(services), disputes)
    found = [
        *(finding for one in members if (finding := _of_member(one)) is not None),
        *findings(Overview("", broker, (here,), member_timeout_seconds)),
    ]
    found.sort(key=lambda one: one.severity)
    counts = Counts(
        len(members),
        len(services),
        exports.count,
        imports.count,
        len(disputes),
        imports.held,
        sum(row.needs_attention for row in services),
    )
    problems = sum(one.severity is Severity.PROBLEM for one in found)
    return Summary(counts, tuple(found[:FINDINGS_MAX]), max(0, len(found) - FINDINGS_MAX), problems)


_JUDGED_HERE: Final = ("held", "missing", "leaving")
"""The overview knows them by the age of their heartbeat alone."""


def _of_member(one: MemberRow) -> Finding | None:
    since = f"no heartbeat for {age_text(one.heartbeat_age_seconds or 0.0)}"
    match one.state:
        case "held":
            text = (
                f"{since}, like most members at once, so that its endpoints are kept: look at the network, "
                f"or release it: mcs-controller fuse release --member {one.cluster}"
            )
        case "missing":
            text = "its MemberCluster is gone from the broker: what it exports is kept until that is certain"
        case "leaving":
            text = "leaves the clusterset: its exports are withdrawn"
        case _:
            return None
    return Finding(Severity.WARNING, one.state, one.cluster, text)


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"
