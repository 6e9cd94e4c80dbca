"""What users install: the built wheel works by itself, with nothing but the dependencies that it declares.

The environment is a fresh one outside the checkout. pip installs the wheel into it; the dependencies are
linked from the environment that runs the tests, since a test must not need the network, and only those that
the wheel's metadata asks for: one that is used and not declared is missing there.
"""

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from mcs_controller import __version__
from mcs_controller.install.rights import COMPONENTS
from tests.api.rbac import as_yaml

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "dist", cwd=ROOT)
    (wheel,) = (folder / "dist").glob("*.whl")
    env = folder / "env"
    run(sys.executable, "-m", "venv", "--without-pip", env, cwd=folder)
    pip = (sys.executable, "-m", "pip", "--python", env / "bin" / "python", "--disable-pip-version-check")
    run(*pip, "install", "--quiet", "--no-index", "--no-deps", wheel, cwd=folder)
    (site,) = env.glob("lib/python*/site-packages")
    (installed,) = site.glob("mcs_controller-*.dist-info")
    for name in sorted(required(Distribution.at(installed))):
        for entry in top_level_entries(distribution(name)):
            if not (site / entry.name).exists():
                (site / entry.name).symlink_to(entry)
    return env


def required(of: Distribution) -> set[str]:
    """The names of all distributions that one needs, without extras."""
    found: set[str] = set()
    waiting = [of]
    while waiting:
        for text in waiting.pop().requires or ():
            requirement = Requirement(text)
            needed = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if needed and requirement.name not in found:
                found.add(requirement.name)
                waiting.append(distribution(requirement.name))
    return found


def top_level_entries(of: Distribution) -> Iterator[Path]:
    """What a distribution has put into site-packages."""
    names = {file.parts[0] for file in of.files or () if file.parts[0] != ".."}
    return (Path(str(of.locate_file(name))) for name in sorted(names - {"__pycache__"}))


def run(*command: str | Path, cwd: Path) -> str:
    """Run a program with nothing of this project in its environment; what it printed."""
    ended = subprocess.run(
        command,
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "HOME": str(cwd)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 0, f"{command}\n{ended.stdout}"
    return ended.stdout


def test_the_package_is_the_wheels_and_not_the_checkouts(environment: Path, tmp_path: Path) -> None:
    where = run(
        environment / "bin" / "python", "-c", "import mcs_controller as m; print(m.__file__)", cwd=tmp_path
    )
    assert Path(where.strip()).is_relative_to(environment)
    assert run(environment / "bin" / "mcs-controller", "version", cwd=tmp_path).split()[1] == __version__
    assert run(environment / "bin" / "kubectl-mcs", "version", cwd=tmp_path) == f"kubectl mcs {__version__}\n"


def test_the_wheel_carries_types_and_licence(environment: Path) -> None:
    (site,) = environment.glob("lib/python*/site-packages")
    assert (site / "mcs_controller" / "py.typed").is_file()
    assert list(site.glob("mcs_controller-*.dist-info/licenses/LICENSE"))


def test_the_wheel_knows_the_rights_of_every_component(environment: Path, tmp_path: Path) -> None:
    wanted = ("rbac", "--for", ",".join(COMPONENTS))
    printed = run(environment / "bin" / "mcs-controller", *wanted, cwd=tmp_path)
    assert list(yaml.safe_load_all(printed)) == list(yaml.safe_load_all(as_yaml()))


def test_the_demos_story_holds_outside_the_checkout(environment: Path, tmp_path: Path) -> None:
    told = run(environment / "bin" / "mcs-controller", "demo", "--once", cwd=tmp_path).splitlines()
    assert [line for line in told if not line.startswith("ok")] == told[-1:]
    assert "steps held" in told[-1]
