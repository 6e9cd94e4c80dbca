"""pytest plugin: which test proves which requirement, and with what result.

tests/requirements.toml holds the requirements; a test names those that it proves with
`@pytest.mark.requirement("MCS-…", ...)`. An id that is not in the table is an error of the run.
`--requirements-report FILE` writes every requirement with its tests, what they run on and their outcomes as
JSON, which hack/requirements.py prints and makes docs/conformance.md of. `--outcomes FILE` adds each test's
outcome to those of the runs before that are in FILE: the report of the last of several runs tells of all.
"""

from __future__ import annotations

import inspect
import json
import tomllib
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

TABLE = Path(__file__).with_name("requirements.toml")
LEVELS = {"M", "S", "Y", "D", "R"}
RULES, SIMCLUSTER, REAL_CONTROL_PLANE, REAL_NODE = "rules", "simcluster", "real control plane", "real node"
SIMULATED_FOLDERS = frozenset({"controllers", "integration", "contract", "simcluster"})
SIMULATOR = "mcs_controller.simcluster"
PASSED, FAILED, SKIPPED, NOT_RUN = "passed", "failed", "skipped", "not run"


@dataclass(frozen=True, slots=True)
class Requirement:
    level: str
    text: str


@dataclass(slots=True, eq=False)
class _Results:
    """A plugin object: pytest keeps it in sets, so it is equal to itself only."""

    outcomes: dict[str, str] = field(default_factory=dict)
    """Test id to its outcome so far."""
    proofs: dict[str, list[str]] = field(default_factory=dict)
    """Requirement id to test ids."""
    servers: dict[str, str] = field(default_factory=dict)
    """Test id to what it runs on."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test is set up, called and torn down: it passed if the call did and nothing failed."""
        if report.failed or self.outcomes.get(report.nodeid) == FAILED:
            self.outcomes[report.nodeid] = FAILED
        elif report.skipped:
            self.outcomes[report.nodeid] = SKIPPED
        elif report.when == "call":
            self.outcomes[report.nodeid] = PASSED


_results = pytest.StashKey[_Results]()
_WORKER = "requirements"


def load_requirements(table: Path = TABLE) -> dict[str, Requirement]:
    groups = tomllib.loads(table.read_text())
    return {
        f"{group}-{number}": Requirement(**entry)
        for group, entries in groups.items()
        for number, entry in entries.items()
    }


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--requirements-report",
        metavar="FILE",
        type=Path,
        help="write each requirement with its tests and their outcomes as JSON",
    )
    parser.addoption(
        "--outcomes", metavar="FILE", type=Path, help="know the outcomes of earlier runs, and add this one's"
    )


def pytest_configure(config: pytest.Config) -> None:
    results = config.stash[_results] = _Results()
    earlier: Path | None = config.getoption("--outcomes")
    if earlier is not None and earlier.exists():
        results.outcomes.update(json.loads(earlier.read_text()))
    config.pluginmanager.register(results, "requirement-results")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, None, None]:
    """Around all others: before anything is deselected, so that a wrong id shows in every run that collects
    the test, and after other plugins have marked what their fixtures run on."""
    # Where tests are grouped (worlds.py) their ids are others for a while.
    collected = {item.nodeid: item for item in items}
    _note_proofs(config.stash[_results], collected.values())
    yield
    for identifier, item in collected.items():
        if identifier in config.stash[_results].servers:
            config.stash[_results].servers[identifier] = server_of(item)


def _note_proofs(results: _Results, items: Iterable[pytest.Item]) -> None:
    known = load_requirements()
    unknown: list[str] = []
    for item in items:
        for mark in item.iter_markers("requirement"):
            for identifier in mark.args:
                if identifier not in known:
                    unknown.append(f"{item.nodeid}: {identifier}")
                tests = results.proofs.setdefault(identifier, [])
                if item.nodeid not in tests:
                    tests.append(item.nodeid)
                results.servers[item.nodeid] = RULES
    if unknown:
        listed = "\n  ".join(unknown)
        raise pytest.UsageError(f"requirement ids that {TABLE.name} does not have:\n  {listed}")


def server_of(item: pytest.Item) -> str:
    """What a test runs on: whole clusters, real API servers, simulated ones, or none at all."""
    folders = item.nodeid.split("/")
    if "realnode" in folders or item.get_closest_marker("realnode") is not None:
        return REAL_NODE
    if item.get_closest_marker("realkube") is not None:
        return REAL_CONTROL_PLANE
    if SIMULATED_FOLDERS.intersection(folders) or "[simcluster" in item.nodeid or _is_simulated(item):
        return SIMCLUSTER
    return RULES


def _is_simulated(item: pytest.Item) -> bool:
    """Whether the test, a fixture of its or a helper of theirs names something of the simulator."""
    information = getattr(item, "_fixtureinfo", None)
    fixtures: Mapping[str, Sequence[Any]] = getattr(information, "name2fixturedefs", {})
    waiting: list[Any] = [getattr(item, "function", None)]
    waiting += [definition.func for known in fixtures.values() for definition in known]
    seen: set[object] = set()
    while waiting:
        found = waiting.pop()
        if inspect.isclass(found):
            waiting += [one for one in vars(found).values() if isinstance(one, FunctionType)]
            continue
        function = inspect.unwrap(found) if callable(found) else None
        if not isinstance(function, FunctionType) or function in seen:
            continue
        seen.add(function)
        named = [function.__globals__[name] for name in _names(function.__code__) & set(function.__globals__)]
        if any(_module(value).startswith(SIMULATOR) for value in named):
            return True
        waiting += [value for value in named if _module(value).startswith("tests")]
    return False


def _module(value: object) -> str:
    return value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None) or ""


def _names(code: CodeType) -> set[str]:
    """The global names in a function, and in what is defined within it."""
    inner = (const for const in code.co_consts if isinstance(const, CodeType))
    return set(code.co_names).union(*map(_names, inner))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Of several processes only those that run tests collect them, and tell this one."""
    results = node.config.stash[_results]
    told = getattr(node, "workeroutput", {}).get(_WORKER, {})
    results.proofs.update(told.get("proofs", {}))
    results.servers.update(told.get("servers", {}))


def pytest_sessionfinish(session: pytest.Session) -> None:
    results = session.config.stash[_results]
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[_WORKER] = {"proofs": results.proofs, "servers": results.servers}
        return
    outcomes: Path | None = session.config.getoption("--outcomes")
    if outcomes is not None:
        outcomes.write_text(json.dumps(results.outcomes))
    target: Path | None = session.config.getoption("--requirements-report")
    if target is None:
        return
    report = {
        identifier: {
            "level": requirement.level,
            "text": requirement.text,
            "tests": {
                test: results.outcomes.get(test, NOT_RUN) for test in results.proofs.get(identifier, ())
            },
            "servers": {test: results.servers[test] for test in results.proofs.get(identifier, ())},
        }
        for identifier, requirement in load_requirements().items()
    }
    target.write_text(json.dumps(report, indent=1) + "\n")
