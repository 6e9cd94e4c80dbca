"""Whatever fails, nothing that lives is missing for a moment, and soon all is as the rules say: some seeds.

`make simulate` runs as many as you like.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

FIRST_SEED, SEEDS = 1, 8


@pytest.mark.requirement("MCS-IMP-02", "MCS-IMP-03", "MCS-LIFE-07")
@pytest.mark.slow
def test_every_invariant_holds_in_stories_of_whole_clustersets() -> None:
    command = ["-m", "tests.simulation", "--seed", str(FIRST_SEED), "--seeds", str(SEEDS), "--go-on"]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
