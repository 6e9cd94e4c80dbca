"""hack/kube/build.py with a stand-in for Go: what it makes, keeps, prints and refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.realkube.binaries import BUILD_SCRIPT

CONTROL_PLANE = ("etcd", "etcdctl", "etcdutl", "kube-apiserver", "kube-controller-manager", "kubectl")
PROGRAMS = (*CONTROL_PLANE, "kube-scheduler", "kubelet", "kube-proxy", "agnhost", "coredns")
GO = """#!/bin/sh
if [ "$1" = env ]; then echo go1.99.0; exit; fi
if [ "$1" = mod ]; then echo "{\\"Dir\\": \\"$DOWNLOADED\\"}"; exit; fi
[ -z "$BREAK" ] || { case "$*" in *"$BREAK"*) echo "cannot compile"; exit 1;; esac; }
while [ "$1" != -o ]; do shift; done
echo "CGO_ENABLED=$CGO_ENABLED" >"$2"; chmod +x "$2"; echo "$2" >>"$BUILT"
"""


class Machine:
    """An environment for the script: an empty cache, and Go only where it is put."""

    def __init__(self, folder: Path) -> None:
        self.cache = folder / "cache"
        self.built = folder / "built"
        self._bin = folder / "bin"
        self._bin.mkdir()
        self.environment = {
            "PATH": f"{self._bin}:/usr/bin:/bin",
            "MCS_CACHE_DIR": str(self.cache),
            "BUILT": str(self.built),
        }

    def install_go(self) -> None:
        (self._bin / "go").write_text(GO)
        (self._bin / "go").chmod(0o755)

    def remove_go(self) -> None:
        (self._bin / "go").unlink()
        self.environment["PATH"] = str(self._bin)

    def build(self, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(BUILD_SCRIPT), *args],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def folders(self, name: str = "kube") -> list[Path]:
        return [path for path in (self.cache / name).iterdir() if path.is_dir()]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_build_prints_a_line_for_each_program_and_its_folder_last(machine: Machine) -> None:
    machine.install_go()
    run = machine.build()
    assert run.returncode == 0, run.stderr
    *steps, last = run.stdout.splitlines()
    assert [line.split()[1] for line in steps[1:]] == list(PROGRAMS)
    folder = Path(last)
    assert machine.folders() == [folder]
    assert {(folder / name).read_text() for name in PROGRAMS} == {"CGO_ENABLED=0\n"}


def test_what_is_built_is_not_built_again(machine: Machine) -> None:
    machine.install_go()
    first, second = machine.build(), machine.build()
    assert second.stdout.splitlines() == first.stdout.splitlines()[-1:]
    assert len(machine.built.read_text().splitlines()) == len(PROGRAMS)


def test_a_broken_build_leaves_nothing_that_looks_like_a_result(machine: Machine) -> None:
    machine.install_go()
    machine.environment["BREAK"] = "kubectl"
    run = machine.build()
    assert run.returncode == 1
    assert run.stderr.splitlines() == ["cannot compile", "hack/kube/build.py: building kubectl failed"]
    assert machine.folders() == []
    assert machine.build("--print-dir").returncode == 1


def test_print_dir_tells_where_a_build_would_go_without_making_it(machine: Machine) -> None:
    machine.install_go()
    would_be = machine.build("--print-dir")
    assert would_be.returncode == 1
    assert not machine.cache.exists()
    machine.build()
    made = machine.build("--print-dir")
    assert (made.returncode, made.stdout) == (0, would_be.stdout)


def test_without_go_one_line_says_so_with_an_exit_code_of_its_own(machine: Machine) -> None:
    machine.environment["PATH"] = ""
    run = machine.build()
    assert run.returncode == 3
    assert len(run.stderr.splitlines()) == 1
    assert "Go is not installed" in run.stderr


def test_a_build_made_earlier_serves_a_machine_that_has_lost_its_go(machine: Machine) -> None:
    machine.install_go()
    folder = machine.build().stdout.splitlines()[-1]
    machine.remove_go()
    run = machine.build()
    assert (run.returncode, run.stdout) == (0, f"{folder}\n")


def test_kubebuilder_assets_with_a_control_plane_win_over_the_cache(machine: Machine, tmp_path: Path) -> None:
    machine.install_go()
    machine.build()
    for name in CONTROL_PLANE:
        (tmp_path / name).touch(mode=0o755)
    machine.environment["KUBEBUILDER_ASSETS"] = str(tmp_path)
    assert machine.build().stdout == f"{tmp_path}\n"


def test_kubebuilder_assets_without_a_whole_control_plane_are_refused_by_name(
    machine: Machine, tmp_path: Path
) -> None:
    for name in ("etcd", "etcdctl", "etcdutl", "kube-apiserver", "kubectl"):
        (tmp_path / name).touch(mode=0o755)
    machine.environment["KUBEBUILDER_ASSETS"] = str(tmp_path)
    run = machine.build()
    assert run.returncode == 1
    assert run.stderr == (
        f"hack/kube/build.py: KUBEBUILDER_ASSETS={tmp_path} has no kube-controller-manager\n"
    )


def test_helm_is_built_apart_from_the_rest_and_kept_in_a_folder_of_its_own(machine: Machine) -> None:
    machine.install_go()
    run = machine.build("--helm")
    assert run.returncode == 0, run.stderr
    assert [line.split()[1] for line in run.stdout.splitlines()[1:-1]] == ["helm"]
    (folder,) = machine.folders("helm")
    assert run.stdout.splitlines()[-1] == str(folder)
    assert [path.name for path in folder.iterdir()] == ["helm"]
    assert machine.build("--print-dir").returncode == 1
    assert machine.build("--helm").stdout == f"{folder}\n"


def test_kubebuilder_assets_are_not_asked_for_helm(machine: Machine, tmp_path: Path) -> None:
    machine.install_go()
    machine.environment["KUBEBUILDER_ASSETS"] = str(tmp_path)
    assert machine.build("--helm").returncode == 0
    assert len(machine.folders("helm")) == 1
    machine.environment["PATH"] = ""
    machine.environment["MCS_CACHE_DIR"] = str(tmp_path / "empty")
    assert machine.build("--helm").stderr == (
        "hack/kube/build.py: Go is not installed (https://go.dev/dl, 1.26 or newer): cannot build Helm.\n"
    )


def test_the_operators_kinds_are_files_of_its_module(machine: Machine, tmp_path: Path) -> None:
    machine.install_go()
    machine.environment["DOWNLOADED"] = str(tmp_path)
    place = tmp_path / "example" / "prometheus-operator-crd"
    place.mkdir(parents=True)
    names = [f"monitoring.coreos.com_{kind}.yaml" for kind in ("prometheusrules", "servicemonitors")]
    for name in (*names, "monitoring.coreos.com_probes.yaml"):
        (place / name).write_text(name)
    run = machine.build("--operator")
    assert run.returncode == 0, run.stderr
    (folder,) = machine.folders("operator")
    assert run.stdout.splitlines()[-1] == str(folder)
    assert {path.name: path.read_text() for path in folder.iterdir()} == {name: name for name in names}
    assert not machine.built.exists()
    assert machine.build("--operator").stdout == f"{folder}\n"
