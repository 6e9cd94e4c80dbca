"""hack/mutate.py: how it counts, what it prints, which tests it runs; not mutmut, which make installs."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from tests.scripts import load_script

ROOT = Path(__file__).resolve().parents[1]
FILE = "mcs_controller/clusterset/services/ports.py"
DIFF = f"""\
# mcs_controller.clusterset.services.ports.x_union__mutmut_1: survived
--- {FILE}
+++ {FILE}
@@ -1,3 +1,3 @@
 def union(one: int) -> bool:
     low = 1
-    return low < one
+    return low <= one
"""


@pytest.fixture(scope="module")
def mutate() -> ModuleType:
    return load_script("mutate")


def mutants_of(mutate: ModuleType, *statuses: str) -> list[object]:
    return [
        mutate.Mutant(f"mcs_controller.clusterset.services.ports.x_union__mutmut_{number}", status)
        if status in mutate.DETECTED
        else mutate.Mutant(
            f"mcs_controller.clusterset.services.ports.x_union__mutmut_{number}",
            status,
            mutate.change_of(DIFF),
            DIFF,
        )
        for number, status in enumerate(statuses)
    ]


def test_a_survivor_is_printed_as_a_diff_and_too_many_fail_the_run(
    mutate: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    mutants = mutants_of(mutate, "killed", "timeout", "survived", "no tests")
    assert mutate.report(mutants, {}, 90) == 1
    told = capsys.readouterr().out
    assert told.count("+    return low <= one") == 2
    assert f" 50.0 %  {FILE}: 2 killed, 2 survived, 0 equivalent" in told
    assert mutate.report(mutants, {}, 50) == 0


def test_a_survivor_that_is_named_as_equivalent_is_not_counted(
    mutate: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = f'file = "{FILE}"\nbefore = "return low < one"\nafter = "return low <= one"\nwhy = "-"\n'
    listed = mutate.load_equivalents(f"[[equivalent]]\n{entry}")
    assert mutate.report(mutants_of(mutate, "killed", "survived"), listed, 100) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "100.0 %  all: 1 killed, 0 survived, 1 equivalent"


def test_an_equivalent_that_no_longer_survives_is_told(
    mutate: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = {
        mutate.Change(FILE, "a", "b"): "-",
        mutate.Change("mcs_controller/dns/zone/names.py", "a", "b"): "-",
    }
    assert mutate.report(mutants_of(mutate, "killed"), listed, 90) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == f"hack/mutants.toml: no longer a survivor of {FILE}: b"
    assert not any("names.py" in line for line in told)

    assert mutate.report(mutants_of(mutate, "killed"), listed, 90, is_sample=True) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "100.0 %  all: 1 killed, 0 survived, 0 equivalent"


def test_no_mutants_at_all_is_no_success(mutate: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert mutate.report([], {}, 0) == 2
    assert "no mutants" in capsys.readouterr().err


def test_each_file_is_tested_by_its_room_and_what_has_none_is_refused(mutate: ModuleType) -> None:
    for path in ROOT.glob("mcs_controller/*/__init__.py"):
        assert (ROOT / mutate.tests_of_room(str(path.relative_to(ROOT)))).is_dir()
    for other in ("tests/conftest.py", "mcs_controller/__init__.py"):
        with pytest.raises(SystemExit, match=other):
            mutate.tests_of_room(other)


def test_the_listed_equivalents_are_of_files_that_exist_and_say_why(mutate: ModuleType) -> None:
    listed = mutate.load_equivalents(mutate.EQUIVALENTS.read_text())
    assert listed
    for change, why in listed.items():
        assert (ROOT / change.file).is_file()
        assert change.before != change.after
        assert len(why) > 10
