"""What connections of our own hold against: broken servers, and those who close twice or too early."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from mcs_controller.kube.connection.credentials import StaticCredential
from mcs_controller.kube.connection.direct import Direct
from mcs_controller.kube.connection.http_connection import HEAD_MAX_BYTES
from mcs_controller.kube.connection.http_transport import HttpTransport
from mcs_controller.kube.connection.pool import KEEPALIVE_SECONDS, CannotConnect
from mcs_controller.kube.connection.tls import TlsSettings
from mcs_controller.kube.connection.transport import LineStream, Request
from mcs_controller.kube.errors import Timeout, Unreachable
from tests.kube.pki import Pki
from tests.kube.test_direct import PLAIN, Exchange, ask, say_which, serving, transport_to
from tests.support.loops import EITHER_LOOP
from tests.support.waiting import until

GET = Request("GET", "/x", headers=PLAIN)
CHUNKED = b"HTTP/1.1 200 OK\r\nA: header\r\nTransfer-Encoding: chunked\r\n\r\n"


async def read_stream(transport: HttpTransport) -> tuple[LineStream, bytes]:
    stream = await transport.stream(GET, timeout_seconds=5, inactivity_seconds=5)
    said = b""
    while line := await stream.readline():
        said += line
    return stream, said


async def test_a_stream_that_is_closed_twice_leaves_the_request_alone_that_has_its_connection_now() -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def handle(exchange: Exchange) -> None:
        if exchange.method == "PUT":
            asked.set()
            await go_on.wait()
        await say_which(exchange)

    async with serving(handle) as server, transport_to(server) as transport:
        stream, said = await read_stream(transport)
        await stream.close()
        putting = asyncio.create_task(ask(transport, "PUT"))
        await asked.wait()
        await stream.close()
        go_on.set()
        assert (said, await putting) == (b"1", b"1")


async def test_two_requests_never_share_the_connection_of_a_stream_that_was_closed_twice() -> None:
    async with serving(say_which) as server, transport_to(server) as transport:
        stream, _ = await read_stream(transport)
        await stream.close()
        await stream.close()
        assert sorted(await asyncio.gather(*(ask(transport) for _ in range(3)))) == [b"1", b"2", b"3"]


async def test_a_closed_stream_has_no_more_lines() -> None:
    async def handle(exchange: Exchange) -> None:
        await exchange.answer(b"one\ntwo\n")

    async with serving(handle) as server, transport_to(server) as transport:
        stream, _ = await read_stream(transport)
        await stream.close()
        with pytest.raises(Unreachable, match="has been closed by this program"):
            await stream.readline()


async def test_a_trailer_is_no_header() -> None:
    async def handle(exchange: Exchange) -> None:
        await exchange.say(CHUNKED + b"2\r\nok\r\n0\r\nA: trailer\r\nB: trailer\r\n\r\n")

    async with serving(handle) as server, transport_to(server) as transport:
        for _ in range(2):
            answer = await transport.request(GET, timeout_seconds=5)
            assert dict(answer.headers) == {"a": "header", "transfer-encoding": "chunked"}
            assert answer.body == b"ok"


@pytest.mark.parametrize(
    ("begin", "go_on"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n", id="headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA: ", b"b", id="one header"),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", id="interim answers"),
        pytest.param(CHUNKED + b"0\r\n", b"A: b\r\n", id="trailers"),
        pytest.param(CHUNKED + b"0\r\nA: ", b"b", id="one trailer"),
        pytest.param(CHUNKED + b"2;", b"a=b;", id="extensions of a chunk"),
    ],
)
async def test_what_never_ends_and_is_no_body_is_given_up(begin: bytes, go_on: bytes) -> None:
    async def handle(exchange: Exchange) -> None:
        await exchange.say(begin)
        for _ in range(3 * HEAD_MAX_BYTES // 1000):
            await exchange.say(go_on * (1000 // len(go_on)))

    async with serving(handle) as server, transport_to(server) as transport:
        with pytest.raises(Unreachable, match=f"more than {HEAD_MAX_BYTES} bytes of headers"):
            await transport.request(GET, timeout_seconds=5)


async def test_a_long_body_in_small_chunks_is_no_header() -> None:
    async def handle(exchange: Exchange) -> None:
        await exchange.say(CHUNKED)
        for _ in range(2 * HEAD_MAX_BYTES // 1000):
            await exchange.say(b"1\r\nx\r\n" * 170)
        await exchange.say(b"0\r\n\r\n")

    async with serving(handle) as server, transport_to(server) as transport:
        answer = await transport.request(GET, timeout_seconds=20)
        assert answer.body == b"x" * 170 * (2 * HEAD_MAX_BYTES // 1000)


@EITHER_LOOP
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_a_connection_whose_server_did_not_take_the_whole_request_is_not_used_again(
    run: Callable[[Awaitable[None]], None], tls: bool, pki: Pki
) -> None:
    """An API server may refuse a large body before it has come, and need not read the rest."""
    connections, ended = 0, asyncio.Event()
    closed: list[int] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        number = connections
        await reader.readuntil(b"\r\n\r\n")
        await Exchange(number, b"", b"", writer).answer(str(number).encode())
        await ended.wait()
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()
        closed.append(number)

    async def talk() -> None:
        context: ssl.SSLContext | None = pki.server_context() if tls else None
        server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
        url = f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        settings = TlsSettings(ca=pki.path("ca.crt"))
        async with server, transport_to(url, tls=settings) as transport:
            large = Request("PUT", "/x", headers=PLAIN, body=b"x" * 20_000_000)
            assert (await transport.request(large, timeout_seconds=20)).body == b"1"
            assert await ask(transport) == b"2"
            ended.set()
            await until(lambda: sorted(closed) == [1, 2])

    run(talk())


@EITHER_LOOP
def test_a_connection_that_is_made_while_all_are_closed_is_closed_too(run: Callable[..., None]) -> None:
    heard: list[str] = []

    async def handle(exchange: Exchange) -> None:
        heard.append(exchange.method)
        await say_which(exchange)

    async def talk() -> None:
        async with serving(handle) as server:
            transport = HttpTransport(server, credential=StaticCredential())
            asking = asyncio.create_task(ask(transport))
            await asyncio.sleep(0)
            await transport.close()
            with pytest.raises(Unreachable, match="closed by this program"):
                await asking
            assert not transport._direct._pool._open

    run(talk())
    assert not heard


@pytest.mark.parametrize("encoding", ["identity", "gzip"], ids=["direct", "session"])
async def test_nothing_is_asked_once_a_credential_comes_after_the_end(encoding: str) -> None:
    class Slow(StaticCredential):
        async def authorization(self) -> str | None:
            await transport.close()
            return await super().authorization()

    async with serving(say_which) as server:
        transport = HttpTransport(server, credential=Slow())
        with pytest.raises(Unreachable, match="closed by this program"):
            await transport.request(
                Request("GET", "/x", headers={"accept-encoding": encoding}), timeout_seconds=5
            )


async def test_a_connection_that_was_idle_for_too_long_is_not_used_though_nobody_swept_it() -> None:
    async with serving(say_which) as server, transport_to(server) as transport:
        assert await ask(transport) == b"1"
        (_, connection), *_ = transport._direct._pool._idle
        connection.idle_since_seconds -= KEEPALIVE_SECONDS - 5
        assert await ask(transport) == b"1"
        connection.idle_since_seconds -= KEEPALIVE_SECONDS
        assert await ask(transport) == b"2"


async def test_a_lookup_that_hangs_is_waited_for_by_all_and_is_not_begun_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop, found, lookups = asyncio.get_running_loop(), asyncio.Event(), 0
    look_up = loop.getaddrinfo

    async def hang(*arguments: Any, **options: Any) -> Any:
        nonlocal lookups
        lookups += 1
        await found.wait()
        return await look_up(*arguments, **options)

    async with serving(say_which) as server, transport_to(server) as transport:
        monkeypatch.setattr(loop, "getaddrinfo", hang)
        for _ in range(3):
            with pytest.raises(Timeout):
                await transport.request(GET, timeout_seconds=0.01)
        asking = [asyncio.create_task(ask(transport)) for _ in range(5)]
        await asyncio.sleep(0)
        asking.pop().cancel()
        found.set()
        assert len(await asyncio.gather(*asking)) == 4
        assert lookups == 1
        assert transport._direct._pool._lookup is not None


async def test_closing_ends_a_lookup_that_hangs_and_those_who_wait_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def hang(*_: Any, **__: Any) -> Any:
        await asyncio.Event().wait()

    async with serving(say_which) as server, transport_to(server) as transport:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", hang)
        before = asyncio.all_tasks()
        given_up, waiting = asyncio.create_task(ask(transport)), asyncio.create_task(ask(transport))
        await until(lambda: len(asyncio.all_tasks() - before) == 3)
        given_up.cancel()
        await transport.close()
        with pytest.raises(Unreachable, match="closed by this program"):
            await waiting
        assert given_up.cancelled()
        assert asyncio.all_tasks() == before


async def test_a_lookup_that_fails_is_begun_again_by_the_next_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()

    async def fail(*_: Any, **__: Any) -> Any:
        raise OSError(5, "no names today")

    async with serving(say_which) as server, transport_to(server) as transport:
        with monkeypatch.context() as patched:
            patched.setattr(loop, "getaddrinfo", fail)
            with pytest.raises(Unreachable, match="cannot connect: no names today"):
                await ask(transport)
        assert await ask(transport) == b"1"


async def test_a_connection_that_is_closing_is_not_taken() -> None:
    """A POST on it would be lost, and would not be asked again."""
    async with serving(say_which) as server, transport_to(server) as transport:
        assert await ask(transport) == b"1"
        (_, connection), *_ = transport._direct._pool._idle
        assert connection._transport is not None
        connection._transport.close()
        assert await ask(transport, "POST") == b"2"
        assert connection.socket() is None
        await until(lambda: connection not in transport._direct._pool._open)


async def test_an_address_that_does_not_answer_delays_a_request_only_until_the_next_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    connect = loop.sock_connect
    given_up: list[Any] = []

    async def sock_connect(peer: socket.socket, address: Any) -> None:
        if address[0] == "127.0.0.2":
            try:
                await asyncio.Event().wait()
            finally:
                given_up.append(address)
        await connect(peer, address)

    async with serving(say_which) as server, transport_to(server) as transport:
        port = int(server.rpartition(":")[2])
        hosts = ("127.0.0.2", "127.0.0.1")
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)) for host in hosts]

        async def getaddrinfo(*_: Any, **__: Any) -> Any:
            return found

        monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr(loop, "sock_connect", sock_connect)
        monkeypatch.setattr("mcs_controller.kube.connection.pool.CONNECT_TIMEOUT_SECONDS", 4.0)
        assert await ask(transport) == b"1"
        assert given_up == [("127.0.0.2", port)]
        # What was tried first for one connection is tried first for the next: nothing is taken off the list.
        assert len(found) == 2


async def test_a_connection_that_is_not_made_in_time_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", hang)
    monkeypatch.setattr("mcs_controller.kube.connection.pool.CONNECT_TIMEOUT_SECONDS", 0.02)
    async with transport_to("http://127.0.0.1:1") as transport:
        with pytest.raises(Timeout):
            await transport.request(GET, timeout_seconds=60)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 1)"), "Connection refused"),
        (ConnectionResetError(), ""),
        (ConnectionAbortedError("the handshake takes too long"), "the handshake takes too long"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (OSError("Multiple exceptions: a, b"), "Multiple exceptions: a, b"),
    ],
)
def test_why_no_connection_could_be_made_is_told_without_addresses_in_memory(
    error: OSError, told: str
) -> None:
    assert str(CannotConnect(error)) == f"cannot connect: {told}"


def test_of_a_certificate_it_is_told_that_it_is_not_trusted() -> None:
    error = CannotConnect(ssl.SSLCertVerificationError("it expired"))
    assert str(error).startswith("its certificate is not trusted: ")
    assert "it expired" in str(error)


@pytest.mark.parametrize(
    ("server", "line", "host", "server_name"),
    [
        ("https://[::1]:6443/", b"GET /x HTTP/1.1\r\nhost: [::1]:6443\r\n", "::1", "::1"),
        ("https://east.test.", b"GET /x HTTP/1.1\r\nhost: east.test\r\n", "east.test.", "east.test"),
        (
            "https://East.test:443/a b/",
            b"GET /a%20b/x HTTP/1.1\r\nhost: east.test\r\n",
            "east.test",
            "east.test",
        ),
        (
            "http://b\u00fccher.test:1",
            b"GET /x HTTP/1.1\r\nhost: xn--bcher-kva.test:1\r\n",
            *2 * ("xn--bcher-kva.test",),
        ),
    ],
)
def test_a_server_is_called_by_its_name(server: str, line: bytes, host: str, server_name: str) -> None:
    direct = Direct(server.rstrip("/"))
    assert direct._request("GET", "/x", {}, None) == line + b"\r\n"
    assert (direct._pool._host, direct._pool._server_name) == (host, server_name)


async def test_what_a_stream_allowed_of_silence_is_no_bound_of_the_next_request() -> None:
    async def handle(exchange: Exchange) -> None:
        if exchange.method == "PUT":
            await asyncio.sleep(0.2)
        await say_which(exchange)

    async with serving(handle) as server, transport_to(server) as transport:
        stream = await transport.stream(GET, timeout_seconds=5, inactivity_seconds=0.05)
        assert [await stream.readline(), await stream.readline()] == [b"1", b""]
        await stream.close()
        assert await ask(transport, "PUT") == b"1"


async def test_a_stream_that_goes_on_is_not_silent() -> None:
    async def handle(exchange: Exchange) -> None:
        await exchange.say(CHUNKED)
        for _ in range(10):
            await exchange.say(b"2\r\na\n\r\n")
            await asyncio.sleep(0.1)

    async with serving(handle) as server, transport_to(server) as transport:
        stream = await transport.stream(GET, timeout_seconds=5, inactivity_seconds=0.5)
        assert [await stream.readline() for _ in range(10)] == [b"a\n"] * 10
        with pytest.raises(Timeout):
            await stream.readline()
        await stream.close()


async def test_a_sweep_closes_what_is_old_and_comes_again_for_what_is_not() -> None:
    async with serving(say_which) as server, transport_to(server) as transport:
        pool = transport._direct._pool
        await asyncio.gather(ask(transport), ask(transport))
        old, young = [connection for _, connection in pool._idle]
        old.idle_since_seconds -= KEEPALIVE_SECONDS
        pool._sweep()
        assert (old.open, [connection for _, connection in pool._idle]) == (False, [young])
        assert pool._sweeper is not None
        assert 0 < pool._sweeper.when() - asyncio.get_running_loop().time() <= KEEPALIVE_SECONDS
        young.idle_since_seconds -= KEEPALIVE_SECONDS
        pool._sweep()
        assert not young.open
        assert pool._sweeper is None
