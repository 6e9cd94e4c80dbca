"""Connections of our own: when one is used again, when it must not be, and what a server may do to it."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mcs_controller.kube.connection.credentials import StaticCredential
from mcs_controller.kube.connection.http_connection import HEAD_MAX_BYTES
from mcs_controller.kube.connection.http_transport import HttpTransport
from mcs_controller.kube.connection.tls import TlsSettings
from mcs_controller.kube.connection.transport import Request
from mcs_controller.kube.errors import ConfigError, Timeout, TooLarge, Unreachable
from tests.kube.pki import Pki
from tests.support.loops import EITHER_LOOP
from tests.support.waiting import until

Handle = Callable[["Exchange"], Awaitable[None]]
PLAIN = {"accept-encoding": "identity"}


class Exchange:
    """One request as a raw server sees it: on its how many-th connection, and how to answer."""

    def __init__(self, connection: int, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        self.connection = connection
        self.method = head.split(b" ", 1)[0].decode()
        self.head = head
        self.body = body
        self._writer = writer

    async def say(self, answer: bytes) -> None:
        self._writer.write(answer)
        await self._writer.drain()

    async def answer(self, body: bytes, headers: bytes = b"") -> None:
        await self.say(b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (headers, len(body), body))

    def hang_up(self) -> None:
        self._writer.close()


@asynccontextmanager
async def serving(handle: Handle, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server of requests whose connections stay open until the handler hangs up."""
    connections = 0

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        number = connections
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")), 0
                )
                await handle(Exchange(number, head, await reader.readexactly(length), writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    async with server:
        scheme = "http" if context is None else "https"
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def transport_to(server: str, **options: Any) -> AsyncIterator[HttpTransport]:
    options.setdefault("credential", StaticCredential())
    transport = HttpTransport(server, **options)
    try:
        yield transport
    finally:
        await transport.close()


async def ask(transport: HttpTransport, method: str = "GET", **changed: Any) -> bytes:
    body = None if method == "GET" else b"{}"
    request = Request(method, "/x", headers=PLAIN, body=body, **changed)
    return (await transport.request(request, timeout_seconds=5)).body


async def say_which(exchange: Exchange) -> None:
    """Answer with the number of the connection."""
    await exchange.answer(str(exchange.connection).encode())


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_server_that_closes_a_connection_instead_of_answering_is_asked_once_more(method: str) -> None:
    async def handle(exchange: Exchange) -> None:
        if exchange.connection == 1 and exchange.method == method:
            exchange.hang_up()
        else:
            await say_which(exchange)

    async with serving(handle) as server, transport_to(server) as transport:
        assert await ask(transport, "POST") == b"1"
        assert await ask(transport, method) == b"2"


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_what_may_not_happen_twice_is_not_asked_twice(method: str) -> None:
    heard: list[str] = []

    async def handle(exchange: Exchange) -> None:
        heard.append(exchange.method)
        if exchange.method == method:
            exchange.hang_up()
        else:
            await say_which(exchange)

    async with serving(handle) as server, transport_to(server) as transport:
        await ask(transport)
        with pytest.raises(Unreachable, match="the server closed the connection"):
            await ask(transport, method)
        assert heard == ["GET", method]


async def test_a_server_that_never_answers_is_asked_twice_and_no_more() -> None:
    heard: list[int] = []

    async def handle(exchange: Exchange) -> None:
        heard.append(exchange.connection)
        if len(heard) == 1:
            await say_which(exchange)
        else:
            exchange.hang_up()

    async with serving(handle) as server, transport_to(server) as transport:
        await ask(transport)
        with pytest.raises(Unreachable):
            await ask(transport)
        assert heard == [1, 1, 2]


async def test_a_fresh_connection_that_is_closed_is_not_tried_again() -> None:
    heard: list[int] = []

    async def handle(exchange: Exchange) -> None:
        heard.append(exchange.connection)
        exchange.hang_up()

    async with serving(handle) as server, transport_to(server) as transport:
        with pytest.raises(Unreachable):
            await ask(transport)
        assert heard == [1]


async def test_half_an_answer_is_not_asked_for_again() -> None:
    heard: list[int] = []

    async def handle(exchange: Exchange) -> None:
        heard.append(exchange.connection)
        if len(heard) == 1:
            await say_which(exchange)
        else:
            await exchange.say(b"HTTP/1.1 200 OK\r\n")
            exchange.hang_up()

    async with serving(handle) as server, transport_to(server) as transport:
        await ask(transport)
        with pytest.raises(Unreachable):
            await ask(transport)
        assert heard == [1, 1]


async def test_a_late_answer_is_never_taken_for_the_next_ones() -> None:
    go_on = asyncio.Event()

    async def handle(exchange: Exchange) -> None:
        if exchange.method == "PUT":
            await exchange.say(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
            await go_on.wait()
            await exchange.say(b"late")
        else:
            await say_which(exchange)

    async with serving(handle) as server, transport_to(server) as transport:
        assert await ask(transport) == b"1"
        with pytest.raises(Timeout):
            await transport.request(Request("PUT", "/x", headers=PLAIN, body=b"{}"), timeout_seconds=0.05)
        waiting = asyncio.create_task(ask(transport, "PUT"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        go_on.set()
        assert int(await ask(transport)) > 1


async def test_an_answer_that_is_too_large_costs_its_connection_only() -> None:
    async def handle(exchange: Exchange) -> None:
        if exchange.method == "PUT":
            await exchange.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 500)
        else:
            await say_which(exchange)

    async with serving(handle) as server, transport_to(server) as transport:
        with pytest.raises(TooLarge):
            await ask(transport, "PUT", answer_max_bytes=100)
        assert await ask(transport) == b"2"


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", id="says so"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", id="HTTP/1.0"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n", id="two answers"),
    ],
)
async def test_a_connection_is_not_used_again_after(spoilt: bytes) -> None:
    async def handle(exchange: Exchange) -> None:
        await (exchange.say(spoilt) if exchange.connection == 1 else say_which(exchange))

    async with serving(handle) as server, transport_to(server) as transport:
        assert await ask(transport) == b"ok"
        assert await ask(transport) == b"2"


async def test_what_a_server_says_unasked_is_no_answer_to_anything() -> None:
    async def handle(exchange: Exchange) -> None:
        await say_which(exchange)
        if exchange.connection == 1:
            await asyncio.sleep(0.01)
            await exchange.answer(b"unasked")

    async with serving(handle) as server, transport_to(server) as transport:
        assert await ask(transport) == b"1"
        await until(lambda: not transport._direct._pool._open)
        assert await ask(transport) == b"2"


async def test_a_coding_that_is_none_may_be_named() -> None:
    async def handle(exchange: Exchange) -> None:
        await exchange.answer(b"ok", b"Content-Encoding: Identity\r\n")

    async with serving(handle) as server, transport_to(server) as transport:
        assert await ask(transport) == b"ok"


async def test_an_interim_answer_is_passed_over_and_a_body_may_end_with_its_connection() -> None:
    async def handle(exchange: Exchange) -> None:
        await exchange.say(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX-A: b\r\n\r\nall ")
        await exchange.say(b"of it")
        exchange.hang_up()

    async with serving(handle) as server, transport_to(server) as transport:
        answer = await transport.request(Request("GET", "/x", headers=PLAIN), timeout_seconds=5)
        assert (answer.status, dict(answer.headers), answer.body) == (200, {"x-a": "b"}, b"all of it")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "another protocol"),
        (b"HTTP/1.1 200 OK\r\n" + b"X-Long: y\r\n" * (HEAD_MAX_BYTES // 10), "bytes of headers"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok", "not HTTP"),
    ],
    ids=["upgrade", "headers without end", "two lengths", "length and chunks"],
)
async def test_an_answer_that_cannot_be_trusted_is_refused(answer: bytes, problem: str) -> None:
    async def handle(exchange: Exchange) -> None:
        await exchange.say(answer)

    async with serving(handle) as server, transport_to(server) as transport:
        with pytest.raises(Unreachable, match=problem):
            await ask(transport)


async def test_what_nobody_reads_waits_at_the_server() -> None:
    sent_bytes = 0

    async def handle(exchange: Exchange) -> None:
        nonlocal sent_bytes
        await exchange.say(b"HTTP/1.1 200 OK\r\n\r\n")
        while sent_bytes < 200_000_000:
            await exchange.say(b"x" * 99_999 + b"\n")
            sent_bytes += 100_000

    async with serving(handle) as server, transport_to(server) as transport:
        stream = await transport.stream(
            Request("GET", "/x", headers=PLAIN), timeout_seconds=5, inactivity_seconds=0.2
        )
        before = -1
        while sent_bytes != before:
            before = sent_bytes
            await asyncio.sleep(0.3)
        assert sent_bytes < 100_000_000
        # That nobody read is no silence of the server's.
        for _ in range(200):
            assert len(await stream.readline()) == 100_000
        await stream.close()


async def test_a_new_certificate_means_new_connections(pki: Pki, tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("mcs_controller.kube.connection.http_transport.TLS_CHECK_SECONDS", -1.0)
    ca = tmp_path / "ca.crt"
    ca.write_bytes(pki.data("ca.crt"))
    async with (
        serving(say_which, pki.server_context()) as server,
        transport_to(server, tls=TlsSettings(ca=ca)) as transport,
    ):
        assert [await ask(transport), await ask(transport)] == [b"1", b"1"]
        ca.write_bytes(pki.data("ca.crt") + pki.data("other.crt"))
        assert [await ask(transport), await ask(transport)] == [b"2", b"2"]


async def test_a_credential_with_a_line_break_is_refused_and_not_told() -> None:
    async with (
        serving(say_which) as server,
        transport_to(server, credential=StaticCredential("Bearer s3cret\r\nx: y")) as transport,
    ):
        with pytest.raises(ConfigError, match="the header authorization cannot be sent") as caught:
            await ask(transport)
        assert "s3cret" not in str(caught.value)


async def test_connections_that_nobody_needs_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcs_controller.kube.connection.pool.KEEPALIVE_SECONDS", 0.05)
    async with serving(say_which) as server, transport_to(server) as transport:
        await asyncio.gather(*(ask(transport) for _ in range(5)))
        await until(lambda: not transport._direct._pool._open)
        assert not transport._direct._pool._idle
        assert await ask(transport) == b"6"


async def test_after_a_request_without_an_answer_none_is_sent_on_a_connection_as_old() -> None:
    """Something in between has forgotten them all; each would cost a request its deadline."""
    deaf = 0

    async def handle(exchange: Exchange) -> None:
        if exchange.connection > deaf:
            await asyncio.sleep(0.1)
            await exchange.answer(b"%d" % exchange.connection)

    async with serving(handle) as server, transport_to(server) as transport:
        await asyncio.gather(*(ask(transport) for _ in range(3)))
        deaf = 3
        with pytest.raises(Timeout):
            await transport.request(Request("GET", "/", headers=PLAIN), timeout_seconds=0.3)
        assert await ask(transport) == b"4"


async def test_closing_ends_what_is_under_way() -> None:
    asked = asyncio.Event()

    async def handle(exchange: Exchange) -> None:
        asked.set()
        await asyncio.sleep(60)

    async with serving(handle) as server:
        transport = HttpTransport(server, credential=StaticCredential())
        asking = asyncio.create_task(ask(transport))
        await asked.wait()
        await transport.close()
        with pytest.raises(Unreachable, match="closed by this program"):
            await asking


async def test_the_next_address_is_tried_where_something_else_answers(
    pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with (
        other,
        serving(say_which, pki.server_context()) as server,
        transport_to(server, tls=TlsSettings(ca=pki.path("ca.crt"))) as transport,
    ):
        loop = asyncio.get_running_loop()
        ports = (other.sockets[0].getsockname()[1], server.rpartition(":")[2])
        found = [await loop.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM) for port in ports]

        async def both(*_: Any, **__: Any) -> Any:
            return [addresses[0] for addresses in found]

        monkeypatch.setattr(loop, "getaddrinfo", both)
        assert await ask(transport) == b"1"


@EITHER_LOOP
def test_on_either_loop_requests_and_streams_come_over_tls(run: Callable[..., Any], pki: Pki) -> None:
    async def handle(exchange: Exchange) -> None:
        if b"GET /watch" in exchange.head:
            await exchange.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\none\ntw\r\n")
            await exchange.say(b"2\r\no\n\r\n0\r\n\r\n")
        else:
            await exchange.answer(exchange.body)

    async def talk() -> None:
        async with (
            serving(handle, pki.server_context()) as server,
            transport_to(server, tls=TlsSettings(ca=pki.path("ca.crt"))) as transport,
        ):
            big = b"x" * 3_000_000
            request = Request("PUT", "/x", headers=PLAIN, body=big)
            assert (await transport.request(request, timeout_seconds=20)).body == big
            watch = Request("GET", "/watch", headers=PLAIN)
            stream = await transport.stream(watch, timeout_seconds=5, inactivity_seconds=5)
            assert [await stream.readline() for _ in range(3)] == [b"one\n", b"two\n", b""]
            await stream.close()
            assert await ask(transport, "PUT") == b"{}"

    run(talk())
