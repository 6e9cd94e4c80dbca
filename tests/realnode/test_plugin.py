"""What a run says and returns where there can be no whole clusters: pytest within pytest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NEEDS_CLUSTERS = """
def test_with_clusters(whole_clusters): ...
"""
CONTROL_PLANE = ("etcd", "etcdctl", "etcdutl", "kube-apiserver", "kube-controller-manager", "kubectl")


def run_pytest(folder: Path, *args: str, ci: bool = False) -> subprocess.CompletedProcess[str]:
    """With programs for a control plane, and none for nodes."""
    for name in CONTROL_PLANE:
        (folder / name).touch(mode=0o755)
    (folder / "test_inner.py").write_text(NEEDS_CLUSTERS)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  realkube\n  realnode\n  timeout\n")
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    environment |= {"PYTHONPATH": str(ROOT), "KUBEBUILDER_ASSETS": str(folder)}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    if ci:
        environment["CI"] = "true"
    plugins = ("-p", "tests.realkube.plugin", "-p", "tests.realnode.plugin")
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, *args, "test_inner.py"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_the_programs_of_a_node_the_run_passes_and_says_what_it_did_not_run(tmp_path: Path) -> None:
    run = run_pytest(tmp_path)
    assert run.returncode == 0
    assert f"1 tests against whole clusters: {tmp_path} has no kube-scheduler, kubelet" in run.stdout


def test_under_ci_a_machine_that_can_have_no_clusters_fails_the_tests_that_need_them(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, ci=True)
    assert run.returncode == 1
    assert "has no kube-scheduler, kubelet, kube-proxy, agnhost, coredns" in run.stdout


def test_asking_for_clusters_marks_the_test_so_that_it_can_be_deselected(tmp_path: Path) -> None:
    for mark in ("realnode", "realkube"):
        run = run_pytest(tmp_path, "-m", f"not {mark}", ci=True)
        assert "1 deselected" in run.stdout
