"""What misbehaving servers, and every exception of the library, become in the transport: our errors."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import client_exceptions, http_exceptions
from aiohttp.client_reqrep import ConnectionKey, RequestInfo
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from mcs_controller.kube.connection.http_transport import HttpTransport, kube_error
from mcs_controller.kube.connection.transport import Request
from mcs_controller.kube.errors import (
    ConfigError,
    KubeError,
    Timeout,
    TransportError,
    Unreachable,
)
from tests.kube.http_servers import SECRET, serving_bytes, transport_to


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
