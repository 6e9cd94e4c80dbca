"""One open watch: lines in, events out.

It turns each line into an event and an ERROR event into the error that it carries (410 is `Gone`). When the
server closes the stream the iteration ends. It also says what the end of a watch means; what to do then is
the reflector's business. This is the hottest path of the room: one parse and one tuple per event, no task,
no queue.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple, Self

from mcs_controller.kube.errors import (
    ApiError,
    DecodeError,
    Gone,
    KubeError,
    ServerError,
    Timeout,
    TooManyRequests,
    TransportError,
    Unreachable,
)
from mcs_controller.kube.status import error_of_status
from mcs_controller.kube.transport import LineStream

END_REASONS = ("closed", "gone", "inactive", "unreachable", "refused", "undecodable")
"""Why a watch ended; the values of a metric's label."""


class WatchEvent(NamedTuple):
    """`type` is ADDED, MODIFIED, DELETED or BOOKMARK; `object` is the parsed object."""

    type: str
    object: dict[str, Any]


class Watch:
    """An async context manager that closes the stream, and an async iterator of `WatchEvent`."""

    __slots__ = ("_heard", "_parse", "_stream")

    def __init__(self, stream: LineStream, heard: Callable[[], None], parse: Callable[[bytes], Any]) -> None:
        self._stream = stream
        self._heard = heard
        self._parse = parse

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stream.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> WatchEvent:
        line = await self._stream.readline()
        if not line:
            raise StopAsyncIteration
        self._heard()
        try:
            event = self._parse(line)
            kind, body = event["type"], event["object"]
        except (ValueError, TypeError, KeyError) as error:
            if not line.endswith(b"\n"):
                raise Unreachable("the watch broke off in the middle of a line") from error
            raise DecodeError("a watch line is not an event") from error
        if not isinstance(body, dict):
            raise DecodeError("a watch event has no object")
        if kind == "ERROR":
            raise error_of_status(body)
        return WatchEvent(kind, body)


def end_reason(error: KubeError) -> str:
    """Why a watch that ended with `error` ended: one of `END_REASONS`."""
    if isinstance(error, Gone):
        return "gone"
    if isinstance(error, Timeout):
        return "inactive"
    if isinstance(error, TransportError):
        return "unreachable"
    return "refused" if isinstance(error, ApiError) else "undecodable"


def version_is_lost(error: KubeError) -> bool:
    """Whether going on from the same version cannot work: the list will tell what is the matter."""
    if isinstance(error, ServerError):
        return any(cause[1] == "ResourceVersionTooLarge" for cause in error.causes)
    return isinstance(error, ApiError) and not isinstance(error, TooManyRequests)
