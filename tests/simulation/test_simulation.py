"""Whatever fails, nothing that lives is missing for a moment, and soon all is right: 200 seeds and new ones.

`make simulate` runs as many as you like.
"""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

SEEDS, SEEDS_PER_RUN, NEW_SEEDS = 200, 20, 20
NEW_SEEDS_FROM = 100_000


@pytest.mark.requirement("MCS-IMP-02", "MCS-IMP-03", "MCS-LIFE-07")
@pytest.mark.slow
@pytest.mark.parametrize("first", range(1, 1 + SEEDS, SEEDS_PER_RUN))
def test_every_invariant_holds_in_stories_of_whole_clustersets(first: int) -> None:
    simulate(first, SEEDS_PER_RUN)


@pytest.mark.slow
def test_every_invariant_holds_in_stories_that_nobody_has_told_before() -> None:
    """Other ones in each run; a failure names the seed, which replays it."""
    simulate(random.randrange(NEW_SEEDS_FROM, NEW_SEEDS_FROM**2), NEW_SEEDS)


def simulate(first: int, seeds: int) -> None:
    command = [
        "-m",
        "tests.simulation",
        f"--seed={first}",
        f"--seeds={seeds}",
        "--jobs=1",
        "--go-on",
        "--whole",
    ]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
