"""The work queue: keys that wait to be reconciled, and a bounded number of workers that reconcile them.

It promises: a key is never worked on by two workers at once; a key added many times before its turn is
worked on once, and one added while it is being worked on is worked on once more afterwards; a failing key
is tried again with its own backoff and holds no other key up; when the server takes what it had refused,
the other refused keys follow soon; an added key starts at once when a worker is free, without polling; keys
that share a queue in lanes are served a lane at a time, round and round.
"""

import asyncio
import heapq
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from random import Random
from time import perf_counter
from typing import Final, Generic, Protocol, TypeVar

from mcs_controller.kube.errors import ApiError, Conflict, Invalid, KubeError, NotLeading, TransportError
from mcs_controller.kube.pacing.backoff import Backoff
from mcs_controller.kube.pacing.turns import Turn, WorkClock
from mcs_controller.kube.queue.ready import Lane, Lanes, OneLine, Ready, lane_of_work
from mcs_controller.observe.log_context import log_context

_log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)

FIRST_RETRY_SECONDS: Final = 0.005
LONGEST_RETRY_SECONDS: Final = 60.0
LONGEST_OF_FEW_SECONDS: Final = 15.0
"""For conflicts, and for few refused keys: they may be over at any time, and no other success says when."""
SECONDS_PER_REFUSED: Final = 0.5
"""The longest wait grows with the keys that are refused: the more there are, the sooner one succeeds."""
WORKERS: Final = 8
KEYS_PER_TURN: Final = 64
"""After so many keys, or after `TURN_SECONDS`, the workers let the rest of the program run."""
LANE_RESERVE: Final = 4
"""One worker of so many is kept from each lane, for the others."""
WAKE_SPREAD_SECONDS: Final = 0.5
WOKEN_PER_SECOND: Final = 500
"""Keys that are woken together come over half a second, or longer when they are very many."""
REFUSED_WAKE_EVERY_SECONDS: Final = 5.0
"""A server that takes some and refuses others is asked for all of them no more often than that."""


class QueueObserver(Protocol):
    """Told of every reconcile that ended: `result` is `ok`, `again` (requeued) or `error`."""

    def __call__(self, waited_seconds: float, worked_seconds: float, result: str) -> None: ...


class WorkQueue(Generic[K]):
    """Keys to reconcile; `run` serves them until it is cancelled. Keys may be added before it runs.

    `reconcile` is level-based work on one key. It is told only *which* object to reconcile, never what
    happened to it. It reads the present state from the stores, writes the whole wanted state, and is right
    however often it runs and whatever it missed. It returns the seconds after which the key is requeued, or
    None; it raises to be retried with this key's backoff (an `ApiError` with a `Retry-After` sets the time
    itself).

    With `lanes`, ready keys are served one of each lane in turn, in order within a lane, so that the many
    keys of one party delay nobody else for longer than one key of each. Whoever adds a key names the lane;
    what a reconcile adds or has to retry, here or in another queue, stays in the lane that it is from.
    """

    def __init__(
        self,
        name: str,
        reconcile: Callable[[K], Awaitable[float | None]],
        *,
        random: Random,
        workers: int = WORKERS,
        first_retry_seconds: float = FIRST_RETRY_SECONDS,
        longest_retry_seconds: float = LONGEST_RETRY_SECONDS,
        describe: Callable[[K], Mapping[str, str]] | None = None,
        lanes: bool = False,
        observer: QueueObserver | None = None,
        work_clock: WorkClock = perf_counter,
    ) -> None:
        self.name = name
        self.observer = observer
        self._reconcile = reconcile
        self._workers = workers
        self._random = random
        self._first_retry_seconds = first_retry_seconds
        self._longest_retry_seconds = longest_retry_seconds
        self._describe = describe
        # Ready keys, with the loop time of the first add.
        self._ready: Ready[K] = Lanes(workers - workers // LANE_RESERVE) if lanes else OneLine()
        self._turn = Turn(steps=KEYS_PER_TURN, now=work_clock)
        self._running: set[K] = set()
        # Keys added while they were being worked on, with the loop time of the first add and the lanes.
        self._again: dict[K, tuple[float, dict[Lane, None]]] = {}
        self._free: deque[asyncio.Future[None]] = deque()
        # When delayed keys are due; the heap may hold stale pairs, `_due` is the truth.
        self._due: dict[K, float] = {}
        self._due_lane: dict[K, Lane] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._heap_ticket = 0
        self._timer: asyncio.Handle | None = None
        # Kept here, since uvloop's handle for a time that is past does not know it.
        self._timer_at = 0.0
        self._backoffs: dict[K, Backoff] = {}
        # Of the failing keys those for which no answer came, in the order in which they failed.
        self._unanswered: dict[K, None] = {}
        # Those that the server refused, probably for its own state: it is broken, or lacks the kind.
        self._refused: dict[K, None] = {}
        self._refused_wake_at = -math.inf
        self._idle_waiters: list[asyncio.Future[None]] = []

    def __len__(self) -> int:
        """How many keys wait for a worker; delayed ones do not count."""
        return len(self._ready) + len(self._again)

    @property
    def failing(self) -> int:
        """How many keys failed when they were last worked on."""
        return len(self._backoffs)

    def oldest_seconds(self) -> float:
        """How long the key that waits longest for a worker has been waiting."""
        added = min(self._ready.oldest_seconds(), next(iter(self._again.values()), (float("inf"),))[0])
        return max(0.0, asyncio.get_running_loop().time() - added) if added != float("inf") else 0.0

    def add(self, key: K, lane: Lane | None = None) -> None:
        """Enqueue `key`; without `lane` into that of the present work."""
        now = asyncio.get_running_loop().time()
        if lane is None:
            lane = lane_of_work.get()
        if key in self._running:
            self._again.setdefault(key, (now, {}))[1][lane] = None
        elif self._ready.add(key, now, lane):
            self._wake_one()

    def add_after(self, key: K, seconds: float) -> None:
        """Enqueue `key` after `seconds`; of several calls the earliest time counts."""
        if seconds <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        when = loop.time() + seconds
        if key in self._due and self._due[key] <= when:
            return
        self._due[key] = when
        self._due_lane.setdefault(key, lane_of_work.get())
        self._heap_ticket += 1
        heapq.heappush(self._heap, (when, self._heap_ticket, key))
        if self._timer is None or when < self._timer_at:
            self._set_timer(loop)

    def retry_unanswered(self) -> None:
        """Enqueue soon the keys whose last reconcile failed because the server could not be reached.

        For when it can be reached again. They come spread over a short time and keep their backoff, so that a
        server that comes and goes is not asked more often for it; what the server refused waits its own time.
        """
        self._wake(self._unanswered)

    def _retry_refused(self) -> None:
        """One key that was refused has succeeded: the others probably will, too."""
        now = asyncio.get_running_loop().time()
        if now >= self._refused_wake_at + REFUSED_WAKE_EVERY_SECONDS:
            self._refused_wake_at = now
            self._wake(self._refused)

    def _wake(self, keys: Collection[K]) -> None:
        spread_seconds = max(WAKE_SPREAD_SECONDS, len(keys) / WOKEN_PER_SECOND)
        for key in keys:
            if key in self._due:
                self.add_after(key, self._random.uniform(0.0, spread_seconds))

    async def run(self) -> None:
        """Serve until cancelled."""
        try:
            async with asyncio.TaskGroup() as workers:
                for number in range(self._workers):
                    workers.create_task(self._work(), name=f"{self.name}/{number}")
        finally:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    async def idle(self) -> None:
        """Wait until nothing is ready or being worked on; delayed keys may remain."""
        if self._ready or self._running or self._again:
            waiter = asyncio.get_running_loop().create_future()
            self._idle_waiters.append(waiter)
            await waiter

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while not self._ready.has_next():
                turn = loop.create_future()
                self._free.append(turn)
                await turn
            began = self._turn.now()
            await self._work_on(*self._ready.pop(), loop)
            if self._turn.used_up_by(self._turn.now() - began):
                # Reconciles that had nothing to write never gave way to anything else.
                await self._turn.pause()

    async def _work_on(self, key: K, added: float, lane: Lane, loop: asyncio.AbstractEventLoop) -> None:
        # This reconcile replaces one that was due later.
        self._no_longer_due(key)
        lane_of_work.set(lane)
        self._running.add(key)
        started = loop.time()
        if self._describe is not None:
            # The context is this worker's own: the next key overwrites it, and what it began with stays.
            log_context.set({**log_context.get(), **self._describe(key)})
        result = "error"
        try:
            again_seconds = await self._reconcile(key)
            self._backoffs.pop(key, None)
            self._unanswered.pop(key, None)
            if key in self._refused:
                del self._refused[key]
                self._retry_refused()
            if again_seconds is None:
                result = "ok"
            else:
                result = "again"
                self.add_after(key, max(again_seconds, self._first_retry_seconds))
        except KubeError as error:
            self._retry(key, error)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                self._again.setdefault(key, (loop.time(), {}))[1][lane] = None
                raise
            # Nobody cancelled this worker: something that the reconcile waited for was.
            self._retry(key, error)
        except Exception as error:  # noqa: BLE001 - the outermost loop of a worker, which must not die
            _log.exception("%s: reconciling %s failed, a bug", self.name, key)
            self._retry(key, error)
        finally:
            self._running.discard(key)
            self._ready.done(lane)
            if key in self._again:
                again_at, again_lanes = self._again.pop(key)
                for again_lane in again_lanes:
                    self._ready.add(key, again_at, again_lane)
                self._wake_one()
            if self.observer is not None:
                self.observer(started - added, loop.time() - started, result)
            if self._idle_waiters and not (self._ready or self._running):
                for waiter in self._idle_waiters:
                    if not waiter.done():
                        waiter.set_result(None)
                self._idle_waiters.clear()

    def _retry(self, key: K, error: BaseException) -> None:
        backoff = self._backoffs.get(key)
        # A first conflict is no warning: another writer was quicker, and the next reconcile reads what it
        # wrote. And all keys of a leader that was stopped fail at once.
        is_news = backoff is not None or not isinstance(error, (Conflict, NotLeading))
        if backoff is None:
            backoff = self._backoffs[key] = Backoff(
                self._first_retry_seconds, self._longest_retry_seconds, random=self._random
            )
        self._unanswered.pop(key, None)
        self._refused.pop(key, None)
        if isinstance(error, TransportError):
            self._unanswered[key] = None
        elif _may_be_over_for_all(error):
            self._refused[key] = None
        seconds = backoff.next_seconds(
            error.retry_after_seconds if isinstance(error, ApiError) else None,
            longest_seconds=self._longest_seconds(key, error),
        )
        if isinstance(error, (KubeError, asyncio.CancelledError)):
            _log.log(
                logging.WARNING if is_news else logging.DEBUG,
                "%s: reconciling %s failed, requeued in %.3f s: %s: %s",
                self.name,
                key,
                seconds,
                type(error).__name__,
                error,
            )
        self.add_after(key, seconds)

    def _longest_seconds(self, key: K, error: BaseException) -> float:
        if key in self._refused:
            return max(LONGEST_OF_FEW_SECONDS, len(self._refused) * SECONDS_PER_REFUSED)
        return LONGEST_OF_FEW_SECONDS if isinstance(error, Conflict) else math.inf

    def _no_longer_due(self, key: K) -> None:
        self._due.pop(key, None)
        self._due_lane.pop(key, None)

    def _wake_one(self) -> None:
        while self._free:
            turn = self._free.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._heap:
            self._timer_at = self._heap[0][0]
            self._timer = loop.call_at(self._timer_at, self._on_timer)

    def _on_timer(self) -> None:
        loop = asyncio.get_running_loop()
        # The loop may call a little early, within its clock's resolution: what was asked for is due.
        now = max(loop.time(), self._timer_at)
        self._timer = None
        while self._heap and self._heap[0][0] <= now:
            when, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == when:
                lane = self._due_lane[key]
                self._no_longer_due(key)
                self.add(key, lane)
        self._set_timer(loop)


def _may_be_over_for_all(error: BaseException) -> bool:
    """Whether what ends this refusal probably ends those of other keys; a `Retry-After` is kept to."""
    return (
        isinstance(error, ApiError)
        and not isinstance(error, Conflict | Invalid)
        and error.retry_after_seconds is None
    )
