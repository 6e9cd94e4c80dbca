"""The transport over HTTP: one API server, its credential, its certificates, and two ways of asking it.

It is kept lean, since every watch line and every write passes here: what is plain is asked directly
(`direct.py`), what needs a proxy or comes compressed, as lists do, by aiohttp (`aiohttp_session.py`). TLS
contexts are built only when certificates change, and everything has a deadline. asyncio sets TCP_NODELAY on
its sockets. Bodies come uncompressed unless the request asks for gzip.

Every failure leaves as an error of our tree (`kube_error`), and no header does.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Final, Protocol
from urllib.parse import quote, urlencode

from mcs_controller import __version__
from mcs_controller.kube.connection.aiohttp_session import Session
from mcs_controller.kube.connection.credentials import Credential
from mcs_controller.kube.connection.direct import Direct
from mcs_controller.kube.connection.http_connection import ExchangeError
from mcs_controller.kube.connection.lifetime import Lifetime
from mcs_controller.kube.connection.tls import TlsSettings
from mcs_controller.kube.connection.transport import (
    ANSWER_MAX_BYTES,
    HEAD_BYTES,
    LineStream,
    Request,
    Response,
)
from mcs_controller.kube.errors import (
    TEXT_MAX_CHARS,
    ConfigError,
    KubeError,
    LineTooLong,
    Timeout,
    TooLarge,
    Unreachable,
)
from mcs_controller.observe.masking import mask_secrets

_log = logging.getLogger(__name__)

LINE_MAX_BYTES: Final = ANSWER_MAX_BYTES
ERROR_BODY_MAX_BYTES: Final = 64 * 1024
TLS_CHECK_SECONDS: Final = 30.0
"""How often the certificate files are checked for a change."""

_USER_AGENT: Final = f"mcs-controller/{__version__}"
_ERRORS: Final = (ExchangeError, OSError, TimeoutError)


class Answer(Protocol):
    """What came back, by whichever way; header names are lower case."""

    @property
    def status(self) -> int:
        """Of HTTP."""

    @property
    def headers(self) -> Mapping[str, str]:
        """All of them."""

    async def chunk(self) -> bytes:
        """More of the body, b"" at its end. Raises `ExchangeError`, `OSError`."""

    def socket(self) -> "socket.socket | None":
        """The socket below, None when it is gone."""

    def close(self) -> None:
        """Give up what has not been read."""


class HttpTransport:
    """One API server at `server` (`https://host:port`, perhaps with a path before the API's own)."""

    def __init__(
        self,
        server: str,
        *,
        credential: Credential,
        tls: TlsSettings | None = None,
        proxy: str | None = None,
        disable_compression: bool = False,
    ) -> None:
        self._server = server.rstrip("/")
        self._credential = credential
        self._tls = (tls or TlsSettings()) if server.startswith("https:") else None
        server_name = self._tls.server_name if self._tls is not None else None
        self._direct = Direct(self._server, server_name)
        self._session = Session(self._server, server_name, proxy)
        self._has_proxy = proxy is not None
        self._disable_compression = disable_compression
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
        try:
            async with asyncio.timeout(timeout_seconds):
                answer = await self._open(request)
                try:
                    body = await _body(answer, request.answer_max_bytes)
                finally:
                    answer.close()
        except _ERRORS as error:
            raise self._unanswered(error) from error
        return Response(answer.status, answer.headers, body)

    async def stream(
        self, request: Request, *, timeout_seconds: float, inactivity_seconds: float
    ) -> LineStream:
        """Open a stream of lines."""
        try:
            async with asyncio.timeout(timeout_seconds):
                answer = await self._open(request, inactivity_seconds)
        except _ERRORS as error:
            raise self._unanswered(error) from error
        _detect_dead_peer(answer.socket())
        stream = _HttpLineStream(answer, self._server, self._streams.discard)
        self._streams.add(stream)
        return stream

    def lifetime(self) -> Lifetime | None:
        """Of the credential's present token."""
        return self._credential.lifetime()

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
        await self._direct.close()
        await self._session.close()

    async def _open(self, request: Request, inactivity_seconds: float | None = None) -> Answer:
        """The answer to a request, once its headers are here; None: no silence in its body is too long."""
        self._check_not_closed()
        headers = {**request.headers, "user-agent": _USER_AGENT}
        if self._disable_compression:
            headers["accept-encoding"] = "identity"
        authorization = await self._credential.authorization()
        if authorization is not None:
            headers["authorization"] = authorization
        # Renewing a credential may have taken a while.
        self._check_not_closed()
        target = quote(request.path)
        if request.query:
            target = f"{target}?{urlencode(request.query)}"
        is_plain = not self._has_proxy and headers.get("accept-encoding") == "identity"
        way = self._direct if is_plain else self._session
        return await way.ask(
            request.method,
            target,
            headers,
            request.body,
            self._tls_context(),
            inactivity_seconds,
            request.before_sending,
        )

    def _unanswered(self, error: BaseException) -> KubeError:
        # Perhaps the server has a new certificate, and its CA has just been written into our file.
        self._context_checked_at = float("-inf")
        if isinstance(error, TimeoutError):
            self._direct.forget_idle()
        return kube_error(error, self._server)

    def _check_not_closed(self) -> None:
        if self._closed:
            raise Unreachable(f"{self._server}: the connection has been closed by this program")

    def _tls_context(self) -> ssl.SSLContext | None:
        if self._tls is None:
            return None
        certificate = self._credential.certificate()
        now = asyncio.get_running_loop().time()
        if certificate is not self._context_certificate:
            self._context = self._tls.context(certificate)
            self._context_certificate = certificate
        elif now - self._context_checked_at > TLS_CHECK_SECONDS:
            self._context_checked_at = now
            self._follow_files()
        return self._context

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
            # Perhaps they are being written just now: the certificates read before stay in use.
            _log.warning("%s: changed certificates cannot be used yet: %s", self._server, error)


class _HttpLineStream:
    """The lines of one answer."""

    def __init__(
        self,
        answer: Answer,
        server: str,
        on_close: Callable[["_HttpLineStream"], None],
    ) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self._answer = answer
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
            return await self._answer.chunk()
        except _ERRORS as error:
            raise kube_error(error, self._server) from error

    async def _long_line(self) -> bytes:
        """The next line, no end of which has come yet.

        One that is too long is skipped.
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
            return await _body(self._answer, ERROR_BODY_MAX_BYTES)
        except TooLarge:
            return b""
        except _ERRORS as error:
            raise kube_error(error, self._server) from error

    async def close(self) -> None:
        """Close the connection: what the server still sends on it is not needed."""
        self._on_close(self)
        self._answer.close()


def kube_error(error: BaseException, server: str) -> KubeError:
    """What an exception of either way, or of what lies below it, is called in our tree."""
    text = "no answer before the deadline" if isinstance(error, TimeoutError) else str(error)
    masked = mask_secrets(f"{server}: {text or type(error).__name__}")[:TEXT_MAX_CHARS]
    return Timeout(masked) if isinstance(error, TimeoutError) else Unreachable(masked)


async def _body(answer: Answer, limit_bytes: int) -> bytes:
    body = await answer.chunk()
    chunks = [body]
    size = len(body)
    while body:
        if size > limit_bytes:
            raise TooLarge(
                f"an answer is longer than {limit_bytes} bytes", head=b"".join(chunks)[:HEAD_BYTES]
            )
        body = await answer.chunk()
        chunks.append(body)
        size += len(body)
    return b"".join(chunks)


def _detect_dead_peer(peer: socket.socket | None) -> None:
    """Have the kernel notice within half a minute that the other end of a silent watch is gone."""
    if peer is None or peer.family not in (socket.AF_INET, socket.AF_INET6):
        return
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
