"""pytest plugin: `@pytest.mark.looptime` runs an async test, and its async fixtures, in virtual time.

On our own loop (tests/support/virtual_loop.py), with which tests of agents take half of what they do with
the library looptime. That one waits for sockets and threads, too: `looptime(sockets=True)`. A test in a file
that is marked can say `looptime(False)`. The library's own plugin is off (pyproject.toml): it would look at
each fixture of every test.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import looptime
import pytest

from tests.support.virtual_loop import VirtualLoop

MARK = "looptime"
LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, LoopFactory]:
    """What makes the loop of an async test; of one alone pytest-asyncio writes nothing into the test's id."""
    mark = item.get_closest_marker(MARK)
    if mark is None or mark.args == (False,):
        return {"asyncio": asyncio.new_event_loop}
    if mark.kwargs.get("sockets"):
        return {"looptime": looptime.new_event_loop}
    return {"virtual": VirtualLoop}
