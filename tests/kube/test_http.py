"""The transport over real sockets: what aiohttp does arrives as our values and errors."""

import asyncio
import gzip
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp import client_exceptions, http_exceptions, web
from aiohttp.client_reqrep import ConnectionKey, RequestInfo
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from mcs_controller.kube.connection.credentials import StaticCredential
from mcs_controller.kube.connection.http_transport import LINE_MAX_BYTES, HttpTransport, kube_error
from mcs_controller.kube.connection.tls import TlsSettings
from mcs_controller.kube.connection.transport import HEAD_BYTES, Request
from mcs_controller.kube.errors import (
    ConfigError,
    KubeError,
    LineTooLong,
    Timeout,
    TooLarge,
    TransportError,
    Unreachable,
)
from tests.kube.pki import Pki

SECRET = "s3cret-token"


@pytest.fixture(params=["identity", "gzip"], ids=["direct", "session"])
def get(request: pytest.FixtureRequest) -> Request:
    """A request that goes by each of the two ways."""
    return Request("GET", "/api/v1/namespaces", headers={"accept-encoding": request.param})


Handler = Callable[[Any], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"{'https' if context else 'http'}://{host}:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serving_bytes(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """A server that says whatever `talk` says, after the request's headers have come in."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def transport_to(server: str, **options: Any) -> AsyncIterator[HttpTransport]:
    options.setdefault("credential", StaticCredential(f"Bearer {SECRET}"))
    transport = HttpTransport(server, **options)
    try:
        yield transport
    finally:
        await transport.close()


async def echo(request: web.Request) -> web.Response:
    return web.json_response(
        {
            "method": request.method,
            "path": request.raw_path,
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "body": await request.text(),
        }
    )


async def test_a_request_arrives_as_it_was_meant_with_our_credential_and_name() -> None:
    async with serving(echo) as server, transport_to(server + "/prefix/") as transport:
        request = Request(
            "PATCH",
            "/api/v1/namespaces/a b",
            (("labelSelector", "a in (b,c)"), ("limit", "5")),
            {"content-type": "application/merge-patch+json", "accept-encoding": "identity"},
            b"{}",
        )
        response = await transport.request(request, timeout_seconds=5)
        assert response.status == 200
        assert response.headers["content-type"].startswith("application/json")
        told = json.loads(response.body)
        assert told["method"] == "PATCH"
        assert told["path"] == "/prefix/api/v1/namespaces/a%20b?labelSelector=a+in+%28b%2Cc%29&limit=5"
        assert told["body"] == "{}"
        assert told["headers"]["authorization"] == f"Bearer {SECRET}"
        assert told["headers"]["user-agent"].startswith("mcs-controller/")
        assert told["headers"]["accept-encoding"] == "identity"
        assert told["headers"]["content-type"] == "application/merge-patch+json"


async def test_connections_are_kept_and_used_again(get: Request) -> None:
    peers: set[Any] = set()

    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return web.Response(text="{}")

    async with serving(handler) as server, transport_to(server) as transport:
        for _ in range(5):
            await transport.request(get, timeout_seconds=5)
        assert len(peers) == 1


async def test_an_error_status_is_returned_and_not_raised(get: Request) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=429, text="no", headers={"Retry-After": "3"})

    async with serving(handler) as server, transport_to(server) as transport:
        response = await transport.request(get, timeout_seconds=5)
        assert (response.status, response.headers["retry-after"], response.body) == (429, "3", b"no")
        stream = await transport.stream(get, timeout_seconds=5, inactivity_seconds=5)
        assert (stream.status, await stream.read_error()) == (429, b"no")
        await stream.close()


async def test_a_redirect_is_not_followed_with_our_credential(get: Request) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": "http://127.0.0.1:1/"})

    async with serving(handler) as server, transport_to(server) as transport:
        assert (await transport.request(get, timeout_seconds=5)).status == 307


async def test_a_compressed_list_is_unpacked_where_that_was_asked_for(get: Request) -> None:
    async def handler(request: web.Request) -> web.Response:
        body = gzip.compress(b'{"items": []}' + b" " * 200_000)
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    async with serving(handler) as server, transport_to(server) as transport:
        if get.headers["accept-encoding"] == "identity":
            with pytest.raises(Unreachable, match="comes as gzip, which was not asked for"):
                await transport.request(get, timeout_seconds=5)
        else:
            response = await transport.request(get, timeout_seconds=5)
            assert response.body.strip() == b'{"items": []}'


async def test_an_answer_beyond_the_bound_is_too_large_and_its_head_is_kept(get: Request) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 1_000_000)

    async with serving(handler) as server, transport_to(server) as transport:
        with pytest.raises(TooLarge) as caught:
            await transport.request(replace(get, answer_max_bytes=100_000), timeout_seconds=5)
        assert caught.value.head == b"x" * HEAD_BYTES


async def test_lines_arrive_one_by_one_and_the_end_is_an_empty_line(get: Request) -> None:
    go_on = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"one\ntw")
        await go_on.wait()
        await response.write(b"o\nthree")
        return response

    async with serving(handler) as server, transport_to(server) as transport:
        stream = await transport.stream(get, timeout_seconds=5, inactivity_seconds=5)
        assert await stream.readline() == b"one\n"
        go_on.set()
        assert [await stream.readline() for _ in range(3)] == [b"two\n", b"three", b""]
        await stream.close()
        await stream.close()


async def test_a_line_beyond_the_bound_is_skipped_and_its_head_is_kept(get: Request) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for size in (LINE_MAX_BYTES - 1, LINE_MAX_BYTES + 1_000_000, 1_000_000):
            await response.write(b"a head " + b"x" * (size - 14))
            await response.write(b" a tail\n")
        await response.write(b"next\nlast")
        return response

    async with serving(handler) as server, transport_to(server) as transport:
        stream = await transport.stream(get, timeout_seconds=5, inactivity_seconds=5)
        assert len(await stream.readline()) == LINE_MAX_BYTES
        with pytest.raises(LineTooLong) as caught:
            await stream.readline()
        assert caught.value.head.startswith(b"a head xxx")
        assert len(caught.value.head) == HEAD_BYTES
        line = await stream.readline()
        assert (len(line), line[:7], line[-8:]) == (1_000_001, b"a head ", b" a tail\n")
        assert [await stream.readline() for _ in range(3)] == [b"next\n", b"last", b""]
        await stream.close()


async def test_a_stream_watches_for_a_dead_peer(get: Request) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.sleep(60)
        return response

    async with serving(handler) as server, transport_to(server) as transport:
        stream = await transport.stream(get, timeout_seconds=5, inactivity_seconds=5)
        peer = stream._answer.socket()  # type: ignore[attr-defined]
        assert peer.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 15
        assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        await stream.close()


async def answer_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def send_half_a_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf\n")
    await writer.drain()


async def send_half_a_chunk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nline\n\r\n99\r\nhalf")
    await writer.drain()


async def send_no_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
    await writer.drain()


async def send_a_bad_chunk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
    await writer.drain()
    await reader.read()


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    return


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    peer = writer.get_extra_info("socket")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


@pytest.mark.parametrize(
    ("talk", "expected"),
    [
        (answer_late, Timeout),
        (send_half_a_body, Unreachable),
        (send_half_a_chunk, Unreachable),
        (send_no_http, Unreachable),
        (send_a_bad_chunk, Unreachable),
        (hang_up, Unreachable),
        (reset, Unreachable),
    ],
    ids=lambda value: value.__name__,
)
async def test_a_server_that_misbehaves_is_a_transport_error(
    get: Request, talk: Callable[[Any, Any], Awaitable[None]], expected: type[TransportError]
) -> None:
    async with serving_bytes(talk) as server, transport_to(server) as transport:
        with pytest.raises(expected) as caught:
            await transport.request(get, timeout_seconds=0.3)
        assert server in str(caught.value)
        assert SECRET not in everything_told_by(caught.value)


@pytest.mark.parametrize(
    ("talk", "expected"),
    [(answer_late, Timeout), (send_half_a_chunk, Unreachable), (hang_up, Unreachable)],
    ids=lambda value: value.__name__,
)
async def test_a_stream_that_misbehaves_is_a_transport_error(
    get: Request, talk: Callable[[Any, Any], Awaitable[None]], expected: type[TransportError]
) -> None:
    async def read_all(transport: HttpTransport) -> None:
        stream = await transport.stream(get, timeout_seconds=0.3, inactivity_seconds=5)
        try:
            while await stream.readline():
                pass
        finally:
            await stream.close()

    async with serving_bytes(talk) as server, transport_to(server) as transport:
        with pytest.raises(expected):
            await read_all(transport)


async def test_silence_beyond_the_inactivity_deadline_is_a_timeout(get: Request) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nline\n\r\n")
        await reader.read()

    async with serving_bytes(talk) as server, transport_to(server) as transport:
        stream = await transport.stream(get, timeout_seconds=5, inactivity_seconds=0.2)
        assert await stream.readline() == b"line\n"
        with pytest.raises(Timeout):
            await stream.readline()
        await stream.close()


async def test_a_refused_connection_says_where(get: Request) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with transport_to(f"http://127.0.0.1:{port}") as transport:
        with pytest.raises(Unreachable, match=rf"http://127\.0\.0\.1:{port}: .*[Cc]onnect"):
            await transport.request(get, timeout_seconds=5)


async def test_a_closed_transport_refuses_and_ends_its_streams(get: Request) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.sleep(60)
        return response

    async with serving(handler) as server:
        transport = HttpTransport(server, credential=StaticCredential())
        stream = await transport.stream(get, timeout_seconds=5, inactivity_seconds=60)
        reading = asyncio.create_task(stream.readline())
        await asyncio.sleep(0)
        await transport.close()
        with pytest.raises(Unreachable):
            await reading
        with pytest.raises(Unreachable):
            await transport.request(get, timeout_seconds=5)
        await stream.close()


async def test_a_trusted_certificate_and_a_client_certificate_work_from_data(get: Request, pki: Pki) -> None:
    async def who(request: web.Request) -> web.Response:
        assert request.transport is not None
        peer = request.transport.get_extra_info("peercert")
        return web.Response(text=str(dict(field[0] for field in peer["subject"])["commonName"]))

    tls = TlsSettings(ca=pki.data("ca.crt"), certificate=pki.data("client.crt"), key=pki.data("client.key"))
    async with (
        serving(who, pki.server_context(ask_client=True)) as server,
        transport_to(server, tls=tls) as transport,
    ):
        assert (await transport.request(get, timeout_seconds=5)).body == b"client"


async def test_an_untrusted_certificate_is_unreachable_and_the_text_says_why(get: Request, pki: Pki) -> None:
    async with (
        serving(echo, pki.server_context()) as server,
        transport_to(server, tls=TlsSettings(ca=pki.path("other.crt"))) as transport,
    ):
        with pytest.raises(Unreachable, match="certificate is not trusted"):
            await transport.request(get, timeout_seconds=5)


async def test_insecure_means_that_any_certificate_will_do(get: Request, pki: Pki) -> None:
    async with (
        serving(echo, pki.server_context()) as server,
        transport_to(server, tls=TlsSettings(insecure=True)) as transport,
    ):
        assert (await transport.request(get, timeout_seconds=5)).status == 200


async def test_the_servers_name_may_differ_from_its_address(get: Request, pki: Pki) -> None:
    async with serving(echo, pki.server_context()) as server:
        for name, fits in (("apiserver.test", True), ("other.test", False)):
            tls = TlsSettings(ca=pki.path("ca.crt"), server_name=name)
            async with transport_to(server, tls=tls) as transport:
                if fits:
                    assert (await transport.request(get, timeout_seconds=5)).status == 200
                else:
                    with pytest.raises(Unreachable):
                        await transport.request(get, timeout_seconds=5)


async def test_a_rotated_ca_file_is_followed_and_a_half_written_one_is_not(
    get: Request, pki: Pki, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("mcs_controller.kube.connection.http_transport.TLS_CHECK_SECONDS", -1.0)
    ca = tmp_path / "ca.crt"
    ca.write_bytes(pki.data("other.crt"))
    async with (
        serving(echo, pki.server_context()) as server,
        transport_to(server, tls=TlsSettings(ca=ca)) as transport,
    ):
        with pytest.raises(Unreachable):
            await transport.request(get, timeout_seconds=5)
        ca.write_bytes(pki.data("ca.crt"))
        assert (await transport.request(get, timeout_seconds=5)).status == 200
        for half_written in (b"", b"-----BEGIN CERT"):
            ca.write_bytes(half_written)
            assert (await transport.request(get, timeout_seconds=5)).status == 200
        assert "cannot be used yet" in caplog.text


@pytest.mark.parametrize(
    "settings",
    [
        TlsSettings(ca=b"no pem"),
        TlsSettings(ca=b""),
        TlsSettings(ca=b"\xff\xff"),
        TlsSettings(insecure=True, certificate=b"no pem", key=b"no pem"),
        TlsSettings(insecure=True, certificate=b"no key"),
    ],
)
def test_certificates_that_cannot_be_used_are_refused_before_the_first_request(settings: TlsSettings) -> None:
    with pytest.raises(ConfigError):
        HttpTransport("https://127.0.0.1:1", credential=StaticCredential(), tls=settings)


def everything_told_by(error: BaseException | None) -> str:
    """The text and repr of an error and of all that led to it."""
    told = ""
    while error is not None:
        told += f"{error!s} {error!r} {error.args!r}\n"
        error = error.__cause__
    return told


def all_subclasses(kind: type[BaseException]) -> set[type[BaseException]]:
    return {kind}.union(*(all_subclasses(child) for child in kind.__subclasses__()))


def instance_of(kind: type[BaseException]) -> BaseException:
    """An exception as aiohttp makes it, with a secret in the request that it remembers."""
    headers = CIMultiDictProxy(CIMultiDict({"Authorization": f"Bearer {SECRET}"}))
    request = RequestInfo(URL("https://east/"), "GET", headers, URL("https://east/"))
    key = ConnectionKey("east", 443, True, True, None, None, None)
    os_error = OSError(111, "Connection refused")
    arguments: list[tuple[Any, ...]] = []
    if issubclass(kind, aiohttp.ClientConnectorCertificateError):
        arguments.append((key, ssl.SSLCertVerificationError("self-signed")))
    elif issubclass(kind, client_exceptions.UnixClientConnectorError):
        arguments.append(("/socket", key, os_error))
    elif issubclass(kind, aiohttp.ClientConnectorError):
        arguments.append((key, os_error))
    elif issubclass(kind, aiohttp.ClientResponseError):
        arguments.append((request, ()))
    elif issubclass(kind, aiohttp.ServerFingerprintMismatch):
        arguments.append((b"a", b"b", "east", 443))
    arguments += [("text",), (), ("line", 100)]
    for attempt in arguments:
        try:
            return kind(*attempt)
        except TypeError:
            continue
    raise AssertionError(f"no way known to make a {kind.__name__}")


LOWER_ERRORS = sorted(
    all_subclasses(aiohttp.ClientError)
    | all_subclasses(http_exceptions.HttpProcessingError)
    | {OSError, ConnectionResetError, BrokenPipeError, socket.gaierror, ssl.SSLError, TimeoutError},
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", LOWER_ERRORS, ids=lambda kind: kind.__name__)
async def test_every_exception_of_the_library_is_mapped_and_its_secrets_are_kept(
    kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise instance_of(kind)

    get = Request("GET", "/api", headers={"accept-encoding": "gzip"})
    async with transport_to("http://127.0.0.1:1") as transport:
        monkeypatch.setattr(aiohttp.ClientSession, "_request", fail)
        with pytest.raises(KubeError) as caught:
            await transport.request(get, timeout_seconds=5)
        assert SECRET not in everything_told_by(caught.value)
        with pytest.raises(KubeError):
            await transport.stream(get, timeout_seconds=5, inactivity_seconds=5)
        if issubclass(kind, TimeoutError):
            assert isinstance(caught.value, Timeout)
        elif issubclass(kind, aiohttp.InvalidURL):
            assert isinstance(caught.value, ConfigError)
        else:
            assert isinstance(caught.value, TransportError)


def test_texts_of_transport_errors_are_cut() -> None:
    assert len(str(kube_error(OSError("x" * 5000), "https://east"))) == 256


def test_the_repr_of_a_transport_tells_no_secret() -> None:
    transport = HttpTransport("http://127.0.0.1:1", credential=StaticCredential(f"Bearer {SECRET}"))
    tls = TlsSettings(key=SECRET.encode(), certificate=SECRET.encode())
    assert SECRET not in repr(transport) + repr(tls) + repr(StaticCredential(f"Bearer {SECRET}"))
