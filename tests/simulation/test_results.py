"""A run of many seeds that was stopped goes on where it was, and sums up all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation import seeds as seeds_module
from tests.simulation.results import Results
from tests.simulation.seeds import Report, Result, simulate


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seeds that were told; each ends with an error of the simulator."""
    seeds: list[int] = []

    def run(seed: int) -> Result:
        seeds.append(seed)
        return Result(seed, None, "no story", 0.1)

    monkeypatch.setattr(seeds_module, "run", run)
    return seeds


def test_what_was_told_before_is_not_told_again_and_counts(tmp_path: Path, told: list[int]) -> None:
    path, said = tmp_path / "results", list[str]()
    path.write_text("1 held\n2 I-ENDPOINTS\n4 I-ENDPOINTS\n5 he")

    code = simulate(range(1, 6), Report(said.append), jobs=1, go_on=True, results=Results(path))

    assert (code, told) == (1, [3, 5])
    assert path.read_text() == "1 held\n2 I-ENDPOINTS\n4 I-ENDPOINTS\n3 error\n5 error\n"
    assert said[-3:] == [
        "5 seeds told in all: 1 held, 4 failed\n",
        "  I-ENDPOINTS: 2 (seeds 2 4)\n",
        "  error: 2 (seeds 3 5)\n",
    ]


def test_a_failure_that_was_told_before_ends_a_run_that_is_not_to_go_on(
    tmp_path: Path, told: list[int]
) -> None:
    path = tmp_path / "results"
    path.write_text("2 I-IP\n")

    assert simulate(range(1, 4), Report(lambda _: None), jobs=1, results=Results(path)) == 1
    assert told == []


def test_a_file_with_other_lines_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text("1 held\nwhat I must not forget\nhalf")

    with pytest.raises(ValueError, match=r"line 2 of .* is no result of a seed: 'what I must not forget'"):
        Results(path)

    assert path.read_text() == "1 held\nwhat I must not forget\nhalf"
