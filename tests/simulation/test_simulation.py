"""Whatever fails, nothing that lives is missing for a moment, and soon all is right: 200 seeds.

`make simulate` runs as many as you like. New ones for each commit: `test_new_seeds.py`.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

SEEDS, SEEDS_PER_RUN = 200, 10


@pytest.mark.requirement("MCS-IMP-02", "MCS-IMP-03", "MCS-LIFE-07")
@pytest.mark.slow
@pytest.mark.timeout(600)  # Ten stories are up to a minute of one processor, which other tests share.
@pytest.mark.parametrize("first", range(1, 1 + SEEDS, SEEDS_PER_RUN))
def test_every_invariant_holds_in_stories_of_whole_clustersets(first: int) -> None:
    done = told(first, SEEDS_PER_RUN)
    assert done.returncode == 0, done.stdout + done.stderr


def told(first: int, seeds: int, *options: str) -> subprocess.CompletedProcess[str]:
    """So many seeds from the first one on, in a process of their own."""
    command = ["-m", "tests.simulation", f"--seed={first}", f"--seeds={seeds}"]
    command += ["--jobs=1", "--go-on", "--whole", *options]
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
