"""The event loops that connections must work on."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from mcs_controller.kube.event_loop import EventLoop


def run_on_ours(work: Coroutine[Any, Any, None]) -> None:
    """Run it as our programs do."""
    with asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(work)


EITHER_LOOP = pytest.mark.parametrize("run", [asyncio.run, run_on_ours], ids=["asyncio", "uvloop"])
"""A test that gets `run` is run with each."""
