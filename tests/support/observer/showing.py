"""What one cluster shows of one service: its import, the endpoints, the IPs, and what its DNS server says.

Each look is compared with what is expected and with what was there before. A look is cheap: it costs what the
service has, and nothing for others.
"""

from __future__ import annotations

import math
from ipaddress import ip_address
from typing import NamedTuple

from tests.support.observer.expected import NOTHING, Expected, Level, Wanted
from tests.support.observer.findings import (
    CLUSTERS,
    DNS,
    HOLE,
    IMPORT_GONE,
    IP_CHANGED,
    LEFTOVER,
    STRANGER,
    Finding,
)
from tests.support.observer.things import Spot, Things, Words

DNS_LAG_SECONDS = 1.0
"""A DNS server may know of a new clusterset IP so much later than we do, or earlier."""
IMPORT = "the import"


class Import(NamedTuple):
    """A service as a client of the cluster finds it.

    `uid` is "" where slices stand without an import. `ready_addresses` are those that traffic reaches: in
    slices that belong to the import, of endpoints that are ready. `clusters` are those that its status names,
    None if nobody looked.
    """

    uid: str
    ips: tuple[str, ...]
    ready_addresses: frozenset[str]
    clusters: frozenset[str] | None = None


class Showing:
    """One service in one cluster, from the first look on."""

    def __init__(self, spot: Spot, expected: Expected) -> None:
        self._spot = spot
        self._expected = expected
        self.wanted = NOTHING
        self.import_: Import | None = None
        self.answers: frozenset[str] | None = None
        self.asked = False
        service = spot.service

        def address(name: str) -> str:
            exporters = ", ".join(expected.exporters_of(service, name)) or "nobody"
            return f"{name} (of {exporters})"

        def was_offered(name: str) -> bool:
            return expected.was_offered(service, name)

        def was_exported_by(cluster: str) -> bool:
            return cluster in expected.ever_exporters(service)

        def was_exported(_: str) -> bool:
            return bool(expected.ever_exporters(service))

        self._addresses = Things(spot, Words(HOLE, STRANGER, LEFTOVER, address, was_offered))
        named = "{} as exporter".format
        self._names = Things(spot, Words(CLUSTERS, CLUSTERS, CLUSTERS, named, was_exported_by))
        self._imported = Things(spot, Words(IMPORT_GONE, STRANGER, LEFTOVER, str, was_exported))
        self._in_dns = Things(spot, Words(DNS, DNS, DNS, lambda name: f"{address(name)} in DNS", was_offered))
        self._uid = ""
        self._ips: frozenset[str] = frozenset()
        self._ips_since = -math.inf
        self._type_since = -math.inf
        self._exporters: set[str] = set()
        self._taken_back: dict[str, float] = {}
        """When each exporter took the service back last, while that may still be on its way."""
        self._not_seen_back: set[str] = set()
        """Those of whom no import was without the name since: it may still be of what they took back."""
        self._addresses_back: dict[str, float] = {}
        """When each address was taken back last, whether or not it was seen here by then."""
        self._on_its_way: dict[str, float] = {}
        """Since when each exporter has offered the service whose offer was not seen here yet."""
        self._without_ip: Finding | None = None
        self._dns_right = False
        self._dns_wrong: Finding | None = None
        self._dns_silent: Finding | None = None
        self.expect()

    def expect(self) -> None:
        """Something else may be expected from now on."""
        before, self.wanted = self.wanted, self._expected.wanted(self._spot.place, self._spot.service)
        wanted = self.wanted
        types, types_before = (wanted.headless, wanted.disagreeing), (before.headless, before.disagreeing)
        if before.imported is Level.MUST and types != types_before:
            self._type_since = self._spot.now()
            if wanted.imported is Level.MUST:
                self._addresses.let_go()
        elif before.undecided and not wanted.undecided:
            self._type_since = self._spot.now()
        self._addresses.want(wanted.level)
        self._imported.want(lambda _: wanted.imported)
        self._names.want(wanted.level_of_exporter)
        self._in_dns.want(wanted.level if wanted.headless is True else lambda _: Level.MAY)
        if self._became_headless(before):
            for name in sorted(wanted.must):
                self._in_dns.let_go_once(name, self._spot.now())
        self._expect_late_changes(before)
        exporters_before = self._exporters
        self._follow_offers(before)
        self._expect_late_withdrawals(before, self._exporters - exporters_before)
        if wanted.imported is not Level.MUST:
            self._without_ip = self._ended(self._without_ip)
            self._dns_wrong = self._ended(self._dns_wrong)
            self._dns_right = False

    def _became_headless(self, before: Wanted) -> bool:
        """Then a restore of the broker may bring back, for a moment, the export that decided before."""
        return before.imported is Level.MUST and before.headless is not True and self.wanted.headless is True

    def _expect_late_changes(self, before: Wanted) -> None:
        """An address that is offered again may come as it was before, go as it was taken back, and come."""
        for name in sorted(self.wanted.must - before.must):
            if (since_seconds := self._addresses_back.pop(name, None)) is not None:
                self._addresses.let_go_once(name, since_seconds)
                self._in_dns.let_go_once(name, since_seconds)
        gone = (name for name in before.must if self.wanted.level(name) is Level.NOT)
        self._addresses_back.update(dict.fromkeys(gone, self._spot.now()))

    def _follow_offers(self, before: Wanted) -> None:
        """Where no import could be, all offers are on their way again: what told of lost records is gone."""
        offers, now = self._expected.offers(self._spot.service).keys(), self._spot.now()
        for exporter in self._exporters - offers:
            self._taken_back[exporter] = now
            self._not_seen_back.add(exporter)
            self._on_its_way.pop(exporter, None)
        seen_before = self._exporters if before.imported is not Level.NOT else set[str]()
        self._on_its_way.update(dict.fromkeys(offers - seen_before, now))
        self._exporters = set(offers)

    def _expect_late_withdrawals(self, before: Wanted, new_exporters: set[str]) -> None:
        """New addresses of an exporter that took the service back a moment ago, and itself.

        Its slices may come before news that its record went, and go with that once more. And a restore of the
        broker may bring back what it took back; its agent takes that back, too, if it has not yet seen that
        the service is exported again. It may have done all that while this cluster lacked the namespace.
        """
        new = self.wanted.must - before.must
        offers = self._expected.offers(self._spot.service)
        for exporter, since_seconds in list(self._taken_back.items()):
            if self._spot.deadline(since_seconds) < self._spot.now():
                del self._taken_back[exporter]
                continue
            for name in offers.get(exporter, frozenset()) & new:
                self._addresses.let_go_once(name, since_seconds)
                self._in_dns.let_go_once(name, since_seconds)
        for exporter in sorted((self.wanted.exporters - before.exporters) & self._taken_back.keys()):
            self._names.let_go_once(exporter, self._taken_back[exporter])
        holders = self.wanted.holders
        if holders & new_exporters and holders <= self._taken_back.keys():
            self._imported.let_go_once(IMPORT, min(self._taken_back[one] for one in holders))

    def see(self, found: Import | None) -> None:
        """The cluster shows this now."""
        had_import = bool(self._imported.shown())
        self.import_ = found
        if found is None or found.uid != self._uid:
            self._excuse_until_an_offer_is_seen()
        self._see_import(found)
        if found is not None and found.uid:
            self._see_offers(found.clusters)
        elif had_import:
            self._not_seen_back.clear()
        self._addresses.show(self._that_can_be_found(found))
        if found is not None and found.clusters is not None:
            self._names.show(found.clusters)
        elif found is None or not found.uid:
            # A status goes with its object: that its names are gone, too, is no finding of its own.
            self._names.forget_what_is_shown()

    def _that_can_be_found(self, found: Import | None) -> frozenset[str]:
        """An address that comes while there is no import is not there yet: no name leads to it.

        So it may go again, as a slice does whose owner is gone, which an agent that was cut off still knew.
        What was there before the import went stays there; what must not be there is looked for all the same.
        """
        if found is None:
            return frozenset()
        if found.uid:
            return found.ready_addresses
        shown = self._addresses.shown()
        return frozenset(
            one for one in found.ready_addresses if one in shown or self.wanted.level(one) is not Level.MUST
        )

    def _see_offers(self, named: frozenset[str] | None) -> None:
        """An offer is seen when the import names its exporter; not if the name may be from before it."""
        if named is None:
            self._on_its_way.clear()
            return
        if named:
            self._not_seen_back &= named
        for exporter in named - self._not_seen_back:
            self._on_its_way.pop(exporter, None)

    def _excuse_until_an_offer_is_seen(self) -> None:
        """The import may go, and come again, while all offers may still be on their way here."""
        holders, now = self.wanted.holders, self._spot.now()
        if holders and all(
            one in self._on_its_way and now <= self._spot.deadline(self._on_its_way[one]) for one in holders
        ):
            self._imported.let_go()

    def _see_import(self, found: Import | None) -> None:
        uid = found.uid if found is not None else ""
        may_change = self._imported.may_vanish(IMPORT)
        if not uid:
            self._imported.show(frozenset())
            self._without_ip = self._ended(self._without_ip)
            if may_change:
                self._uid = ""
                self._set_ips(frozenset())
            return
        assert found is not None
        if self._uid and uid != self._uid and self._imported.shown():
            if may_change:
                self._imported.show(frozenset())
                self._set_ips(frozenset())
            else:
                self._spot.at_once(IMPORT_GONE, "has another import")
        self._imported.show(frozenset({IMPORT}))
        self._uid = uid
        self._see_ips(frozenset(found.ips), may_change or self._type_changed())

    def _type_changed(self) -> bool:
        """It became headless, or ceased to be, so lately that the import may still have to follow.

        Also while that depends on an exporter of which nothing is asked.
        """
        if self.wanted.undecided:
            return True
        return self._type_since > -math.inf and self._spot.now() <= self._spot.deadline(self._type_since)

    def _see_ips(self, ips: frozenset[str], may_change: bool) -> None:
        before = self._ips
        if not ips and before:
            if may_change:
                self._set_ips(ips)
            elif self._without_ip is None:
                self._without_ip = self._spot.begin(IP_CHANGED, f"has no IP, had {_text(before)}")
            return
        self._without_ip = self._ended(self._without_ip)
        if ips == before:
            return
        # The families follow those of the exports: only another IP of a family that it still has is a change.
        families = {ip_address(ip).version for ip in ips}
        if not may_change and any(ip_address(ip).version in families for ip in before - ips):
            self._spot.at_once(IP_CHANGED, f"has IP {_text(ips)}, had {_text(before)}")
        self._set_ips(ips)

    def _set_ips(self, ips: frozenset[str]) -> None:
        self._ips = ips
        self._ips_since = self._spot.now()
        self._dns_right = False
        self._dns_wrong = self._ended(self._dns_wrong)

    def hear(self, answers: frozenset[str] | None, why: str, *, down: bool, blind: bool) -> None:
        """What the DNS server answered; None if it did not, or could not. `why` is for people."""
        self.asked = True
        self.answers = answers
        if answers is None:
            if down:
                self._dns_silent = self._ended(self._dns_silent)
            elif self._dns_silent is None:
                self._dns_silent = self._spot.begin(DNS, f"has no answer: {why or 'the server is silent'}")
            return
        self._dns_silent = self._ended(self._dns_silent)
        if self.wanted.headless is True:
            self._in_dns.show(self._of_endpoints(answers) if self._type_changed() else answers)
        elif self.wanted.imported is Level.MUST and self._ips:
            self._judge_name(answers, why, blind)

    def _of_endpoints(self, answers: frozenset[str]) -> frozenset[str]:
        """Without the clusterset IP that it has, or had, while it is not headless."""
        return frozenset(one for one in answers if self._expected.was_offered(self._spot.service, one))

    def _judge_name(self, answers: frozenset[str], why: str, blind: bool) -> None:
        """A clusterset IP's name has exactly the import's IPs."""
        if answers == self._ips:
            self._dns_right = True
            self._dns_wrong = self._ended(self._dns_wrong)
            return
        # Before its first right answer the server need not know the name; a wrong IP is never right.
        if not self._dns_right and not answers:
            return
        # The server may have seen a change of the import before us, or a moment after.
        if (blind and answers) or self._spot.now() < self._ips_since + DNS_LAG_SECONDS:
            return
        if self._dns_wrong is None:
            said = _text(answers) if answers else why or "nothing"
            self._dns_wrong = self._spot.begin(DNS, f"is said to have {said}, has {_text(self._ips)}")

    def _ended(self, finding: Finding | None) -> Finding | None:
        """None, for the place where the finding was kept."""
        if finding is not None:
            self._spot.findings.end(finding)
        return None

    def judge_bounds(self) -> None:
        """Before any bound stops to count, and whenever somebody asks for findings."""
        for things in (self._addresses, self._names, self._imported, self._in_dns):
            things.judge_bounds()
        for name, since_seconds in list(self._addresses_back.items()):
            if self._spot.deadline(since_seconds) < self._spot.now():
                del self._addresses_back[name]
        if not self._type_changed():
            self._type_since = -math.inf

    def wrong(self, *, has_dns: bool) -> list[str]:
        """Where it is not exactly as expected."""
        found, wanted = self.import_, self.wanted
        if wanted.anything:
            return []
        there = found is not None and bool(found.uid)
        texts: list[str] = []
        if there and wanted.imported is Level.NOT:
            texts.append("has an import")
        elif found is not None and wanted.imported is Level.NOT:
            texts.append("has slices or a derived Service left")
        if not there and wanted.imported is Level.MUST:
            texts.append("has no import")
        shown = found.ready_addresses if found is not None else frozenset()
        if lacks := wanted.must - shown:
            texts.append(f"lacks {_text(lacks)}")
        if extra := shown - wanted.must - wanted.may:
            texts.append(f"has {_text(extra)} too much")
        if found is not None and found.uid and wanted.imported is Level.MUST:
            texts += self._wrong_import(found)
        if has_dns:
            texts += self._wrong_dns(found, there)
        return [f"{self._spot.place}: {self._spot.service} {text}" for text in texts]

    def _wrong_import(self, found: Import) -> list[str]:
        wanted = self.wanted
        texts: list[str] = []
        if wanted.headless is True and found.ips:
            texts.append(f"has IP {_text(found.ips)}, and is headless")
        if wanted.headless is False and not found.ips and wanted.must:
            texts.append("has no IP")
        if found.clusters is not None and not (
            wanted.exporters <= found.clusters <= wanted.exporters | wanted.excused_exporters
        ):
            texts.append(f"names {_text(found.clusters)}, not {_text(wanted.exporters)}")
        return texts

    def _wrong_dns(self, found: Import | None, there: bool) -> list[str]:
        wanted = self.wanted
        if not self.asked:
            return ["was not asked of DNS"] if wanted.imported is Level.MUST else []
        if self.answers is None:
            return ["has no answer in DNS"]
        if wanted.imported is Level.MAY:
            return []
        must = frozenset(found.ips) if found is not None and found.ips else wanted.must
        may = must if found is not None and found.ips else wanted.must | wanted.may
        if wanted.imported is Level.NOT and not there:
            must = may = frozenset()
        if must <= self.answers <= may:
            return []
        return [f"is said to have {_text(self.answers)} by DNS, not {_text(must)}"]


def _text(names: object) -> str:
    assert isinstance(names, frozenset | set | tuple)
    return ", ".join(sorted(names)) or "nothing"
