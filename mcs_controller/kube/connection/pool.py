"""The connections to one API server that wait for the next request, and how new ones are made.

The one that was used last is taken first, so that those beyond what is needed grow old and are closed. A
connection serves only under the TLS context that it was made with: a new certificate means new connections.
"""

import asyncio
import os
import socket
import ssl
from typing import Final

from aiohappyeyeballs import AddrInfoType, pop_addr_infos_interleave, start_connection
from yarl import URL

from mcs_controller.kube.connection.http_connection import Connection, ExchangeError

CONNECT_TIMEOUT_SECONDS: Final = 10.0
KEEPALIVE_SECONDS: Final = 75.0
NEXT_ADDRESS_SECONDS: Final = 0.25
"""RFC 8305, section 5: so long after one address the next one is tried beside it."""
_CLOSED: Final = "the connection has been closed by this program"


class CannotConnect(ExchangeError):
    """No connection could be made."""

    def __init__(self, error: OSError) -> None:
        if isinstance(error, ssl.SSLCertVerificationError):
            super().__init__(f"its certificate is not trusted: {error}")
        elif isinstance(error, ConnectionError) and error.errno is not None:
            super().__init__(f"cannot connect: {os.strerror(error.errno)}")
        else:
            super().__init__(f"cannot connect: {error.strerror or error}")


class Pool:
    """Connections to the host and port of `server`."""

    def __init__(self, server: str, server_name: str | None = None) -> None:
        url = URL(server)
        self._host, self._port = url.raw_host or "", url.port or 0
        self._server_name = server_name or self._host.rstrip(".")
        self._open: set[Connection] = set()
        self._idle: list[tuple[ssl.SSLContext | None, Connection]] = []
        self._sweeper: asyncio.TimerHandle | None = None
        self._lookup: asyncio.Task[list[AddrInfoType]] | None = None
        self._closed = False

    def take(self, context: ssl.SSLContext | None) -> Connection | None:
        """A connection that was used before and can be used again, None if there is none."""
        oldest_seconds = asyncio.get_running_loop().time() - KEEPALIVE_SECONDS
        while self._idle:
            made_with, connection = self._idle.pop()
            is_fresh = connection.idle_since_seconds > oldest_seconds
            if made_with is context and is_fresh and connection.reusable:
                return connection
            connection.abort()
        return None

    def give(self, connection: Connection, context: ssl.SSLContext | None) -> None:
        """Have a connection wait for the next request, or close it if it is of no more use."""
        if not connection.reusable:
            connection.abort()
            return
        loop = asyncio.get_running_loop()
        connection.idle_since_seconds = loop.time()
        self._idle.append((context, connection))
        if self._sweeper is None:
            self._sweeper = loop.call_later(KEEPALIVE_SECONDS, self._sweep)

    async def connect(self, context: ssl.SSLContext | None) -> Connection:
        """A new connection. Raises `ExchangeError`, `TimeoutError`."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                addresses = list(await self._addresses())
                while True:
                    try:
                        return await self._connect_to(addresses, context)
                    except OSError:
                        # The address that was tried first; what answers there may be something else.
                        pop_addr_infos_interleave(addresses, 1)
                        if not addresses:
                            raise
        except TimeoutError:
            raise
        except OSError as error:
            raise CannotConnect(error) from error

    def forget_idle(self) -> None:
        """Close those that wait: what made another one deaf may have made them so, too."""
        for _, connection in tuple(self._idle):
            connection.abort()

    async def close(self) -> None:
        """Close all, those that are in use and those that are being made, too."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in tuple(self._open):
            connection.abort()
        if self._lookup is not None and not self._lookup.done():
            self._lookup.cancel()
            await asyncio.wait([self._lookup])

    async def _connect_to(self, addresses: list[AddrInfoType], context: ssl.SSLContext | None) -> Connection:
        loop = asyncio.get_running_loop()
        peer = await start_connection(
            addresses, happy_eyeballs_delay=NEXT_ADDRESS_SECONDS, interleave=1, loop=loop
        )
        _, connection = await loop.create_connection(
            lambda: Connection(self._forget),
            sock=peer,
            ssl=context,
            server_hostname=self._server_name if context is not None else None,
        )
        if self._closed:
            connection.abort()
            raise ExchangeError(_CLOSED)
        self._open.add(connection)
        return connection

    async def _addresses(self) -> list[AddrInfoType]:
        if not self._closed:
            lookup = self._looked_up()
            await asyncio.wait([lookup])
            if not lookup.cancelled():
                return lookup.result()
        raise ExchangeError(_CLOSED)

    def _looked_up(self) -> asyncio.Task[list[AddrInfoType]]:
        """The addresses of the host.

        A lookup that hangs keeps a thread, of which there are few, and cannot be ended: so all share one.
        """
        if self._lookup is None or self._lookup.done():
            self._lookup = asyncio.create_task(self._look_up(), name=f"addresses of {self._host}")
            # Its waiters may be gone when it fails: then its error would not be retrieved.
            self._lookup.add_done_callback(lambda done: None if done.cancelled() else done.exception())
        return self._lookup

    async def _look_up(self) -> list[AddrInfoType]:
        loop = asyncio.get_running_loop()
        return list(await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM))

    def _forget(self, connection: Connection) -> None:
        self._open.discard(connection)
        self._idle = [one for one in self._idle if one[1] is not connection]

    def _sweep(self) -> None:
        """Close connections that were not used for a while."""
        loop = asyncio.get_running_loop()
        self._sweeper = None
        oldest_seconds = loop.time() - KEEPALIVE_SECONDS
        for _, connection in tuple(self._idle):
            if connection.idle_since_seconds <= oldest_seconds:
                connection.abort()
        if self._idle:
            self._sweeper = loop.call_later(KEEPALIVE_SECONDS, self._sweep)
