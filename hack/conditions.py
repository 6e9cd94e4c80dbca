#!/usr/bin/env python3
"""Writes the tables of docs/conditions.md from mcs_controller/api/reasons.py; `--check` only compares."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from mcs_controller.api.reasons import CONDITIONS, OTHER_EVENTS, ConditionKind, Reason  # noqa: E402

PAGE = ROOT / "docs" / "conditions.md"
BEGIN = "<!-- made by hack/conditions.py from mcs_controller/api/reasons.py -->\n"
END = "<!-- end of conditions -->\n"


def rendered(page: str) -> str:
    """The page with the present conditions. Raises LookupError without the markers."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise LookupError(f"{PAGE.name} has no markers for the conditions")
    return f"{before}{begin}\n{''.join(_parts())}{end}{after}"


def _parts() -> Iterator[str]:
    for kind in dict.fromkeys(condition.kind for condition in CONDITIONS):
        yield f"## {kind}\n\n"
        for condition in CONDITIONS:
            if condition.kind == kind:
                yield _section(condition)
    yield "## Events\n\n"
    yield (
        "Events are on the object that they tell of: `kubectl describe` shows them. An Event has the reason "
        "and the message\nof the condition that has changed.\n\n"
    )
    yield _table(("Event", "type", "on", "tells"), _events())


def _section(condition: ConditionKind) -> str:
    rows = [_row(reason) for reason in condition.reasons]
    about = f"`{condition.type}` says {condition.about}\n\n"
    return f"### {condition.type} of {condition.kind}\n\n{about}" + _table(
        ("status", "reason", "means", "what to do"), rows
    )


def _row(reason: Reason) -> tuple[str, ...]:
    return reason.status, f"`{reason.reason}`", reason.means, reason.todo


def _events() -> Iterator[tuple[str, ...]]:
    for condition in CONDITIONS:
        for reason in condition.reasons:
            if reason.event is not None:
                link = f"[{condition.type}](#{_anchor(condition)}) is {reason.status} now"
                yield f"`{reason.reason}`", reason.event, condition.kind, link
    for other in OTHER_EVENTS:
        yield f"`{other.reason}`", other.type, other.kind, f"{other.means} {other.todo}".strip()


def _anchor(condition: ConditionKind) -> str:
    """As GitHub and the site make it of the heading."""
    kept = (one for one in f"{condition.type} of {condition.kind}".lower() if one.isalnum() or one in " -")
    return "".join(kept).replace(" ", "-")


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]] | Iterator[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page differs")
    check = parser.parse_args().check
    found = PAGE.read_text(encoding="utf-8")
    wanted = rendered(found)
    if found == wanted:
        return 0
    if check:
        print(f"hack/conditions.py: {PAGE.name} differs from the reasons: run `make pages`", file=sys.stderr)
        return 1
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
