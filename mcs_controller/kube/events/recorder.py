"""Kubernetes Events (events.k8s.io/v1) on the objects that users own.

`EventRecorder` is the `EventSink` that controllers tell: `event` only remembers and returns, and `run` writes
one after the other in the background. What is told again within `SERIES_SECONDS` becomes a series of the
first event (a count and a time, by patch) and not a new object, and is patched at most every
`SERIES_SPACING_SECONDS`. About one object `WRITES_AT_ONCE` are written, then one in `WRITE_SPACING_SECONDS`:
another member may change something all day. Events of one reason that have to wait are folded into one, which
is written with the last note and their number. Everything here is bounded, and losing an event is better than
harming anything: one that finds no room, or that the API server does not take, is counted and dropped.
"""

import asyncio
from collections import OrderedDict, deque
from typing import Final

from prometheus_client import CollectorRegistry

from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import Clock
from mcs_controller.kube.events.metrics import EventMetrics
from mcs_controller.kube.events.series import Series, Told, cut_note
from mcs_controller.kube.events.sink import EventType, ObjectRef
from mcs_controller.kube.events.writer import EventWriter
from mcs_controller.kube.pacing.rate import TokenBucket

REASON_MAX_CHARS: Final = 128
QUEUE_MAX_EVENTS: Final = 256
SERIES_MAX_EVENTS: Final = 1024
SERIES_SECONDS: Final = 360.0
SERIES_SPACING_SECONDS: Final = 10.0
WRITES_AT_ONCE: Final = 10
WRITE_SPACING_SECONDS: Final = 60.0
OBJECTS_MAX: Final = 1024
"""Of so many objects it is remembered how often they were written about."""


class EventRecorder:
    """Writes the events of one component of one process through one API server.

    `component` is the reporting controller, a qualified name such as `mcs-controller.io/agent`; `instance`
    tells its replicas apart.
    """

    def __init__(
        self,
        client: Client,
        *,
        component: str,
        instance: str,
        clock: Clock,
        registry: CollectorRegistry,
    ) -> None:
        self._clock = clock
        self._metrics = EventMetrics(registry)
        self._writer = EventWriter(client, component=component, instance=instance, metrics=self._metrics)
        self._series: OrderedDict[Told, Series] = OrderedDict()
        self._queue: deque[Series] = deque()
        # Of objects whose budget is used up: the one event of each matter that is not written yet.
        self._waiting: dict[ObjectRef, dict[tuple[EventType, str], Series]] = {}
        self._budgets: OrderedDict[ObjectRef, TokenBucket] = OrderedDict()
        self._wake = asyncio.Event()

    def event(self, regarding: ObjectRef, type: EventType, reason: str, note: str) -> None:
        """Remember one event to be written; returns at once. Call it from the event loop."""
        told = Told(regarding, type, reason[:REASON_MAX_CHARS], cut_note(note))
        now, now_seconds = self._clock.now(), asyncio.get_running_loop().time()
        series = self._series.get(told)
        if series is not None and now_seconds - series.last_seen_loop_seconds <= SERIES_SECONDS:
            series.count += 1
            series.last_seen, series.last_seen_loop_seconds = now, now_seconds
            self._series.move_to_end(told)
        elif (waiting := self._waiting.get(regarding, {}).get(told.matter)) is not None:
            del self._series[waiting.told]
            waiting.told, waiting.count = told, waiting.count + 1
            waiting.last_seen, waiting.last_seen_loop_seconds = now, now_seconds
            series = self._series[told] = waiting
        else:
            if series is not None:
                self._forget(series)
            series = self._series[told] = Series(told, now, now, now_seconds)
            if len(self._series) > SERIES_MAX_EVENTS:
                self._forget(next(iter(self._series.values())))
        if series.later is None:
            self._enqueue(series)

    async def run(self) -> None:
        """Write what is told, until cancelled."""
        try:
            while True:
                await self.write_next()
        finally:
            for series in self._series.values():
                if series.later is not None:
                    series.later.cancel()
                    series.later = None

    async def write_next(self) -> None:
        """Wait for the next event and write it, or give it up."""
        while not self._queue:
            self._wake.clear()
            await self._wake.wait()
        series = self._queue.popleft()
        written = await self._writer.write(series)
        # Only now: what was told during the write waits for the spacing too.
        series.queued = False
        if written:
            loop = asyncio.get_running_loop()
            series.later = loop.call_later(SERIES_SPACING_SECONDS, self._spacing_over, series)
        else:
            self._forget(series)

    def _enqueue(self, series: Series) -> None:
        if series.queued:
            return
        loop = asyncio.get_running_loop()
        regarding = series.told.regarding
        budget = self._budget(regarding)
        # New events go before repetitions.
        behind = bool(series.written_count) and regarding in self._waiting
        if behind or not budget.take(loop.time()):
            wait_seconds = WRITE_SPACING_SECONDS if behind else budget.wait_seconds(loop.time())
            series.later = loop.call_later(wait_seconds, self._spacing_over, series)
            if not series.written_count:
                self._waiting.setdefault(regarding, {})[series.told.matter] = series
            return
        self._waits_no_more(series)
        if len(self._queue) >= QUEUE_MAX_EVENTS:
            self._metrics.dropped.labels(reason="queue_full").inc()
            if not series.written_count:
                self._forget(series)
            return
        series.queued = True
        self._queue.append(series)
        self._wake.set()

    def _budget(self, regarding: ObjectRef) -> TokenBucket:
        budget = self._budgets.get(regarding)
        if budget is None:
            budget = self._budgets[regarding] = TokenBucket(WRITES_AT_ONCE, 1 / WRITE_SPACING_SECONDS)
            if len(self._budgets) > OBJECTS_MAX:
                self._budgets.popitem(last=False)
        else:
            self._budgets.move_to_end(regarding)
        return budget

    def _spacing_over(self, series: Series) -> None:
        series.later = None
        if series.count > series.written_count:
            self._enqueue(series)

    def _forget(self, series: Series) -> None:
        """A repetition from now on is a new event; what is queued is still written."""
        if self._series.get(series.told) is series:
            del self._series[series.told]
        if self._waits_no_more(series) and series.later is not None:
            self._metrics.dropped.labels(reason="queue_full").inc()
            series.later.cancel()
            series.later = None

    def _waits_no_more(self, series: Series) -> bool:
        """True if it waited until now."""
        regarding = series.told.regarding
        waiting = self._waiting.get(regarding, {})
        if waiting.get(series.told.matter) is not series:
            return False
        del waiting[series.told.matter]
        if not waiting:
            del self._waiting[regarding]
        return True
