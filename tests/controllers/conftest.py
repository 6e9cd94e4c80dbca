"""Virtual time moves on at once in these tests.

Before each step looptime turns the loop dozens of times, for input that sockets or threads may bring. There
are none here, and those turns were most of what a test of an hour cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents and item.get_closest_marker("looptime") is not None:
            item.add_marker(pytest.mark.looptime(noop_cycles=0))
