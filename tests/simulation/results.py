"""What became of each seed, in a file: a run that was stopped goes on where it was.

One line for each seed, as its story ends: the seed, and `held`, or the invariant that did not hold, or
`error` if the simulator itself ended with one. A half-written last line, of a run that was killed, does not
count.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

HELD, ERROR = "held", "error"
SEEDS_NAMED = 20


class Results:
    """Raises ValueError, and changes nothing, if the file has other lines; OSError if it cannot be used."""

    def __init__(self, path: Path) -> None:
        text = path.read_text() if path.exists() else ""
        kept = text[: text.rfind("\n") + 1]
        self.verdicts: dict[int, str] = {}
        for number, line in enumerate(kept.splitlines(), start=1):
            seed, _, verdict = line.partition(" ")
            if not (seed.isascii() and seed.isdigit() and verdict):
                raise ValueError(f"line {number} of {path} is no result of a seed: {line[:60]!r}")
            self.verdicts[int(seed)] = verdict
        path.write_text(kept)
        self._path = path

    def add(self, seed: int, verdict: str) -> None:
        self.verdicts[seed] = verdict
        with self._path.open("a") as file:
            file.write(f"{seed} {verdict}\n")

    def failed(self, seeds: Iterable[int]) -> dict[str, list[int]]:
        """Those of these seeds that failed, by the invariant that did not hold."""
        found: dict[str, list[int]] = {}
        for seed in seeds:
            if (verdict := self.verdicts.get(seed, HELD)) != HELD:
                found.setdefault(verdict, []).append(seed)
        return found

    def summary(self, seeds: Iterable[int]) -> list[str]:
        """How many of these seeds were told, and which of them failed."""
        told = [seed for seed in seeds if seed in self.verdicts]
        failed = self.failed(told)
        number = sum(map(len, failed.values()))
        lines = [f"{len(told)} seeds told in all: {len(told) - number} held, {number} failed"]
        for invariant, found in sorted(failed.items()):
            named = " ".join(map(str, found[:SEEDS_NAMED])) + (" ..." if len(found) > SEEDS_NAMED else "")
            lines.append(f"  {invariant}: {len(found)} (seeds {named})")
        return lines
