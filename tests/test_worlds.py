"""Which tests run in one process where several share the work: pytest within pytest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMON = """
import os
from pathlib import Path
import pytest

@pytest.fixture(scope="session")
def real_clusterset(): ...

@pytest.fixture(scope="session")
def whole_clusters(): ...

@pytest.fixture(params=["simulated", pytest.param("real", marks=pytest.mark.world("clusterset"))])
def kind(): ...

@pytest.fixture(autouse=True)
def noted(request):
    Path("ran", f"{request.node.path.stem}.{request.node.name}").write_text(os.environ["PYTEST_XDIST_WORKER"])
"""
ASKS = """
def test_on_the_clusterset(real_clusterset): ...

@pytest.mark.requirement("MCS-API-01")
def test_of_either_kind(kind): ...

def test_on_whole_clusters(whole_clusters): ...
"""
ALONE = """
import time

def test_first(): time.sleep(0.2)

def test_then(): ...
"""


def test_a_world_s_tests_run_in_one_process_and_the_report_knows_them(tmp_path: Path) -> None:
    (tmp_path / "ran").mkdir()
    (tmp_path / "conftest.py").write_text(COMMON)
    for name, text in {"asks": ASKS, "asks_too": ASKS, "alone": ALONE, "alone_too": ALONE}.items():
        (tmp_path / f"test_{name}.py").write_text(f"import pytest\n{text}")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  requirement\n  world\n")
    report = tmp_path / "report.json"
    plugins = [f"-p{name}" for name in ("xdist", "tests.requirements_plugin", "tests.worlds")]
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-v", *plugins, f"--requirements-report={report}"),
            *("-n3", "--worlds"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    ran = {file.name: file.read_text() for file in (tmp_path / "ran").iterdir()}
    assert len(ran) == 12
    for told in ("test_on_the_clusterset", "test_of_either_kind[real]", "test_on_whole_clusters"):
        assert ran[f"test_asks.{told}"] == ran[f"test_asks_too.{told}"]
    assert ran["test_asks.test_on_the_clusterset"] == ran["test_asks.test_of_either_kind[real]"]
    for file in ("test_alone", "test_alone_too"):
        assert ran[f"{file}.test_first"] == ran[f"{file}.test_then"]
    assert len(set(ran.values())) > 1
    assert '"test_asks.py::test_of_either_kind[real]": "passed"' in report.read_text()
