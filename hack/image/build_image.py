#!/usr/bin/env python3
"""Builds the container image with Debian's tools: an archive for `ctr images import` and `docker load`.

No registry is asked for anything. The base is the Debian that this machine runs, made by debootstrap from the
mirror that apt is set to; pip fetches the wheels that the lock pins for that base's Python; buildah builds
hack/image/Dockerfile from both and needs no network. Base, wheels and image are kept in the cache
(hack/cache.py), each under a name for what it is made of, and never there by half.

The archive's path is printed as the last line. Exit code 3: this machine cannot build it.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "lock")]

from cache import BuildError, cache_root, only_builder  # noqa: E402
from subset import LOCK, subset  # noqa: E402

NAME = "mcs-controller"
PACKAGED = ("mcs-controller", "hatchling")
"""What the image and the stage that builds it install."""
RUNTIME_PACKAGES = ("python3", "ca-certificates")
BUILD_PACKAGES = ("python3-venv",)
# As Debian's own images for containers leave out.
UNUSED = ("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man",
          "var/cache/apt", "var/lib/apt/lists", "var/log")  # fmt: skip
SOURCES = (".dockerignore", "LICENSE", "README.md", "charts/mcs-broker/files/rules",
"charts/mcs-controller/files/rules", "hack/image", "hack/lock",
           "mcs_controller", "pyproject.toml")  # fmt: skip
TOOLS = ("buildah", "debootstrap", "apt-get", "unshare")
CANNOT_EXIT_CODE = 3
KEPT_IMAGES = 3
OUTPUT_TAIL_LINES = 40
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BASE_REVISION = 1
"""Raise it when `make_base` changes what it makes."""


def run(*command: str | Path, **options: str) -> str:
    """What it wrote to stdout; `BuildError`, after the end of its output, where it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        env={**os.environ, **options},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        told = (done.stdout + done.stderr).splitlines()
        print("\n".join(told[-OUTPUT_TAIL_LINES:]), file=sys.stderr)
        raise BuildError(f"{command[0]} failed")
    return done.stdout


def key_of(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        digest.update(b"%d:" % len(content) + content)
    return digest.hexdigest()[:16]


def files_below(paths: Iterable[str]) -> Iterator[Path]:
    """What of the checkout is in the image, or decides about it."""
    for path in paths:
        found = [ROOT / path] if (ROOT / path).is_file() else sorted((ROOT / path).rglob("*"))
        yield from (one for one in found if one.is_file() and "__pycache__" not in one.parts)


@dataclass(frozen=True)
class Plan:
    """What is made of what, and where it is kept."""

    root: Path
    codename: str

    @property
    def base(self) -> Path:
        parts = (self.codename, platform.machine(), *RUNTIME_PACKAGES, *BUILD_PACKAGES, *UNUSED)
        return self.root / f"base-{key_of(str(BASE_REVISION), *parts)}"

    @property
    def locked(self) -> str:
        return "\n".join(subset(LOCK.read_text(), set(PACKAGED)))

    def wheels(self, python: str) -> Path:
        return self.root / f"wheels-{key_of(self.locked, platform.machine(), python)}"

    @property
    def image(self) -> Path:
        parts: list[str | bytes] = [self.base.name]
        for file in files_below(SOURCES):
            parts += [str(file.relative_to(ROOT)), file.read_bytes()]
        return self.root / f"image-{key_of(*parts)}.tar"


def plan() -> Plan:
    """Raises `BuildError` where this is no Debian."""
    told = Path("/etc/os-release")
    found = re.search(r"^VERSION_CODENAME=(\w+)$", told.read_text() if told.exists() else "", re.MULTILINE)
    if found is None or not Path("/etc/debian_version").exists():
        raise BuildError("the image is built with Debian's tools, and this is no Debian", CANNOT_EXIT_CODE)
    return Plan(cache_root("image"), found[1])


def look_at_machine() -> None:
    """Raises `BuildError` where it cannot build."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise BuildError(f"not installed: {', '.join(missing)} (`make packages`)", CANNOT_EXIT_CODE)
    if os.geteuid() != 0:
        raise BuildError("only root can make the image's base", CANNOT_EXIT_CODE)


@contextlib.contextmanager
def staged(target: Path, title: str) -> Iterator[Path]:
    """A folder to work in; what is `made` in it, a file or a folder, becomes `target` if nothing fails."""
    print(f"{title} ...", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".building-") as temporary:
        yield Path(temporary)
        (Path(temporary) / "made").rename(target)
    print(f"{title}: {time.monotonic() - started:.1f} s", flush=True)


def make_base(target: Path, codename: str) -> None:
    """base.tar, builder.tar with the packages for building beside it, and the version of their Python."""
    indexes = ("--format=$(REPO_URI)", "Created-By: Packages", f"Codename: {codename}")
    mirrors = run("apt-get", "indextargets", *indexes).split()
    if not mirrors:
        raise BuildError(f"apt knows no mirror of {codename}: `apt-get update`", CANNOT_EXIT_CODE)
    with staged(target, f"base of the image, Debian {codename}") as folder:
        made, tree = folder / "made", folder / "tree"
        made.mkdir()
        packages = ",".join((*RUNTIME_PACKAGES, *BUILD_PACKAGES))
        debootstrap = ("debootstrap", "--variant=minbase", f"--include={packages}")
        # What it mounts goes with this mount namespace, also when it is killed.
        run("unshare", "--mount", *debootstrap, codename, tree, mirrors[0])
        # Where its packages came from is this machine's matter.
        (tree / "etc" / "apt" / "sources.list").unlink()
        pack(tree, made / "builder.tar")
        inside = ("chroot", tree)
        installed = run(*inside, "dpkg-query", "--show", "--showformat=${Package} ").split()
        run(*inside, "apt-mark", "auto", *installed)
        run(*inside, "apt-mark", "manual", *RUNTIME_PACKAGES)
        only_needed = ("-oAPT::AutoRemove::SuggestsImportant=0", "-oAPT::AutoRemove::RecommendsImportant=0")
        run(*inside, "apt-get", "--yes", "autoremove", "--purge", *only_needed)
        pack(tree, made / "base.tar")
        version = "import sys; print('%d.%d' % sys.version_info[:2], end='')"
        (made / "python").write_text(run(*inside, "python3", "-c", version))


def pack(tree: Path, archive: Path) -> None:
    for unused in UNUSED:
        run("sh", "-c", 'rm -rf "$1"/*', "sh", tree / unused)
    run("tar", "--create", "--numeric-owner", f"--directory={tree}", f"--file={archive}", ".")


def fetch_wheels(target: Path, locked: str, python: str) -> None:
    with staged(target, f"wheels for Python {python}") as folder:
        lock = folder / "lock.txt"
        lock.write_text(locked)
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check")
        chosen = ("--only-binary=:all:", f"--python-version={python}", "--require-hashes")
        run(*pip, *chosen, f"--requirement={lock}", f"--dest={folder / 'made'}")


def driver(folder: Path) -> str:
    """How buildah keeps layers there: by whole copies where overlays cannot be, as on another overlay."""
    root = folder / "tried"
    tried = subprocess.run(
        ["buildah", f"--root={root}", f"--runroot={root}", "--storage-driver=overlay", "info"],
        capture_output=True,
        check=False,
    )
    return "overlay" if tried.returncode == 0 else "vfs"


def build(target: Path, base: Path, wheels: Path) -> None:
    told = (ROOT / "mcs_controller" / "__init__.py").read_text()
    (version,) = re.findall(r'^__version__ = "(.+)"$', told, re.MULTILINE)
    with staged(target, "image") as folder:
        storage = (f"--root={folder}/store", f"--runroot={folder}/run", f"--storage-driver={driver(folder)}")

        def buildah(*words: str | Path) -> str:
            # It works without user namespaces and without control groups.
            return run("buildah", *storage, *words, BUILDAH_ISOLATION="chroot").strip()

        def base_image(name: str, *more: str | Path) -> None:
            container = buildah("from", "scratch")
            buildah("add", "--quiet", container, base / f"{name}.tar", "/")
            if more:
                buildah("add", "--quiet", container, *more)
            buildah("config", f"--env=PATH={SEARCH_PATH}", "--cmd=/bin/sh", container)
            buildah("commit", "--quiet", "--rm", container, f"localhost/{name}")

        base_image("base")
        base_image("builder", wheels, "/wheels")
        arguments = {
            "BASE": "localhost/base",
            "BUILDER": "localhost/builder",
            "VERSION": version,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": "/wheels",
        }
        given = (f"--build-arg={name}={value}" for name, value in arguments.items())
        built = folder / "built"
        options = ("--quiet", "--pull-never", f"--file={HERE / 'Dockerfile'}", f"--iidfile={built}")
        buildah("build", *options, *given, ROOT)
        # By its id: a name of buildah's would be in the archive, too.
        archive = f"docker-archive:{folder}/made:{NAME}:{version}"
        buildah("push", "--quiet", built.read_text(), archive)


def make(wanted: Plan, image: Path) -> None:
    """`image` is where it is kept, as `wanted` says now: sources may change meanwhile."""
    look_at_machine()
    with only_builder(wanted.root):
        for abandoned in wanted.root.glob(".building-*"):
            run("rm", "-rf", "--one-file-system", abandoned)
        if not wanted.base.exists():
            make_base(wanted.base, wanted.codename)
        python = (wanted.base / "python").read_text()
        wheels = wanted.wheels(python)
        if not wheels.exists():
            fetch_wheels(wheels, wanted.locked, python)
        if not image.exists():
            build(image, wanted.base, wheels)
            if image != wanted.image:
                image.unlink()
                raise BuildError("the sources changed while the image was built: build it again")
        images = sorted(wanted.root.glob("image-*.tar"), key=lambda one: one.stat().st_mtime)
        for old in images[:-KEPT_IMAGES]:
            old.unlink()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--print-path",
        action="store_true",
        help="build nothing: print where the archive is, or would be (exit code 1)",
    )
    options = parser.parse_args(arguments)
    try:
        wanted = plan()
        image = wanted.image
        if not options.print_path and not image.exists():
            make(wanted, image)
        print(image)
        return 0 if image.exists() else 1
    except BuildError as error:
        print(f"hack/image/build_image.py: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
