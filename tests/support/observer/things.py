"""What one cluster must show of one service, thing by thing, and when it failed to.

A thing is an address, a named cluster, an address in DNS, or the import itself. A hole begins when a thing
that was seen and must be there is not shown, and ends when it is shown again or need no longer be there.

What was taken back and then offered again while it was shown, or on its way, may vanish once, until the
bound: the taking back was on its way. If that happens again before it is seen, it may vanish twice. So may an
address that an exporter offers for the first time after it took the service back: an importer's watch of
slices may be ahead of its watch of records, which are two.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple

from tests.support.observer.expected import Level
from tests.support.observer.findings import Finding, Findings

MOST_ON_THEIR_WAY = 2
"""So many takings back may be on their way at once; more of them excuse no more."""
LATE_SECONDS = 5.0
"""An addition may be told so long after it was seen."""


@dataclass(frozen=True, slots=True)
class Spot:
    """One service in one cluster, as findings name it; `calm_since` is inf while no bound counts."""

    findings: Findings
    excused: Findings
    """What would be findings, and may be so."""
    place: str
    service: str
    bound_seconds: float
    calm_since: Callable[[], float]

    def now(self) -> float:
        return self.findings.now()

    def begin(self, kind: str, what: str, began_seconds: float | None = None) -> Finding:
        return self.findings.begin(kind, self.place, self.service, what, began_seconds)

    def excuse(self, kind: str, what: str) -> Finding:
        return self.excused.begin(kind, self.place, self.service, what)

    def at_once(self, kind: str, what: str) -> None:
        """What is no state: it begins and ends now."""
        self.findings.end(self.begin(kind, what))

    def deadline(self, since_seconds: float) -> float:
        """Until when what was begun then may take."""
        return max(since_seconds, self.calm_since()) + self.bound_seconds


class Words(NamedTuple):
    """Kinds and texts of what may be wrong with a thing; `named` puts it into words."""

    missing: str
    stranger: str
    leftover: str
    named: Callable[[str], str]
    was_offered: Callable[[str], bool]


@dataclass(slots=True)
class _Thing:
    level: Level
    since: float
    """When its level was set; or, if it is not wanted, when it appeared, if that was later."""
    shown: bool = False
    stale: int = 0
    """What is shown of it may be from before it was taken back: so many times it may vanish."""
    finding: Finding | None = None
    excused: Finding | None = None
    """It must be there, and may be missing for now."""


class Things:
    """All things of one sort in one spot; nothing is asked of any until `want`."""

    def __init__(self, spot: Spot, words: Words) -> None:
        self._spot = spot
        self._words = words
        self._things: dict[str, _Thing] = {}
        self._level: Callable[[str], Level] = lambda _: Level.MAY

    def shown(self) -> set[str]:
        return {name for name, thing in self._things.items() if thing.shown}

    def want(self, level: Callable[[str], Level]) -> None:
        """From now on `level` says what is asked of each."""
        self._level = level
        for name, thing in list(self._things.items()):
            if (new := level(name)) is not thing.level:
                self._change(thing, new)
                self._drop(name, thing)

    def show(self, names: AbstractSet[str]) -> None:
        """These are shown now, and no others."""
        for name, thing in list(self._things.items()):
            if thing.shown and name not in names:
                self._vanish(name, thing)
                self._drop(name, thing)
        # In order, so that a run can be replayed: sets have none.
        for name in sorted(names - self.shown()):
            if name not in self._things:
                self._things[name] = _Thing(self._level(name), self._spot.now())
            self._appear(name, self._things[name])

    def forget_what_is_shown(self) -> None:
        """Nobody could look: what is not shown is no finding, and what was seen is not known to be there."""
        level = self._level
        self.want(lambda _: Level.MAY)
        self.show(frozenset())
        self.want(level)

    def let_go(self) -> None:
        """Each that is shown may vanish once, until the bound: what it belongs to is made anew."""
        for thing in self._things.values():
            if thing.shown:
                thing.stale = max(thing.stale, 1)
                if thing.level is Level.MUST:
                    thing.since = self._spot.now()

    def let_go_once(self, name: str, since_seconds: float) -> None:
        """If it must be there and is not yet shown: it may vanish once, until the bound after that time."""
        thing = self._things.setdefault(name, _Thing(self._level(name), since_seconds))
        if thing.level is Level.MUST and not thing.shown and thing.finding is None:
            thing.since = since_seconds
            thing.stale = max(thing.stale, 1)
        self._drop(name, thing)

    def may_vanish(self, name: str) -> bool:
        """Whether it may go, or become another one: it is not asked for, or was taken back a moment ago."""
        thing = self._things.get(name)
        return thing is None or thing.level is not Level.MUST or self._is_excused(thing)

    def judge_bounds(self) -> None:
        """What is shown past its bound is a finding from then on; what was excused until it no longer is."""
        for name, thing in self._things.items():
            if thing.level is Level.NOT:
                self._judge_leftover(name, thing)
            elif thing.stale and thing.level is Level.MUST and not self._is_excused(thing):
                thing.stale = 0

    def _change(self, thing: _Thing, level: Level) -> None:
        self._end_excuse(thing)
        if thing.finding is not None:
            self._end(thing, forgive=thing.level is Level.NOT and not thing.stale)
        if not self._is_excused(thing):
            thing.stale = 0
        if thing.level is Level.MUST:
            thing.stale = min(thing.stale + 1, MOST_ON_THEIR_WAY)
        elif thing.level is Level.MAY:
            thing.stale = max(thing.stale, int(thing.shown))
        thing.level = level
        thing.since = self._spot.now()

    def _appear(self, name: str, thing: _Thing) -> None:
        thing.shown = True
        self._end_excuse(thing)
        if thing.finding is not None:
            self._end(thing)
        if thing.level is Level.NOT:
            thing.since = self._spot.now()
            thing.stale = int(self._words.was_offered(name))
            if not thing.stale:
                what = f"{self._words.named(name)} is offered by nobody"
                thing.finding = self._spot.begin(self._words.stranger, what)

    def _vanish(self, name: str, thing: _Thing) -> None:
        self._judge_leftover(name, thing)
        thing.shown = False
        if thing.finding is not None:
            self._end(thing)
        if thing.level is Level.MUST:
            what = f"{self._words.named(name)} is not there"
            if self._is_excused(thing):
                thing.excused = self._spot.excuse(self._words.missing, what)
            else:
                thing.finding = self._spot.begin(self._words.missing, what)
        thing.stale = max(thing.stale - 1, 0)

    def _is_excused(self, thing: _Thing) -> bool:
        return thing.stale > 0 and self._spot.now() <= self._spot.deadline(thing.since)

    def _judge_leftover(self, name: str, thing: _Thing) -> None:
        if thing.level is not Level.NOT or not thing.shown or thing.finding is not None:
            return
        if (deadline := self._spot.deadline(thing.since)) < self._spot.now():
            what = f"{self._words.named(name)} is still there"
            thing.finding = self._spot.begin(self._words.leftover, what, deadline)

    def _end(self, thing: _Thing, *, forgive: bool = False) -> None:
        assert thing.finding is not None
        if forgive and thing.finding.seconds(self._spot.now()) <= LATE_SECONDS:
            self._spot.findings.forget(thing.finding)
        else:
            self._spot.findings.end(thing.finding)
        thing.finding = None

    def _end_excuse(self, thing: _Thing) -> None:
        if thing.excused is not None:
            self._spot.excused.end(thing.excused)
            thing.excused = None

    def _drop(self, name: str, thing: _Thing) -> None:
        if thing.level is Level.NOT and not thing.shown and not thing.stale:
            del self._things[name]
