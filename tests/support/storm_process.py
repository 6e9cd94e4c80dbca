"""The process in which the proxies of storms live; `storms.py` is the tests' side, and says what they do.

What passes is passed on as it is, coded as it is, and watches line by line. A server that does not answer, or
breaks off, does so to the program as well.
"""

from __future__ import annotations

import asyncio
import os
import random
import ssl
from collections import Counter
from pathlib import Path

import aiohttp
from aiohttp import web
from yarl import URL

from tests.support.side_process import Json, obey
from tests.support.storms import Storm

HOP_BY_HOP = frozenset(("connection", "host", "keep-alive", "transfer-encoding", "content-length", "date"))
BODY_MAX_BYTES = 16 * 1024 * 1024
REASONS = {409: "Conflict", 429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable"}
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class FrontServer:
    """One proxy."""

    def __init__(self, url: str, ca: str | None) -> None:
        self.storms: tuple[Storm, ...] = ()
        self.struck: Counter[str] = Counter()
        self._url = url
        # The file is read now: what the proxy trusts is not what a test is about.
        trust = None if ca is None else Path(ca).read_text()
        self._context = ssl.create_default_context(cadata=trust) if url.startswith("https:") else False
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.ServerRunner | None = None

    async def listen(self) -> int:
        connector = aiohttp.TCPConnector(limit=0, ssl=self._context)
        self._session = aiohttp.ClientSession(
            connector=connector, timeout=aiohttp.ClientTimeout(), auto_decompress=False
        )
        await self._serve(0, None)
        assert self._runner is not None
        port: int = self._runner.addresses[0][1]
        return port

    async def show(self, certificate: str, key: str) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        assert self._runner is not None
        port = self._runner.addresses[0][1]
        await self._runner.cleanup()
        await self._serve(port, context)

    async def _serve(self, port: int, context: ssl.SSLContext | None) -> None:
        server = web.Server(self._handle, handler_cancellation=True)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=context).start()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        verb = verb_of(request)
        storm = next((one for one in self.storms if verb in one.verbs and random.random() < one.share), None)
        if storm is not None:
            self.struck[verb] += 1
            await asyncio.sleep(storm.delay_seconds)
            if storm.status is not None:
                return refusal(storm.status, storm.retry_after_seconds)
        try:
            return await self._pass_on(request, lost=storm is not None and storm.lost)
        except (aiohttp.ClientError, OSError):
            return broken_off(request)

    async def _pass_on(self, request: web.BaseRequest, *, lost: bool) -> web.StreamResponse:
        assert self._session is not None
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        url = URL(self._url + request.raw_path, encoded=True)
        body = await request.content.read(BODY_MAX_BYTES) if request.can_read_body else None
        while body is not None and not request.content.at_eof():
            body += await request.content.read(BODY_MAX_BYTES)
        async with self._session.request(
            request.method, url, headers=headers, data=body, allow_redirects=False
        ) as answer:
            if lost:
                await answer.read()
                return broken_off(request)
            kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP]
            response = web.StreamResponse(status=answer.status)
            response.headers.extend(kept)
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response


def verb_of(request: web.BaseRequest) -> str:
    """As RBAC calls it."""
    if request.method != "GET":
        return VERBS.get(request.method, request.method.lower())
    if request.query.get("watch") in ("true", "1"):
        return "watch"
    # /api/v1/<plural>, or with a group; below namespaces/<namespace> when it is of one.
    parts = request.path.strip("/").split("/")[2:]
    parts = parts[1:] if request.path.startswith("/apis/") else parts
    parts = parts[2:] if len(parts) > 2 and parts[0] == "namespaces" else parts
    return "list" if len(parts) == 1 else "get"


def refusal(status: int, retry_after_seconds: int | None) -> web.Response:
    """As an API server words it."""
    body: Json = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": "a storm",
        "reason": REASONS.get(status, "Unknown"),
        "code": status,
    }
    headers = {}
    if retry_after_seconds is not None:
        headers["Retry-After"] = str(retry_after_seconds)
        body["details"] = {"retryAfterSeconds": retry_after_seconds}
    return web.json_response(body, status=status, headers=headers)


def broken_off(request: web.BaseRequest) -> web.Response:
    """The program gets no answer, or no more of it."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=502)


async def main() -> None:
    fronts: list[FrontServer] = []

    async def carry_out(do: str, what: Json) -> Json:
        if do == "open":
            fronts.append(FrontServer(what["url"], what["ca"]))
            return {"number": len(fronts) - 1, "port": await fronts[-1].listen()}
        front = fronts[what["number"]]
        if do == "show":
            await front.show(what["certificate"], what["key"])
            return {}
        if do == "set":
            front.storms = tuple(Storm(**{**one, "verbs": tuple(one["verbs"])}) for one in what["storms"])
            return {}
        return dict(front.struck)

    await obey(carry_out)
    # Connections end with the process: nobody is left who would be told in order.
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
