"""A simulated cluster for each test, reached in the same process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random

import pytest

from mcs_controller.simcluster.cluster import SimCluster
from tests.contract.api import Api


@pytest.fixture
async def cluster() -> AsyncIterator[SimCluster]:
    async with SimCluster("east", random=Random(1)) as running:
        yield running


@pytest.fixture
async def api(cluster: SimCluster) -> AsyncIterator[Api]:
    transport = cluster.transport()
    yield Api(transport, cluster.faults.compact)
    await transport.close()
