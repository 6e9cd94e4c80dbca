"""`python -m tests.simulation.planted [--bug NAME]`: which invariant finds which planted bug, and when."""

from __future__ import annotations

import argparse
import logging
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.simulation.planted.bugs import BUGS
from tests.simulation.planted.hunt import SEEDS, hunt

HEAD = "| planted bug | what the product does then | found by | after stories | seed |\n|---|---|---|---|---|"


def row(name: str, seeds: int) -> tuple[bool, str]:
    """Whether it is found, and a line of the table."""
    logging.disable(logging.CRITICAL)
    bug = BUGS[name]
    catch = hunt(bug, SEEDS[:seeds])
    if catch is None:
        return False, f"| {name} | {bug.text} | nothing | {seeds} | |"
    return (
        True,
        f"| {name} | {bug.text} | {catch.outcome.invariant} | {catch.stories} | {catch.outcome.plan.seed} |",
    )


def main() -> int:
    """1 if a bug is not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.planted", description=__doc__)
    parser.add_argument("--bug", action="append", choices=BUGS, help="only this one; may be repeated")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="how many stories at most for each")
    parser.add_argument("--processes", type=int, default=None, help="default: one for each core")
    options = parser.parse_args()
    sys.stdout.write(f"{HEAD}\n")
    all_found = True
    with ProcessPoolExecutor(options.processes) as pool:
        rows = [pool.submit(row, name, options.seeds) for name in options.bug or BUGS]
        for done in as_completed(rows):
            found, line = done.result()
            all_found = all_found and found
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
    return 0 if all_found else 1


if __name__ == "__main__":
    sys.exit(main())
