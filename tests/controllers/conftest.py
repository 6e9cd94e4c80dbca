"""An empty cluster; and virtual time that moves on at once.

Before each step looptime turns the loop dozens of times, for input that sockets or threads may bring. There
are none here, and those turns were most of what a test of an hour cost.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from mcs_controller.api.resources import NAMESPACES
from mcs_controller.kube.client import Client
from mcs_controller.simcluster.cluster import SimCluster
from tests.support.objects import namespace_body

HERE = Path(__file__).parent


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """Of a simulated cluster that has the namespace shop and nothing in it."""
    cluster = SimCluster("east", service_cidrs=("10.96.0.0/16",))
    client = cluster.client()
    await client.create(NAMESPACES, namespace_body("shop"))
    yield client
    cluster.close()


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents and item.get_closest_marker("looptime") is not None:
            item.add_marker(pytest.mark.looptime(noop_cycles=0))
