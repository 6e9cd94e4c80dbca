#!/usr/bin/env python3
"""Runs every test (`make test`): first what needs no real Kubernetes, on all cores, then the rest.

What needs real control planes or whole clusters shares them (tests/worlds.py): the tests of one world run in
one process, and worlds side by side. What counts each request that is lost, or compares how long something
takes, comes last, with the machine for itself. All runs always take place, so that one look shows all that
fails.
Arguments are passed on to pytest, and with `--requirements-report FILE` (tests/requirements_plugin.py) one
report tells the results of all.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SIMULATED = "not realkube and not realnode"
REAL = f"not ({SIMULATED}) and (not faults or short)"
"""Of the fault matrix only the short form: all of it is `make test-faults`."""
ALONE = f"alone and ({REAL})"
BESIDE_OTHERS = f"not alone and ({REAL})"
PROCESSES = (os.cpu_count() or 1) + 1
"""One more than there are cores: some always wait, for a process that starts or for time to pass."""
MOST_WORLDS = 4
"""At once: each may take 2 GiB."""
NO_TESTS = 5
"""pytest's exit code where a selection, such as `-k`, leaves none."""


def main(arguments: list[str]) -> int:
    """The first exit code that is not 0; no tests in one of the runs is no failure."""
    with tempfile.TemporaryDirectory() as folder:
        pytest = [sys.executable, "-m", "pytest", f"--outcomes={Path(folder) / 'outcomes.json'}"]
        runs = (
            [*pytest, "-n", str(PROCESSES), "--dist", "worksteal", "-m", SIMULATED, *arguments],
            [*pytest, "-n", str(min(PROCESSES, MOST_WORLDS)), "--worlds", "-m", BESIDE_OTHERS, *arguments],
            [*pytest, "-m", ALONE, *arguments],
        )
        codes = [subprocess.run(run, cwd=ROOT, check=False).returncode for run in runs]
    if all(code == NO_TESTS for code in codes):
        return NO_TESTS
    return next((code for code in codes if code not in (0, NO_TESTS)), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
