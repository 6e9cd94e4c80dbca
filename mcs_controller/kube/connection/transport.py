"""The seam between this program and an API server: one request, or one stream of watch lines.

Everything above sees only `Transport`. Over HTTP it is `http_transport.py`; in a simulation it is simcluster
in the same process, without sockets. A transport knows nothing of Kubernetes: status codes are returned, not
raised, and bodies are bytes. It raises `TransportError` (`errors.py`) when there is no answer at all, and
`TooLarge` when it is longer than its bound.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

from mcs_controller.kube.connection.lifetime import Lifetime

ANSWER_MAX_BYTES: Final = 16 * 1024 * 1024
"""Ten times what etcd takes of one object; a line of a watch is bounded by the same."""

HEAD_BYTES: Final = 64 * 1024
"""What is kept of an answer or line that is larger than its bound."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; `path` and `query` are unescaped, header names are lower case.

    `answer_max_bytes` bounds the answer's body, after decompression. A transport calls `before_sending` in
    the step of the loop in which it hands the request over, each time that it does; nothing is sent if it
    raises.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    answer_max_bytes: int = ANSWER_MAX_BYTES
    before_sending: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class LineStream(Protocol):
    """An answer that arrives line by line for as long as the server goes on.

    When `status` is not 200, `read_error` gives the (bounded) body and there are no lines.
    """

    status: int
    headers: Mapping[str, str]

    async def readline(self) -> bytes:
        """The next line with its newline, or b"" when the server has closed the stream.

        Raises `Timeout` after the inactivity deadline given to `Transport.stream`, `Unreachable` when the
        connection breaks. Raises `LineTooLong` for a line beyond the transport's bound, which it skips.
        """
        ...

    async def read_error(self) -> bytes:
        """The body of an answer whose status is not 200."""
        ...

    async def close(self) -> None:
        """Give the connection up; safe to call twice."""
        ...


class Transport(Protocol):
    """One API server as this process reaches it, with the credential that it uses."""

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        """Send one request and read the whole answer.

        Raises `TransportError`, `TooLarge`, and what the request's `before_sending` raises.
        """
        ...

    async def stream(
        self, request: Request, *, timeout_seconds: float, inactivity_seconds: float
    ) -> LineStream:
        """Open a stream: `timeout_seconds` until the headers, then `inactivity_seconds` between lines."""
        ...

    async def renew_credential(self) -> bool:
        """Force a renewal after a 401; True if one more try makes sense."""
        ...

    async def close(self) -> None:
        """Release connections; open streams end."""
        ...


@runtime_checkable
class HasLifetime(Protocol):
    """A transport whose credential may end; one in memory needs none."""

    def lifetime(self) -> Lifetime | None:
        """Of the present credential; None if nothing is known of its end."""
        ...
