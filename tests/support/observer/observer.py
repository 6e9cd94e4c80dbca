"""Judges what clusters show, look by look, against what users did; pure of I/O, in any clock's seconds.

    observer = Observer(expected, loop.time)
    observer.saw("west", "shop/web", Import(uid, ips, ready_addresses))     # by a feed, at each change
    observer.answered("west", "shop/web", frozenset({"10.97.0.4"}))
    assert observer.wrong() == [] and observer.findings == []

Kinds of findings: `hole` (a live, exported, ready address is not there), `ip changed`, `import gone` (or
another one), `dns`, `clusters` (the import names others than the exporters), `stranger` (what nobody ever
offered), and `leftover` (what ought to be gone, past its bound). The bound of what must go, and of what was
taken back and offered again, counts only while nothing disturbs: tell `disturbed` and `healed`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from tests.support.observer.expected import Expected, Level
from tests.support.observer.findings import (
    CLUSTERS,
    DNS,
    HOLE,
    IMPORT_GONE,
    IP_CHANGED,
    LEFTOVER,
    STRANGER,
    Finding,
    Findings,
)
from tests.support.observer.showing import Import, Showing
from tests.support.observer.things import Spot

__all__ = ["BOUND_SECONDS", "Finding", "Import", "Observer"]

BOUND_SECONDS = 30.0
LOOKS_KEPT = 5_000
"""So many of the last looks are kept, and acts of users, to tell what was seen around a finding, and why."""
AROUND_SECONDS = 3.0
ACTS_BEFORE_SECONDS = 60.0
"""An act may be seen so late, as what is done while the broker is away."""


class Observer:
    """One for a whole clusterset. `now` gives seconds; `bound_seconds` is what a removal may take."""

    def __init__(
        self, expected: Expected, now: Callable[[], float], *, bound_seconds: float = BOUND_SECONDS
    ) -> None:
        self.expected = expected
        self.looks = 0
        self._found, self._excused = Findings(now), Findings(now)
        self._last_looks: deque[tuple[float, str, str, Import | None]] = deque(maxlen=LOOKS_KEPT)
        self._last_acts: deque[tuple[float, str, dict[str, frozenset[str]]]] = deque(maxlen=LOOKS_KEPT)
        """What is offered of a service from then on, by exporter."""
        self._bound_seconds = bound_seconds
        self._showings: dict[str, dict[str, Showing]] = {}
        """By service, then by cluster."""
        self._disturbed = False
        self._healed_seconds = -math.inf
        self._blind: dict[str, float] = {}
        self._sees: dict[str, float] = {}
        self._blind_seconds = 0.0
        self._has_dns: set[str] = set()
        self._dns_down: set[str] = set()
        expected.subscribe(self._expect)

    # What feeds tell

    def saw(self, cluster: str, service: str, found: Import | None) -> None:
        """One look: the cluster shows this of the service now; None if nothing at all."""
        self.looks += 1
        self._last_looks.append((self._found.now(), cluster, service, found))
        self._showing(cluster, service).see(found)

    def answered(self, cluster: str, service: str, answers: frozenset[str] | None, why: str = "") -> None:
        """The cluster's DNS server said this of the service's name, all families together.

        An empty set: it said that there is nothing; None: it gave no answer, or that it failed. `why` is the
        rcode, or what went wrong.
        """
        self.looks += 1
        self._has_dns.add(cluster)
        down, blind = cluster in self._dns_down, cluster in self._blind
        self._showing(cluster, service).hear(answers, why, down=down, blind=blind)

    def has_dns(self, cluster: str) -> None:
        """There is a DNS server whose answers will be told: until they are, `wrong` says so."""
        self._has_dns.add(cluster)

    def blind(self, cluster: str) -> None:
        """From now on nothing can be seen there; DNS is asked all the same."""
        if cluster not in self._blind:
            self._judge_bounds()
            self._blind[cluster] = self._found.now()

    def sees(self, cluster: str) -> None:
        """It can be seen again, and all that it shows has been told."""
        if (since := self._blind.pop(cluster, None)) is not None:
            self._sees[cluster] = self._found.now()
            self._blind_seconds += self._found.now() - since

    # What tests tell

    def disturbed(self) -> None:
        """A fault begins: what must go may take its time."""
        self._judge_bounds()
        self._disturbed = True

    def healed(self) -> None:
        """All faults are over: all bounds count from now."""
        self._disturbed = False
        self._healed_seconds = self._found.now()

    def dns_down(self, cluster: str) -> None:
        """Its DNS server is down on purpose: no answer is no finding. A wrong answer still is."""
        self._dns_down.add(cluster)

    def dns_up(self, cluster: str) -> None:
        self._dns_down.discard(cluster)

    # What tests ask

    @property
    def findings(self) -> Sequence[Finding]:
        """In the order in which they were found; of very many only the first."""
        self._judge_bounds()
        return tuple(self._found.kept)

    def around(self, finding: Finding) -> Iterator[str]:
        """What users did with the service before that was found; what the cluster showed around then."""
        for seconds, service, offers in self._last_acts:
            since_seconds = finding.began_seconds - seconds
            if service == finding.service and -AROUND_SECONDS <= since_seconds <= ACTS_BEFORE_SECONDS:
                told = "; ".join(f"{one} {' '.join(sorted(has))}" for one, has in sorted(offers.items()))
                yield f"{seconds:.3f} s: users: {service} is offered by {told or 'nobody'}"
        for seconds, cluster, service, found in self._last_looks:
            if (cluster, service) == (finding.place, finding.service) and (
                abs(seconds - finding.began_seconds) <= AROUND_SECONDS
            ):
                yield f"{seconds:.3f} s: {cluster}: {service} is {found}"

    def totals(self) -> dict[str, float]:
        """Numbers of findings and looks, and sums of seconds; for JSON."""
        self._judge_bounds()
        found, now = self._found, self._found.now()
        blind = self._blind_seconds + sum(now - since for since in self._blind.values())
        return {
            "holes": found.count(HOLE),
            "endpoint_seconds_missing": round(found.seconds(HOLE), 3),
            "longest_hole_seconds": round(found.longest(HOLE), 3),
            "holes_excused": self._excused.count(HOLE),
            "endpoint_seconds_excused": round(self._excused.seconds(HOLE), 3),
            "imports_gone_excused": self._excused.count(IMPORT_GONE),
            "ips_changed": found.count(IP_CHANGED),
            "imports_gone": found.count(IMPORT_GONE),
            "leftovers": found.count(LEFTOVER),
            "strangers": found.count(STRANGER),
            "clusters": found.count(CLUSTERS),
            "dns": found.count(DNS),
            "dns_seconds": round(found.seconds(DNS), 3),
            "looks": self.looks,
            "blind_seconds": round(blind, 3),
        }

    def wrong(self) -> list[str]:
        """Where a cluster is not, or not yet, exactly as expected; empty when all is."""
        texts = [f"{cluster}: cannot be seen" for cluster in sorted(self._blind)]
        for service in self.expected.services():
            for place in self.expected.places(service):
                self._showing(place, service)
        for of_service in self._showings.values():
            for cluster, showing in of_service.items():
                if showing.wanted.anything:
                    # Its namespace may have been told since.
                    showing.expect()
                texts += showing.wrong(has_dns=cluster in self._has_dns)
        return sorted(texts)

    def import_of(self, cluster: str, service: str) -> Import | None:
        """What the cluster showed last."""
        showing = self._showings.get(service, {}).get(cluster)
        return showing.import_ if showing is not None else None

    def is_dns_down(self, cluster: str) -> bool:
        return cluster in self._dns_down

    def families(self, cluster: str, service: str) -> tuple[str, ...]:
        """The types of records that its name may have there."""
        showing = self._showing(cluster, service)
        shown = showing.import_
        addresses = {*showing.wanted.must, *(shown.ips if shown is not None else ())}
        return ("A", "AAAA") if any(":" in address for address in addresses) else ("A",)

    def to_ask(self, cluster: str) -> list[str]:
        """The services whose names a DNS server there is to be asked for: those that are or were expected."""
        found = []
        for service, of_service in list(self._showings.items()):
            showing = of_service.get(cluster)
            if showing is None or not self.expected.knows(service):
                continue
            gone = showing.wanted.imported is Level.NOT
            if not gone or (showing.asked and showing.answers != frozenset()):
                found.append(service)
        return found

    def _showing(self, cluster: str, service: str) -> Showing:
        of_service = self._showings.setdefault(service, {})
        if (showing := of_service.get(cluster)) is None:
            spot = Spot(
                self._found,
                self._excused,
                cluster,
                service,
                self._bound_seconds,
                lambda: self._calm_since(cluster),
            )
            showing = of_service[cluster] = Showing(spot, self.expected)
        return showing

    def _calm_since(self, cluster: str) -> float:
        if self._disturbed or cluster in self._blind:
            return math.inf
        return max(self._healed_seconds, self._sees.get(cluster, -math.inf))

    def _expect(self, service: str) -> None:
        self._last_acts.append((self._found.now(), service, self.expected.offers(service)))
        for place in self.expected.places(service):
            self._showing(place, service)
        for showing in self._showings.get(service, {}).values():
            showing.expect()

    def _judge_bounds(self) -> None:
        for of_service in self._showings.values():
            for showing in of_service.values():
                showing.judge_bounds()
