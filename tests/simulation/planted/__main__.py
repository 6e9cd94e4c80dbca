"""`python -m tests.simulation.planted [--bug NAME]`: which invariant finds which planted bug, and when."""

from __future__ import annotations

import argparse
import logging
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.simulation.__main__ import count
from tests.simulation.planted.bugs import BUGS
from tests.simulation.planted.hunt import hunt

HEAD = "| planted bug | what the product does then | found by | after |\n|---|---|---|---|"


def row(name: str, seeds: range) -> tuple[bool, str]:
    """Whether it is found, and a line of the table."""
    logging.disable(logging.CRITICAL)
    bug = BUGS[name]
    catch = hunt(bug, seeds)
    found_by = "nothing" if catch is None else catch.outcome.invariant
    stories = len(seeds) if catch is None else catch.stories
    told = f"{stories} stor{'y' if stories == 1 else 'ies'}"
    if seeds.start != 1:
        told += f" from {seeds.start} on"
    return catch is not None, f"| {name} | {bug.text} | {found_by} | {told} |"


def main() -> int:
    """1 if a bug is not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.planted", description=__doc__)
    parser.add_argument("--bug", action="append", choices=BUGS, help="only this one; may be repeated")
    parser.add_argument("--seed", type=count, default=1, help="the first seed (default 1)")
    parser.add_argument("--seeds", type=count, default=200, help="how many stories at most for each")
    parser.add_argument("--processes", type=count, default=None, help="default: one for each core")
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.seeds)
    sys.stdout.write(f"{HEAD}\n")
    all_found = True
    with ProcessPoolExecutor(options.processes) as pool:
        rows = [pool.submit(row, name, seeds) for name in options.bug or BUGS]
        for done in as_completed(rows):
            found, line = done.result()
            all_found = all_found and found
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
    return 0 if all_found else 1


if __name__ == "__main__":
    sys.exit(main())
