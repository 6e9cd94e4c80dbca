"""pytest plugin: whole clusters as a fixture, and plain words where the machine can have none.

A test that asks for a fixture of this file is marked `realnode`, and `realkube` too, as whole clusters need
what control planes need. Where the machine does not allow it such tests are skipped with the reason, told
once more at the end of the run; under CI=true they fail instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.realkube.plugin import MARK as CONTROL_PLANE_MARK
from tests.realkube.plugin import do_not_run
from tests.realkube.workloads import namespace_in
from tests.realnode.bare import ZONES
from tests.realnode.client import start_clients
from tests.realnode.clusters import WholeClusters
from tests.realnode.machine import MachineError, look_at_machine

MARK = "realnode"
FIXTURES = frozenset({"whole_clusters", "node_namespace"})
# The first test waits for the clusters as well, on a machine that may be busy.
TIMEOUT_S = 300


@pytest.fixture(scope="session")
def whole_clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeClusters]:
    """Started once for the session, each with a client pod; a test works in namespaces of its own."""
    clusters = WholeClusters(tmp_path_factory.mktemp("realnode"), look_at_machine())
    try:
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(_start(clusters))
        yield clusters
    finally:
        clusters.stop()
        left = clusters.leftovers()
    assert left == [], "the run left something on the machine"


async def _start(clusters: WholeClusters) -> None:
    await clusters.start()
    async with asyncio.TaskGroup() as group:
        group.create_task(clusters.wait_ready())
        group.create_task(start_clients([clusters[name] for name in ZONES]))


@pytest.fixture
async def node_namespace(whole_clusters: WholeClusters) -> AsyncIterator[str]:
    """A namespace that exists in every cluster, for this test only."""
    async with namespace_in(*(whole_clusters[name].plane for name in ZONES)) as name:
        yield name


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(MARK)
            item.add_marker(CONTROL_PLANE_MARK)
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker(MARK) is None:
        return
    try:
        look_at_machine()
    except MachineError as error:
        do_not_run(item, "whole clusters", str(error))
