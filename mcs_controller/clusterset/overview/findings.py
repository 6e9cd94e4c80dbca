"""What is not as it should be, the worst first: where, what, and why, each on one line."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Final, NamedTuple

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.overview.model import (
    ClusterAway,
    ClusterSeen,
    MemberSeen,
    NoAnswer,
    Overview,
    Refused,
    Unknown,
    WrongCredential,
)

THE_BROKER: Final = "the broker"
SERVICES_SHOWN: Final = 3
"""Of one finding; how many more there are is counted."""
_IT: Final = "NAMESPACE/NAME"
_NOT_SHOWN: Final = "Of the other clusters only what agents tell is shown"
_MEND_CREDENTIAL: Final = (
    "Its API server does not take the token or certificate of the kubeconfig: has it expired, or is it "
    "another cluster's?"
)


class Severity(IntEnum):
    """How bad it is: `PROBLEM` takes something from users, `WARNING` may."""

    PROBLEM = 0
    WARNING = 1


class Finding(NamedTuple):
    """One thing: `place` is where, and `text` what and why. `services` are those that it is about, in order.

    One cause is one finding, however many services it hits.
    """

    severity: Severity
    what: str
    place: str
    text: str
    services: tuple[ServiceKey, ...] = ()


def findings(overview: Overview) -> list[Finding]:
    """All of them, the worst first."""
    found = [*_of_members(overview), *_of_clusters(overview), *_of_services(overview)]
    return sorted(found, key=lambda one: (one.severity, one.what, one.place))


def age_text(seconds: float) -> str:
    """How long ago something was, in its largest whole unit."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def heard_by_agents(overview: Overview) -> dict[str, float]:
    """How long ago the heartbeat of each member changed, by what the agents say that were asked."""
    ages: dict[str, float] = {}
    for cluster in overview.clusters:
        if isinstance(cluster, ClusterSeen) and not isinstance(cluster.agent, Unknown):
            for name, seconds in cluster.agent.members:
                ages[name] = min(seconds, ages.get(name, seconds))
    return ages


def _of_members(overview: Overview) -> Iterator[Finding]:
    broker = overview.broker
    if not isinstance(broker, Unknown):
        if broker.away:
            text = f"for {age_text(broker.away_seconds)} (what it held before is shown): {broker.away}"
            yield Finding(Severity.PROBLEM, "away", THE_BROKER, text)
        for member in broker.members:
            yield from _of_member(overview, member)
        return
    if isinstance(broker, NoAnswer):
        text = f"{broker.reason}. Names and traffic go on; what is exported does not arrive elsewhere"
        yield Finding(Severity.PROBLEM, "away", THE_BROKER, text)
    elif isinstance(broker, Refused):
        text = f"{broker.reason}. {_MEND_CREDENTIAL if isinstance(broker, WrongCredential) else _NOT_SHOWN}"
        yield Finding(Severity.PROBLEM, "not read", THE_BROKER, text)
    for name, age_seconds in sorted(heard_by_agents(overview).items()):
        yield from _silence(overview, name, age_seconds)


def _cut_off(overview: Overview) -> set[str]:
    """The clusters whose own agents say that they do not reach the broker: that is why they are silent."""
    return {
        one.name
        for one in overview.clusters
        if isinstance(one, ClusterSeen)
        and not isinstance(one.agent, Unknown)
        and one.agent.reaches_broker is False
    }


def _silent_seconds(overview: Overview, name: str) -> float:
    """How old the heartbeat of a member is, 0.0 if that is not known."""
    if isinstance(overview.broker, Unknown):
        return heard_by_agents(overview).get(name, 0.0)
    ages = {one.name: one.heartbeat_age_seconds for one in overview.broker.members}
    return ages.get(name) or 0.0


def _of_member(overview: Overview, member: MemberSeen) -> Iterator[Finding]:
    if member.heartbeat_age_seconds is None:
        text = "has a MemberCluster on the broker and has not joined: run `mcs-controller join` there"
        if member.cluster_uid:
            text = "has joined, and no agent of it has sent a heartbeat: install it there, or look at its log"
        yield Finding(Severity.WARNING, "never joined", member.name, text)
    else:
        yield from _silence(overview, member.name, member.heartbeat_age_seconds)


def _silence(overview: Overview, name: str, age_seconds: float) -> Iterator[Finding]:
    if name in _cut_off(overview):
        return
    since, look = f"no heartbeat for {age_text(age_seconds)}", "look at its agent, and its way to the broker"
    match overview.liveness(age_seconds):
        case "silent":
            yield Finding(Severity.WARNING, "silent", name, f"{since}: {look}")
        case "dead":
            yield Finding(Severity.PROBLEM, "dead", name, f"{since}, its endpoints are withdrawn: {look}")


def _of_clusters(overview: Overview) -> Iterator[Finding]:
    for cluster in overview.clusters:
        if isinstance(cluster, ClusterAway):
            text = f"for {age_text(cluster.away_seconds)}: {cluster.reason}"
            yield Finding(Severity.PROBLEM, "away", cluster.name, text)
            continue
        if isinstance(cluster.exports, WrongCredential) and isinstance(cluster.imports, WrongCredential):
            text = f"{cluster.exports.reason}. {_MEND_CREDENTIAL}"
            yield Finding(Severity.PROBLEM, "not read", cluster.name, text)
        if not isinstance(cluster.leader, Unknown):
            holder, late_seconds = cluster.leader
            if not holder or late_seconds:
                late = f"{holder} should have renewed the Lease {age_text(late_seconds)} ago"
                text = f"{late if holder else 'no agent holds the Lease'}: look at its pods"
                yield Finding(Severity.PROBLEM, "no leader", cluster.name, text)
        if cluster.name in _cut_off(overview):
            silent_seconds = _silent_seconds(overview, cluster.name)
            is_dead = overview.liveness(silent_seconds) == "dead"
            since = f" for {age_text(silent_seconds)}, so that the others withdraw its endpoints"
            text = (
                f"its agent does not reach the broker{since if is_dead else ''}: its log says why, and "
                "`mcs-controller check` there tries the way and the credential"
            )
            yield Finding(Severity.PROBLEM, "no broker", cluster.name, text)
        if not isinstance(cluster.dns, Unknown) and cluster.dns.servfail_per_second > 0.0:
            text = f"{cluster.dns.servfail_per_second:.1f} answers a second are SERVFAIL: /readyz says why"
            yield Finding(Severity.PROBLEM, "DNS", cluster.name, text)


def _of_services(overview: Overview) -> Iterator[Finding]:
    disputes: dict[ServiceKey, tuple[str, set[str]]] = {}
    if not isinstance(overview.broker, Unknown):
        disputes = {one.service: (one.reason, set(one.clusters)) for one in overview.broker.disputes}
    troubles: dict[tuple[str, ServiceKey, str, str], list[str]] = defaultdict(list)
    for cluster in overview.clusters:
        if isinstance(cluster, ClusterAway):
            continue
        if not isinstance(cluster.exports, Unknown):
            for dispute in cluster.exports.conflicts:
                reason, clusters = disputes.setdefault(dispute.service, (dispute.reason, set()))
                clusters.update(dispute.clusters)
        for seen in (cluster.exports, cluster.imports):
            if not isinstance(seen, Unknown):
                for one in seen.troubles:
                    troubles[one.what, one.service, one.reason, one.message].append(cluster.name)
    for service, (reason, clusters) in disputes.items():
        text = f"{reason} ({', '.join(sorted(clusters))}): conditions of the ServiceExports say what is used"
        yield Finding(Severity.WARNING, "conflict", str(service), text, (service,))
    yield from _by_cause(troubles)


_Trouble = tuple[str, ServiceKey, str, str]


def _by_cause(troubles: Mapping[_Trouble, Sequence[str]]) -> Iterator[Finding]:
    """One for each cause in the same clusters. Services with different messages have the cause in common if
    these differ only in the service's name, or, where something is held, in when that ends."""
    causes: dict[tuple[str, str, str, tuple[str, ...]], list[tuple[ServiceKey, str]]] = defaultdict(list)
    for (what, service, reason, message), names in troubles.items():
        cause = "" if what == "held" else message.replace(str(service), _IT)
        causes[what, reason, cause, tuple(sorted(names))].append((service, message))
    for (what, reason, cause, names), hit in causes.items():
        hit.sort()
        services = tuple(service for service, _ in hit)
        messages = sorted({message for _, message in hit if message})
        said = messages[0] if messages else ""
        if len(messages) > 1:
            said = f"{messages[0]} (the first), {messages[-1]} (the last)" if what == "held" else cause
        severity = Severity.WARNING if what == "held" else Severity.PROBLEM
        text = f"{reason}: {said}" if said else reason
        yield Finding(severity, what, f"{_listed(services)} in {', '.join(names)}", text, services)


def _listed(services: Sequence[ServiceKey]) -> str:
    left = len(services) - SERVICES_SHOWN
    return ", ".join(map(str, services[:SERVICES_SHOWN])) + (f" and {left} more" if left > 0 else "")
