"""docs/reliability.md names all planted bugs and all invariants; some bug breaks each of these."""

from __future__ import annotations

import re
from pathlib import Path

from tests.simulation.planted.bugs import BUGS
from tests.simulation.planted.test_planted import FOUND

SIMULATION = Path(__file__).resolve().parents[1]
PAGE = SIMULATION.parents[1] / "docs" / "reliability.md"
INVARIANT = re.compile(r"I-[A-Z]+(?:-[A-Z]+)*")
AFTER = re.compile(r"(?:at most |none of )?(?:1 story|\d+ stories)\b")


def table(head: str) -> list[list[str]]:
    """The cells of the page's table whose first column has this head, row by row."""
    lines = iter(PAGE.read_text().splitlines())
    assert any(line.startswith(f"| {head} |") for line in lines), f"{PAGE.name} has no table of {head}s"
    next(lines)
    rows = []
    for line in lines:
        if not line.startswith("| "):
            break
        rows.append([cell.strip() for cell in line.strip("| ").split(" | ")])
    return rows


PLANTED = table("planted bug")
INVARIANTS = {one for row in table("invariant") for one in INVARIANT.findall(row[0])}


def test_the_page_has_each_planted_bug_once_and_says_what_it_does() -> None:
    assert sorted((name, text) for name, text, _, _ in PLANTED) == sorted(
        (name, bug.text) for name, bug in BUGS.items()
    )


def test_the_page_says_after_how_many_stories_each_was_found() -> None:
    assert [name for name, _, _, after in PLANTED if not AFTER.match(after)] == []


def test_the_page_has_all_invariants_of_the_simulator() -> None:
    used = {
        one
        for path in SIMULATION.glob("*.py")
        if not path.name.startswith("test_")
        for one in re.findall(rf'"({INVARIANT.pattern})"', path.read_text())
    }
    assert used == INVARIANTS


def test_each_invariant_is_what_some_planted_bug_breaks_first() -> None:
    assert {found_by for _, _, found_by, _ in PLANTED} <= INVARIANTS
    assert {invariant for _, _, invariant in FOUND} == INVARIANTS


def test_each_bug_that_is_not_held_by_a_test_is_left_to_the_hunt() -> None:
    assert BUGS.keys() - {name for name, _, _ in FOUND} == {
        "forget-conflicts",
        "withdraw-unannounced",
    }
