"""A real API server for this folder alone: what charts install would meet other tests' in a shared one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.realkube.clusterset import RealClusterset
from tests.realkube.controlplane import ControlPlane, ControlPlaneSpec

ON_EMPTY_CLUSTER = pytest.mark.world("charts")
"""For the files that share it (tests/worlds.py)."""


@pytest.fixture(scope="session")
def empty_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """With nothing installed, and no controllers: nothing here is waited for that they do."""
    spec = ControlPlaneSpec("charts", controller_manager=False, audited=True)
    clusterset = RealClusterset(tmp_path_factory.mktemp("charts"), [spec])
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(clusterset.start())
    try:
        yield clusterset["charts"]
    finally:
        clusterset.stop()
