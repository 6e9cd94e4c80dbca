"""Leaves out of a story that fails what it does not need, while the same invariant fails (delta debugging).

Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (IEEE TSE 28:2, 2002): halves
first, then smaller pieces, until no event can be left out or the number of runs is used up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.simulation.plan import Event, Plan
from tests.simulation.telling import Outcome

RUNS_MAX = 60


def shortened(
    outcome: Outcome, tell: Callable[[Plan], Outcome], *, runs_max: int = RUNS_MAX
) -> tuple[Outcome, int]:
    """The shortest story found whose first fault is of the same invariant, and how many runs that took."""
    best, runs = outcome, 0

    def fails(events: Sequence[Event]) -> bool:
        nonlocal best, runs
        runs += 1
        tried = tell(replace(outcome.plan, events=tuple(events), parts=_parts(events)))
        if tried.invariant != outcome.invariant:
            return False
        best = tried
        return True

    last_part = _part_of(outcome)
    if not fails([event for event in outcome.plan.events if event.part <= last_part]):
        return outcome, runs
    pieces = 2
    while runs < runs_max and len(events := best.plan.events) > 1:
        size = -(-len(events) // pieces)
        for at in range(0, len(events), size):
            if runs >= runs_max:
                break
            if fails([*events[:at], *events[at + size :]]):
                pieces = max(2, pieces - 1)
                break
        else:
            if size == 1:
                break
            pieces = min(len(events), pieces * 2)
    return best, runs


def _parts(events: Sequence[Event]) -> int:
    """At least one, so that what needs no event at all is told, too."""
    return 1 + max((event.part for event in events), default=0)


def _part_of(outcome: Outcome) -> int:
    """The part in which it failed: how often all had been healed before."""
    healed = sum(line.endswith("all is healed") for line in outcome.lines)
    return min(max(0, healed), outcome.plan.parts - 1)
