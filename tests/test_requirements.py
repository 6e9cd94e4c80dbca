"""The table of requirements, and the plugin that ties tests to it: pytest within pytest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.requirements_plugin import LEVELS, load_requirements
from tests.scripts import load_script

ROOT = Path(__file__).resolve().parents[1]
INNER = """
import pytest

@pytest.fixture
def fails_at_the_end():
    yield
    raise OSError

@pytest.mark.requirement("MCS-API-01", "MCS-API-02")
def test_holds(): ...

@pytest.mark.requirement("MCS-API-02")
def test_does_not_hold(): assert False

@pytest.mark.requirement("MCS-API-03")
def test_clean_up_breaks(fails_at_the_end): ...

@pytest.mark.requirement("MCS-API-04")
@pytest.mark.skip
def test_is_not_run(): ...
"""


def run_inner(folder: Path, module: str, *args: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_inner.py").write_text(module)
    # With a conftest beside a folder that does not share it pytest compares plugins, as it does here.
    for name in ("one", "other"):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "conftest.py").touch()
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  requirement\n  realkube\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.requirements_plugin", *args],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def run_table(folder: Path, report: Any, *args: str) -> subprocess.CompletedProcess[str]:
    (folder / "report.json").write_text(json.dumps(report))
    return subprocess.run(
        [sys.executable, str(ROOT / "hack" / "requirements.py"), "--from", "report.json", *args],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def entry(level: str, *outcomes: str) -> dict[str, Any]:
    tests = {f"test_inner.py::test_{number}": one for number, one in enumerate(outcomes)}
    return {"level": level, "text": "something holds", "tests": tests}


def test_every_requirement_has_a_known_level_and_a_short_text() -> None:
    requirements = load_requirements()
    counts = Counter(key.partition("-")[0] for key in requirements)
    assert counts == {"MCS": 132, "ABT": 15, "CP": 29, "CR": 5}
    assert {one.level for one in requirements.values()} == LEVELS
    assert [key for key, one in requirements.items() if not 10 < len(one.text) <= 90] == []


def test_the_report_gives_each_requirement_its_tests_and_their_outcomes(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    assert run_inner(tmp_path, INNER, f"--requirements-report={report}").returncode == 1
    told = {key: one["tests"] for key, one in json.loads(report.read_text()).items()}
    assert told["MCS-API-01"] == {"test_inner.py::test_holds": "passed"}
    assert told["MCS-API-02"] == {
        "test_inner.py::test_holds": "passed",
        "test_inner.py::test_does_not_hold": "failed",
    }
    assert told["MCS-API-03"] == {"test_inner.py::test_clean_up_breaks": "failed"}
    assert told["MCS-API-04"] == {"test_inner.py::test_is_not_run": "skipped"}
    assert told["MCS-API-05"] == {}


def test_a_test_that_was_deselected_counts_as_not_run(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    run_inner(tmp_path, INNER, f"--requirements-report={report}", "-k", "holds")
    told = json.loads(report.read_text())["MCS-API-03"]["tests"]
    assert told == {"test_inner.py::test_clean_up_breaks": "not run"}


def test_the_report_of_the_last_of_several_runs_tells_of_all(tmp_path: Path) -> None:
    report, outcomes = tmp_path / "report.json", f"--outcomes={tmp_path / 'outcomes.json'}"
    run_inner(tmp_path, INNER, outcomes, "-k", "does_not_hold")
    run_inner(tmp_path, INNER, outcomes, f"--requirements-report={report}", "-k", "test_holds")
    told = json.loads(report.read_text())["MCS-API-02"]["tests"]
    assert told == {"test_inner.py::test_holds": "passed", "test_inner.py::test_does_not_hold": "failed"}


def test_an_unknown_requirement_id_stops_the_run_and_is_named(tmp_path: Path) -> None:
    run = run_inner(tmp_path, INNER.replace("MCS-API-04", "MCS-API-99"))
    assert run.returncode == 4
    assert "test_inner.py::test_is_not_run: MCS-API-99" in run.stderr


def test_the_table_shows_requirement_result_and_tests(tmp_path: Path) -> None:
    run = run_table(tmp_path, {"MCS-API-01": entry("M", "passed"), "MCS-API-02": entry("S")})
    assert run.returncode == 0
    assert "MCS-API-01  M  proven    something holds" in run.stdout
    assert "test_inner.py::test_0" in run.stdout
    assert "MCS-API-02  S  no test   something holds" in run.stdout


def test_a_failed_test_fails_the_table(tmp_path: Path) -> None:
    run = run_table(tmp_path, {"MCS-API-01": entry("M", "passed", "failed")})
    assert run.returncode == 1
    assert "MCS-API-01  M  FAILED" in run.stdout


def test_the_report_says_what_each_test_runs_on(tmp_path: Path) -> None:
    (tmp_path / "controllers").mkdir()
    (tmp_path / "controllers" / "test_more.py").write_text(
        "import pytest\n@pytest.mark.requirement('MCS-API-05')\ndef test_simulated(): ...\n"
        "@pytest.mark.realkube\n@pytest.mark.requirement('MCS-API-05')\ndef test_real(): ...\n"
    )
    report = tmp_path / "report.json"
    run_inner(tmp_path, INNER, f"--requirements-report={report}")
    told = json.loads(report.read_text())
    assert told["MCS-API-05"]["servers"] == {
        "controllers/test_more.py::test_simulated": "simcluster",
        "controllers/test_more.py::test_real": "real control plane",
    }
    assert told["MCS-API-01"]["servers"] == {"test_inner.py::test_holds": "rules"}


def test_what_a_test_runs_on_may_follow_from_its_fixtures(tmp_path: Path) -> None:
    """As in the suite: a plugin that is registered first marks by fixture, in the same hook."""
    (tmp_path / "by_fixture.py").write_text(
        "import pytest\n@pytest.hookimpl(tryfirst=True)\ndef pytest_collection_modifyitems(items):\n"
        "    for item in items:\n"
        "        if 'plane' in item.fixturenames: item.add_marker('realkube')\n"
    )
    (tmp_path / "test_fixtures.py").write_text(
        "import pytest\nfrom mcs_controller.simcluster.cluster import SimCluster\n"
        "@pytest.fixture\ndef plane(): ...\n"
        "@pytest.fixture\ndef simulated():\n    assert SimCluster\n"
        "@pytest.mark.requirement('MCS-API-05')\ndef test_planes(plane): ...\n"
        "@pytest.mark.requirement('MCS-API-05')\ndef test_fixture(simulated): ...\n"
        "@pytest.mark.requirement('MCS-API-05')\ndef test_neither(tmp_path): ...\n"
    )
    report = tmp_path / "report.json"
    run_inner(tmp_path, INNER, "-p", "by_fixture", f"--requirements-report={report}", "-k", "fixtures")
    told = json.loads(report.read_text())["MCS-API-05"]["servers"]
    assert told == {
        "test_fixtures.py::test_planes": "real control plane",
        "test_fixtures.py::test_fixture": "simcluster",
        "test_fixtures.py::test_neither": "rules",
    }


def test_what_a_helper_of_a_test_names_counts_for_the_test(tmp_path: Path) -> None:
    """tests/dns/test_server.py makes its cluster in a class of its own."""
    files = ("tests/dns/test_server.py", "tests/dns/test_names.py")
    report = f"--requirements-report={tmp_path / 'report.json'}"
    listed = subprocess.run(
        [sys.executable, "-m", "pytest", *files, "--collect-only", "-qq", report],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert listed.returncode == 0, listed.stdout
    servers: dict[str, set[str]] = {}
    for one in json.loads((tmp_path / "report.json").read_text()).values():
        for test, server in one["servers"].items():
            servers.setdefault(test.partition("::")[0], set()).add(server)
    assert servers["tests/dns/test_names.py"] == {"rules"}
    assert servers["tests/dns/test_server.py"] == {"simcluster"}


def test_a_test_that_failed_is_not_saved_by_a_skip_at_its_end(tmp_path: Path) -> None:
    (tmp_path / "test_late.py").write_text(
        "import pytest\n@pytest.fixture\ndef skips_at_the_end():\n    yield\n    pytest.skip('late')\n"
        "@pytest.mark.requirement('MCS-API-05')\ndef test_fails(skips_at_the_end): assert False\n"
    )
    report = tmp_path / "report.json"
    run_inner(tmp_path, INNER, f"--requirements-report={report}", "-k", "fails")
    told = json.loads(report.read_text())["MCS-API-05"]["tests"]
    assert told == {"test_late.py::test_fails": "failed"}


@pytest.mark.parametrize("missed", ["not run", "skipped"])
def test_a_requirement_is_proven_only_when_every_test_of_it_ran(missed: str) -> None:
    module = load_script("requirements")
    assert module.result(["passed", "passed"]) == "proven"
    assert module.result(["passed", missed]) == "in part"
    assert module.result([missed]) == "not run"


def test_the_page_has_a_row_for_each_requirement_and_no_results() -> None:
    module = load_script("requirements")
    tests = {
        "tests": {"tests/a/test_inner.py::test_0": "passed", "tests/a/test_inner.py::test_1": "not run"},
        "servers": {"tests/a/test_inner.py::test_0": "rules", "tests/a/test_inner.py::test_1": "real node"},
    }
    page = module.page_of({"MCS-API-01": {"level": "M", "text": "something holds", **tests}})
    assert "## MCS-API" in page
    assert "| MCS-API-01 | M | something holds | a/test_inner.py | rules, real node |" in page.splitlines()


def test_a_page_that_differs_and_a_must_without_a_test_are_errors(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = load_script("requirements")
    report = {"MCS-API-01": {**entry("M", "not run"), "servers": {"test_inner.py::test_0": "rules"}}}
    monkeypatch.setattr(module, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(module, "listed", lambda: report)
    assert module.check_page() == 1
    assert module.write_page() == 0
    assert module.check_page() == 0
    module.PAGE.write_text(module.PAGE.read_text().replace("| rules |", "| real node |"))
    assert module.check_page() == 1
    assert capsys.readouterr().err.count("make conformance") == 2
    report["MCS-API-02"] = {**entry("S"), "servers": {}}
    module.write_page()
    assert module.check_page() == 1
    assert "MCS-API-02" in capsys.readouterr().err


def test_strict_wants_a_passing_test_for_all_but_a_may(tmp_path: Path) -> None:
    optional = {"MCS-API-01": entry("M", "passed"), "MCS-API-02": entry("Y")}
    assert run_table(tmp_path, optional, "--strict").returncode == 0
    for level, outcomes in (("S", ()), ("D", ()), ("S", ("skipped",)), ("M", ("not run",))):
        missing = {**optional, "MCS-API-04": entry(level, *outcomes)}
        run = run_table(tmp_path, missing, "--strict")
        assert run.returncode == 1
        assert "without a passing test: MCS-API-04" in run.stdout
        assert run_table(tmp_path, missing).returncode == 0
