"""A connection that follows its kubeconfig: whoever renews what is in it need not restart the program.

A token, a CA or a server's address may stand in the file itself, and the file may be a mounted Secret. When
it changes, requests go by a new transport at once. Those that are under way end by the old one, then that
is closed with its streams: a watch belongs to the server and the credential that the file names now. A file
that cannot be used, as it is being written or is gone for a moment, changes nothing.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

from mcs_controller.kube.connection.credentials import RENEWED_LATELY_SECONDS
from mcs_controller.kube.connection.lifetime import Lifetime
from mcs_controller.kube.connection.transport import HasLifetime, LineStream, Request, Response, Transport
from mcs_controller.kube.errors import ConfigError

_log = logging.getLogger(__name__)

Stamp = tuple[int, int, int]


class _Way:
    """One transport, and how many requests are under way on it."""

    __slots__ = ("requests", "transport")

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.requests = 0


class FollowedTransport:
    """The transport that `load` makes of the file at `path`, made again when that changes.

    Raises what `load` raises, when there is none yet.
    """

    def __init__(self, path: Path, load: Callable[[], Transport]) -> None:
        self._path = path
        self._load = load
        self._stamp = self._stamp_now()
        self._way = _Way(load())
        self._changed_at = -RENEWED_LATELY_SECONDS

    def __repr__(self) -> str:
        return repr(self._way.transport)

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        """As the transport of the file as it is now."""
        await self._follow()
        way = self._way
        way.requests += 1
        try:
            return await way.transport.request(request, timeout_seconds=timeout_seconds)
        finally:
            await self._leave(way)

    async def stream(
        self, request: Request, *, timeout_seconds: float, inactivity_seconds: float
    ) -> LineStream:
        """As the transport of the file as it is now; the stream ends when the file changes."""
        await self._follow()
        way = self._way
        way.requests += 1
        try:
            return await way.transport.stream(
                request, timeout_seconds=timeout_seconds, inactivity_seconds=inactivity_seconds
            )
        finally:
            await self._leave(way)

    def lifetime(self) -> Lifetime | None:
        """Of the token that the file had when it was last followed."""
        transport = self._way.transport
        return transport.lifetime() if isinstance(transport, HasLifetime) else None

    async def renew_credential(self) -> bool:
        """True if the file has, or lately had, changed, or if its credential could be renewed."""
        await self._follow()
        changed_seconds_ago = asyncio.get_running_loop().time() - self._changed_at
        return changed_seconds_ago < RENEWED_LATELY_SECONDS or await self._way.transport.renew_credential()

    async def close(self) -> None:
        """Release connections; open streams end."""
        await self._way.transport.close()

    async def _follow(self) -> None:
        stamp = self._stamp_now()
        if stamp is None or stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            transport = self._load()
        except ConfigError as error:
            _log.warning("the changed kubeconfig cannot be used, going on as before: %s", error)
            return
        _log.info("kubeconfig %s has changed and is followed", self._path)
        before, self._way = self._way, _Way(transport)
        self._changed_at = asyncio.get_running_loop().time()
        if not before.requests:
            await before.transport.close()

    async def _leave(self, way: _Way) -> None:
        way.requests -= 1
        if way is not self._way and not way.requests:
            await way.transport.close()

    def _stamp_now(self) -> Stamp | None:
        """None while the file is not there."""
        try:
            status = os.stat(self._path)
        except OSError:
            return None
        return (status.st_mtime_ns, status.st_size, status.st_ino)
