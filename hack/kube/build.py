#!/usr/bin/env python3
"""Builds the real Kubernetes programs that the tests run, kubectl, etcd, its tools and CoreDNS among them.

They are compiled by the Go toolchain from the modules pinned beside this file and in hack/coredns, and
kept in a cache outside the checkout, in a folder named for what they were made from: the go.mod and
go.sum files, the exact build commands and the Go version. A folder under that name is always complete: it is
built under another name and then renamed, with one builder at a time.

The folder is printed as the last line; KUBEBUILDER_ASSETS, where set, is taken instead of it. It need
have no more than the control plane's programs: tests of whole clusters then say what they miss.
With --helm all of this is about Helm, from hack/helm, in a folder of its own: a new Helm costs nobody the
minutes of Kubernetes. With --operator it is about the CustomResourceDefinitions of the Prometheus operator:
files of the module pinned in hack/operator, which Go only downloads.
Exit code 3: there is no Go toolchain (new enough) to do it with.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from cache import BuildError, cache_root, only_builder  # noqa: E402

COREDNS = HERE.parent / "coredns"
HELM = HERE.parent / "helm"
OPERATOR = HERE.parent / "operator"
KUBERNETES = "v1.36.4"
ETCD_MODULES = {"etcd": "server", "etcdctl": "etcdctl", "etcdutl": "etcdutl"}
CONTROL_PLANE_PROGRAMS = (*ETCD_MODULES, "kube-apiserver", "kube-controller-manager", "kubectl")
NODE_PROGRAMS = ("kube-scheduler", "kubelet", "kube-proxy", "agnhost", "coredns")
PROGRAMS = (*CONTROL_PLANE_PROGRAMS, *NODE_PROGRAMS)
OPERATOR_MODULE = "github.com/prometheus-operator/prometheus-operator"
OPERATOR_KINDS = ("prometheusrules", "servicemonitors")
NO_GO_EXIT_CODE = 3
OUTPUT_TAIL_LINES = 40


@dataclass(frozen=True)
class Step:
    program: str
    module: Path
    package: str
    ldflags: str

    def command(self, output: Path | str) -> list[str]:
        return [
            "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", self.ldflags,
            "-o", str(output), self.package,
        ]  # fmt: skip


@dataclass(frozen=True)
class Copy:
    """A file of a module, instead of a program that is compiled."""

    program: str
    """The file's name."""
    module: Path
    package: str
    folder: str

    def command(self, output: Path | str) -> list[str]:
        del output
        # In the folder of a go.mod: its version, and only with the checksum of its go.sum.
        return ["go", "mod", "download", "-json", self.package]


def _kubernetes_ldflags() -> str:
    """Without these the programs report a nonsense version, and clients act on it."""
    major, minor, _ = KUBERNETES.removeprefix("v").split(".")
    stamps = {"gitVersion": KUBERNETES, "gitMajor": major, "gitMinor": minor}
    package = "k8s.io/component-base/version"
    return " ".join(["-s -w", *(f"-X {package}.{name}={value}" for name, value in stamps.items())])


def _step(program: str) -> Step:
    if program in ETCD_MODULES:
        return Step(program, HERE / "etcd", f"go.etcd.io/etcd/{ETCD_MODULES[program]}/v3", "-s -w")
    if program == "coredns":
        return Step(program, COREDNS, ".", "-s -w")
    folder = "test/images" if program == "agnhost" else "cmd"
    return Step(program, HERE, f"k8s.io/kubernetes/{folder}/{program}", _kubernetes_ldflags())


@dataclass(frozen=True)
class Set:
    """Programs that are built and kept together; `title` is for people, `name` the folder in the cache."""

    title: str
    name: str
    steps: tuple[Step | Copy, ...]
    sources: tuple[Path, ...]
    assets: tuple[str, ...]
    """What a folder named by KUBEBUILDER_ASSETS must have, to be taken instead; with none it never is."""

    @property
    def programs(self) -> tuple[str, ...]:
        return tuple(step.program for step in self.steps)

    def source_key(self) -> str:
        """What the programs are made from, apart from the toolchain."""
        digest = hashlib.sha256()
        for source in self.sources:
            digest.update(source.read_bytes())
        for step in self.steps:
            digest.update("\0".join(step.command(step.program)).encode())
        return digest.hexdigest()[:16]


def _pinned(*modules: Path) -> tuple[Path, ...]:
    return tuple(module / name for module in modules for name in ("go.mod", "go.sum"))


KUBERNETES_SET = Set(
    title=f"Kubernetes {KUBERNETES}",
    name="kube",
    steps=tuple(_step(program) for program in PROGRAMS),
    sources=(*_pinned(HERE, HERE / "etcd", COREDNS), COREDNS / "main.go"),
    assets=CONTROL_PLANE_PROGRAMS,
)
HELM_SET = Set(
    title="Helm",
    name="helm",
    steps=(Step("helm", HELM, "helm.sh/helm/v4/cmd/helm", "-s -w"),),
    sources=_pinned(HELM),
    assets=(),
)
OPERATOR_SET = Set(
    title="the kinds of the Prometheus operator",
    name="operator",
    steps=tuple(
        Copy(
            f"monitoring.coreos.com_{kind}.yaml", OPERATOR, OPERATOR_MODULE, "example/prometheus-operator-crd"
        )
        for kind in OPERATOR_KINDS
    ),
    sources=_pinned(OPERATOR),
    assets=(),
)


def go_version(wanted: Set) -> str:
    if shutil.which("go") is None:
        instead = "; KUBEBUILDER_ASSETS may name a folder that has it" if wanted.assets else ""
        raise BuildError(
            f"Go is not installed (https://go.dev/dl, 1.26 or newer): cannot build {wanted.title}{instead}.",
            NO_GO_EXIT_CODE,
        )
    asked = subprocess.run(["go", "env", "GOVERSION"], cwd=HERE, capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        reason = asked.stderr.strip().splitlines() or ["no reason given"]
        raise BuildError(f"this Go toolchain cannot be used: {reason[-1]}", NO_GO_EXIT_CODE)
    return asked.stdout.strip()


def target_folder(wanted: Set) -> Path:
    """Where the programs are once they are built."""
    return cache_root(wanted.name) / f"{wanted.source_key()}-{go_version(wanted)}"


def missing_programs(folder: Path, programs: Sequence[str]) -> list[str]:
    return [
        name
        for name in programs
        if not os.access(folder / name, os.R_OK if name.endswith(".yaml") else os.X_OK)
    ]


def existing_folder(wanted: Set) -> Path | None:
    """The folder of a build already made, even on a machine that has no Go itself."""
    try:
        candidates = [target_folder(wanted)]
    except BuildError:
        candidates = sorted(cache_root(wanted.name).glob(f"{wanted.source_key()}-go*"), reverse=True)
    return next((folder for folder in candidates if not missing_programs(folder, wanted.programs)), None)


def given_folder(wanted: Set) -> Path | None:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if not assets or not wanted.assets:
        return None
    folder = Path(assets).absolute()
    missing = missing_programs(folder, wanted.assets)
    if missing:
        raise BuildError(f"KUBEBUILDER_ASSETS={assets} has no {', '.join(missing)}")
    return folder


def build_step(step: Step | Copy, folder: Path) -> None:
    started = time.monotonic()
    done = subprocess.run(
        step.command(folder / step.program),
        cwd=step.module,
        env={**os.environ, "CGO_ENABLED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        told = (done.stdout + done.stderr).splitlines()
        print("\n".join(told[-OUTPUT_TAIL_LINES:]), file=sys.stderr)
        raise BuildError(f"building {step.program} failed")
    if isinstance(step, Copy):
        shutil.copyfile(
            Path(json.loads(done.stdout)["Dir"]) / step.folder / step.program, folder / step.program
        )
    size_mib = (folder / step.program).stat().st_size / 2**20
    seconds = time.monotonic() - started
    print(f"built {step.program:<24} {seconds:6.1f} s {size_mib:6.0f} MiB", flush=True)


def build(wanted: Set) -> Path:
    folder = target_folder(wanted)
    root = folder.parent
    with only_builder(root):
        if not missing_programs(folder, wanted.programs):
            return folder
        for abandoned in root.glob(".building-*"):
            shutil.rmtree(abandoned)
        print(f"building {wanted.title} with {go_version(wanted)} (minutes, once)", flush=True)
        with tempfile.TemporaryDirectory(dir=root, prefix=".building-") as temporary:
            staged = Path(temporary) / "programs"
            staged.mkdir()
            for step in wanted.steps:
                build_step(step, staged)
            shutil.rmtree(folder, ignore_errors=True)
            staged.rename(folder)
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--print-dir",
        action="store_true",
        help="build nothing: print where the programs are, or would be (exit code 1)",
    )
    parser.add_argument(
        "--helm",
        dest="wanted",
        action="store_const",
        const=HELM_SET,
        default=KUBERNETES_SET,
        help="Helm, instead of the Kubernetes programs",
    )
    parser.add_argument(
        "--operator",
        dest="wanted",
        action="store_const",
        const=OPERATOR_SET,
        help="the definitions of the Prometheus operator's kinds, instead",
    )
    arguments = parser.parse_args()
    wanted: Set = arguments.wanted
    try:
        folder = given_folder(wanted) or existing_folder(wanted)
        if folder is None and arguments.print_dir:
            print(target_folder(wanted))
            return 1
        print(folder or build(wanted))
    except BuildError as error:
        print(f"hack/kube/build.py: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
