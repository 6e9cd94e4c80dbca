"""`python -m tests.faults.report` writes the fault matrix into docs/reliability.md.

What this checkout has no result of (`build/faults.json`) stays as the page has it.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from typing import Any, Final

from tests.cli.pages import DOCS, with_table
from tests.faults.results import kept_results
from tests.faults.table import FAULTS

PAGE: Final = DOCS / "reliability.md"
NAME: Final = "fault matrix"


def seen_before(page: str) -> dict[str, str]:
    """What the page's matrix says that the observer saw, and at which commit, by fault."""
    _, _, rest = page.partition(f"<!-- {NAME} -->\n")
    rows, _, _ = rest.partition("<!-- end -->\n")
    return dict(re.findall(r"^\| `([\w-]+)`.* \| ([^|]* \| [^|]*) \|$", rows, re.MULTILINE))


def table(results: Mapping[str, Mapping[str, Any]], before: Mapping[str, str]) -> str:
    """Markdown; a fault without a result says what it said `before`, and one that was never run that."""
    lines = ["| fault | what happens | bound | what the observer saw | at |", "|---|---|---|---|---|"]
    for fault in FAULTS:
        marked = f"`{fault.id}`{' *' if fault.short else ''}"
        result = results.get(fault.id)
        seen = before.get(fault.id, "not run | –") if result is None else _seen(result)
        lines.append(f"| {marked} | {fault.what} | {fault.bound_seconds:g} s | {seen} |")
    return "\n".join(lines)


def _seen(result: Mapping[str, Any]) -> str:
    totals = result["totals"]
    words = [
        f"{totals['holes']} holes",
        f"{totals['endpoint_seconds_missing']:g} endpoint-seconds missing",
        f"{totals['ips_changed']} IPs changed",
        f"{totals['imports_gone']} imports gone",
        f"{totals['dns']} wrong answers of DNS",
        f"{totals['leftovers']} leftovers",
    ]
    wrong = [word for word in words if not word.startswith("0 ")]
    held = ", ".join(wrong) or "nothing missing or changed"
    right = result["right_after_seconds"]
    after = "never right" if right is None else f"right after {right:.0f} s"
    excused = f"{totals['holes_excused']} absences excused, {totals['endpoint_seconds_excused']:.1f} s"
    return f"{held}; {after}; {totals['looks']:,} looks; {excused} | {result['commit']}"


def main() -> None:
    argparse.ArgumentParser(prog="python -m tests.faults.report", description=__doc__).parse_args()
    page = PAGE.read_text()
    PAGE.write_text(with_table(page, NAME, table(kept_results(), seen_before(page))))


if __name__ == "__main__":
    main()
