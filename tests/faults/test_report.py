"""The page's fault matrix: a run of a few faults changes their lines, and no others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.faults.report import PAGE, seen_before, table
from tests.faults.results import keep, kept_results
from tests.faults.table import FAULTS

TOTALS = {
    "holes": 0,
    "endpoint_seconds_missing": 0.0,
    "ips_changed": 0,
    "imports_gone": 0,
    "dns": 2,
    "leftovers": 0,
    "looks": 1234,
    "holes_excused": 5,
    "endpoint_seconds_excused": 1.23,
}


def test_a_fault_that_was_not_run_here_keeps_its_line_and_one_that_was_gets_another() -> None:
    before = seen_before(PAGE.read_text())
    assert before.keys() == {fault.id for fault in FAULTS}
    one = FAULTS[0].id
    after = seen_before(f"<!-- fault matrix -->\n{table({one: result()}, before)}\n<!-- end -->\n")
    said = "2 wrong answers of DNS; right after 3 s; 1,234 looks; 5 absences excused, 1.2 s | abc1234"
    assert after == {**before, one: said}


def test_a_fault_of_which_the_page_says_nothing_yet_was_not_run() -> None:
    page = f"<!-- fault matrix -->\n{table({}, {})}\n<!-- end -->\n"
    assert set(seen_before(page).values()) == {"not run | –"}


def test_results_of_worlds_that_run_side_by_side_are_all_kept(tmp_path: Path) -> None:
    file = tmp_path / "faults.json"
    names = [fault.id for fault in FAULTS]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(partial(keep, result=result(), file=file), names))
    assert kept_results(file) == dict.fromkeys(names, result())


def result() -> dict[str, object]:
    return {
        "commit": "abc1234",
        "held": False,
        "lasted_seconds": 20.0,
        "right_after_seconds": 3.1,
        "totals": TOTALS,
    }
