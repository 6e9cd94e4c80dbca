"""Background tasks with an owner."""

import asyncio
import inspect
import logging

import pytest

from mcs_controller.kube.tasks import Tasks


async def _fail() -> None:
    raise ValueError("broken")


async def test_a_failing_task_is_logged_by_name_and_ends_the_group(caplog: pytest.LogCaptureFixture) -> None:
    other = asyncio.Event()

    async def wait_for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            other.set()

    async def run() -> None:
        async with Tasks("agent") as tasks:
            tasks.start(wait_for_ever(), name="watch")
            tasks.start(_fail(), name="sync")

    with pytest.raises(ExceptionGroup) as caught:
        await run()
    assert caught.group_contains(ValueError, match="broken")
    assert other.is_set()
    assert [record.getMessage() for record in caplog.records] == ["task agent/sync failed: broken"]


async def test_a_failing_task_that_is_not_essential_is_logged_only(caplog: pytest.LogCaptureFixture) -> None:
    async with Tasks("agent") as tasks:
        task = tasks.start(_fail(), name="events", essential=False)
        await asyncio.wait({task})
        survivor = tasks.start(asyncio.sleep(0, "done"), name="other")
    assert survivor.done()
    [record] = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "task agent/events failed")
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)


async def test_stop_ends_all_tasks_without_an_error() -> None:
    async with Tasks("agent") as tasks:
        task = tasks.start(asyncio.Event().wait(), name="watch")
        await asyncio.sleep(0)
        tasks.stop()
    assert task.cancelled()


async def test_work_that_is_cancelled_before_it_begins_is_closed() -> None:
    begun = False

    async def work() -> None:
        nonlocal begun
        begun = True

    async with Tasks("agent") as tasks:
        pending = work()
        tasks.start(pending, name="watch").cancel()
    assert not begun
    assert inspect.getcoroutinestate(pending) == inspect.CORO_CLOSED
