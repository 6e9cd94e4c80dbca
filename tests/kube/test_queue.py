"""The work queue's promises, in virtual time: each key once at a time, and none held up by another."""

import asyncio
import time

import pytest

from tests.kube.queues import make, now, serving


@pytest.mark.looptime
async def test_a_key_added_many_times_before_its_turn_is_worked_on_once() -> None:
    seen: list[str] = []

    async def reconcile(key: str) -> None:
        seen.append(key)

    queue = make(reconcile)
    for _ in range(5):
        queue.add("a")
    assert len(queue) == 1
    async with serving(queue):
        await queue.idle()
    assert seen == ["a"]


@pytest.mark.looptime
async def test_a_key_added_while_it_is_worked_on_is_worked_on_once_more_afterwards() -> None:
    runs: list[tuple[float, float]] = []

    async def reconcile(key: str) -> None:
        started = now()
        await asyncio.sleep(10)
        runs.append((started, now()))

    queue = make(reconcile)
    async with serving(queue):
        queue.add("a")
        await asyncio.sleep(3)
        queue.add("a")
        queue.add("a")
        assert len(queue) == 1
        await queue.idle()
    assert runs == [(0, 10), (10, 20)]


@pytest.mark.looptime
async def test_no_two_workers_ever_hold_the_same_key_and_no_more_run_than_there_are_workers() -> None:
    running: set[str] = set()
    most = 0

    async def reconcile(key: str) -> None:
        nonlocal most
        assert key not in running
        running.add(key)
        most = max(most, len(running))
        await asyncio.sleep(1)
        running.discard(key)

    queue = make(reconcile, workers=3)
    async with serving(queue):
        for turn in range(4):
            for key in "abcdef":
                queue.add(key)
            await asyncio.sleep(0.3 * turn)
        await queue.idle()
    assert most == 3


@pytest.mark.looptime
async def test_an_added_key_starts_at_once_when_a_worker_is_free() -> None:
    started: list[float] = []

    async def reconcile(key: str) -> None:
        started.append(now())

    queue = make(reconcile)
    async with serving(queue):
        await asyncio.sleep(100)
        queue.add("a")
        await queue.idle()
        assert started == [100]


@pytest.mark.looptime
async def test_a_slow_key_holds_no_other_key_up() -> None:
    done: dict[str, float] = {}

    async def reconcile(key: str) -> None:
        await asyncio.sleep(60 if key == "slow" else 0)
        done[key] = now()

    queue = make(reconcile, workers=2)
    async with serving(queue):
        queue.add("slow")
        for number in range(20):
            queue.add(f"quick-{number}")
        await queue.idle()
    assert max(when for key, when in done.items() if key != "slow") == 0


@pytest.mark.looptime
async def test_a_wait_that_someone_else_cancelled_fails_the_key_and_not_the_worker() -> None:
    tries = 0

    async def reconcile(key: str) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            cancelled = asyncio.get_running_loop().create_future()
            cancelled.cancel()
            await cancelled

    queue = make(reconcile, workers=1)
    async with serving(queue):
        queue.add("a")
        await asyncio.sleep(10)
    assert tries == 2


@pytest.mark.looptime
async def test_cancelling_the_queue_ends_running_reconciles_and_keeps_their_keys() -> None:
    ended: list[float] = []

    async def reconcile(key: str) -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            ended.append(now())

    queue = make(reconcile)
    async with serving(queue):
        queue.add("a")
        queue.add_after("b", 500)
        await asyncio.sleep(7)
    assert ended == [7]
    assert len(queue) == 1


@pytest.mark.looptime
async def test_workers_with_nothing_to_wait_for_let_the_rest_of_the_program_run() -> None:
    done = 0
    at_first_turn: list[int] = []

    async def reconcile(key: str) -> None:
        nonlocal done
        done += 1

    queue = make(reconcile, workers=1)
    for number in range(1000):
        queue.add(str(number))
    async with serving(queue):
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(lambda: at_first_turn.append(done))
        await queue.idle()
    assert done == 1000
    assert at_first_turn[0] < 100


async def test_however_many_workers_slow_reconciles_leave_the_loop_a_turn_every_few_milliseconds() -> None:
    """By time: sixteen keys of each of eight workers would take a second together."""
    done: list[int] = []
    in_each_round: list[int] = []

    async def reconcile(key: str) -> None:
        began = time.perf_counter()
        while time.perf_counter() - began < 0.008:
            pass
        done.append(1)

    queue = make(reconcile, workers=8)
    async with serving(queue):
        await asyncio.sleep(0)
        for number in range(60):
            queue.add(str(number))
        while len(done) < 60:
            before = len(done)
            await asyncio.sleep(0)
            in_each_round.append(len(done) - before)
    # In the first round every worker may begin.
    assert max(in_each_round[2:]) == 1
