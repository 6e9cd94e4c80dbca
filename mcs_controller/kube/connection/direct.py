"""Requests over connections of our own (`http_connection.py`): what is plain, writes and watches above all.

No proxy, no coding of the answer, HTTP/1.1. What is not plain goes by `aiohttp_session.py`.
"""

import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Final

from yarl import URL

from mcs_controller.kube.connection.http_connection import Connection, ConnectionLost, ExchangeError
from mcs_controller.kube.connection.pool import Pool
from mcs_controller.kube.errors import ConfigError

_REPEATABLE: Final = frozenset({"GET", "PUT", "DELETE"})
"""RFC 9110, section 9.2.2: what may be sent again when it is not known whether it arrived."""


class Direct:
    """Asks the API server at `server`."""

    def __init__(self, server: str, server_name: str | None = None) -> None:
        url = URL(server)
        self._host_header = f"host: {url.host_port_subcomponent}\r\n"
        self._prefix = url.raw_path.rstrip("/")
        self._pool = Pool(server, server_name)

    async def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        context: ssl.SSLContext | None,
        inactivity_seconds: float | None,
        before_sending: Callable[[], None] | None = None,
    ) -> "DirectAnswer":
        """The answer, once its headers are here.

        A server closes a connection that it finds idle; when that crosses a request it is asked once more.
        What `before_sending` raises goes through.

        Raises:
            ExchangeError, OSError: there is none.
            ConfigError: a header cannot be sent.
        """
        request = self._request(method, target, headers, body)
        connection = self._pool.take(context)
        used_before = connection is not None
        if connection is None:
            connection = await self._pool.connect(context)
        try:
            await _heard(connection, request, before_sending)
        except ConnectionLost as error:
            if not (used_before and error.unanswered and method in _REPEATABLE):
                raise
            connection = await self._pool.connect(context)
            await _heard(connection, request, before_sending)
        if inactivity_seconds is not None:
            connection.watch_silence(inactivity_seconds)
        return DirectAnswer(connection, self._pool, context)

    def forget_idle(self) -> None:
        """Have the next requests make new connections."""
        self._pool.forget_idle()

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    def _request(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
        for name, value in headers.items():
            if not value.isprintable():
                raise ConfigError(f"the header {name} cannot be sent: it has a line break or the like")
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        head = f"{method} {self._prefix}{target} HTTP/1.1\r\n{self._host_header}{lines}"
        if body is None:
            return f"{head}\r\n".encode()
        return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


class DirectAnswer:
    """What is heard on a connection, which is given back when all of it has been read."""

    __slots__ = ("_connection", "_context", "_pool", "headers", "status")

    def __init__(self, connection: Connection, pool: Pool, context: ssl.SSLContext | None) -> None:
        self.status = connection.status
        self.headers: Mapping[str, str] = connection.headers
        self._connection: Connection | None = connection
        self._pool = pool
        self._context = context

    async def chunk(self) -> bytes:
        """More of the body, b"" at its end. Raises `ExchangeError`, `OSError`."""
        if self._connection is None:
            raise ExchangeError("the answer has been closed by this program")
        return await self._connection.chunk()

    def socket(self) -> "socket.socket | None":
        """The socket below, None when it is gone."""
        return self._connection.socket() if self._connection is not None else None

    def close(self) -> None:
        """Give up what has not been read; safe to call twice, as another exchange may have the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.give(connection, self._context)


async def _heard(connection: Connection, request: bytes, before_sending: Callable[[], None] | None) -> None:
    """Ask, and wait for the head of the answer."""
    try:
        if before_sending is not None:
            before_sending()
        connection.ask(request)
        await connection.head()
        coding = connection.headers.get("content-encoding", "identity")
        if coding.lower() != "identity":
            raise ExchangeError(f"the answer comes as {coding[:20]}, which was not asked for")
    except BaseException:
        connection.abort()
        raise
