"""Waiting for a condition, with a deadline in the loop's time, be it real or virtual."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 20.0
POLL_SECONDS = 0.05
SLOW_POLL_SECONDS = 1.0
QUIET_SECONDS = 30.0


async def eventually(
    look: Callable[[], Awaitable[T]],
    is_wanted: Callable[[T], object] = bool,
    within_seconds: float = PATIENCE_SECONDS,
    *,
    poll_seconds: float = POLL_SECONDS,
    slow_after_seconds: float = math.inf,
    what: Callable[[], object] = str,
) -> T:
    """What `look` gives, as soon as it is what is wanted.

    If that is late, AssertionError: with the last thing seen, and with the words of `what`. After
    `slow_after_seconds` it looks only once a second.
    """
    loop = asyncio.get_running_loop()
    started = loop.time()
    seen: list[T] = []
    try:
        # A look that hangs ends too.
        async with asyncio.timeout(within_seconds + SLOW_POLL_SECONDS):
            while True:
                seen[:] = [await look()]
                if is_wanted(seen[0]):
                    return seen[0]
                waited = loop.time() - started
                if waited >= within_seconds:
                    break
                await asyncio.sleep(poll_seconds if waited < slow_after_seconds else SLOW_POLL_SECONDS)
    except TimeoutError:
        pass
    last = seen[0] if seen else "nothing"
    raise AssertionError(f"not within {within_seconds:g} s {what()}; last seen: {last}")


async def always(holds: Callable[[], Awaitable[object]], *, for_seconds: float) -> None:
    """It holds now, and goes on to hold; AssertionError at the first look that finds otherwise."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + for_seconds
    while loop.time() < deadline:
        assert await holds(), f"no longer so, {deadline - loop.time():.2f} s before the end"
        await asyncio.sleep(max(POLL_SECONDS, for_seconds / 100))


async def settle() -> None:
    """In virtual time: until nothing can be under way in any agent any more."""
    await asyncio.sleep(QUIET_SECONDS)


async def until(condition: Callable[[], object], within_seconds: float = 60.0) -> None:
    """As `eventually`, for a condition that needs no await."""
    async with asyncio.timeout(within_seconds):
        while not condition():  # noqa: ASYNC110 - what is asked here tells nobody when it changes
            await asyncio.sleep(0.01)


async def settled(number: Callable[[], int]) -> int:
    """What a number comes to when it changes no more for a while."""
    last = number() - 1
    while last != (last := number()):  # noqa: ASYNC110 - that nothing happens can only be waited for
        await asyncio.sleep(0.05)
    return last
