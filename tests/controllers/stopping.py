"""A leader that is stopped right before a write, and a request that is held on its way."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping

from mcs_controller.kube.connection.transport import LineStream, Request, Response, Transport
from mcs_controller.kube.errors import KubeError, Timeout
from tests.support.transports import PassingTransport


class Stop:
    """Stops one process at its first write that matches `METHOD path`; then nothing reaches it any more.

    `sent` are the writes that it sent after it went on.
    """

    def __init__(self, at: str = "") -> None:
        self.at = at
        self.reached = asyncio.Event()
        self.sent: list[str] = []
        self._goes_on = asyncio.Event()
        self._goes_on.set()

    def resume(self) -> None:
        """Let it go on where it was."""
        self._goes_on.set()

    def wrap(self, transport: Transport) -> Transport:
        return _Stoppable(transport, self)

    async def passed(self) -> None:
        await self._goes_on.wait()

    def comes_to(self, request: Request) -> None:
        if self.at and not self.reached.is_set() and re.search(self.at, _line(request)):
            self.reached.set()
            self._goes_on.clear()


class _Stoppable(PassingTransport):
    def __init__(self, transport: Transport, stop: Stop) -> None:
        super().__init__(transport)
        self._stop = stop

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        self._stop.comes_to(request)
        await self._stop.passed()
        goes_on = self._stop.reached.is_set()
        response = await super().request(request, timeout_seconds=timeout_seconds)
        if goes_on and request.method != "GET":
            self._stop.sent.append(_line(request))
        await self._stop.passed()
        return response

    async def stream(
        self, request: Request, *, timeout_seconds: float, inactivity_seconds: float
    ) -> LineStream:
        await self._stop.passed()
        stream = await super().stream(
            request, timeout_seconds=timeout_seconds, inactivity_seconds=inactivity_seconds
        )
        return _StoppableLines(stream, self._stop)


class _StoppableLines:
    def __init__(self, stream: LineStream, stop: Stop) -> None:
        self.status = stream.status
        self.headers: Mapping[str, str] = stream.headers
        self._stream = stream
        self._stop = stop

    async def readline(self) -> bytes:
        line = await self._stream.readline()
        await self._stop.passed()
        return line

    async def read_error(self) -> bytes:
        return await self._stream.read_error()

    async def close(self) -> None:
        await self._stream.close()


class Limbo:
    """Holds the first request that matches, as a proxy or a busy server may.

    Its sender can be gone by then, or has given up waiting for an answer.
    """

    def __init__(self, at: str) -> None:
        self.at = at
        self.holds = asyncio.Event()
        self.released = asyncio.Event()
        self.answered = asyncio.Event()
        self.status = 0
        self._held: set[asyncio.Task[Response]] = set()

    def wrap(self, transport: Transport) -> Transport:
        return _Held(transport, self)

    async def carry_out(self) -> None:
        """Let the server have it, and wait for its answer."""
        self.released.set()
        await self.answered.wait()

    async def hold(self, transport: Transport, request: Request) -> Response:
        if request.before_sending is not None:
            request.before_sending()
        self.holds.set()
        task = asyncio.create_task(self._later(transport, request))
        self._held.add(task)
        return await asyncio.shield(task)

    async def _later(self, transport: Transport, request: Request) -> Response:
        await self.released.wait()
        try:
            handed_over = Request(request.method, request.path, request.query, request.headers, request.body)
            response = await transport.request(handed_over, timeout_seconds=60)
            self.status = response.status
            return response
        finally:
            self.answered.set()


class _Held(PassingTransport):
    def __init__(self, transport: Transport, limbo: Limbo) -> None:
        super().__init__(transport)
        self._limbo = limbo

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        if not self._limbo.holds.is_set() and re.search(self._limbo.at, _line(request)):
            try:
                async with asyncio.timeout(timeout_seconds):
                    return await self._limbo.hold(self._transport, request)
            except TimeoutError as error:
                raise Timeout(f"no answer within {timeout_seconds} s") from error
        return await super().request(request, timeout_seconds=timeout_seconds)

    async def close(self) -> None:
        """What is on its way stays there."""
        if not self._limbo.holds.is_set() or self._limbo.answered.is_set():
            with contextlib.suppress(KubeError):
                await super().close()


def _line(request: Request) -> str:
    return f"{request.method} {request.path}"
