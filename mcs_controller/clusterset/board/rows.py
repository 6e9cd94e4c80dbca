"""The lines of the two tables, members and services, from what one agent holds.

A page may be asked for every second by several people, of a clusterset with thousands of services: so a line
is made from the facts of its own service alone, and can be kept for as long as those are the same.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from mcs_controller.clusterset.explain.endpoints import is_ready
from mcs_controller.clusterset.model import (
    ExportRecord,
    ImportedSlice,
    LocalExport,
    LocalImport,
    Member,
    ServiceKey,
)
from mcs_controller.clusterset.overview.model import Dispute, Trouble
from mcs_controller.clusterset.overview.reading import exports_seen, imports_seen
from mcs_controller.clusterset.services.merge import merge

Mark = Literal[
    "conflict",
    "held",
    "import not ready",
    "export not valid",
    "export not ready",
    "not admitted",
    "not imported",
    "no namespace here",
    "kept out by policy",
]
HARMLESS: Final[frozenset[Mark]] = frozenset({"no namespace here", "kept out by policy"})
"""Not every cluster wants every service."""

_MARKS: Final[Mapping[str, Mark]] = {
    "held": "held",
    "import not ready": "import not ready",
    "export not valid": "export not valid",
    "export not ready": "export not ready",
}

MemberState = Literal["this cluster", "alive", "silent", "dead", "held", "missing", "leaving", "never joined"]


class ServiceFacts(NamedTuple):
    """What the agent holds of one service.

    `records` are those of the exports that count, `owners` the clusters among them that own the name, and
    `refused` the clusters whose export is not admitted. `kept_out` are the clusters among the records that
    policies here do not let in. `export` and `imported` are this cluster's own objects, `slices` what is
    imported.
    """

    service: ServiceKey
    records: tuple[ExportRecord, ...]
    owners: frozenset[str]
    refused: tuple[str, ...]
    kept_out: tuple[str, ...]
    export: LocalExport | None
    imported: LocalImport | None
    slices: tuple[ImportedSlice, ...]
    namespace_is_there: bool


class ServiceRow(NamedTuple):
    """One service. `type` is "" if no export of it counts. `ready` of its `endpoints` take traffic here."""

    service: ServiceKey
    type: str
    clusters: tuple[str, ...]
    ips: tuple[str, ...]
    ready: int
    endpoints: int
    marks: tuple[Mark, ...]
    is_exported_here: bool
    is_imported_here: bool
    dispute: Dispute | None
    troubles: tuple[Trouble, ...]

    @property
    def needs_attention(self) -> bool:
        """Whether anything is not as somebody wants it."""
        return not HARMLESS.issuperset(self.marks)


def service_row(facts: ServiceFacts, own_cluster: str) -> ServiceRow:
    """The line of a service, in the cluster with this id."""
    merged = merge(facts.records, facts.owners) if facts.records else None
    imported = facts.imported
    of_export = exports_seen([facts.export], own_cluster) if facts.export is not None else None
    of_import = imports_seen([imported]) if imported is not None else None
    dispute = next(iter(of_export.conflicts), None) if of_export is not None else None
    if merged is not None and merged.conflicts:
        dispute = Dispute(facts.service, ",".join(one.reason for one in merged.conflicts), merged.clusters)
    troubles = tuple(
        trouble for seen in (of_export, of_import) if seen is not None for trouble in seen.troubles
    )
    found: dict[Mark, None] = {}
    if dispute is not None:
        found["conflict"] = None
    for trouble in troubles:
        found[_MARKS[trouble.what]] = None
    if facts.refused:
        found["not admitted"] = None
    if merged is not None and (imported is None or not imported.managed):
        found[_why_not_imported(facts)] = None
    endpoints = [endpoint for one in facts.slices for endpoint in one.content.endpoints]
    return ServiceRow(
        facts.service,
        merged.type if merged is not None else imported.spec.type if imported is not None else "",
        merged.clusters if merged is not None else imported.clusters if imported is not None else (),
        imported.spec.ips if imported is not None else (),
        sum(map(is_ready, endpoints)),
        len(endpoints),
        tuple(found),
        facts.export is not None,
        imported is not None,
        dispute,
        troubles,
    )


def _why_not_imported(facts: ServiceFacts) -> Mark:
    if not facts.namespace_is_there:
        return "no namespace here"
    return "kept out by policy" if len(facts.kept_out) == len(facts.records) else "not imported"


class MemberFacts(NamedTuple):
    """What the agent knows of one member.

    `silent_seconds` is for how long its heartbeat has not changed while the broker answered, by the agent's
    own clock; None if that is not known. `is_dead`: its endpoints are withdrawn. `is_held`: it counts as
    alive, since most members fell silent at once. `left_out` is how many of its objects are over its limits.
    """

    member: Member
    is_own: bool
    silent_seconds: float | None
    is_dead: bool
    is_held: bool
    is_missing: bool
    left_out: int


class MemberRow(NamedTuple):
    """One member. `services` is how many it says that it exports, None if it has not said so."""

    cluster: str
    state: MemberState
    heartbeat_age_seconds: float | None
    services: int | None
    left_out: int
    version: str
    cluster_uid: str


def member_row(facts: MemberFacts, member_timeout_seconds: float) -> MemberRow:
    """The line of a member. From half of the time-out on it is silent."""
    member = facts.member
    return MemberRow(
        member.cluster,
        _state(facts, member_timeout_seconds),
        facts.silent_seconds,
        member.exported.services if member.exported is not None else None,
        facts.left_out,
        member.version,
        member.cluster_uid,
    )


def _state(facts: MemberFacts, member_timeout_seconds: float) -> MemberState:
    silent_seconds = facts.silent_seconds or 0.0
    if facts.is_missing:
        return "missing"
    if facts.member.leaving:
        return "leaving"
    if not facts.member.heartbeat:
        return "never joined"
    if facts.is_held:
        return "held"
    if facts.is_dead:
        return "dead"
    if silent_seconds >= member_timeout_seconds / 2:
        return "silent"
    return "this cluster" if facts.is_own else "alive"
