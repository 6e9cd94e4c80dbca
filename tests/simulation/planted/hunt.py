"""Tells stories with a bug in the product until an invariant does not hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tests.simulation.plan import plan
from tests.simulation.planted.patching import Bug, planted
from tests.simulation.telling import Outcome, tell


class Catch(NamedTuple):
    """The story that shows a bug, and how many were told until then."""

    stories: int
    outcome: Outcome


def hunt(bug: Bug, seeds: Iterable[int]) -> Catch | None:
    """The first story in which something is wrong that is right without the bug; None if there is none."""
    for stories, seed in enumerate(seeds, start=1):
        outcome = tell_with(bug, seed)
        if outcome.faults and not tell(plan(seed)).faults:
            return Catch(stories, outcome)
    return None


def tell_with(bug: Bug, seed: int) -> Outcome:
    """One story, with the bug."""
    with planted(*bug.patches):
        return tell(plan(seed))
