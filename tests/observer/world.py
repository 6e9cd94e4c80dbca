"""A clusterset of one service, told to an observer whose time tests set."""

from __future__ import annotations

from tests.support.observer.expected import Expected
from tests.support.observer.observer import Import, Observer

ONE, TWO = "10.1.0.1", "10.1.0.2"
WEB = "shop/web"
IP = "10.97.0.4"
BOUND_SECONDS = 30.0


class World:
    """East exports shop/web with two endpoints; west shows it, and its DNS server knows it."""

    def __init__(self, *, headless: bool = False) -> None:
        self.seconds = 100.0
        self.expected = Expected()
        self.observer = Observer(self.expected, lambda: self.seconds, bound_seconds=BOUND_SECONDS)
        for cluster in ("east", "west"):
            self.expected.namespace(cluster, "shop")
        self.expected.excused(place="east")
        self.ips = () if headless else (IP,)
        self.expected.exported("east", WEB, [ONE, TWO], headless=headless)
        self.shows(ONE, TWO)
        self.answers(ONE, TWO) if headless else self.answers(IP)
        self.after(BOUND_SECONDS + 1)
        assert self.observer.wrong() == []

    def after(self, seconds: float) -> None:
        self.seconds += seconds

    def shows(
        self,
        *addresses: str,
        uid: str = "u1",
        ips: tuple[str, ...] | None = None,
        clusters: frozenset[str] | None = None,
    ) -> None:
        found = Import(uid, self.ips if ips is None else ips, frozenset(addresses), clusters)
        self.observer.saw("west", WEB, found)

    def answers(self, *addresses: str) -> None:
        self.observer.answered("west", WEB, frozenset(addresses))

    def found(self) -> list[tuple[str, float, float | None]]:
        """Kind, beginning, length; None while it is still so."""
        return [
            (one.kind, one.began_seconds - 131, None if one.ended_seconds is None else one.seconds(0))
            for one in self.observer.findings
        ]
