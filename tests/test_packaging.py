"""What is declared and what is packed: imports against pyproject.toml, the sdist against the README."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
OURS = {"mcs_controller", "tests"}
ON_DEMAND = {"atheris"}
"""Installed by the one make target that uses it."""


def names(requirements: Iterable[str]) -> set[str]:
    return {canonicalize_name(Requirement(one).name) for one in requirements}


def third_party_imports(folder: str) -> set[str]:
    """The distributions that the files of a folder import by name.

    Scripts, in folders that are no packages, also import each other.
    """
    found: set[str] = set()
    neighbours: set[str] = set()
    for path in (ROOT / folder).rglob("*.py"):
        if not (path.parent / "__init__.py").exists():
            neighbours.add(path.stem)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found.update(one.name.partition(".")[0] for one in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    installed = packages_distributions()
    imported = found - OURS - ON_DEMAND - neighbours - set(sys.stdlib_module_names)
    return {canonicalize_name(installed[module][0]) for module in imported}


def test_every_package_that_the_program_imports_is_a_dependency_of_its_own() -> None:
    """One that only comes with another may go with the other's next release."""
    assert third_party_imports("mcs_controller") == names(PYPROJECT["project"]["dependencies"])


@pytest.mark.parametrize("folder", ["tests", "hack"])
def test_every_package_that_tests_and_scripts_import_is_declared(folder: str) -> None:
    declared = names([*PYPROJECT["project"]["dependencies"], *PYPROJECT["dependency-groups"]["dev"]])
    assert third_party_imports(folder) <= declared


def test_the_oldest_python_that_is_named_is_the_one_that_is_required() -> None:
    said = [one.rpartition(" ")[2] for one in PYPROJECT["project"]["classifiers"] if ":: 3." in one]
    assert said == sorted(said, key=lambda version: int(version.partition(".")[2]))
    assert PYPROJECT["project"]["requires-python"] == f">={said[0]}"


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    build(ROOT, "sdist", folder)
    (packed,) = folder.glob("*.tar.gz")
    with tarfile.open(packed) as archive:
        # As `filter="data"`, which Python 3.11.2 does not know.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(folder)
    (unpacked,) = (path for path in folder.iterdir() if path.is_dir())
    return unpacked


def build(source: Path, target: str, folder: Path) -> None:
    command = (sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder))
    ended = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_sdist_has_the_program_its_pages_its_crds_and_its_charts_and_nothing_else(sdist: Path) -> None:
    files = {path.relative_to(sdist).as_posix() for path in sdist.rglob("*") if path.is_file()}
    kept = {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"}
    made = {"PKG-INFO", "pyproject.toml", ".gitignore"}
    charts = {path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("charts/**/*.*")}
    folders = {f.rpartition("/")[0].partition("mcs_controller/")[0] for f in files if "/" in f}
    assert {file for file in files if "/" not in file} - made == kept
    assert {folder or "mcs_controller" for folder in folders} == {
        *charts,
        "crds",
        "docs",
        "docs/decisions",
        "docs/how-to",
        "docs/pictures",
        "mcs_controller",
    }
    patterns = {"charts": "**/*.*", "crds": "*.yaml", "docs": "**/*.*"}
    for folder, pattern in patterns.items():
        packed = {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).glob(pattern)}
        assert packed <= files
        assert packed


def test_every_file_that_a_beginner_is_told_of_is_in_the_sdist(sdist: Path) -> None:
    linked = re.findall(r"\]\(([^)#:]+)[)#]", (sdist / "README.md").read_text())
    applied = re.findall(r"crds/[\w.-]+\.yaml", (sdist / "docs" / "getting-started.md").read_text())
    assert linked
    assert applied
    assert [name for name in (*linked, *applied) if not (sdist / name).is_file()] == []


def test_the_wheel_of_the_sdist_is_the_wheel_of_the_checkout(sdist: Path, tmp_path: Path) -> None:
    found = []
    for source in (sdist, ROOT):
        folder = tmp_path / source.name
        build(source, "wheel", folder)
        (wheel,) = folder.glob("*.whl")
        listed = subprocess.run(
            (sys.executable, "-m", "zipfile", "-l", str(wheel)), capture_output=True, text=True, check=True
        )
        found.append(sorted(line.split()[0] for line in listed.stdout.splitlines()[1:]))
    assert found[0] == found[1]
