"""What a run says and returns where the real Kubernetes programs are missing: pytest within pytest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NEEDS_A_CLUSTER = """
def test_with_a_cluster(real_cluster): ...
"""
NEEDS_HELM = """
def test_with_helm(helm_program): ...
"""
CONTROL_PLANE_PROGRAMS = (
    "etcd", "etcdctl", "etcdutl", "kube-apiserver", "kube-controller-manager", "kubectl",
)  # fmt: skip
PLAIN = """
import pytest
def test_passes(): ...
"""
SKIPPED = (
    PLAIN
    + """
@pytest.mark.skip(reason="not today")
def test_skipped(): ...
"""
)


def run_pytest(
    folder: Path, module: str, *args: str, ci: bool = False, **variables: str
) -> subprocess.CompletedProcess[str]:
    (folder / "test_inner.py").write_text(module)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = realkube\n")
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    environment |= {"PYTHONPATH": str(ROOT), "KUBEBUILDER_ASSETS": str(folder), **variables}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    if ci:
        environment["CI"] = "true"
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.realkube.plugin", *args, "test_inner.py"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_the_programs_the_run_passes_and_says_what_it_did_not_run(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, NEEDS_A_CLUSTER)
    assert run.returncode == 0
    assert "NOT RUN" in run.stdout
    assert f"1 tests against real control planes: hack/kube/build.py: KUBEBUILDER_ASSETS={tmp_path}" in (
        run.stdout
    )


def test_under_ci_missing_programs_fail_the_tests_that_need_them(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, NEEDS_A_CLUSTER, ci=True)
    assert run.returncode == 1
    assert "has no etcd, etcdctl, etcdutl, kube-apiserver, kube-controller-manager, kubectl" in run.stdout


def test_without_helm_the_run_says_which_tests_of_charts_it_did_not_run(tmp_path: Path) -> None:
    for name in CONTROL_PLANE_PROGRAMS:
        (tmp_path / name).touch(mode=0o755)
    for ci, code in ((False, 0), (True, 1)):
        run = run_pytest(tmp_path, NEEDS_HELM, ci=ci, MCS_CACHE_DIR=str(tmp_path / "empty"))
        assert run.returncode == code
        assert "1 tests against Helm: Helm is not built: run `make kube`" in run.stdout


def test_under_ci_any_skipped_test_fails_the_run_and_is_named(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, SKIPPED, ci=True)
    assert run.returncode == 1
    assert "skipped tests fail the run" in run.stdout
    assert "test_inner.py::test_skipped" in run.stdout


def test_outside_ci_a_skipped_test_is_no_failure(tmp_path: Path) -> None:
    assert run_pytest(tmp_path, SKIPPED).returncode == 0


def test_a_run_that_skips_nothing_passes_under_ci(tmp_path: Path) -> None:
    assert run_pytest(tmp_path, PLAIN, ci=True).returncode == 0


def test_asking_for_a_cluster_marks_the_test_so_that_it_can_be_deselected(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, PLAIN + NEEDS_A_CLUSTER, "-m", "not realkube", ci=True)
    assert run.returncode == 0
    assert "1 passed, 1 deselected" in run.stdout
