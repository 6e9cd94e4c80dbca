"""The transport over HTTP: one aiohttp session to one API server.

It is kept lean, since every watch line and every write passes here: one session with kept-alive
connections, URLs and headers made once, TLS contexts built only when certificates change, deadlines on
everything. asyncio sets TCP_NODELAY on its sockets. Bodies come uncompressed unless the request asks for
gzip, which the client does for lists only.

Every failure of aiohttp leaves as an error of our tree (`kube_error`), and no header does.
"""

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Callable, Mapping
from functools import lru_cache
from urllib.parse import quote, urlencode

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from mcs_controller import __version__
from mcs_controller.kube.credentials import Credential
from mcs_controller.kube.errors import (
    TEXT_MAX_CHARS,
    ConfigError,
    KubeError,
    LineTooLong,
    Timeout,
    TooLarge,
    Unreachable,
)
from mcs_controller.kube.masking import mask_secrets
from mcs_controller.kube.tls import TlsSettings
from mcs_controller.kube.transport import ANSWER_MAX_BYTES, HEAD_BYTES, LineStream, Request, Response

_log = logging.getLogger(__name__)

LINE_MAX_BYTES = ANSWER_MAX_BYTES
ERROR_BODY_MAX_BYTES = 64 * 1024
CONNECT_TIMEOUT_SECONDS = 10.0
KEEPALIVE_SECONDS = 75.0
TLS_CHECK_SECONDS = 30.0
"""How often the certificate files are looked at for a change."""

_USER_AGENT = f"mcs-controller/{__version__}"
_AIOHTTP_ERRORS = (aiohttp.ClientError, HttpProcessingError, OSError, TimeoutError)


class HttpTransport:
    """One API server at `server` (`https://host:port`, perhaps with a path before the API's own)."""

    def __init__(
        self,
        server: str,
        *,
        credential: Credential,
        tls: TlsSettings | None = None,
        proxy: str | None = None,
    ) -> None:
        self._server = server.rstrip("/")
        self._credential = credential
        self._tls = (tls or TlsSettings()) if server.startswith("https:") else None
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None
        self._streams: set[_HttpLineStream] = set()
        self._closed = False
        # Built here, so that a bad certificate is found before the first request.
        self._context = self._tls.context() if self._tls is not None else None
        self._context_stamp = self._tls.stamp() if self._tls is not None else ()
        self._context_certificate: tuple[bytes, bytes] | None = None
        self._context_checked_at = float("-inf")

    def __repr__(self) -> str:
        return f"HttpTransport({self._server})"

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        """Send one request and read the whole answer."""
        response: aiohttp.ClientResponse | None = None
        try:
            response = await self._open(request, _whole(timeout_seconds))
            body = await _body(response, request.answer_max_bytes)
        except _AIOHTTP_ERRORS as error:
            raise kube_error(error, self._server) from _cause(error)
        finally:
            if response is not None and not response.closed:
                response.close()
        return Response(response.status, _headers(response), body)

    async def stream(
        self, request: Request, *, timeout_seconds: float, inactivity_seconds: float
    ) -> LineStream:
        """Open a stream of lines."""
        try:
            async with asyncio.timeout(timeout_seconds):
                response = await self._open(request, _silence(inactivity_seconds))
        except _AIOHTTP_ERRORS as error:
            raise kube_error(error, self._server) from _cause(error)
        _detect_dead_peer(response)
        stream = _HttpLineStream(response, self._server, self._streams.discard)
        self._streams.add(stream)
        return stream

    async def renew_credential(self) -> bool:
        """Force a renewal after a 401."""
        return await self._credential.renew()

    async def close(self) -> None:
        """Release connections; open streams end."""
        self._closed = True
        # Closing the session alone would leave their readers waiting for ever.
        for stream in tuple(self._streams):
            await stream.close()
        await self._credential.close()
        if self._session is not None:
            await self._session.close()

    async def _open(self, request: Request, timeout: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        if self._closed:
            raise Unreachable(f"{self._server}: the connection has been closed by this program")
        headers = {**request.headers, "user-agent": _USER_AGENT}
        authorization = await self._credential.authorization()
        if authorization is not None:
            headers["authorization"] = authorization
        return await self._get_session().request(
            request.method,
            _url(self._server, request.path, request.query),
            headers=headers,
            data=request.body,
            timeout=timeout,
            ssl=self._ssl(),
            server_hostname=self._tls.server_name if self._tls is not None else None,
            proxy=self._proxy,
            allow_redirects=False,
        )

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

    def _ssl(self) -> ssl.SSLContext | bool:
        if self._tls is None:
            return True
        certificate = self._credential.certificate()
        now = asyncio.get_running_loop().time()
        if certificate is not self._context_certificate:
            self._context = self._tls.context(certificate)
            self._context_certificate = certificate
        elif now - self._context_checked_at > TLS_CHECK_SECONDS:
            self._context_checked_at = now
            self._follow_files()
        return self._context if self._context is not None else True

    def _follow_files(self) -> None:
        if self._tls is None:
            return
        stamp = self._tls.stamp()
        if not stamp or stamp == self._context_stamp:
            return
        try:
            self._context = self._tls.context(self._context_certificate)
            self._context_stamp = stamp
        except ConfigError as error:
            # Perhaps it is being written just now; the certificates read before serve on.
            _log.warning("%s: changed certificates cannot be used yet: %s", self._server, error)


class _HttpLineStream:
    """The lines of one answer."""

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        server: str,
        on_close: Callable[["_HttpLineStream"], None],
    ) -> None:
        self.status = response.status
        self.headers = _headers(response)
        self._response = response
        self._content = response.content
        self._server = server
        self._on_close = on_close
        # What has come and was not asked for yet begins there.
        self._chunk = b""
        self._at = 0

    async def readline(self) -> bytes:
        """The next line, b"" at the end."""
        if self._at == len(self._chunk):
            self._chunk, self._at = await self._more(), 0
        end = self._chunk.find(b"\n", self._at) + 1
        if not end:
            return await self._long_line()
        line = self._chunk[self._at : end]
        self._at = end
        return line

    async def _more(self) -> bytes:
        try:
            return await self._content.readany()
        except _AIOHTTP_ERRORS as error:
            raise kube_error(error, self._server) from _cause(error)

    async def _long_line(self) -> bytes:
        """The next line, no end of which has come yet.

        aiohttp's own reader of lines breaks off in the middle of one that is too long; this one skips it.
        """
        parts = [self._chunk[self._at :]]
        size = len(parts[0])
        self._chunk, self._at = b"", 0
        too_long = False
        while True:
            chunk = await self._more()
            end = chunk.find(b"\n") + 1
            size += end or len(chunk)
            if not too_long:
                parts.append(chunk[:end] if end else chunk)
                too_long = size > LINE_MAX_BYTES
                if too_long:
                    parts = [b"".join(parts)[:HEAD_BYTES]]
            if not end and chunk:
                continue
            self._chunk, self._at = chunk, end
            if too_long:
                text = f"{self._server}: a line of {size} bytes, {LINE_MAX_BYTES} may be"
                raise LineTooLong(text, head=parts[0])
            return b"".join(parts)

    async def read_error(self) -> bytes:
        """What the server said instead of lines."""
        try:
            return await _body(self._response, ERROR_BODY_MAX_BYTES)
        except TooLarge:
            return b""
        except _AIOHTTP_ERRORS as error:
            raise kube_error(error, self._server) from _cause(error)

    async def close(self) -> None:
        """Give the connection up: what the server still sends on it is of no use."""
        self._on_close(self)
        self._response.close()


def kube_error(error: BaseException, server: str) -> KubeError:
    """What an exception of aiohttp, or of what lies below it, is called in our tree."""
    text = mask_secrets(f"{server}: {_describe(error)}")[:TEXT_MAX_CHARS]
    if isinstance(error, TimeoutError):
        return Timeout(text)
    if isinstance(error, aiohttp.InvalidURL):
        return ConfigError(f"{server} is no URL of an API server")
    return Unreachable(text)


def _describe(error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not trusted: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        # Its own text names the TLS context by its address in memory, different in every process.
        cause = error.os_error
        if isinstance(cause, ConnectionError) and cause.errno is not None:
            return f"cannot connect: {os.strerror(cause.errno)}"
        return f"cannot connect: {cause.strerror or cause}"
    if isinstance(error, TimeoutError):
        return "no answer before the deadline"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server closed the connection"
    if isinstance(error, aiohttp.ClientResponseError):
        return f"the answer is not HTTP: {error.message}"
    return str(error) or type(error).__name__


def _cause(error: BaseException) -> BaseException | None:
    # The repr of these holds the request's headers, and with them the credential.
    return None if isinstance(error, aiohttp.ClientResponseError) else error


@lru_cache(maxsize=32)
def _whole(timeout_seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=CONNECT_TIMEOUT_SECONDS)


@lru_cache(maxsize=32)
def _silence(inactivity_seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=None, sock_connect=CONNECT_TIMEOUT_SECONDS, sock_read=inactivity_seconds
    )


def _url(server: str, path: str, query: tuple[tuple[str, str], ...]) -> URL:
    text = server + quote(path)
    if query:
        text = f"{text}?{urlencode(query)}"
    return URL(text, encoded=True)


def _headers(response: aiohttp.ClientResponse) -> Mapping[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


async def _body(response: aiohttp.ClientResponse, limit_bytes: int) -> bytes:
    content = response.content
    body = await content.readany()
    chunks = [body]
    size = len(body)
    while body:
        if size > limit_bytes:
            raise TooLarge(
                f"an answer is longer than {limit_bytes} bytes", head=b"".join(chunks)[:HEAD_BYTES]
            )
        body = await content.readany()
        chunks.append(body)
        size += len(body)
    return b"".join(chunks)


def _detect_dead_peer(response: aiohttp.ClientResponse) -> None:
    """Have the kernel notice within half a minute that the other end of a silent watch is gone."""
    connection = response.connection
    transport = connection.transport if connection is not None else None
    peer = transport.get_extra_info("socket") if transport is not None else None
    if peer is None or peer.family not in (socket.AF_INET, socket.AF_INET6):
        return
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
