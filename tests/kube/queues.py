"""A work queue, made and served, and the loop's time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from mcs_controller.kube.queue.work_queue import WorkQueue


def now() -> float:
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def serving(queue: WorkQueue[Any]) -> AsyncIterator[None]:
    task = asyncio.create_task(queue.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()


def make(reconcile: Callable[[str], Awaitable[float | None]], **options: Any) -> WorkQueue[str]:
    return WorkQueue("test", reconcile, random=Random(1), **options)
