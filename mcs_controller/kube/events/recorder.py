"""Kubernetes Events (events.k8s.io/v1) on the objects that users own.

`EventRecorder` is the `EventSink` that controllers tell: `event` only remembers and returns, and `run`
writes one after the other in the background. What is told again within `SERIES_SECONDS` becomes a series
of the first event (a count and a time, by patch) and not a new object, and is patched at most every
`SERIES_SPACING_SECONDS`. About one object `WRITES_AT_ONCE` are written, then one in `WRITE_SPACING_SECONDS`:
another member may change something all day. Events of one reason that have to wait are folded into one, which
is written with the last note and their number. Everything here is
bounded, and losing an event is better than harming anything: one that finds no room, or that the API server
does not take, is counted and dropped.
"""

import asyncio
import contextlib
import logging
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from prometheus_client import CollectorRegistry

from mcs_controller.api.resources import EVENTS
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import Clock, rfc3339_micro
from mcs_controller.kube.errors import (
    AlreadyExists,
    ApiError,
    KubeError,
    NamespaceTerminating,
    NotFound,
    ServerError,
    TooManyRequests,
)
from mcs_controller.kube.events.metrics import EventMetrics
from mcs_controller.kube.events.sink import EventType, ObjectRef
from mcs_controller.kube.pacing.rate import TokenBucket

NOTE_MAX_BYTES: Final = 1024
REASON_MAX_CHARS: Final = 128
NAME_MAX_CHARS: Final = 253
QUEUE_MAX_EVENTS: Final = 256
SERIES_MAX_EVENTS: Final = 1024
SERIES_SECONDS: Final = 360.0
SERIES_SPACING_SECONDS: Final = 10.0
WRITES_AT_ONCE: Final = 10
WRITE_SPACING_SECONDS: Final = 60.0
OBJECTS_MAX: Final = 1024
"""Of so many objects it is remembered how often they were written about."""
ATTEMPTS: Final = 3
ATTEMPT_SPACING_SECONDS: Final = 2.0
ATTEMPT_SPACING_MAX_SECONDS: Final = 30.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Told:
    """What makes two events identical."""

    regarding: ObjectRef
    type: EventType
    reason: str
    note: str

    @property
    def matter(self) -> tuple[EventType, str]:
        """What the waiting events of an object are folded by."""
        return (self.type, self.reason)


@dataclass(slots=True)
class _Series:
    """One event and its repetitions; `written_count` is 0 until it exists on the API server."""

    told: _Told
    first_seen: datetime
    last_seen: datetime
    last_seen_loop_seconds: float
    name: str = ""
    count: int = 1
    written_count: int = 0
    queued: bool = False
    later: asyncio.TimerHandle | None = field(default=None, repr=False)


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
        self._client = client
        self._component = component
        self._instance = instance[:128]
        self._clock = clock
        self._metrics = EventMetrics(registry)
        self._series: OrderedDict[_Told, _Series] = OrderedDict()
        self._queue: deque[_Series] = deque()
        # Of objects whose budget is used up: the one event of each matter that is not written yet.
        self._waiting: dict[ObjectRef, dict[tuple[EventType, str], _Series]] = {}
        self._budgets: OrderedDict[ObjectRef, TokenBucket] = OrderedDict()
        self._wake = asyncio.Event()
        self._last_name_number = 0

    def event(self, regarding: ObjectRef, type: EventType, reason: str, note: str) -> None:
        """Remember one event to be written; returns at once. Call it from the event loop."""
        told = _Told(regarding, type, reason[:REASON_MAX_CHARS], _cut(note))
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
            series = self._series[told] = _Series(told, now, now, now_seconds)
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
        written = await self._write(series)
        # Only now: what was told during the write waits for the spacing too.
        series.queued = False
        if written:
            loop = asyncio.get_running_loop()
            series.later = loop.call_later(SERIES_SPACING_SECONDS, self._spacing_over, series)
        else:
            self._forget(series)

    def _enqueue(self, series: _Series) -> None:
        if series.queued:
            return
        loop = asyncio.get_running_loop()
        regarding = series.told.regarding
        budget = self._budget(regarding)
        # What has not been told at all goes before what is counted up.
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

    def _spacing_over(self, series: _Series) -> None:
        series.later = None
        if series.count > series.written_count:
            self._enqueue(series)

    def _forget(self, series: _Series) -> None:
        """A repetition from now on is a new event; what is queued is still written."""
        if self._series.get(series.told) is series:
            del self._series[series.told]
        if self._waits_no_more(series) and series.later is not None:
            self._metrics.dropped.labels(reason="queue_full").inc()
            series.later.cancel()
            series.later = None

    def _waits_no_more(self, series: _Series) -> bool:
        """True if it waited until now."""
        regarding = series.told.regarding
        waiting = self._waiting.get(regarding, {})
        if waiting.get(series.told.matter) is not series:
            return False
        del waiting[series.told.matter]
        if not waiting:
            del self._waiting[regarding]
        return True

    async def _write(self, series: _Series) -> bool:
        for attempt in range(1, ATTEMPTS + 1):
            wait_seconds = ATTEMPT_SPACING_SECONDS
            try:
                await self._create_or_continue(series)
                return True
            except (ServerError, TooManyRequests) as error:
                problem: KubeError = error
                wait_seconds = min(error.retry_after_seconds or wait_seconds, ATTEMPT_SPACING_MAX_SECONDS)
            except ApiError as error:
                self._give_up(series, "refused", error)
                return False
            except KubeError as error:
                problem = error
            if attempt < ATTEMPTS:
                await asyncio.sleep(wait_seconds)
        self._give_up(series, "unreachable", problem)
        return False

    async def _create_or_continue(self, series: _Series) -> None:
        if series.written_count:
            try:
                await self._continue(series)
                return
            except NotFound:
                # Events expire (after an hour by default), or somebody tidied up: start anew.
                series.written_count = 0
                series.name = ""
        await self._create(series)

    async def _create(self, series: _Series) -> None:
        if not series.name:
            series.name = self._new_name(series)
        count = series.count
        body = self._body(series)
        # The name is ours alone: that it exists means that an answer to an earlier attempt was lost.
        with contextlib.suppress(AlreadyExists):
            await self._client.create(EVENTS, body, namespace=series.told.regarding.namespace)
        series.written_count = count
        self._metrics.created.inc()

    async def _continue(self, series: _Series) -> None:
        count = series.count
        patch = {"series": _series_field(series)}
        await self._client.patch(EVENTS, series.name, patch, namespace=series.told.regarding.namespace)
        series.written_count = count
        self._metrics.continued.inc()

    def _give_up(self, series: _Series, reason: str, error: KubeError) -> None:
        self._metrics.dropped.labels(reason=reason).inc()
        regarding = series.told.regarding
        # In a namespace that is being deleted nobody needs the event.
        ending = isinstance(error, NamespaceTerminating | NotFound)
        _log.log(
            logging.DEBUG if ending else logging.WARNING,
            "event %s on %s %s/%s not written: %s",
            series.told.reason, regarding.kind, regarding.namespace, regarding.name, error,
        )  # fmt: skip

    def _body(self, series: _Series) -> dict[str, Any]:
        told, regarding = series.told, series.told.regarding
        body: dict[str, Any] = {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": series.name, "namespace": regarding.namespace},
            "eventTime": rfc3339_micro(series.first_seen),
            "reportingController": self._component,
            "reportingInstance": self._instance,
            "action": "Reconcile",
            "reason": told.reason,
            "note": told.note,
            "type": told.type,
            "regarding": {
                "apiVersion": regarding.api_version,
                "kind": regarding.kind,
                "namespace": regarding.namespace,
                "name": regarding.name,
                "uid": regarding.uid,
            },
        }
        if series.count > 1:
            body["series"] = _series_field(series)
        return body

    def _new_name(self, series: _Series) -> str:
        """The object's name and the time in hexadecimal, as kubectl's users know it; never twice the same."""
        number = max(int(series.first_seen.timestamp() * 1_000_000) * 1000, self._last_name_number + 1)
        self._last_name_number = number
        suffix = f".{number:x}"
        return series.told.regarding.name[: NAME_MAX_CHARS - len(suffix)].rstrip("-.") + suffix


def _series_field(series: _Series) -> dict[str, Any]:
    return {"count": series.count, "lastObservedTime": rfc3339_micro(series.last_seen)}


def _cut(note: str) -> str:
    """The API server counts the note's bytes, and a cut must not split a character."""
    raw = note.encode("utf-8", "replace")
    if len(raw) <= NOTE_MAX_BYTES:
        return note
    return raw[: NOTE_MAX_BYTES - 3].decode("utf-8", "ignore") + "…"
