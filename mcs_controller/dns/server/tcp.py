"""DNS over TCP (RFC 7766): pipelined queries, answered in order, with limits on what one client may hold.

While queries wait to be answered nothing more is read, and none is answered while the client does not take
all of its replies, so a connection holds what one read brings and what one turn answers, and no more: a
client that never reads costs little. The socket's own buffers are bounded where it is bound (`sockets`). A
connection is closed when no whole query has come for the idle time, so neither a silent client nor one that
sends a byte a second can keep it.
"""

import asyncio
from dataclasses import dataclass
from struct import Struct
from typing import Final, cast

from mcs_controller.dns.answers.counters import Counters
from mcs_controller.dns.answers.fastpath import Responder
from mcs_controller.dns.wire.query import QUERY_MAX_BYTES

QUERIES_PER_TURN: Final = 64
_TURN_REPLY_BYTES: Final = 16 * 1024
"""After so much the turn is over, unless one reply is longer."""

READ_BYTES: Final = 16 * 1024
"""Some hundred queries."""

_LENGTH_BYTES: Final = 2
_LENGTH: Final = Struct("!H")


@dataclass(frozen=True, slots=True)
class TcpLimits:
    """What clients may take: connections in all and from one address, and time without a query.

    Cluster DNS in front of this server is one client with many connections.
    """

    connections_max: int = 1000
    connections_per_client_max: int = 200
    idle_seconds: float = 10.0


class TcpService:
    """What all connections share; `connection` is the protocol factory for `loop.create_server`."""

    def __init__(self, respond: Responder, counters: Counters, limits: TcpLimits) -> None:
        self.respond = respond
        self.counters = counters
        self.limits = limits
        # One for all connections: what is read is copied out before anything else can be read.
        self.read_buffer = memoryview(bytearray(READ_BYTES))
        self._open: set[TcpConnection] = set()
        # By client, in the order in which they were opened.
        self._by_client: dict[str, dict[TcpConnection, None]] = {}
        self._none_open = asyncio.Event()
        self._none_open.set()

    def connection(self) -> "TcpConnection":
        """The protocol of a new connection."""
        return TcpConnection(self)

    def admit(self, connection: "TcpConnection", client: str) -> bool:
        """Whether there is room for one more; if need be, a client with more connections loses its oldest.

        Else a few clients that hold all connections could keep everybody else out.
        """
        held = len(self._by_client.get(client, ()))
        if held >= self.limits.connections_per_client_max or not self._has_room(held):
            self.counters.dropped["too_many_connections"] += 1
            return False
        self._open.add(connection)
        self._none_open.clear()
        self._by_client.setdefault(client, {})[connection] = None
        self.counters.tcp_connections = len(self._open)
        return True

    def _has_room(self, held: int) -> bool:
        """Whether a client with `held` connections may have another one."""
        if len(self._open) < self.limits.connections_max:
            return True
        client, connections = max(self._by_client.items(), key=lambda pair: len(pair[1]))
        if len(connections) < held + 2:
            return False
        oldest = next(iter(connections))
        self.counters.dropped["too_many_connections"] += 1
        self.release(oldest, client)
        oldest.abort()
        return True

    def release(self, connection: "TcpConnection", client: str) -> None:
        """The connection is gone, or is given up."""
        if connection not in self._open:
            return
        self._open.discard(connection)
        connections = self._by_client[client]
        del connections[connection]
        if not connections:
            del self._by_client[client]
        if not self._open:
            self._none_open.set()
        self.counters.tcp_connections = len(self._open)

    async def close(self, within_seconds: float) -> None:
        """Close every connection once its replies are out, and those that do not take them after a while."""
        for connection in tuple(self._open):
            connection.close()
        try:
            async with asyncio.timeout(within_seconds):
                await self._none_open.wait()
        except TimeoutError:
            for connection in tuple(self._open):
                connection.abort()
            await self._none_open.wait()


class TcpConnection(asyncio.BufferedProtocol):
    """One client's connection."""

    def __init__(self, service: TcpService) -> None:
        self._service = service
        self._transport: asyncio.Transport | None = None
        self._client = ""
        self._buffer = b""
        self._writable = True
        self._paused = False
        self._scheduled: asyncio.Handle | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._last_query_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not checked: uvloop's transports have the methods, but are not of the class.
        stream = cast(asyncio.Transport, transport)
        client = stream.get_extra_info("peername")
        name = client[0] if client else ""
        if not self._service.admit(self, name):
            stream.abort()
            return
        # Whatever the kernel does not take at once stops the answering.
        stream.set_write_buffer_limits(high=0)
        self._client, self._transport, self._loop = name, stream, asyncio.get_running_loop()
        self._last_query_at = self._loop.time()
        self._idle = self._loop.call_later(self._service.limits.idle_seconds, self._check_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is None:
            return
        self._transport = None
        self._buffer = b""
        for handle in (self._idle, self._scheduled):
            if handle is not None:
                handle.cancel()
        self._service.release(self, self._client)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._service.read_buffer

    def buffer_updated(self, nbytes: int) -> None:
        data = self._service.read_buffer[:nbytes].tobytes()
        # Nearly always nothing is left of the last read; what is left is short, or reading pauses.
        self._buffer = self._buffer + data if self._buffer else data
        if self._scheduled is None:
            self._answer()

    def pause_writing(self) -> None:
        self._writable = False
        self._pause()

    def resume_writing(self) -> None:
        self._writable = True
        if self._scheduled is None:
            self._answer()

    def close(self) -> None:
        """Close once the replies are out."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close now."""
        if self._transport is not None:
            self._transport.abort()

    def _answer(self) -> None:
        """Answer some of the queries in the buffer; the rest, if any, in another turn of the loop."""
        self._scheduled = None
        transport = self._transport
        if transport is None or transport.is_closing() or not self._writable:
            return
        replies, acceptable = self._replies()
        if replies:
            self._last_query_at = self._loop.time()
            transport.write(b"".join(replies))
        if not acceptable:
            self._service.counters.dropped["oversized"] += 1
            transport.close()
        elif self._whole_query_waits() or not self._writable:
            self._pause()
            if self._writable:
                self._scheduled = self._loop.call_soon(self._answer)
        elif self._paused:
            self._paused = False
            transport.resume_reading()

    def _pause(self) -> None:
        if self._transport is not None and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _replies(self) -> tuple[list[bytes], bool]:
        """Replies to the next queries in pieces, up to a turn's bounds; False: what follows is no query."""
        replies: list[bytes] = []
        buffer, respond = self._buffer, self._service.respond
        size = len(buffer)
        at = answered = reply_bytes = 0
        acceptable = True
        while answered < QUERIES_PER_TURN and reply_bytes < _TURN_REPLY_BYTES and at + _LENGTH_BYTES <= size:
            start = at + _LENGTH_BYTES
            end = start + (buffer[at] << 8 | buffer[at + 1])
            acceptable = end - start <= QUERY_MAX_BYTES
            if not acceptable or end > size:
                break
            reply = respond(buffer[start:end])
            at = end
            answered += 1
            if reply is not None:
                replies.append(_LENGTH.pack(len(reply)))
                replies.append(reply)
                reply_bytes += len(reply)
        self._buffer = buffer[at:]
        return replies, acceptable

    def _whole_query_waits(self) -> bool:
        buffer = self._buffer
        return len(buffer) >= _LENGTH_BYTES and len(buffer) - _LENGTH_BYTES >= (buffer[0] << 8 | buffer[1])

    def _check_idle(self) -> None:
        left_seconds = self._last_query_at + self._service.limits.idle_seconds - self._loop.time()
        if left_seconds > 0:
            self._idle = self._loop.call_later(left_seconds, self._check_idle)
        else:
            self.abort()
