"""hack/lock/check.py: a lock that does not fit pyproject.toml is found without the network."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.scripts import load_script

PROJECT = {
    "project": {"dependencies": ["one>=1.2,<2", "Two.Name"], "optional-dependencies": {"more": ["three"]}},
    "dependency-groups": {"dev": ["four>=4"]},
}
LOCK = """\
four==4.1 ; python_full_version < '4' \\
    --hash=sha256:00
    # via mcs-controller (pyproject.toml:dev)
one==1.9 \\
    --hash=sha256:00 \\
    --hash=sha256:01
    # via
    #   mcs-controller (pyproject.toml)
    #   four
three==3 \\
    --hash=sha256:00
    # via mcs-controller (pyproject.toml)
two-name==0.1 \\
    --hash=sha256:00
    # via mcs-controller (pyproject.toml)
under-four==7 \\
    --hash=sha256:00
    # via four
"""


@pytest.fixture(scope="module")
def check() -> ModuleType:
    return load_script("lock/check")


def test_a_lock_that_fits_is_not_complained_about(check: ModuleType) -> None:
    assert list(check.problems(PROJECT, LOCK)) == []


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("three==3 ", "tree==3 ", ["three: no pin", "tree: pinned, and needed by nothing"]),
        ("one==1.9", "one==2.0", ["one<2,>=1.2: the pin is 2.0"]),
        ("one==1.9", "one==1.1", ["one<2,>=1.2: the pin is 1.1"]),
        ("    #   mcs-controller (pyproject.toml)\n", "", ["one<2,>=1.2: pinned for four only"]),
        ("under-four==7 \\\n    --hash=sha256:00", "under-four==7", ["under-four: no hash"]),
        ("    # via four", "    # via five", ["under-four: pinned, and needed by nothing"]),
    ],
)
def test_each_way_in_which_a_lock_does_not_fit_is_named(
    check: ModuleType, before: str, after: str, told: list[str]
) -> None:
    assert LOCK.count(before) == 1
    assert list(check.problems(PROJECT, LOCK.replace(before, after))) == told


def test_a_requirement_that_was_dropped_leaves_a_pin_that_is_told(check: ModuleType) -> None:
    dropped = {**PROJECT, "dependency-groups": {"dev": []}}
    assert list(check.problems(dropped, LOCK)) == ["four: pinned, and needed by nothing"]


def test_a_subset_is_what_the_named_packages_need_and_nothing_of_the_group_dev() -> None:
    subset = load_script("lock/subset").subset
    program = "\n".join(subset(LOCK, {"mcs-controller"}))
    assert [line.partition("=")[0] for line in program.splitlines() if "==" in line] == [
        "one",
        "three",
        "two-name",
    ]
    assert program.count("--hash=") == 4
    assert [line for line in subset(LOCK, {"four"}) if "==" in line] == [
        "four==4.1 ; python_full_version < '4' \\",
        "one==1.9 \\",
        "under-four==7 \\",
    ]
