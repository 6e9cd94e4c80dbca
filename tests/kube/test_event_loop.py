"""Connections that are gone while uvloop takes them over: their numbers belong to nobody then."""

import asyncio
import gc
import select
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from mcs_controller.kube.connection.tls import TlsSettings
from mcs_controller.kube.connection.transport import Request
from mcs_controller.kube.errors import Unreachable
from mcs_controller.kube.event_loop import EventLoop
from tests.kube.http_servers import transport_to
from tests.kube.pki import Pki

TRIES = 20


class Late(EventLoop):
    """Connects, and then waits until the server has reset the connection."""

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        await super().sock_connect(sock, address)
        gone = select.poll()
        gone.register(sock, select.POLLHUP)
        await asyncio.to_thread(gone.poll, 1000)


@pytest.fixture
def resetting() -> Iterator[socket.socket]:
    """A server that resets each connection as soon as it is there."""
    listening = socket.create_server(("127.0.0.1", 0))

    def reset_all() -> None:
        while True:
            try:
                peer, _ = listening.accept()
            except OSError:
                return
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()

    thread = threading.Thread(target=reset_all, daemon=True)
    thread.start()
    yield listening
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(10)


async def connected(server: socket.socket) -> socket.socket:
    """A connection to it that was there, if only for a moment."""
    while True:
        connecting = socket.socket()
        connecting.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connecting, server.getsockname())
        except ConnectionResetError:
            connecting.close()
        else:
            return connecting


@pytest.mark.parametrize("tls", [True, False], ids=["TLS", "plain"])
def test_a_socket_whose_connection_is_gone_loses_its_number(resetting: socket.socket, tls: bool) -> None:
    async def give() -> None:
        loop = asyncio.get_running_loop()
        context = ssl.create_default_context() if tls else None
        name = "somebody" if tls else None
        given = await connected(resetting)
        with suppress(OSError):
            await loop.create_connection(asyncio.Protocol, sock=given, ssl=context, server_hostname=name)
        assert given.fileno() == -1

    with asyncio.Runner(loop_factory=Late) as runner:
        runner.run(give())


@pytest.mark.parametrize("coding", ["identity", "gzip"], ids=["our connections", "aiohttp"])
def test_requests_that_a_server_resets_cut_no_other_connection_later(
    resetting: socket.socket, coding: str, pki: Pki
) -> None:
    """What has failed is kept at first, as a log or a cycle of references does."""

    async def repeat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    async def talk() -> None:
        echo = await asyncio.start_server(repeat, "127.0.0.1", 0)
        request = Request("GET", "/x", headers={"accept-encoding": coding})
        failed: list[Unreachable] = []
        async with (
            echo,
            transport_to(
                f"https://127.0.0.1:{resetting.getsockname()[1]}", tls=TlsSettings(ca=pki.path("ca.crt"))
            ) as transport,
        ):
            for _ in range(TRIES):
                try:
                    await transport.request(request, timeout_seconds=5)
                except Unreachable as error:
                    failed.append(error)
            assert len(failed) == TRIES
            host, port = echo.sockets[0].getsockname()
            others = [await asyncio.open_connection(host, port) for _ in range(TRIES)]
            failed.clear()
            gc.collect()
            for reader, writer in others:
                writer.write(b"still there?\n")
                async with asyncio.timeout(10):
                    assert await reader.readline() == b"still there?\n"
                writer.close()

    with asyncio.Runner(loop_factory=Late) as runner:
        runner.run(talk())


def test_that_a_closed_connection_cannot_be_written_to_is_no_error_and_all_else_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """uvloop finds it when a peer's last bytes arrive over TLS while the connection is closed."""
    message = "Fatal error on SSL protocol"

    async def tell() -> None:
        loop = asyncio.get_running_loop()
        pairs = [socket.socketpair() for _ in range(2)]
        there, closed = [(await loop.create_connection(asyncio.Protocol, sock=one))[0] for one, _ in pairs]
        closed.abort()
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError) as refused:
            closed.write(b"x")
        context = {"message": message, "exception": refused.value, "transport": closed}
        loop.call_exception_handler(context)
        assert message not in caplog.text

        loop.call_exception_handler({**context, "transport": there})
        loop.call_exception_handler({**context, "exception": RuntimeError("another")})
        loop.call_exception_handler({**context, "exception": OSError("the handler is closed")})
        assert caplog.text.count(message) == 3
        there.abort()
        for _, peer in pairs:
            peer.close()

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(tell())
