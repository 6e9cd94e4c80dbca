"""Where the real Kubernetes programs are, and the container image.

hack/kube/build.py owns the answer (KUBEBUILDER_ASSETS, or its cache), hack/image/build_image.py that for
the image; this only asks. It never builds: minutes of compiling belong to `make kube` and `make image`,
not into the first test that happens to run.
"""

from __future__ import annotations

import functools
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HACK = Path(__file__).resolve().parents[2] / "hack"
BUILD_SCRIPT = HACK / "kube" / "build.py"
IMAGE_SCRIPT = HACK / "image" / "build_image.py"


class BinariesMissingError(Exception):
    """One line that says why there are none and what to do."""


@dataclass(frozen=True, slots=True)
class Binaries:
    folder: Path
    """Others, for whole clusters, may lie beside these."""
    etcd: Path
    etcdctl: Path
    etcdutl: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kubectl: Path


@functools.cache
def locate_binaries() -> Binaries:
    """Raises BinariesMissingError."""
    folder = _folder("the real Kubernetes programs are not built: run `make kube`")
    return Binaries(
        folder=folder,
        etcd=folder / "etcd",
        etcdctl=folder / "etcdctl",
        etcdutl=folder / "etcdutl",
        kube_apiserver=folder / "kube-apiserver",
        kube_controller_manager=folder / "kube-controller-manager",
        kubectl=folder / "kubectl",
    )


@functools.cache
def locate_helm() -> Path:
    """The program. Raises BinariesMissingError."""
    return _folder("Helm is not built: run `make kube`", "--helm") / "helm"


@functools.cache
def locate_operator_kinds() -> tuple[Path, ...]:
    """The definitions of the Prometheus operator's kinds, a file each. Raises BinariesMissingError."""
    folder = _folder("the kinds of the Prometheus operator are not there: run `make kube`", "--operator")
    return tuple(sorted(folder.glob("*.yaml")))


@functools.cache
def locate_image() -> Path:
    """The container image of this checkout, an archive. Raises BinariesMissingError."""
    return _told(IMAGE_SCRIPT, "the container image is not built: run `make image`", "--print-path")


def _folder(not_built: str, *options: str) -> Path:
    return _told(BUILD_SCRIPT, not_built, "--print-dir", *options)


def _told(script: Path, not_built: str, *options: str) -> Path:
    asked = subprocess.run(
        [sys.executable, str(script), *options],
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode != 0:
        raise BinariesMissingError(asked.stderr.strip() or not_built)
    return Path(asked.stdout.strip())
