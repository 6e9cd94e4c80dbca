"""The server's bounds hold whatever its clients do with their connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack

import pytest
from aiohttp import web

from mcs_controller.observe.listening import ListenAddress
from mcs_controller.observe.serving import BoundedServer
from tests.support.waiting import eventually

CONNECTIONS_MAX = 4
MORE_THAN_IS_BUFFERED = b"x" * 300_000
REQUEST = b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n"


class Served:
    """A server with a long answer at /long, and one at /never that is still being made; counts the makers."""

    def __init__(self) -> None:
        self.making = 0
        self.begun = 0
        self.enough = asyncio.Event()
        self.held: set[asyncio.WriteTransport] = set()
        app = web.Application()
        app.router.add_get("/long", self._long)
        app.router.add_get("/never", self._never)
        self.server = BoundedServer(app, ListenAddress("127.0.0.1", 0), connections_max=CONNECTIONS_MAX)

    async def _long(self, request: web.Request) -> web.Response:
        assert isinstance(request.transport, asyncio.WriteTransport)
        self.held.add(request.transport)
        return web.Response(body=MORE_THAN_IS_BUFFERED)

    async def _never(self, request: web.Request) -> web.Response:
        self.begun += 1
        self.making += 1
        try:
            await self.enough.wait()
        finally:
            self.making -= 1
        return web.Response()

    async def unread(self) -> int:
        """On how many connections there waits a part of an answer that the client does not read."""
        return sum(one.get_write_buffer_size() > 0 for one in self.held)

    async def begun_never(self) -> int:
        """How often /never was asked for."""
        return self.begun

    async def making_never(self) -> int:
        """How many answers of /never are being made."""
        return self.making

    async def open_sockets(self) -> int:
        """Of those over which /long was asked for, how many the operating system still holds for us."""
        return sum(one.get_extra_info("socket").fileno() != -1 for one in self.held)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    served = Served()
    await served.server.start()
    yield served
    served.enough.set()
    await served.server.stop()


async def test_clients_that_never_read_hold_no_more_connections_than_there_may_be(served: Served) -> None:
    loop = asyncio.get_running_loop()
    with ExitStack() as opened:
        for number in range(5 * CONNECTIONS_MAX):
            client = opened.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            client.setblocking(False)
            await loop.sock_connect(client, ("127.0.0.1", served.server.port))
            await loop.sock_sendall(client, REQUEST % b"/long" * 20)
            asked = number + 1
            await eventually(served.unread, min(asked, CONNECTIONS_MAX).__le__)
        await eventually(served.open_sockets, lambda found: found <= CONNECTIONS_MAX)


async def test_what_was_asked_for_by_who_is_gone_is_not_made_any_more(served: Served) -> None:
    many = 5 * CONNECTIONS_MAX
    for number in range(many):
        _, writer = await asyncio.open_connection("127.0.0.1", served.server.port)
        writer.write(REQUEST % b"/never")
        wanted = number + 1
        await eventually(served.begun_never, wanted.__eq__)
        writer.transport.abort()
    await eventually(served.making_never, lambda found: found <= CONNECTIONS_MAX)
