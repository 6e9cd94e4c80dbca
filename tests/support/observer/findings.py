"""What an observer found wrong: each with its time, and the sums."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass

MOST_FINDINGS = 1000
"""So many are kept with their words; all are counted."""

HOLE = "hole"
IP_CHANGED = "ip changed"
IMPORT_GONE = "import gone"
LEFTOVER = "leftover"
STRANGER = "stranger"
CLUSTERS = "clusters"
DNS = "dns"


@dataclass(eq=False, slots=True)
class Finding:
    """`kind` is one of the above, `place` the cluster that shows it; times are those of the observer."""

    kind: str
    place: str
    service: str
    what: str
    began_seconds: float
    ended_seconds: float | None = None

    def seconds(self, now_seconds: float) -> float:
        """How long it lasts, or lasted."""
        ended = now_seconds if self.ended_seconds is None else self.ended_seconds
        return ended - self.began_seconds

    def __str__(self) -> str:
        if self.ended_seconds is None:
            length = "still so"
        else:
            length = f"for {self.ended_seconds - self.began_seconds:.3f} s"
        return f"{self.began_seconds:.3f} s: {self.place}: {self.kind}: {self.service} {self.what}, {length}"


class Findings:
    """All findings of one observer, whose clock is `now`."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.kept: list[Finding] = []
        self._open: dict[Finding, None] = {}
        self._count: Counter[str] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._longest: defaultdict[str, float] = defaultdict(float)

    def begin(
        self, kind: str, place: str, service: str, what: str, began_seconds: float | None = None
    ) -> Finding:
        """It is so from now on, or since `began_seconds`, until `end`."""
        found = Finding(kind, place, service, what, self.now() if began_seconds is None else began_seconds)
        self._count[kind] += 1
        self._open[found] = None
        if len(self.kept) < MOST_FINDINGS:
            self.kept.append(found)
        return found

    def end(self, found: Finding) -> None:
        found.ended_seconds = self.now()
        del self._open[found]
        length = found.seconds(found.ended_seconds)
        self._seconds[found.kind] += length
        self._longest[found.kind] = max(self._longest[found.kind], length)

    def forget(self, found: Finding) -> None:
        """An open one turns out to be none."""
        del self._open[found]
        self._count[found.kind] -= 1
        if found in self.kept:
            self.kept.remove(found)

    def count(self, kind: str) -> int:
        return self._count[kind]

    def seconds(self, kind: str) -> float:
        """The sum of their lengths so far."""
        now = self.now()
        return self._seconds[kind] + sum(one.seconds(now) for one in self._open if one.kind == kind)

    def longest(self, kind: str) -> float:
        now = self.now()
        lengths = (one.seconds(now) for one in self._open if one.kind == kind)
        return max(self._longest[kind], max(lengths, default=0.0))
