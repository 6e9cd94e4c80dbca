"""A simulated server for programs in the same process: no sockets, and deadlines in loop time.

A transport stands for the credential of one user. Every request gives the other tasks of the loop a turn, as
a network would, so that a busy client cannot keep them from running.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from mcs_controller.kube.connection.transport import HEAD_BYTES, LineStream, Request, Response
from mcs_controller.kube.errors import Timeout, TooLarge, Unreachable
from mcs_controller.simcluster.serving.server import ApiServer
from mcs_controller.simcluster.serving.watches import Stream

T = TypeVar("T")


class InProcessTransport:
    """A `Transport` to one simulated server."""

    def __init__(self, server: ApiServer, *, user: str) -> None:
        self._server = server
        self._user = user
        self._streams: dict[LineStream, None] = {}
        self._closed = False

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        self._check_open()
        await asyncio.sleep(0)
        if request.before_sending is not None:
            request.before_sending()
        answer = self._server.handle(request, user=self._user)
        response = await self._in_time(answer, timeout_seconds)
        if len(response.body) > request.answer_max_bytes:
            text = f"an answer is longer than {request.answer_max_bytes} bytes"
            raise TooLarge(text, head=response.body[:HEAD_BYTES])
        return response

    async def stream(
        self, request: Request, *, timeout_seconds: float, inactivity_seconds: float
    ) -> LineStream:
        self._check_open()
        await asyncio.sleep(0)
        answer = self._server.stream(request, user=self._user)
        opened = await self._in_time(answer, timeout_seconds)
        if not isinstance(opened, Stream):
            return opened
        self._streams[opened] = None
        opened.on_close(lambda: self._streams.pop(opened, None))
        return _WatchedStream(opened, inactivity_seconds)

    async def renew_credential(self) -> bool:
        return False

    async def close(self) -> None:
        self._closed = True
        for stream in tuple(self._streams):
            await stream.close()

    async def _in_time(self, answer: Coroutine[Any, Any, T], timeout_seconds: float) -> T:
        if not self._server.may_wait:
            # A deadline costs as much as the answer to a small request.
            return await answer
        try:
            async with asyncio.timeout(timeout_seconds):
                return await answer
        except TimeoutError as error:
            raise Timeout(f"no answer within {timeout_seconds} s") from error

    def _check_open(self) -> None:
        if self._closed:
            raise Unreachable("the transport is closed")


class _WatchedStream:
    """A stream that the reader gives up on when nothing comes."""

    def __init__(self, stream: Stream, inactivity_seconds: float) -> None:
        self.status = stream.status
        self.headers = stream.headers
        self._stream = stream
        self._inactivity_seconds = inactivity_seconds

    async def readline(self) -> bytes:
        if (line := self._stream.take()) is not None:
            return line
        try:
            async with asyncio.timeout(self._inactivity_seconds):
                return await self._stream.readline()
        except TimeoutError as error:
            raise Timeout(f"nothing came for {self._inactivity_seconds} s") from error

    async def read_error(self) -> bytes:
        return await self._stream.read_error()

    async def close(self) -> None:
        await self._stream.close()
