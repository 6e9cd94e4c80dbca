"""A way to an API server that passes everything on; tests change on it what they are about."""

from __future__ import annotations

from mcs_controller.kube.connection.transport import LineStream, Request, Response, Transport


class PassingTransport:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        return await self._transport.request(request, timeout_seconds=timeout_seconds)

    async def stream(
        self, request: Request, *, timeout_seconds: float, inactivity_seconds: float
    ) -> LineStream:
        return await self._transport.stream(
            request, timeout_seconds=timeout_seconds, inactivity_seconds=inactivity_seconds
        )

    async def renew_credential(self) -> bool:
        return await self._transport.renew_credential()

    async def close(self) -> None:
        await self._transport.close()
