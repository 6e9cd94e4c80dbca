"""`python -m tests.faults.report` writes the fault matrix of the last run into docs/reliability.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tests.cli.pages import DOCS, with_table
from tests.faults.fault import Fault
from tests.faults.results import kept_results
from tests.faults.table import FAULTS

PAGE: Final = DOCS / "reliability.md"
NAME: Final = "fault matrix"


def table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown; a fault that was never run says so."""
    lines = ["| fault | what happens | bound | what the observer saw |", "|---|---|---|---|"]
    for fault in FAULTS:
        marked = f"`{fault.id}`{' *' if fault.short else ''}"
        seen = _seen(fault, results.get(fault.id))
        lines.append(f"| {marked} | {fault.what} | {fault.bound_seconds:g} s | {seen} |")
    return "\n".join(lines)


def _seen(fault: Fault, result: Mapping[str, Any] | None) -> str:
    if result is None:
        return "not run"
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
    return f"{held}; {after}; {totals['looks']:,} looks"


def main() -> None:
    PAGE.write_text(with_table(PAGE.read_text(), NAME, table(kept_results())))


if __name__ == "__main__":
    main()
