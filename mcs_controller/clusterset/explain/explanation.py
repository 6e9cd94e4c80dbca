"""What an explanation says; docs/explain.md describes each field of its JSON.

Times are RFC 3339, "" if unknown.
"""

from dataclasses import dataclass
from typing import Literal

from mcs_controller.clusterset.explain.decisions import Decision, PortUse
from mcs_controller.clusterset.explain.endpoints import EndpointUse, Place
from mcs_controller.clusterset.explain.findings.finding import Finding
from mcs_controller.clusterset.explain.parts import WhyNoPart
from mcs_controller.clusterset.explain.picture import DnsAnswer, NamespaceState, Piece, Unknown

State = Literal["works", "works in part", "does not work", "not known"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The one line."""

    state: State
    text: str


@dataclass(frozen=True, slots=True)
class Exporter:
    """A cluster that exports the service, or would.

    `rank` is its place in the order of precedence, from 1 on, 0 if its export does not count (`why_not`,
    `text`). `changed_at` is when it last wrote something of the service on the broker.
    """

    cluster: str
    rank: int
    owns_name: bool
    why_not: WhyNoPart
    text: str
    exported_at: str
    changed_at: str
    heartbeat_at: str
    type: str
    ports: tuple[str, ...]
    ip_families: tuple[str, ...]
    endpoints: tuple[EndpointUse, ...]


@dataclass(frozen=True, slots=True)
class Here:
    """What the cluster that was looked at has. `place` says why it imports nothing, "" if it does.

    `unread` is what could not be read: whether it is there is not known.
    `near_first` is what the import says of near endpoints, and who prefers them; "" if nobody does.
    """

    cluster: str
    namespace: NamespaceState
    place: Place
    has_service: bool
    has_export: bool
    has_import: bool
    imported_at: str
    ready: str
    held: str
    near_first: str
    ips: tuple[str, ...]
    derived_service: str
    derived_ips: tuple[str, ...]
    derived_ports: tuple[str, ...]
    missing: tuple[str, ...]
    left_over: tuple[str, ...]
    leader_at: str
    unread: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Dns:
    """What a DNS server said. `problem` is why it did not, "" if it did."""

    server: str
    problem: str
    answers: tuple[DnsAnswer, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Of one service, at one time.

    `is_recorded`: the broker was not read, and the exporters are those that the import names. `here` is None
    if only the broker was read, `dns` if DNS was not asked.
    """

    namespace: str
    name: str
    at: str
    verdict: Verdict
    is_recorded: bool
    type: str
    ip_families: tuple[str, ...]
    exporters: tuple[Exporter, ...]
    decisions: tuple[Decision, ...]
    ports: tuple[PortUse, ...]
    here: Here | None
    dns: Dns | None
    findings: tuple[Finding, ...]
    unknown: tuple[Unknown, ...]
