"""A write that was given up, or that may not be sent any more, does not arrive later."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from aiohttp import web

from mcs_controller.kube.connection.http_transport import HttpTransport
from mcs_controller.kube.connection.tls import TlsSettings
from mcs_controller.kube.connection.transport import Request
from mcs_controller.kube.errors import NotLeading, Timeout
from tests.kube.http_servers import serving, transport_to
from tests.kube.pki import Pki
from tests.support.loops import EITHER_LOOP

PLAIN = {"accept-encoding": "identity"}
BODY = b"x" * 300_000
"""More than a server that does not read takes, and less than the kernel does of a client."""

Run = Callable[[Coroutine[Any, Any, None]], None]


class DeafServer:
    """Accepts one connection, and reads from it only when told to; `heard` is what it gets then."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self.heard = b""
        self.error: OSError | None = None
        self._context = context
        self._may_read = threading.Event()
        self._listening = socket.socket()
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._listening.bind(("127.0.0.1", 0))
        self._listening.listen()
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    async def reads_all(self) -> None:
        self._may_read.set()
        await asyncio.to_thread(self._thread.join, 10)
        assert not self._thread.is_alive()
        self._listening.close()

    def _serve(self) -> None:
        peer, _ = self._listening.accept()
        peer.settimeout(10)
        if self._context is not None:
            peer = self._context.wrap_socket(peer, server_side=True, suppress_ragged_eofs=False)
        with peer:
            self._may_read.wait(10)
            try:
                while chunk := peer.recv(65536):
                    self.heard += chunk
            except OSError as error:
                self.error = error


@asynccontextmanager
async def to_deaf(pki: Pki | None) -> AsyncIterator[tuple[DeafServer, HttpTransport]]:
    server = DeafServer(pki.server_context() if pki else None)
    tls = TlsSettings(ca=pki.path("ca.crt")) if pki else None
    async with transport_to(server.url, tls=tls) as transport:
        yield server, transport


@EITHER_LOOP
@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("how", ["timeout", "cancelled"])
def test_the_kernel_does_not_deliver_a_write_that_was_given_up(
    run: Run, pki: Pki, encrypted: bool, how: str
) -> None:
    async def give_up() -> None:
        async with to_deaf(pki if encrypted else None) as (server, transport):
            write = Request("PUT", "/x", headers=PLAIN, body=BODY)
            seconds = 0.5 if how == "timeout" else 30.0
            writing = asyncio.create_task(transport.request(write, timeout_seconds=seconds))
            if how == "timeout":
                with pytest.raises(Timeout):
                    await writing
            else:
                await asyncio.sleep(0.5)
                writing.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await writing
            await asyncio.sleep(0.05)
            await server.reads_all()
            assert len(server.heard) < len(BODY)
            assert server.error is not None, "the end looked like an orderly one"

    run(give_up())


@EITHER_LOOP
def test_an_answered_exchange_ends_without_a_reset(run: Run) -> None:
    async def answered() -> None:
        ended: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
                ended.set_result(await reader.read())
            except OSError as error:
                ended.set_exception(error)
            finally:
                writer.close()

        async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with transport_to(url) as transport:
                await transport.request(Request("GET", "/x", headers=PLAIN), timeout_seconds=5)
            assert await ended == b""

    run(answered())


@pytest.fixture(params=["direct", "session"])
def way(request: pytest.FixtureRequest) -> str:
    """How a write goes: directly, or by an aiohttp session, as through a proxy."""
    return str(request.param)


async def test_a_write_that_may_not_be_sent_is_not_sent_and_the_next_one_is(way: str) -> None:
    heard: list[bytes] = []
    asked: list[int] = []

    async def handler(request: web.Request) -> web.Response:
        with contextlib.suppress(OSError):
            heard.append(await request.read())
        return web.Response(text="{}")

    def refuse() -> None:
        raise NotLeading("another leads")

    headers = PLAIN if way == "direct" else {}
    async with serving(handler) as server, transport_to(server) as transport:
        for number in range(3):
            stale = Request("PUT", "/x", headers=headers, body=b"stale", before_sending=refuse)
            with pytest.raises(NotLeading, match="another leads"):
                await transport.request(stale, timeout_seconds=5)
            body = b"%d" % number
            good = Request(
                "PUT", "/x", headers=headers, body=body, before_sending=partial(asked.append, number)
            )
            await transport.request(good, timeout_seconds=5)
    assert asked == [0, 1, 2]
    assert heard == [b"0", b"1", b"2"]


async def test_the_check_comes_after_the_connection_was_made_however_long_that_took(
    way: str, pki: Pki
) -> None:
    order: list[str] = []
    may_shake_hands = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        peer, _ = listening.accept()
        may_shake_hands.wait(10)
        with pki.server_context().wrap_socket(peer, server_side=True) as encrypted:
            encrypted.recv(65536)
            encrypted.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    url = f"https://127.0.0.1:{listening.getsockname()[1]}"
    async with transport_to(url, tls=TlsSettings(ca=pki.path("ca.crt"))) as transport:
        headers = PLAIN if way == "direct" else {}
        write = Request(
            "PUT", "/x", headers=headers, body=b"{}", before_sending=lambda: order.append("checked")
        )
        writing = asyncio.create_task(transport.request(write, timeout_seconds=10))
        await asyncio.sleep(0.3)
        order.append("connected")
        may_shake_hands.set()
        assert (await writing).status == 200
    assert order == ["connected", "checked"]
    await asyncio.to_thread(thread.join, 10)
    listening.close()
