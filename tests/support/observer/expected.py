"""What users did to a clusterset, and so what each of its clusters must show, may show and must not show.

Whoever acts tells it: a removal BEFORE it is written, an addition before or after. It looks at no server.
A service is "namespace/name"; it is expected in each cluster that has its namespace while some cluster
exports it. Services of a namespace that nobody ever told of are nobody's business.

    expected.namespace("west", "shop")
    expected.exported("east", "shop/web", ["10.1.0.1"])
    expected.endpoints("east", "shop/web", [])      # all pods of it are about to stop being ready
    expected.excused(exporter="east")               # it is dead, and the clusterset may know that
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Level(Enum):
    """What is asked of a thing that a cluster shows."""

    MUST = "must"
    MAY = "may"
    NOT = "not"


class Wanted(NamedTuple):
    """What one cluster has to show of one service."""

    imported: Level
    must: frozenset[str]
    """Addresses that live: exported and ready."""
    may: frozenset[str]
    """Addresses of those who are excused."""
    exporters: frozenset[str]
    excused_exporters: frozenset[str]
    holders: frozenset[str]
    """Those for whose sake the import must be there: they may be dead, but are not excused altogether."""
    headless: bool | None
    """None while the exporters disagree, or there are none."""
    anything: bool
    """Nothing that is shown is wrong here."""
    disagreeing: frozenset[tuple[str, bool]] = frozenset()
    """While the exporters disagree, each with whether its Service is headless. The oldest export decides:
    when one of them goes, or comes, another one may be the oldest."""
    undecided: bool = False
    """While they disagree and one is excused altogether: it may be there and decide, or may not."""

    def level(self, address: str) -> Level:
        if address in self.must:
            return Level.MUST
        return Level.MAY if self.anything or address in self.may else Level.NOT

    def level_of_exporter(self, cluster: str) -> Level:
        if cluster in self.exporters:
            return Level.MUST
        return Level.MAY if self.anything or cluster in self.excused_exporters else Level.NOT


NOTHING = Wanted(Level.NOT, frozenset(), frozenset(), frozenset(), frozenset(), frozenset(), None, False)


class _Offer(NamedTuple):
    addresses: frozenset[str]
    headless: bool


@dataclass(frozen=True, slots=True)
class _Excuse:
    exporter: str
    place: str
    service: str
    endpoints_only: bool = False

    def of_exporter(self, exporter: str, place: str, service: str) -> bool:
        return (
            self.exporter == exporter and self.place in ("", place) and self.service in ("", service)
        ) or self.of_place(place, service)

    def of_place(self, place: str, service: str) -> bool:
        """All that the place shows of the service."""
        return not self.exporter and self.place in ("", place) and self.service in ("", service)


class Expected:
    """Told by users' acts; asked by observers, which it calls at each change."""

    def __init__(self) -> None:
        self._namespaces: dict[str, set[str]] = {}
        self._offers: dict[str, dict[str, _Offer]] = {}
        self._offered: dict[str, dict[str, set[str]]] = {}
        self._excuses: list[_Excuse] = []
        self._listeners: list[Callable[[str], None]] = []

    # What users do

    def namespace(self, cluster: str, namespace: str) -> None:
        """The cluster has the namespace, and so imports what is exported of it."""
        self._namespaces.setdefault(namespace, set()).add(cluster)
        self._changed(self._services_of(namespace))

    def namespace_gone(self, cluster: str, namespace: str) -> None:
        """The namespace is about to be deleted there, and with it what the cluster exports of it."""
        self._namespaces.setdefault(namespace, set()).discard(cluster)
        found = self._services_of(namespace)
        for service in found:
            self._offers[service].pop(cluster, None)
        self._changed(found)

    def exported(
        self, cluster: str, service: str, addresses: Collection[str], *, headless: bool = False
    ) -> None:
        """The cluster exports the service, with these addresses of endpoints that are ready."""
        self._offer(cluster, service, _Offer(frozenset(addresses), headless))

    def endpoints(self, cluster: str, service: str, addresses: Collection[str]) -> None:
        """From now on these are the addresses that are ready; `KeyError` if it is not exported there."""
        before = self._offers[service][cluster]
        self._offer(cluster, service, before._replace(addresses=frozenset(addresses)))

    def unexported(self, cluster: str, service: str) -> None:
        """The export, or the Service behind it, is about to go (or can no longer be exported)."""
        if self._offers.get(service, {}).pop(cluster, None) is not None:
            self._changed([service])

    def excused(
        self, *, exporter: str = "", place: str = "", service: str = "", endpoints_only: bool = False
    ) -> None:
        """From now on, where all that is named fits, nothing need be there and all may be.

        `exporter`: what it offers, wherever. `place`: what this cluster shows. Both: what of the exporter
        this cluster shows. `service`: only of this one. `endpoints_only`: of an exporter that is dead, whose
        imports stay, with their IPs.
        """
        assert exporter or place or service, "say who is excused"
        assert exporter or not endpoints_only, "say whose endpoints are excused"
        self._excuses.append(_Excuse(exporter, place, service, endpoints_only))
        self._changed(self._offered)

    def expected_again(
        self, *, exporter: str = "", place: str = "", service: str = "", endpoints_only: bool = False
    ) -> None:
        """End what `excused` began with the same words; `ValueError` if it did not."""
        self._excuses.remove(_Excuse(exporter, place, service, endpoints_only))
        self._changed(self._offered)

    # What observers ask

    def knows(self, service: str) -> bool:
        """Whether anybody ever told of its namespace."""
        return service.partition("/")[0] in self._namespaces

    def places(self, service: str) -> frozenset[str]:
        """The clusters that have its namespace now."""
        return frozenset(self._namespaces.get(service.partition("/")[0], ()))

    def services(self) -> Iterator[str]:
        """All that were ever exported."""
        return iter(self._offered)

    def ever_exporters(self, service: str) -> frozenset[str]:
        """Who exports it, or did at any time."""
        return frozenset(self._offered.get(service, ()))

    def offers(self, service: str) -> dict[str, frozenset[str]]:
        """Who exports it now, and with which addresses; no excuse changes that."""
        return {one: offer.addresses for one, offer in self._offers.get(service, {}).items()}

    def was_offered(self, service: str, address: str) -> bool:
        """By anybody, at any time."""
        return any(address in addresses for addresses in self._offered.get(service, {}).values())

    def exporters_of(self, service: str, address: str) -> list[str]:
        """Who offers the address, or else who ever did."""
        now = [one for one, offer in self._offers.get(service, {}).items() if address in offer.addresses]
        offered = self._offered.get(service, {})
        return sorted(now or (one for one, addresses in offered.items() if address in addresses))

    def wanted(self, place: str, service: str) -> Wanted:
        """What the cluster has to show of the service now."""
        if not self.knows(service) or any(one.of_place(place, service) for one in self._excuses):
            return NOTHING._replace(imported=Level.MAY, anything=True)
        if place not in self.places(service):
            return NOTHING
        excused = {
            exporter
            for exporter in self._offered.get(service, {})
            if any(one.of_exporter(exporter, place, service) for one in self._excuses)
        }
        offers = self._offers.get(service, {})
        gone = {
            exporter
            for exporter in excused
            if any(
                one.of_exporter(exporter, place, service) for one in self._excuses if not one.endpoints_only
            )
        }
        strict = {exporter: offer for exporter, offer in offers.items() if exporter not in excused}
        types = {offer.headless for offer in offers.values()}
        differ = len(types) > 1
        each = frozenset((exporter, offer.headless) for exporter, offer in offers.items())
        must = frozenset[str]().union(*(offer.addresses for offer in strict.values()))
        may = frozenset[str]().union(*(self._offered[service][one] for one in excused))
        holders = frozenset(offers.keys() - gone)
        return Wanted(
            imported=Level.MUST if holders else Level.MAY if excused else Level.NOT,
            must=must,
            may=may - must,
            exporters=frozenset(strict),
            excused_exporters=frozenset(excused),
            holders=holders,
            headless=types.pop() if len(types) == 1 else None,
            anything=False,
            disagreeing=each if differ else frozenset(),
            undecided=differ and not gone.isdisjoint(offers),
        )

    def subscribe(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with each service of which something else is expected, after the change."""
        self._listeners.append(listener)

    def _offer(self, cluster: str, service: str, offer: _Offer) -> None:
        self._offers.setdefault(service, {})[cluster] = offer
        self._offered.setdefault(service, {}).setdefault(cluster, set()).update(offer.addresses)
        self._changed([service])

    def _services_of(self, namespace: str) -> list[str]:
        return [service for service in self._offered if service.partition("/")[0] == namespace]

    def _changed(self, services: Iterable[str]) -> None:
        for service in services:
            for tell in self._listeners:
                tell(service)
