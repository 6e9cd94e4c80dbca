"""pytest plugin: real control planes as fixtures, and plain words where there are none.

A test that needs them is marked `realkube`; one that asks for a fixture of this file is marked by
that. Without the binaries such tests are skipped and the end of the run says so; under CI=true
they fail instead, and so does a run in which any test was skipped.
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.realkube.binaries import (
    BinariesMissingError,
    locate_binaries,
    locate_helm,
    locate_image,
    locate_operator_kinds,
)
from tests.realkube.clusterset import RealClusterset
from tests.realkube.controlplane import ControlPlane, ControlPlaneSpec
from tests.realkube.credentials import new_credential
from tests.realkube.workloads import namespace_in

MARK = "realkube"
TIMEOUT_SECONDS = 300
"""Of a test that names no other. It may start a control plane first, on two cores that others use, too."""
MEMBERS = ("east", "west", "north")
BROKER = "broker"
OTHER_PROGRAMS: dict[str, tuple[str, Callable[[], object]]] = {
    "container_image": ("the container image", locate_image),
    "helm_program": ("Helm", locate_helm),
    "operator_kinds": ("the Prometheus operator's kinds", locate_operator_kinds),
}
"""Fixtures for what is built apart from the control planes: what it is called, and what finds it."""
FIXTURES = frozenset({"real_clusterset", "real_cluster", "real_namespace", *OTHER_PROGRAMS})
_skipped = pytest.StashKey[Counter[str]]()
_not_run = pytest.StashKey[Counter[str]]()
_NOT_RUN = "not run"


@functools.cache
def why_not() -> str | None:
    """Why there can be no real control planes in this session; None when there can."""
    try:
        locate_binaries()
    except BinariesMissingError as missing:
        return str(missing)
    return None


def clusterset_specs() -> list[ControlPlaneSpec]:
    """A broker and three members; `north` is IPv4 only. A user for each component, with no rights yet.

    On a member: `agent`, `dns`, and `nobody`, who never gets any. On the broker: one per member.

    What service accounts ask is audited. Owner references are checked as strictly as a cluster can.
    """
    component_users = [new_credential(user) for user in ("agent", "dns", "nobody")]
    member_users = [new_credential(f"member-{name}") for name in MEMBERS]
    broker = ControlPlaneSpec(BROKER, (*member_users, new_credential("nobody")), audited=True)
    members = [
        ControlPlaneSpec(
            name,
            tuple(component_users),
            dual_stack=name != "north",
            api_server_flags=("--enable-admission-plugins=OwnerReferencesPermissionEnforcement",),
            audited=True,
        )
        for name in MEMBERS
    ]
    return [broker, *members]


@pytest.fixture(scope="session")
def real_clusterset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealClusterset]:
    """Started once for the session: a test works in namespaces of its own and leaves no rights behind."""
    clusterset = RealClusterset(tmp_path_factory.mktemp("realkube"), clusterset_specs())
    # A loop of its own that is gone before the first test: the servers do not depend on it.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(clusterset.start())
    try:
        yield clusterset
    finally:
        clusterset.stop()


@pytest.fixture(scope="session")
def helm_program() -> Path:
    """Helm, for tests of the charts."""
    return locate_helm()


@pytest.fixture(scope="session")
def container_image() -> Path:
    """The archive with the container image of this checkout."""
    return locate_image()


@pytest.fixture(scope="session")
def operator_kinds() -> tuple[Path, ...]:
    """Files with the definitions of ServiceMonitor and PrometheusRule."""
    return locate_operator_kinds()


@pytest.fixture
def real_cluster(real_clusterset: RealClusterset) -> ControlPlane:
    """For tests that need only one (dual-stack) cluster."""
    return real_clusterset["east"]


@pytest.fixture
async def real_namespace(real_clusterset: RealClusterset) -> AsyncIterator[str]:
    """A namespace that exists in every member, for this test only."""
    async with namespace_in(*(real_clusterset[name] for name in MEMBERS)) as name:
        yield name


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_skipped] = Counter()
    config.stash[_not_run] = Counter()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(MARK)
        if item.get_closest_marker(MARK) and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(TIMEOUT_SECONDS))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker(MARK) is None:
        return
    reason = why_not()
    if reason is not None:
        do_not_run(item, "real control planes", reason)
    for fixture in OTHER_PROGRAMS.keys() & set(getattr(item, "fixturenames", ())):
        what, locate = OTHER_PROGRAMS[fixture]
        try:
            locate()
        except BinariesMissingError as missing:
            do_not_run(item, what, str(missing))


def do_not_run(item: pytest.Item, what: str, reason: str) -> None:
    """Skip, or fail under CI: the test needs `what`, and there is none."""
    item.config.stash[_not_run][f"tests against {what}: {reason}"] += 1
    if _in_ci():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


class _SkipCounter:
    """Reports do not know their session's config, so the counter is given to this object."""

    def __init__(self, skipped: Counter[str]) -> None:
        self._skipped = skipped

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self._skipped[report.nodeid] += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self._skipped[report.nodeid] += 1


def pytest_sessionstart(session: pytest.Session) -> None:
    counter = _SkipCounter(session.config.stash[_skipped])
    session.config.pluginmanager.register(counter, "skip-counter")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        not_run: Counter[str] = session.config.stash[_not_run]
        session.config.workeroutput[_NOT_RUN] = dict(not_run)
    if _in_ci() and session.config.stash[_skipped] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A process that ran tests has ended: what it did not run is told with the rest."""
    node.config.stash[_not_run].update(getattr(node, "workeroutput", {}).get(_NOT_RUN, {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    not_run, skipped = config.stash[_not_run], config.stash[_skipped]
    if not_run:
        terminalreporter.section("real Kubernetes: NOT RUN", sep="=", red=True, bold=True)
        for reason, count in not_run.items():
            terminalreporter.line(f"{count} {reason}")
    if skipped and _in_ci():
        terminalreporter.section("CI=true: skipped tests fail the run", red=True)
        for test in skipped:
            terminalreporter.line(test)


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() in {"1", "true"}
