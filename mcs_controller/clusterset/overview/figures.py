"""What counters say: how long changes took to arrive, and how many questions DNS was asked.

A counter is read at two moments, and the difference counts. One that has gone back was begun anew by another
process, and the difference says nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isnan

from mcs_controller.clusterset.overview.exposition import (
    BROKER_REACHABLE,
    DNS_REQUESTS,
    LAG,
    MEMBER_HEARTBEAT_AGE,
    Sample,
)
from mcs_controller.clusterset.overview.model import AgentSeen, DnsRate, Lag, Unknown

_SERVFAIL = "SERVFAIL"


@dataclass(frozen=True, slots=True)
class Reading:
    """The metrics of one process, read at a monotonic time in seconds."""

    at_seconds: float
    samples: tuple[Sample, ...]


def agent_seen(replicas: Sequence[Sequence[Reading]]) -> AgentSeen | Unknown:
    """What the agents of one cluster say: the readings of each replica, the oldest first.

    Only the replica that leads counts changes and members; the others add nothing.
    """
    if not any(replicas):
        return Unknown("no agent has been asked yet")
    last = [readings[-1].samples for readings in replicas if readings]
    return AgentSeen(
        _lag(replicas),
        _reaches_broker(last),
        tuple(
            sorted(
                (one.labels.get("member", ""), one.value)
                for samples in last
                for one in samples
                if one.name == MEMBER_HEARTBEAT_AGE
            )
        ),
    )


def dns_rate(replicas: Sequence[Sequence[Reading]]) -> DnsRate | Unknown:
    """What the DNS servers of one cluster were asked between their last two readings, together."""
    total = servfail = 0.0
    known = False
    for readings in replicas:
        if len(readings) < 2:
            continue
        before, after = readings[-2:]
        seconds = after.at_seconds - before.at_seconds
        asked = _difference(before.samples, after.samples)
        if seconds <= 0.0 or asked is None:
            continue
        known = True
        total += asked[0] / seconds
        servfail += asked[1] / seconds
    return DnsRate(total, servfail) if known else Unknown("it takes two readings, and there is one so far")


def _difference(before: Iterable[Sample], after: Iterable[Sample]) -> tuple[float, float] | None:
    """Questions, and those answered with SERVFAIL; None if the counters were begun anew."""
    first, last = _asked(before), _asked(after)
    both = last[0] - first[0], last[1] - first[1]
    return None if min(both) < 0.0 else both


def _asked(samples: Iterable[Sample]) -> tuple[float, float]:
    found = [one for one in samples if one.name == DNS_REQUESTS]
    return sum(one.value for one in found), sum(
        one.value for one in found if one.labels.get("rcode") == _SERVFAIL
    )


def _reaches_broker(last: Sequence[Iterable[Sample]]) -> bool | None:
    """Whether any agent does; None if none says so."""
    told = [
        one.value
        for samples in last
        for one in samples
        if one.name == BROKER_REACHABLE and one.labels.get("client") == "broker"
    ]
    return any(told) if told else None


def _lag(replicas: Sequence[Sequence[Reading]]) -> Lag | Unknown:
    """Over the time between the first and the last reading if anything arrived then, else since the start."""
    whole: dict[float, float] = {}
    recent: dict[float, float] = {}
    over_seconds = 0.0
    for readings in replicas:
        if not readings:
            continue
        last = _buckets(readings[-1].samples)
        _add(whole, last)
        first = _buckets(readings[0].samples)
        if len(readings) > 1 and all(last.get(bound, 0.0) >= count for bound, count in first.items()):
            _add(recent, {bound: count - first.get(bound, 0.0) for bound, count in last.items()})
            over_seconds = max(over_seconds, readings[-1].at_seconds - readings[0].at_seconds)
    if recent.get(float("inf")):
        return _quantiles(recent, over_seconds)
    if whole.get(float("inf")):
        return _quantiles(whole, None)
    return Unknown("no change of another cluster has arrived since the agent began to lead")


def _buckets(samples: Iterable[Sample]) -> dict[float, float]:
    """The count up to each bound, in seconds."""
    found: dict[float, float] = {}
    for one in samples:
        if one.name == LAG:
            try:
                bound = float(one.labels.get("le", ""))
            except ValueError:
                continue
            if not isnan(bound):
                found[bound] = one.value
    return found


def _add(total: dict[float, float], more: dict[float, float]) -> None:
    for bound, count in more.items():
        total[bound] = total.get(bound, 0.0) + count


def lag_between(first: Reading, last: Reading) -> Lag | None:
    """Of the changes that arrived between two readings of one process; None if none did, or if the counters
    were begun anew."""
    before, after = _buckets(first.samples), _buckets(last.samples)
    if any(after.get(bound, 0.0) < count for bound, count in before.items()):
        return None
    arrived = {bound: count - before.get(bound, 0.0) for bound, count in after.items()}
    if not arrived.get(float("inf")):
        return None
    return _quantiles(arrived, last.at_seconds - first.at_seconds)


def _quantiles(buckets: dict[float, float], over_seconds: float | None) -> Lag:
    count = buckets[float("inf")]
    return Lag(_quantile(buckets, 0.5), _quantile(buckets, 0.99), int(count), over_seconds)


def _quantile(buckets: dict[float, float], share: float) -> float | None:
    """As `histogram_quantile` of Prometheus does: values are spread evenly between two bounds."""
    rank = share * buckets[float("inf")]
    below_bound, below_count = 0.0, 0.0
    for bound, count in sorted(buckets.items()):
        if count >= rank:
            if bound == float("inf"):
                return None
            within = count - below_count
            return (
                bound if not within else below_bound + (bound - below_bound) * (rank - below_count) / within
            )
        below_bound, below_count = bound, count
    return None
