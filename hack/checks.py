#!/usr/bin/env python3
"""Writes the part of docs/checks.md about each check; `--check` only says whether it is up to date."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from mcs_controller.install.checks.judging import CHECKS  # noqa: E402

PAGE = ROOT / "docs" / "checks.md"
BEGIN = "<!-- made by hack/checks.py from mcs_controller/install/checks/ -->\n"
END = "<!-- end of checks -->\n"
LINE_WIDTH = 120


def rendered(page: str) -> str:
    """The page with the present checks. Raises LookupError without the markers."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise LookupError(f"{PAGE.name} has no markers for the checks")
    return f"{before}{begin}\n{''.join(_sections())}{end}{after}"


def _sections() -> Iterator[str]:
    for check in CHECKS:
        parts = (f"**{check.title[0].upper()}{check.title[1:]}.** {check.looks_at}", check.means)
        texts = (*parts, f"**What to do**: {check.todo}")
        yield f"### {check.id}\n\n" + "".join(f"{_wrapped(text)}\n\n" for text in texts)


def _wrapped(text: str) -> str:
    return textwrap.fill(text, LINE_WIDTH, break_long_words=False, break_on_hyphens=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page differs")
    arguments = parser.parse_args()
    found = PAGE.read_text(encoding="utf-8")
    wanted = rendered(found)
    if found == wanted:
        return 0
    if arguments.check:
        print(f"hack/checks.py: {PAGE.name} differs from the checks: run `make pages`", file=sys.stderr)
        return 1
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
