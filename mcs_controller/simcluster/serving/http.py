"""A simulated server on a loopback port, for `kubectl` and for programs in other processes.

Plain HTTP. The bearer token, whatever it is, is taken as the user's name. Each request becomes a `Request`
of the transport seam and is handled by the same `ApiServer`. A fault that refuses connections closes the
listening socket; lifting the fault opens the same port again.

Invariant: after the front end has stopped, no socket and no task of it is left.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

from mcs_controller.kube.connection.transport import Request, Response
from mcs_controller.kube.errors import KubeError
from mcs_controller.simcluster.faults import Faults
from mcs_controller.simcluster.serving.bodies import BODY_MAX_BYTES
from mcs_controller.simcluster.serving.server import ApiServer

ANONYMOUS = "anonymous"
_HOST = "127.0.0.1"
_STOP_SECONDS = 1.0


class HttpFrontEnd:
    """The listening socket of one simulated server."""

    def __init__(self, server: ApiServer, faults: Faults) -> None:
        self._server = server
        self._faults = faults
        self._web = web.Server(self._answer, access_log=None, handler_cancellation=True)
        self._listener: asyncio.Server | None = None
        self._reopening: asyncio.Task[None] | None = None
        self._handlers: set[asyncio.Task[object]] = set()
        self._stopped = False
        self.port = 0
        faults.on_refusal(self._refuse)

    @property
    def url(self) -> str:
        return f"http://{_HOST}:{self.port}"

    @contextlib.asynccontextmanager
    async def serve(self, port: int) -> AsyncIterator[HttpFrontEnd]:
        """Listen for as long as the block runs; port 0 takes a free one. Raises OSError."""
        self.port = port
        await self._open()
        self._refuse(self._faults.refuses_all)
        try:
            yield self
        finally:
            await self._stop()

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._web, _HOST, self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        self._stopped = True
        if self._reopening is not None:
            await self._reopening
        if self._listener is not None:
            self._listener.close()
        for handler in tuple(self._handlers):
            handler.cancel()
        await self._web.shutdown(_STOP_SECONDS)
        if self._listener is not None:
            await self._listener.wait_closed()

    def _refuse(self, refused: bool) -> None:
        if self._stopped or self.port == 0:
            return
        if refused and self._listener is not None:
            self._listener.close()
            self._listener = None
            for connection in self._web.connections:
                if connection.transport is not None:
                    connection.transport.abort()
        elif not refused and self._listener is None and self._reopening is None:
            self._reopening = asyncio.get_running_loop().create_task(self._reopen(), name="reopen port")

    async def _reopen(self) -> None:
        try:
            await self._open()
        finally:
            self._reopening = None
        if self._faults.refuses_all:
            self._refuse(True)

    async def _answer(self, incoming: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        try:
            request = await _read(incoming)
            user = _user(incoming)
            if self._server.is_watch(request):
                return await self._answer_watch(incoming, request, user)
            response = await self._server.handle(request, user=user)
            return _plain(response, head_only=incoming.method == "HEAD")
        except KubeError:
            return _broken(incoming)
        finally:
            self._handlers.discard(task)

    async def _answer_watch(
        self, incoming: web.BaseRequest, request: Request, user: str
    ) -> web.StreamResponse:
        stream = await self._server.stream(request, user=user)
        if stream.status != 200:
            return _plain(Response(stream.status, stream.headers, await stream.read_error()))
        outgoing = web.StreamResponse(headers=dict(stream.headers))
        outgoing.enable_chunked_encoding()
        try:
            await outgoing.prepare(incoming)
            while line := await stream.readline():
                await outgoing.write(line)
            await outgoing.write_eof()
        except ConnectionError:
            # The client has closed the connection.
            return outgoing
        finally:
            await stream.close()
        return outgoing


async def _read(incoming: web.BaseRequest) -> Request:
    # One byte over the limit is enough for the dispatcher to refuse it.
    body = bytearray()
    async for chunk in incoming.content.iter_any():
        body += chunk
        if len(body) > BODY_MAX_BYTES:
            break
    return Request(
        method=incoming.method,
        path=incoming.path,
        query=tuple(incoming.query.items()),
        headers={name.lower(): value for name, value in incoming.headers.items()},
        body=bytes(body) or None,
    )


def _user(incoming: web.BaseRequest) -> str:
    scheme, _, token = incoming.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else ANONYMOUS


def _plain(response: Response, *, head_only: bool = False) -> web.Response:
    body = b"" if head_only else response.body
    return web.Response(status=response.status, headers=dict(response.headers), body=body)


def _broken(incoming: web.BaseRequest) -> web.StreamResponse:
    """Break the connection, as a server that died would."""
    if incoming.transport is not None:
        incoming.transport.abort()
    # Never sent: aiohttp finds the connection closed, and ends its handler.
    return web.Response()
