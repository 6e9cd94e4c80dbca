"""What was read of one service: in one cluster, on the broker, and from DNS.

A picture holds only what was read. What could not be read is named in `unknown` with the reason, and never
guessed. Everything here can be empty: an explanation is asked for when something is wrong.
"""

from dataclasses import dataclass
from typing import Literal

from mcs_controller.clusterset.explain.bulk_here import NO_BULK, BulkHere
from mcs_controller.clusterset.explain.policies_here import NONE_HERE, Live, PoliciesHere
from mcs_controller.clusterset.membership.limits import DEFAULT_LIMITS, Limits
from mcs_controller.clusterset.model import (
    ExportRecord,
    ImportedSlice,
    LocalExport,
    LocalImport,
    LocalService,
    Member,
    ServiceKey,
    SourceSlice,
    StringMap,
)

NamespaceState = Literal["active", "ending", "missing", "unknown"]
Piece = Literal[
    "Service",
    "EndpointSlices",
    "ServiceExport",
    "ServiceImport",
    "imported EndpointSlices",
    "derived Service",
]
"""What a cluster holds of a service."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that could not be read: what, and why. `is_away`: the API server gave no answer at all."""

    what: str
    why: str
    is_away: bool = False


@dataclass(frozen=True, slots=True)
class OnBroker:
    """What the broker holds of one member, as far as the service is concerned.

    `member` is None if it has no MemberCluster. `unreadable` says what is wrong with objects of the service
    that every importer leaves out. `over_limits` is the message by which the member says that it exports more
    than the others take, "" if it does not.
    """

    cluster: str
    member: Member | None
    record: ExportRecord | None = None
    slices: tuple[SourceSlice, ...] = ()
    unreadable: tuple[str, ...] = ()
    over_limits: str = ""


@dataclass(frozen=True, slots=True)
class InCluster:
    """What one cluster holds of the service.

    `cluster` is its id, "" if that is not known. `slices` are those of its own Service. `imported_at` is when
    the ServiceImport was created. `leader_at` is when the leading agent last renewed its Lease, "" if that is
    not known. `serves_api`: the MCS API is installed. `unreadable` says what is wrong with objects that the
    agent leaves out. `imports_of` counts for each other cluster the imports here that it takes a place for,
    None if they were not counted. `namespace_labels` are what policies may ask for. `live` is all that they
    may end, None if that was not read: only what changes policies needs it. `relocated`: a change makes
    members lie elsewhere, or policies prefer others, so that what is left out for nearer endpoints is not as
    it was written. `in_the_end`: what policies refuse has lasted. `unread` names what could not be read: that
    nothing of it is here says nothing.
    """

    cluster: str
    namespace: NamespaceState = "active"
    export: LocalExport | None = None
    service: LocalService | None = None
    slices: tuple[SourceSlice, ...] = ()
    imported: LocalImport | None = None
    imported_at: str = ""
    imported_slices: tuple[ImportedSlice, ...] = ()
    derived: LocalService | None = None
    leader_at: str = ""
    serves_api: bool = True
    unreadable: tuple[str, ...] = ()
    imports_of: tuple[tuple[str, int], ...] | None = None
    import_policies: PoliciesHere = NONE_HERE
    export_policies: PoliciesHere = NONE_HERE
    namespace_labels: StringMap = ()
    bulk: BulkHere = NO_BULK
    live: Live | None = None
    relocated: bool = False
    in_the_end: bool = False
    unread: frozenset[Piece] = frozenset()


@dataclass(frozen=True, slots=True)
class DnsAnswer:
    """What a DNS server answered to one question, and what it should have. Both are texts for people."""

    name: str
    type: str
    said: str
    should: str
    right: bool


@dataclass(frozen=True, slots=True)
class DnsPicture:
    """What a DNS server was asked. `problem` says why it did not answer, "" if it did."""

    server: str
    answers: tuple[DnsAnswer, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Assumed:
    """The settings of the agents, which no object shows."""

    member_timeout_seconds: float = 60.0
    limits: Limits = DEFAULT_LIMITS


@dataclass(frozen=True, slots=True)
class Picture:
    """All that was read of the service, at `now_seconds` since the epoch.

    `here` is the cluster that was looked at, None if only the broker was. `broker` has every member with a
    MemberCluster or an object of the service, None if the broker was not read.
    """

    service: ServiceKey
    now_seconds: float
    here: InCluster | None = None
    broker: tuple[OnBroker, ...] | None = None
    dns: DnsPicture | None = None
    unknown: tuple[Unknown, ...] = ()
    assumed: Assumed = Assumed()
