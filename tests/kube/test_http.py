"""The transport over real sockets: requests, answers and streams arrive as they were meant."""

import asyncio
import gzip
import json
import socket
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from mcs_controller.kube.connection.credentials import StaticCredential
from mcs_controller.kube.connection.http_transport import LINE_MAX_BYTES, HttpTransport
from mcs_controller.kube.connection.tls import TlsSettings
from mcs_controller.kube.connection.transport import HEAD_BYTES, Request
from mcs_controller.kube.errors import (
    LineTooLong,
    TooLarge,
    Unreachable,
)
from tests.kube.http_servers import SECRET, echo, serving, transport_to


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


def test_the_repr_of_a_transport_tells_no_secret() -> None:
    transport = HttpTransport("http://127.0.0.1:1", credential=StaticCredential(f"Bearer {SECRET}"))
    tls = TlsSettings(key=SECRET.encode(), certificate=SECRET.encode())
    assert SECRET not in repr(transport) + repr(tls) + repr(StaticCredential(f"Bearer {SECRET}"))
