"""A server between an agent and its API server that repeats what it was sent: headers, and so credentials.

It passes requests on until it is told to misbehave. Each way of misbehaving repeats the request's headers
in the place where a program is most likely to show them: an answer's reason, message or body, a redirect, an
error inside a watch, bytes that are no HTTP. It counts the answers that it gave in the present way, and notes
each `Authorization` header that it is shown.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from typing import Any, Literal

import aiohttp
from aiohttp import web

from tests.kube.http_servers import serving

Way = Literal["pass", "401", "403", "422", "500", "text", "redirect", "watch error", "no HTTP", "closes"]
WAYS: tuple[Way, ...] = (
    "401", "403", "422", "500", "text", "redirect", "watch error", "no HTTP", "closes",
)  # fmt: skip
_NOT_PASSED_ON = {"host", "content-length", "transfer-encoding", "connection", "proxy-authorization"}


class Mirror:
    """In front of the API server at `upstream`; `elsewhere` is where it redirects to."""

    def __init__(self, upstream: str, elsewhere: str) -> None:
        self.url = ""
        self.way: Way = "pass"
        self.answers = 0
        self.credentials: set[str] = set()
        self._upstream = upstream
        self._elsewhere = elsewhere
        self._session: aiohttp.ClientSession | None = None
        self._watches: set[asyncio.Task[object]] = set()

    @contextlib.asynccontextmanager
    async def serve(self, context: ssl.SSLContext | None = None) -> AsyncIterator[Mirror]:
        session = aiohttp.ClientSession(auto_decompress=False)
        async with session as self._session, serving(self._answer, context) as self.url:
            yield self

    def behave(self, way: Way) -> None:
        """From now on; watches that are open end, so that all is asked again."""
        self.way, self.answers = way, 0
        for watch in tuple(self._watches):
            watch.cancel()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.answers += 1
        self.credentials.add(request.headers.get("Authorization", ""))
        said = _said(request, header_first=bool(self.answers % 2))
        is_watch = "watch=" in request.query_string
        match self.way:
            case "401" | "403" | "422" | "500":
                return _status(int(self.way), said)
            case "text":
                return web.Response(status=502, text=f"<html>your request was:\n{said}</html>")
            case "redirect":
                return web.Response(status=307, headers={"Location": f"{self._elsewhere}{request.raw_path}"})
            case "watch error" if is_watch:
                event = {"type": "ERROR", "object": _failure(500, said)}
                return web.Response(text=json.dumps(event) + "\n", content_type="application/json")
            case "no HTTP" | "closes":
                assert request.transport is not None
                if self.way == "no HTTP":
                    request.transport.write(f"HTTP/9.9 {said}\r\n\r\n{said}".encode())
                request.transport.close()
                return web.Response()
        return await self._pass_on(request, is_watch=is_watch)

    async def _pass_on(self, request: web.BaseRequest, *, is_watch: bool) -> web.StreamResponse:
        assert self._session is not None
        passed_on = [pair for pair in request.headers.items() if pair[0].lower() not in _NOT_PASSED_ON]
        headers = dict(passed_on)
        # The simulated server takes the token for the user's name, and names users in what it says.
        headers["Authorization"] = "Bearer somebody"
        path = request.path_qs if request.raw_path.startswith("/") else request.url.raw_path_qs
        task = asyncio.current_task()
        assert task is not None
        if is_watch:
            self._watches.add(task)
        try:
            async with self._session.request(
                request.method, self._upstream + path, headers=headers, data=await request.read()
            ) as answer:
                response = web.StreamResponse(status=answer.status)
                for name in ("Content-Type", "Content-Encoding"):
                    if name in answer.headers:
                        response.headers[name] = answer.headers[name]
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
                await response.write_eof()
                return response
        except ConnectionError:
            # The agent has closed the connection.
            return web.Response()
        finally:
            self._watches.discard(task)


def _said(request: web.BaseRequest, *, header_first: bool) -> str:
    """The headers of a request, with and without their names, in several spellings.

    All that stands behind the name of such a header is easily seen to be a credential: a bare token is not,
    where it comes first.
    """
    texts = []
    for name in ("Authorization", "Proxy-Authorization"):
        value = request.headers.get(name, "")
        _, _, bare = value.partition(" ")
        with contextlib.suppress(ValueError, UnicodeDecodeError):
            decoded = base64.b64decode(bare, validate=True).decode("ascii")
            texts.append(f"user {decoded.partition(':')[0]}, {decoded.partition(':')[2]}")
        # Near the place where texts are cut, too.
        texts += [f"unknown {bare} there", "." * 180 + f" {bare}"]
        texts.insert(0 if header_first else len(texts), f"{name}: {value}")
    return " ".join(filter(None, texts))


def _status(code: int, said: str) -> web.Response:
    return web.json_response(_failure(code, said), status=code)


def _failure(code: int, said: str) -> dict[str, Any]:
    cause = {"reason": said, "message": said, "field": said}
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "reason": said[-200:] if code == 500 else "Refused",
        "message": said,
        "details": {"name": said, "causes": [cause]},
    }
