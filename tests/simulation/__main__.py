"""`python -m tests.simulation --seed N --seeds M`: simulates whole clustersets, one for each seed.

Exit code 0 when every invariant held in all of them; 1 when one did not: then the seed, the shortened story
and the invariant are printed.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from functools import partial
from pathlib import Path

from tests.simulation.results import Results
from tests.simulation.seeds import Report, simulate


def count(text: str) -> int:
    """A number of seeds or processes. Raises ArgumentTypeError with what would be right."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed (default 1)")
    parser.add_argument("--seeds", type=count, default=1, help="how many seeds (default 1)")
    parser.add_argument("--jobs", type=count, default=os.cpu_count() or 1, help="processes (default: cores)")
    parser.add_argument("--story", action="store_true", help="print the story of each seed")
    parser.add_argument("--whole", action="store_true", help="do not shorten a story that fails")
    parser.add_argument("--go-on", action="store_true", help="go on after a seed that fails")
    parser.add_argument(
        "--results",
        type=Path,
        help="write what became of each seed to this file, do not tell again what the file has, and sum up; "
        "for another version of the code use another file",
    )
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    seeds = range(arguments.seed, arguments.seed + arguments.seeds)
    report = Report(partial(print, end="", flush=True), story=arguments.story, shorten=not arguments.whole)
    if arguments.results is None:
        return simulate(seeds, report, jobs=arguments.jobs, go_on=arguments.go_on)
    try:
        results = Results(arguments.results)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    return simulate(seeds, report, jobs=arguments.jobs, go_on=arguments.go_on, results=results)


if __name__ == "__main__":
    sys.exit(main())
