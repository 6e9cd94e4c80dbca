"""Serves one web application, and stays small whatever its clients do.

It is bounded: at the limit of connections the oldest is closed for the newest, so that idle or slow clients
keep nobody out. What a client did not read is then thrown away, and what it asked for is not made any more.
A client's own mistakes are not logged.
"""

import asyncio
import logging
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from mcs_controller.observe.listening import ListenAddress, listen_tcp

CONNECTIONS_MAX: Final = 64
KEEPALIVE_SECONDS: Final = 75.0
STOP_SECONDS: Final = 2.0

_log = logging.getLogger(__name__)

_request_log = logging.getLogger(f"{__name__}.requests")


def _is_a_fault_of_ours(record: logging.LogRecord) -> bool:
    """aiohttp logs requests that it cannot read, and clients that are gone, like errors of its own."""
    error = record.exc_info[1] if record.exc_info else None
    if not isinstance(error, HttpProcessingError | web.RequestPayloadError | ConnectionError):
        return True
    _log.debug("a request could not be answered: %s", " ".join(str(error).split())[:256])
    return False


_request_log.addFilter(_is_a_fault_of_ours)


class BoundedServer:
    """Listens for `app`; `start` raises `ListenError`."""

    def __init__(
        self, app: web.Application, listen: ListenAddress, *, connections_max: int = CONNECTIONS_MAX
    ) -> None:
        self._app = app
        self._listen = listen
        self._connections_max = connections_max
        self._runner: web.AppRunner | None = None
        self._servers: list[asyncio.Server] = []
        self.port = 0
        """The port that is listened on, once started; it differs from the one asked for when that was 0."""

    async def start(self) -> None:
        """Listen and serve until `stop`."""
        sockets = listen_tcp(self._listen)
        self.port = sockets[0].getsockname()[1]
        self._runner = web.AppRunner(
            self._app,
            access_log=None,
            logger=_request_log,
            handle_signals=False,
            handler_cancellation=True,
            keepalive_timeout=KEEPALIVE_SECONDS,
            shutdown_timeout=STOP_SECONDS,
        )
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        for listener in sockets:
            self._servers.append(await loop.create_server(self._accept, sock=listener))

    async def stop(self) -> None:
        """Close the port and every connection; safe to call twice."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    def _accept(self) -> RequestHandler:
        server = None if self._runner is None else self._runner.server
        assert server is not None, "a connection arrived before the server was set up"
        connections = server.connections
        for oldest in connections[: max(0, len(connections) - self._connections_max + 1)]:
            _end(oldest)
        return server()


def _end(connection: RequestHandler) -> None:
    transport = connection.transport
    connection.force_close()
    if transport is not None:
        # Closing waits until the client has read all, which it may never do.
        transport.abort()
