"""Watches: a stream of lines that follows the writes to one resource.

The storage feeds a watch during the write; the client reads at its own pace. A watch that is read too slowly
is closed without an error, as on a real server; the client lists again.

Invariants: a watcher sees each change once, in order of versions, and none before the version that it asked
for: a watch from a future version stays silent, without bookmarks, until that version is reached. With a
selector it sees objects appear and disappear as they start and stop to match.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mcs_controller.kube.errors import KubeError
from mcs_controller.simcluster.kinds.kind import Kind
from mcs_controller.simcluster.serving.answers import View, bookmark_event, error_event
from mcs_controller.simcluster.serving.paths import ListOptions, Query
from mcs_controller.simcluster.serving.reading import Match, selection
from mcs_controller.simcluster.status import StatusError, bad_request
from mcs_controller.simcluster.storage.versions import Event, Storage, Stored

BUFFER_MAX_LINES = 16384
BOOKMARK_INTERVAL_SECONDS = 60.0


class Stream:
    """The reader's end of a watch: a `LineStream`. Deadlines are set by the client.

    `stall` holds lines back, `cut` breaks the connection, `finish` ends the stream properly.
    """

    status = 200
    headers: Mapping[str, str] = {"content-type": "application/json"}

    def __init__(self, *, delay_seconds: Callable[[], float]) -> None:
        self._loop = asyncio.get_running_loop()
        self._lines: deque[bytes] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._delay_seconds = delay_seconds
        self._last_arrival = 0.0
        self._in_flight: deque[bytes] = deque()
        self._max_lines: int | None = None
        self._ended = False
        self._error: KubeError | None = None
        self._stalled = False
        self._on_close: list[Callable[[], None]] = []

    def push(self, line: bytes) -> None:
        """Send a line; it arrives after the delay that the faults ask for, and never out of order."""
        delay = self._delay_seconds()
        if not delay and not self._in_flight:
            self._arrive(line)
            return
        self._last_arrival = max(self._loop.time() + delay, self._last_arrival)
        self._in_flight.append(line)
        # Timers for one moment fire in any order; each delivers the line that has waited longest.
        self._loop.call_at(self._last_arrival, self._land)

    def take(self) -> bytes | None:
        """The next line if it is there; b"" when the stream has ended; None when one would have to wait."""
        if self._error is not None:
            raise self._error
        if self._stalled:
            return None
        if self._lines:
            return self._lines.popleft()
        return b"" if self._ended and not self._in_flight else None

    async def readline(self) -> bytes:
        while (line := self.take()) is None:
            self._reader = self._loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return line

    async def read_error(self) -> bytes:
        return b""

    async def close(self) -> None:
        self._lines.clear()
        self.finish()

    def finish(self) -> None:
        """No more lines; those already sent can still be read."""
        self._ended = True
        callbacks, self._on_close = self._on_close, []
        for tell in callbacks:
            tell()
        self._wake()

    def cut(self, error: KubeError) -> None:
        """Break the connection: the reader gets this error, and no more lines."""
        self._error = error
        self.finish()

    def stall(self, stalled: bool) -> None:
        """Hold lines back, or release them."""
        self._stalled = stalled
        self._wake()

    def bound(self) -> None:
        """From now on close the stream when the reader falls behind; lines already sent do not count."""
        self._max_lines = len(self._lines) + len(self._in_flight) + BUFFER_MAX_LINES

    def on_close(self, tell: Callable[[], None]) -> None:
        """Called once, however the stream ends."""
        self._on_close.append(tell)

    @property
    def is_open(self) -> bool:
        return not self._ended

    @property
    def is_stalled(self) -> bool:
        return self._stalled

    def _land(self) -> None:
        self._arrive(self._in_flight.popleft())

    def _arrive(self, line: bytes) -> None:
        self._lines.append(line)
        if self._max_lines is not None and len(self._lines) > self._max_lines:
            self.finish()
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """What a watch asks for."""

    list_options: ListOptions
    namespace: str
    name: str
    bookmarks: bool
    initial_events: bool
    timeout_seconds: float | None

    @classmethod
    def parse(cls, query: Query, namespace: str, name: str) -> WatchOptions:
        options = ListOptions.parse(query)
        initial_events = query.flag("sendInitialEvents")
        if initial_events and options.match != "NotOlderThan":
            raise bad_request("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
        if options.match and not query.text("sendInitialEvents"):
            raise bad_request(
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
            )
        return cls(
            list_options=options,
            namespace=namespace,
            name=name,
            bookmarks=query.flag("allowWatchBookmarks"),
            initial_events=initial_events,
            timeout_seconds=query.number("timeoutSeconds"),
        )


class Watch:
    """Feeds one stream from the storage."""

    def __init__(
        self, storage: Storage, kind: Kind, view: View, options: WatchOptions, stream: Stream
    ) -> None:
        self._storage = storage
        self._kind = kind
        self._view = view
        self._options = options
        self._stream = stream
        self._match: Match | None = selection(kind, options.list_options)
        self._timers: list[asyncio.TimerHandle] = []
        self._from = 0 if options.initial_events else options.list_options.resource_version or 0

    def start(self, *, timeout_seconds: float, bookmark_interval_seconds: float) -> None:
        """Send what the client has missed and follow from there."""
        stream, options = self._stream, self._options
        version = options.list_options.resource_version
        try:
            if options.initial_events or not version:
                self._send_state()
            else:
                for event in self._storage.events_since(self._kind.storage, version):
                    self._observe(event)
        except StatusError as error:
            stream.push(error_event(error))
            stream.finish()
            return
        if options.initial_events and options.bookmarks:
            stream.push(bookmark_event(self._kind, self._storage.revision, ends_initial_events=True))
        stream.bound()
        stream.on_close(self._storage.subscribe(self._kind.storage, self._observe))
        stream.on_close(self._cancel_timers)
        loop = asyncio.get_running_loop()
        self._timers.append(loop.call_later(timeout_seconds, self._time_out))
        if options.bookmarks:
            self._timers.append(
                loop.call_later(bookmark_interval_seconds, self._bookmark, bookmark_interval_seconds)
            )

    def _send_state(self) -> None:
        for stored in self._storage.select(self._kind.storage, self._options.namespace):
            if self._concerns(stored) and (self._match is None or self._match(stored.object)):
                self._stream.push(self._view.event("ADDED", stored))

    def _concerns(self, stored: Stored) -> bool:
        options = self._options
        if options.namespace and stored.namespace != options.namespace:
            return False
        return not options.name or stored.name == options.name

    def _observe(self, event: Event) -> None:
        if event.resource_version <= self._from or not self._concerns(event.last):
            return
        match, after, before = self._match, event.after, event.before
        is_in = after is not None and (match is None or match(after.object))
        was_in = before is not None and (match is None or match(before.object))
        if is_in:
            self._stream.push(self._view.event("MODIFIED" if was_in else "ADDED", event.last))
        elif was_in and before is not None:
            # An object that no longer matches is shown as it was when it last did.
            last = event.last if after is None else before.at(event.resource_version)
            self._stream.push(self._view.event("DELETED", last))

    def _bookmark(self, interval_seconds: float) -> None:
        if self._storage.revision > self._from:
            self._stream.push(bookmark_event(self._kind, self._storage.revision))
        loop = asyncio.get_running_loop()
        self._timers[-1] = loop.call_later(interval_seconds, self._bookmark, interval_seconds)

    def _time_out(self) -> None:
        if self._options.bookmarks and self._storage.revision >= self._from:
            self._stream.push(bookmark_event(self._kind, self._storage.revision))
        self._stream.finish()

    def _cancel_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
