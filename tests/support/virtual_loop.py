"""An event loop in virtual time for programs without sockets and threads: time moves on when nobody can work.

looptime does the same and can also wait for sockets; in a simulation without any that costs a sixth of all.
What asyncio's own loop does in each turn to watch sockets, threads and slow callbacks is left out here, which
is another tenth. Callbacks and timers run in the order of asyncio's loop, those of the same moment too.

One loop runs many simulated processes. What belongs to one of them (`PROCESS`, which tasks inherit) can be
stopped, as SIGSTOP does: its time goes on, and nothing of it runs.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from selectors import SelectorKey, SelectSelector
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

PROCESS: contextvars.ContextVar[str] = contextvars.ContextVar("process", default="")
"""The simulated process that a task or a callback belongs to, "" for none."""

MANY_TIMERS = 100
MOST_CANCELLED_SHARE = 0.5
"""Of many timers, so many may be cancelled before they are thrown away: asyncio's numbers."""
LONGEST_WAIT_SECONDS = 24 * 3600
CLOCK_RESOLUTION_SECONDS = 1e-9


class _NoInput(SelectSelector):
    """Nothing ever comes from outside."""

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        raise AssertionError("nobody waits for input")


class _Handle(asyncio.Handle):
    __slots__ = ()

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: VirtualLoop,
        context: contextvars.Context | None,
    ) -> None:
        # As the base class does, without asking whether debugging is on.
        self._context = contextvars.copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = self._source_traceback = None


class _Timer(asyncio.TimerHandle):
    __slots__ = ()

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: VirtualLoop,
        context: contextvars.Context | None,
    ) -> None:
        self._context = contextvars.copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = self._source_traceback = None
        self._when = when
        self._scheduled = True


class _Due(float):
    """When a timer is due: compared as a number, which is what a heap does most."""

    __slots__ = ("timer",)
    timer: _Timer


class VirtualLoop(asyncio.SelectorEventLoop):
    """Begins at 0 seconds."""

    _ready: deque[_Handle | _Timer]
    _stopping: bool
    _timer_cancelled_count: int

    def __init__(self) -> None:
        super().__init__(_NoInput())
        self._now_seconds = 0.0
        self._timers: list[_Due] = []
        # By process, what it had to do since it was stopped.
        self._stopped: dict[str, list[_Handle | _Timer]] = {}

    def stop_process(self, name: str) -> None:
        """Run nothing of this process, from its next callback on."""
        self._stopped.setdefault(name, [])

    def resume_process(self, name: str) -> None:
        """Let it go on where it was, with all that became due meanwhile; nothing if it was not stopped."""
        self._ready.extend(self._stopped.pop(name, ()))

    def time(self) -> float:
        return self._now_seconds

    def call_soon(
        self,
        callback: Callable[[*Arguments], object],
        *args: *Arguments,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        handle = _Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[[*Arguments], object],
        *args: *Arguments,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        due = _Due(when)
        due.timer = _Timer(when, callback, args, self, context)
        heapq.heappush(self._timers, due)
        return due.timer

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Arguments], object],
        *args: *Arguments,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now_seconds + delay, callback, *args, context=context)

    def _run_once(self) -> None:
        """One turn; asyncio calls it until it is told to stop."""
        self._drop_cancelled()
        ready, timers = self._ready, self._timers
        if not ready and not self._stopping:
            if not timers:
                raise RuntimeError(
                    "every task waits for another one: nothing is left that could happen "
                    "(for sockets and threads, which do not exist here, there is looptime(sockets=True))"
                )
            self._now_seconds += min(max(0.0, timers[0] - self._now_seconds), LONGEST_WAIT_SECONDS)
        end_seconds = self._now_seconds + CLOCK_RESOLUTION_SECONDS
        while timers and timers[0] < end_seconds:
            timer = heapq.heappop(timers).timer
            timer._scheduled = False
            ready.append(timer)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            if self._stopped:
                waiting = self._stopped.get(handle._context.get(PROCESS, ""))
                if waiting is not None:
                    waiting.append(handle)
                    continue
            handle._run()

    def _drop_cancelled(self) -> None:
        timers = self._timers
        if len(timers) > MANY_TIMERS and self._timer_cancelled_count / len(timers) > MOST_CANCELLED_SHARE:
            for due in timers:
                if due.timer._cancelled:
                    due.timer._scheduled = False
            self._timers = [due for due in timers if not due.timer._cancelled]
            heapq.heapify(self._timers)
            self._timer_cancelled_count = 0
            return
        while timers and timers[0].timer._cancelled:
            heapq.heappop(timers).timer._scheduled = False
            self._timer_cancelled_count -= 1


def virtual_loop() -> VirtualLoop:
    """The loop that runs. Raises TypeError if it is another one."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        raise TypeError(f"{loop!r} cannot stop processes")
    return loop


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    """What `main` returns. Raises RuntimeError when all tasks wait for each other."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
