"""The values that an overview consists of: what each place said of itself, or why that is not known."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from mcs_controller.clusterset.model import ServiceKey


@dataclass(frozen=True, slots=True)
class Unknown:
    """What could not be read; `reason` completes "not known, because"."""

    reason: str


class NoAnswer(Unknown):
    """A place that was asked and gave no answer, unlike one that nobody could ask."""


class Refused(Unknown):
    """A place that answered, and did not give what it was asked for."""


class WrongCredential(Refused):
    """A place that does not know whoever asks."""


class MemberSeen(NamedTuple):
    """A member as the broker knows it.

    `heartbeat_age_seconds` is by the member's clock and the reader's, None before the first heartbeat.
    `services` is how many it says that it exports, None if it has not said so.
    """

    name: str
    cluster_uid: str
    heartbeat_age_seconds: float | None
    services: int | None
    version: str


class Dispute(NamedTuple):
    """An exported service about which clusters disagree."""

    service: ServiceKey
    reason: str
    clusters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BrokerSeen:
    """What the broker holds. `exports` counts a service once for each cluster, `services` once.

    `away` says why it does not answer any more, and `away_seconds` since when; then this is what it held
    before.
    """

    members: tuple[MemberSeen, ...]
    exports: int
    services: int
    disputes: tuple[Dispute, ...]
    away: str = ""
    away_seconds: float = 0.0


class Trouble(NamedTuple):
    """An export or import that is not as it should be, with its condition's reason and message."""

    service: ServiceKey
    what: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class ExportsSeen:
    """The ServiceExports of a cluster."""

    count: int
    conflicts: tuple[Dispute, ...]
    troubles: tuple[Trouble, ...]


@dataclass(frozen=True, slots=True)
class ImportsSeen:
    """The ServiceImports of a cluster that its agent made."""

    count: int
    held: int
    troubles: tuple[Trouble, ...]


class Leader(NamedTuple):
    """What the Lease says; `holder` is "" if no replica leads."""

    holder: str
    late_seconds: float
    """For how long it should have been renewed by now, 0.0 if it was."""


class Lag(NamedTuple):
    """How long changes of other clusters took to arrive: `changes` of them, within `over_seconds`.

    `over_seconds` is None for all since the agent began to lead. A quantile is None if it lies beyond the
    histogram's last bound.
    """

    p50_seconds: float | None
    p99_seconds: float | None
    changes: int
    over_seconds: float | None


class DnsRate(NamedTuple):
    """Queries in a second, and how many of them were answered with SERVFAIL."""

    per_second: float
    servfail_per_second: float


@dataclass(frozen=True, slots=True)
class AgentSeen:
    """What the metrics of a cluster's agents say. `members` are the others' heartbeat ages, by their name."""

    lag: Lag | Unknown
    reaches_broker: bool | None
    members: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class ClusterSeen:
    """One member cluster, as its own API server and its metrics tell.

    `id` is "" where it is not known; then the cluster has the name that the reader called it by.
    """

    name: str
    id: str
    uid: str
    leader: Leader | Unknown
    exports: ExportsSeen | Unknown
    imports: ImportsSeen | Unknown
    agent: AgentSeen | Unknown
    dns: DnsRate | Unknown


@dataclass(frozen=True, slots=True)
class ClusterAway:
    """A cluster whose API server does not answer: since when, by the reader's clock, and why."""

    name: str
    reason: str
    away_seconds: float


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it, at one moment. `at` is a time in UTC as people read it.

    A member is dead when its heartbeat is as old as the timeout, and silent from half of it on.
    """

    at: str
    broker: BrokerSeen | Unknown
    clusters: tuple[ClusterSeen | ClusterAway, ...]
    member_timeout_seconds: float = 60.0

    @property
    def sees(self) -> bool:
        """Whether anything of what is exported and imported could be read."""
        clusters = [one for one in self.clusters if isinstance(one, ClusterSeen)]
        seen = [self.broker, *(one.exports for one in clusters), *(one.imports for one in clusters)]
        return not all(isinstance(one, Unknown) for one in seen)

    def liveness(self, heartbeat_age_seconds: float) -> Literal["alive", "silent", "dead"]:
        """Of a member whose heartbeat is so old."""
        if heartbeat_age_seconds >= self.member_timeout_seconds:
            return "dead"
        return "silent" if heartbeat_age_seconds >= self.member_timeout_seconds / 2 else "alive"
