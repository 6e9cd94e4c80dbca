"""Runs a coroutine in virtual time, outside pytest: the clock moves on at once when nobody can work."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any, TypeVar

import looptime

T = TypeVar("T")


def in_virtual_time(main: Coroutine[Any, Any, T]) -> T:
    """What `main` returns. There are no sockets or threads, so no turns of the loop are spent on waiting."""
    with asyncio.Runner(loop_factory=partial(looptime.new_event_loop, noop_cycles=0)) as runner:
        return runner.run(main)
