"""From the start of a command's coroutine to its exit code.

SIGTERM and Ctrl-C cancel the coroutine once, so that every `finally` runs, and the exit code is 0; a second
signal ends the process at once. The loop is uvloop, which is what is measured. Errors are left to `main.py`.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Coroutine

from mcs_controller.kube.event_loop import EventLoop
from mcs_controller.kube.tasks import SLOW_STOP_SECONDS, stopping_tasks

_log = logging.getLogger(__name__)


def run_command(work: Coroutine[None, None, int]) -> int:
    """Run a command until it ends or is asked to."""
    with asyncio.Runner(loop_factory=EventLoop) as runner:
        return runner.run(_until_signalled(work))


async def _until_signalled(work: Coroutine[None, None, int]) -> int:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None, "a coroutine runs in a task"
    received: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        received.append(number)
        _log.info("stopping on %s", number.name)
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)
            # Handled by us: the first process of a container gets no SIGTERM that nobody handles, and
            # Python's own Ctrl-C would be an exception in whatever runs at that moment.
            signal.signal(each, _end_at_once)
        task.cancel()
        loop.call_later(SLOW_STOP_SECONDS, tell_slow_stop)

    def tell_slow_stop() -> None:
        if not task.done():
            _log.error("still stopping: %s; another signal ends the process", ", ".join(stopping_tasks()))
            loop.call_later(SLOW_STOP_SECONDS, tell_slow_stop)

    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    for number in handlers:
        loop.add_signal_handler(number, stop, number)
    try:
        return await work
    except asyncio.CancelledError:
        if not received:
            raise
        return 0
    finally:
        if received:
            for each, handler in handlers.items():
                signal.signal(each, handler)


def _end_at_once(number: int, frame: object) -> None:
    os._exit(128 + number)
