"""Requests by an aiohttp session: through a proxy, and with answers that come compressed.

The session is kept lean all the same: connections are kept alive, URLs and headers made once, no cookies.
"""

import os
import socket
import ssl
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from mcs_controller.kube.connection.http_connection import ExchangeError
from mcs_controller.kube.connection.pool import CONNECT_TIMEOUT_SECONDS
from mcs_controller.kube.errors import ConfigError, KubeError

KEEPALIVE_SECONDS: Final = 10.0
"""Lists come together or hardly ever; one on a connection that became deaf would wait for its deadline."""

_ERRORS: Final = (aiohttp.ClientError, HttpProcessingError)


class Session:
    """Asks the API server at `server`, perhaps through a `proxy`."""

    def __init__(self, server: str, server_name: str | None = None, proxy: str | None = None) -> None:
        self._server = server
        self._server_name = server_name
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None

    async def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        context: ssl.SSLContext | None,
        inactivity_seconds: float | None,
        before_sending: Callable[[], None] | None = None,
    ) -> "SessionAnswer":
        """The answer, once its headers are here; what `before_sending` raises goes through.

        Raises:
            ExchangeError, OSError: there is none.
            ConfigError: the server's URL is none.
        """
        try:
            response = await self._get_session().request(
                method,
                URL(self._server + target, encoded=True),
                headers=headers,
                data=_body(body, before_sending),
                timeout=_silence(inactivity_seconds),
                ssl=context if context is not None else True,
                server_hostname=self._server_name,
                proxy=self._proxy,
                allow_redirects=False,
            )
        except _ERRORS as error:
            if isinstance(error.__cause__, KubeError):
                # Of `before_sending`: aiohttp takes it for a failure to send.
                raise error.__cause__ from None
            raise _told(error, self._server) from _cause(error)
        return SessionAnswer(response, self._server)

    async def close(self) -> None:
        """Close all connections that wait."""
        if self._session is not None:
            await self._session.close()

    def _get_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0, keepalive_timeout=KEEPALIVE_SECONDS, force_close=False
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                raise_for_status=False,
                trust_env=False,
            )
        return self._session


class SessionAnswer:
    """An answer of aiohttp's."""

    __slots__ = ("_response", "_server", "headers", "status")

    def __init__(self, response: aiohttp.ClientResponse, server: str) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
        self._response = response
        self._server = server

    async def chunk(self) -> bytes:
        """More of the body, b"" at its end. Raises `ExchangeError`, `OSError`."""
        try:
            return await self._response.content.readany()
        except _ERRORS as error:
            raise _told(error, self._server) from _cause(error)

    def socket(self) -> "socket.socket | None":
        """The socket below, None when it is gone."""
        connection = self._response.connection
        transport = connection.transport if connection is not None else None
        return transport.get_extra_info("socket") if transport is not None else None

    def close(self) -> None:
        """Give up what has not been read."""
        if not self._response.closed:
            self._response.close()


class _CheckedBody(aiohttp.BytesPayload):
    """A body that is checked in the step in which aiohttp writes it.

    The headers may have left by then; without its body the server carries out nothing.
    """

    def __init__(self, body: bytes, before_sending: Callable[[], None]) -> None:
        super().__init__(body)
        self._before_sending = before_sending

    async def write_with_length(
        self, writer: aiohttp.abc.AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Write the body, unless the check raises."""
        self._before_sending()
        await super().write_with_length(writer, content_length)


def _body(body: bytes | None, before_sending: Callable[[], None] | None) -> bytes | _CheckedBody | None:
    if body is None or before_sending is None:
        return body
    return _CheckedBody(body, before_sending)


def _told(error: Exception, server: str) -> Exception:
    if isinstance(error, TimeoutError):
        return TimeoutError()
    if isinstance(error, aiohttp.InvalidURL):
        return ConfigError(f"{server} is no URL of an API server")
    return ExchangeError(_describe(error))


def _describe(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not trusted: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        # Its own text names the TLS context by its address in memory, different in every process.
        cause = error.os_error
        if isinstance(cause, ConnectionError) and cause.errno is not None:
            return f"cannot connect: {os.strerror(cause.errno)}"
        return f"cannot connect: {cause.strerror or cause}"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server closed the connection"
    if isinstance(error, aiohttp.ClientResponseError):
        return f"the answer is not HTTP: {error.message}"
    return str(error) or type(error).__name__


def _cause(error: BaseException) -> BaseException | None:
    # The repr of these holds the request's headers, and with them the credential.
    return None if isinstance(error, aiohttp.ClientResponseError) else error


@lru_cache(maxsize=32)
def _silence(inactivity_seconds: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=None, sock_connect=CONNECT_TIMEOUT_SECONDS, sock_read=inactivity_seconds
    )
