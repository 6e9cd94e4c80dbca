"""Background tasks with an owner: named, kept, and none ends without a word in the log.

`Tasks` is a TaskGroup with our rules added. A task that fails is logged with its name and takes the whole
group down (the failure comes out of the `async with`), unless it was started as not essential: then it is
logged and the group goes on. `stop()` ends the group from inside without an error.
"""

import asyncio
import logging
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Final, Self

SLOW_STOP_SECONDS: Final = 10.0
"""What was cancelled and takes longer to end is named in the log."""

_log = logging.getLogger(__name__)


class Tasks:
    """A set of tasks that lives as long as its `async with` block and the tasks in it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._group = asyncio.TaskGroup()
        # Ordered, so that all runs stop them in the same order.
        self._running: dict[asyncio.Task[Any], None] = {}

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._group.__aexit__(kind, error, traceback)

    def start(
        self, work: Coroutine[Any, Any, Any], *, name: str, essential: bool = True
    ) -> asyncio.Task[Any]:
        """Run `work` as a task of this group."""
        full_name = f"{self._name}/{name}"
        task = self._group.create_task(_guarded(work, full_name, essential), name=full_name)
        self._running[task] = None
        task.add_done_callback(self._running.pop)
        # A task that is cancelled before its first step has not begun the work, which then has to be closed.
        task.add_done_callback(lambda _: work.close())
        return task

    def stop(self) -> None:
        """Cancel every task; the `async with` block then ends without an error."""
        for task in tuple(self._running):
            task.cancel()


def stopping_tasks() -> list[str]:
    """The names of the tasks that were cancelled and have not ended: who holds up a stop."""
    return sorted(task.get_name() for task in asyncio.all_tasks() if task.cancelling())


async def _guarded(work: Coroutine[Any, Any, Any], name: str, essential: bool) -> None:
    try:
        await work
    except Exception as error:
        if essential:
            # The exception itself, with its traceback, goes to whoever waits for the group.
            _log.error("task %s failed: %s", name, error)
            raise
        _log.exception("task %s failed", name)
