"""An empty cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mcs_controller.api.resources import NAMESPACES
from mcs_controller.kube.client import Client
from mcs_controller.simcluster.cluster import SimCluster
from tests.support.objects import namespace_body


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """Of a simulated cluster that has the namespace shop and nothing in it."""
    cluster = SimCluster("east", service_cidrs=("10.96.0.0/16",))
    client = cluster.client()
    await client.create(NAMESPACES, namespace_body("shop"))
    yield client
    cluster.close()
