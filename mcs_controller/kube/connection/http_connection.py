"""One HTTP/1.1 connection to an API server, made for small requests and for watch lines.

A write is a few hundred bytes each way, and many come each second: here it costs a third of what a general
client takes. So this knows one way of asking only: a request that is at hand as a whole, an answer in no
coding, one exchange at a time. httptools parses.

An exchange ends when its whole answer has been read; then the connection can be used again (`reusable`).
Whatever goes wrong is an `ExchangeError` or an `OSError`, and the connection cannot be used again.
"""

import asyncio
import contextlib
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Final, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

HEAD_MAX_BYTES: Final = 64 * 1024
"""What may come without any body: headers, trailers, extensions of chunks; a few hundred bytes do."""

UNREAD_MAX_BYTES: Final = 256 * 1024
"""More than that of a body waits in the kernel until it is asked for."""

WRITE_BYTES: Final = 64 * 1024

_RESET_AT_CLOSE: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: on, for no time (socket(7))."""


class ExchangeError(Exception):
    """There is no answer, or not all of it; the text says why, as far as is known."""


class ConnectionLost(ExchangeError):
    """The server closed the connection; `unanswered` tells that it did so before it began to answer."""

    def __init__(self, text: str, *, unanswered: bool) -> None:
        self.unanswered = unanswered
        super().__init__(text)


class Connection(asyncio.Protocol):
    """`on_lost` is told when the connection is gone, or is given up."""

    def __init__(self, on_lost: Callable[["Connection"], None]) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.idle_since_seconds = 0.0
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = HttpResponseParser(self)
        self._asked = False
        self._answered = False
        self._bodyless_bytes = 0
        self._head_read = False
        self._whole = False
        self._interim = False
        self._kept_alive = False
        self._chunks: deque[bytes] = deque()
        self._unread_bytes = 0
        self._paused = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._silence_seconds: float | None = None
        self._heard_at_seconds = 0.0
        self._silence_timer: asyncio.TimerHandle | None = None

    @property
    def open(self) -> bool:
        """Whether there is a connection at all."""
        return self._transport is not None and self._error is None and not self._transport.is_closing()

    @property
    def reusable(self) -> bool:
        """Whether the last answer has been read whole, and the server takes another request.

        It may have answered without taking all of the last one, and then perhaps never will.
        """
        return (
            self.open
            and not self._asked
            and self._transport is not None
            and not self._transport.get_write_buffer_size()
        )

    def socket(self) -> "socket.socket | None":
        """The socket below, None when it is gone."""
        if self._transport is None or not self.open:
            return None
        return cast(socket.socket | None, self._transport.get_extra_info("socket"))

    def ask(self, request: bytes) -> None:
        """Send a whole request; `head` and `chunk` give what comes back."""
        assert self._transport is not None
        assert not self._asked
        self._asked, self._answered, self._head_read, self._whole = True, False, False, False
        self._bodyless_bytes = 0
        # In pieces: what is written to TLS at once hides how much of it the server has taken.
        for start in range(0, len(request), WRITE_BYTES):
            self._transport.write(request[start : start + WRITE_BYTES])

    async def head(self) -> None:
        """Wait until `status` and `headers` are those of the answer. Raises what went wrong."""
        while not self._head_read:
            await self._wait()

    async def chunk(self) -> bytes:
        """More of the answer's body, b"" at its end. Raises what went wrong, after what came before it."""
        while not self._chunks:
            if self._whole:
                self._end_of_exchange()
                return b""
            await self._wait()
        if len(self._chunks) == 1:
            joined = self._chunks.popleft()
        else:
            joined = b"".join(self._chunks)
            self._chunks.clear()
        self._unread_bytes = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._heard_at_seconds = self._loop.time()
            self._transport.resume_reading()
        if self._whole:
            self._end_of_exchange()
        return joined

    def watch_silence(self, seconds: float) -> None:
        """From now on nothing may be silent for longer: what is waited for then ends in `TimeoutError`."""
        if not self.open:
            return
        self._silence_seconds = seconds
        self._heard_at_seconds = self._loop.time()
        self._silence_timer = self._loop.call_later(seconds, self._check_silence)

    def abort(self, error: Exception | None = None) -> None:
        """Give the connection up at once; whoever waits is told the `error`."""
        self._fail(error or ExchangeError("the connection has been closed by this program"))

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, in order or not."""
        if exc is None and self._head_read and not self._whole and self._ends_with_the_connection():
            self._whole = True
            self._wake()
        text = str(exc) if exc is not None else "the server closed the connection"
        self._fail(ConnectionLost(text, unanswered=not self._answered))

    def data_received(self, data: bytes) -> None:
        """Some bytes of an answer."""
        if not self._asked or self._whole:
            self._fail(ExchangeError("the server answers what was not asked"))
            return
        self._heard_at_seconds = self._loop.time()
        self._answered = True
        self._bodyless_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self._fail(ExchangeError("the server speaks another protocol than was asked for"))
            return
        except HttpParserError as error:
            self._fail(ExchangeError(f"the answer is not HTTP: {error}"))
            return
        if self._bodyless_bytes > HEAD_MAX_BYTES and not self._whole:
            self._fail(ExchangeError(f"the answer has more than {HEAD_MAX_BYTES} bytes of headers"))
        elif self._unread_bytes > UNREAD_MAX_BYTES and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    # What the parser calls.

    def on_message_begin(self) -> None:
        """The status line comes next."""
        if self._whole:
            raise ExchangeError("the server answers twice")
        self.headers = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; a trailer, which comes after the body, is none."""
        if not self._head_read:
            self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The body comes next; not of an answer that only says that another one will come."""
        self.status = self._parser.get_status_code()
        self._interim = 100 <= self.status < 200
        if not self._interim:
            self._head_read = True
            self._wake()

    def on_body(self, body: bytes) -> None:
        """Some of the body."""
        self._bodyless_bytes = 0
        self._chunks.append(body)
        self._unread_bytes += len(body)
        self._wake()

    def on_message_complete(self) -> None:
        """All has come."""
        if not self._interim:
            # The parser knows it now only.
            self._kept_alive = self._parser.should_keep_alive()
            self._whole = True
            self._wake()

    async def _wait(self) -> None:
        if self._error is not None:
            raise self._error
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: Exception) -> None:
        if self._error is not None:
            return
        self._error = error
        if self._silence_timer is not None:
            self._silence_timer.cancel()
        if self._transport is not None:
            if self._asked and not self._answered:
                self._discard_unsent()
            self._transport.abort()
        self._wake()
        self._on_lost(self)

    def _discard_unsent(self) -> None:
        """Have the kernel reset the connection, and forget what of the request it has not delivered.

        Else a write that was given up would still be carried out when the server reads again.
        """
        assert self._transport is not None
        peer = self._transport.get_extra_info("socket")
        if peer is not None and peer.fileno() >= 0:
            with contextlib.suppress(OSError):
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)

    def _end_of_exchange(self) -> None:
        if not self._asked:
            return
        self._asked = False
        if self._silence_timer is not None:
            self._silence_timer.cancel()
            self._silence_timer = None
        if not self._kept_alive:
            self._fail(ConnectionLost("the server closes the connection", unanswered=False))

    def _ends_with_the_connection(self) -> bool:
        return "content-length" not in self.headers and "transfer-encoding" not in self.headers

    def _check_silence(self) -> None:
        assert self._silence_seconds is not None
        left_seconds = self._heard_at_seconds + self._silence_seconds - self._loop.time()
        if left_seconds <= 0 and not self._paused:
            self._fail(TimeoutError())
            return
        self._silence_timer = self._loop.call_later(max(left_seconds, 0.05), self._check_silence)
