"""How long a key of the work queue waits before it is tried again."""

import asyncio
from random import Random

import pytest

from mcs_controller.kube.errors import Conflict
from mcs_controller.kube.queue.work_queue import WorkQueue
from tests.kube.queues import now, serving


@pytest.mark.looptime
async def test_each_failure_of_a_key_may_wait_twice_as_long_as_the_one_before_it_until_it_works() -> None:
    """With the longest wait that chance can give."""
    tries: list[float] = []

    async def reconcile(key: str) -> None:
        tries.append(now())
        if len(tries) != 6:
            raise Conflict(409, "Conflict", "someone was faster")

    queue = WorkQueue("test", reconcile, random=Longest(), first_retry_seconds=1, longest_retry_seconds=8)
    async with serving(queue):
        queue.add("a")
        await asyncio.sleep(40)
        queue.add("a")
        await asyncio.sleep(4)
    assert tries == [0, 1, 3, 7, 15, 23, 40, 41, 43]


class Longest(Random):
    def uniform(self, a: float, b: float) -> float:
        return b
