"""What the checks judge: all that was read of a cluster and of its broker, in one look.

What could not be read is `Unknown`, with the reason. Nothing here does I/O: `reading_cluster.py` and
`reading_broker.py` fill it in, and `cli/` adds what DNS servers answered.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from mcs_controller.clusterset.model import Condition, LocalImport, Member, ServiceKey
from mcs_controller.install.checks.model import Unknown
from mcs_controller.install.lease import LeaseName
from mcs_controller.kube.connection.lifetime import Lifetime

JsonObject = dict[str, Any]

NOT_ASKED: Final = Unknown("it was not asked for")

AGENTS_LEASE: Final = LeaseName("mcs-system", "mcs-agent")
HUBS_LEASE: Final = LeaseName("mcs-system", "mcs-hub")
DNS_SERVICE: Final = ServiceKey("mcs-system", "mcs-dns")

ReachedAs = Literal[
    "member", "no credential", "unusable", "unreachable", "refused", "forbidden", "no member", "error"
]


@dataclass(frozen=True, slots=True)
class CheckConfig:
    """Where things are, as the options say. `cluster_id` is None if nothing says it.

    `dns_server` and `cluster_dns` are named by the user, "" if not: then they can be reached from here.
    """

    namespace: str = "mcs-system"
    lease: LeaseName = AGENTS_LEASE
    hub_lease: LeaseName = HUBS_LEASE
    dns_service: ServiceKey = DNS_SERVICE
    zone: str = "clusterset.local"
    dns_namespace: str = "kube-system"
    cluster_id: str | None = None
    member_timeout_seconds: float = 60.0
    dns_server: str = ""
    cluster_dns: str = ""
    in_pod: bool = False
    program: str = "mcs-controller"


@dataclass(frozen=True, slots=True)
class Review:
    """Whether an account has one right; `told` says which, for people."""

    account: str
    told: str
    allowed: bool


@dataclass(frozen=True, slots=True)
class Lease:
    """The Lease of the replicas of agent or hub; `holder` is "" when none leads."""

    holder: str
    renewed: str
    duration_seconds: float


@dataclass(frozen=True, slots=True)
class Credential:
    """A member's credential for the broker; `source` says where it stands, `cluster_id` whose it is."""

    source: str
    cluster_id: str | None
    server: str
    lifetime: Lifetime | None


@dataclass(frozen=True, slots=True)
class Reached:
    """What the broker said to the member's own credential."""

    as_what: ReachedAs
    told: str = ""


@dataclass(frozen=True, slots=True)
class SliceFacts:
    """A slice of endpoints of some service: of which cluster, and its addresses."""

    service: ServiceKey
    name: str
    cluster: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DerivedService:
    """A Service of ours, and the import that it serves."""

    service: ServiceKey
    imported: ServiceKey


@dataclass(frozen=True, slots=True)
class PolicyFacts:
    """A policy of some kind, and what an agent said of it; `name` has the namespace, if it lies in one."""

    name: str
    generation: int
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class ProfileFacts:
    """A ClusterProfile of our hub, and the member that it is of; `name` has the namespace, and `manager` is
    what the hub that made it is called in the inventory.
    """

    name: str
    member: str
    manager: str


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """This cluster. `ahead_seconds` is how far its API server's clock is ahead of ours.

    `about` are the served versions of the API of cluster properties, and the two after it their values, None
    for one that is not set. `policies` are those of each kind, none of a kind that is not installed.
    """

    version: str | Unknown = NOT_ASKED
    uid: str | Unknown = NOT_ASKED
    about: tuple[str, ...] | Unknown = NOT_ASKED
    property_id: str | Unknown | None = NOT_ASKED
    property_clusterset: str | Unknown | None = NOT_ASKED
    ahead_seconds: float | Unknown | None = NOT_ASKED
    crds: Mapping[str, JsonObject | None] | Unknown = NOT_ASKED
    served: tuple[str, ...] | Unknown = NOT_ASKED
    agent_rights: tuple[Review, ...] | Unknown = NOT_ASKED
    properties_rights: tuple[Review, ...] | Unknown = NOT_ASKED
    renewal_rights: tuple[Review, ...] | Unknown = NOT_ASKED
    dns_rights: tuple[Review, ...] | Unknown = NOT_ASKED
    lease: Lease | Unknown | None = NOT_ASKED
    imports: tuple[LocalImport, ...] | Unknown = NOT_ASKED
    exports: frozenset[ServiceKey] | Unknown = NOT_ASKED
    derived: tuple[DerivedService, ...] | Unknown = NOT_ASKED
    slices: tuple[SliceFacts, ...] | Unknown = NOT_ASKED
    config_maps: Mapping[str, JsonObject] | Unknown = NOT_ASKED
    dns_service: JsonObject | Unknown | None = NOT_ASKED
    dns_slices: tuple[JsonObject, ...] | Unknown = NOT_ASKED
    cluster_dns_service: JsonObject | Unknown | None = NOT_ASKED
    pod_cidrs: tuple[str, ...] | Unknown = NOT_ASKED
    kube_proxy: JsonObject | Unknown | None = NOT_ASKED
    policies: Mapping[str, tuple[PolicyFacts, ...]] | Unknown = NOT_ASKED


@dataclass(frozen=True, slots=True)
class BrokerFacts:
    """The broker. `records` are the exported services by member, `namespaces` those of members.

    `rights` are what members must have there, `too_many` what they must not. `hub_lease` is None where no hub
    has led.
    """

    credential: Credential | Unknown | None = NOT_ASKED
    reached: Reached | Unknown = NOT_ASKED
    ahead_seconds: float | Unknown | None = NOT_ASKED
    kinds: frozenset[str] | Unknown = NOT_ASKED
    crds: Mapping[str, JsonObject | None] | Unknown = NOT_ASKED
    members: tuple[Member, ...] | Unknown = NOT_ASKED
    unreadable_members: tuple[str, ...] = ()
    namespaces: frozenset[str] | Unknown = NOT_ASKED
    records: frozenset[tuple[str, ServiceKey]] | Unknown = NOT_ASKED
    slices: tuple[SliceFacts, ...] | Unknown = NOT_ASKED
    rights: tuple[Review, ...] | Unknown = NOT_ASKED
    too_many: tuple[Review, ...] | Unknown = NOT_ASKED
    hub_lease: Lease | Unknown | None = NOT_ASKED
    profiles: tuple[ProfileFacts, ...] | Unknown = NOT_ASKED


@dataclass(frozen=True, slots=True)
class Answers:
    """What a DNS server answered: to how many questions, and what differed, by name and type."""

    questions: int
    differences: Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Silent:
    """A DNS server gave no answer; `told` says how that showed."""

    told: str


@dataclass(frozen=True, slots=True)
class DnsFacts:
    """What DNS servers said to us; `server` and `cluster_dns` are whom we asked, "" for nobody."""

    server: str = ""
    udp: Answers | Silent | Unknown = NOT_ASKED
    tcp: Answers | Silent | Unknown = NOT_ASKED
    cluster_dns: str = ""
    through: Answers | Silent | Unknown = NOT_ASKED


@dataclass(frozen=True, slots=True)
class Facts:
    """One look. `now_seconds` is when it began, by our clock; `earlier` is the look before this one."""

    config: CheckConfig
    now_seconds: float
    version: str
    cluster: ClusterFacts = field(default_factory=ClusterFacts)
    broker: BrokerFacts = field(default_factory=BrokerFacts)
    dns: DnsFacts = field(default_factory=DnsFacts)
    earlier: "Facts | None" = None

    @property
    def cluster_id(self) -> str | None:
        """This cluster's: by option, credential, ClusterProperty, or by its UID on the broker."""
        if self.config.cluster_id is not None:
            return self.config.cluster_id
        if isinstance(self.broker.credential, Credential) and self.broker.credential.cluster_id:
            return self.broker.credential.cluster_id
        if isinstance(self.cluster.property_id, str):
            return self.cluster.property_id
        if isinstance(self.broker.members, Unknown) or not isinstance(self.cluster.uid, str):
            return None
        return next((one.cluster for one in self.broker.members if one.cluster_uid == self.cluster.uid), None)

    @property
    def has_cluster(self) -> bool:
        """Whether a member cluster answers, and not the broker alone."""
        return isinstance(self.cluster.version, str)

    def member(self) -> Member | None:
        """This cluster's member, None if it is not known."""
        members = self.broker.members
        if isinstance(members, Unknown):
            return None
        return next((one for one in members if one.cluster == self.cluster_id), None)
