"""One open watch: lines in, events out.

It turns each line into an event and an ERROR event into the error that it carries (410 is `Gone`). When the
server closes the stream the iteration ends. What events cost, their consumer's work included, is done in
turns. It also says what the end of a watch means; what to do then is the reflector's business. This is the
hottest path of the room: one parse and one tuple per event, no task, no queue.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Final, NamedTuple, Self

from mcs_controller.api.resources import Resource
from mcs_controller.kube.connection.transport import LineStream
from mcs_controller.kube.decoding.object_reader import JsonObject, LeftOut, ObjectReader, object_of_head
from mcs_controller.kube.error_mapping import error_of_status
from mcs_controller.kube.errors import (
    ApiError,
    Gone,
    KubeError,
    LineTooLong,
    NotFound,
    Timeout,
    TransportError,
)

END_REASONS: Final = ("closed", "gone", "inactive", "unreachable", "refused", "undecodable")
"""Why a watch ended; the values of a metric's label."""


class WatchEvent(NamedTuple):
    """`type` is ADDED, MODIFIED, DELETED or BOOKMARK; `object` is the parsed object, or why there is none."""

    type: str
    object: JsonObject | LeftOut


class Watch:
    """An async context manager that closes the stream, and an async iterator of `WatchEvent`."""

    __slots__ = ("_began", "_heard", "_left_out", "_reader", "_stream", "_turn")

    def __init__(
        self,
        stream: LineStream,
        heard: Callable[[], None],
        reader: ObjectReader,
        left_out: Callable[[LeftOut], None],
    ) -> None:
        self._stream = stream
        self._heard = heard
        self._reader = reader
        self._left_out = left_out
        self._turn = reader.turn
        self._began: float | None = None

    @property
    def waiting(self) -> bool:
        """Whether nothing is at hand: it waits for the server."""
        return self._began is None

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
        turn = self._turn
        if self._began is not None and turn.used_up_by(turn.now() - self._began):
            # The last event, with what its consumer did, was one too many to go on at once.
            await turn.pause()
        self._began = None
        try:
            line = await self._stream.readline()
        except LineTooLong as error:
            # Whatever happened to the object, nothing is known of how it is now.
            return self._too_long(error)
        if not line:
            raise StopAsyncIteration
        self._began = turn.now()
        self._heard()
        kind, body = await self._reader.event(line)
        if isinstance(body, LeftOut):
            self._left_out(body)
        elif kind == "ERROR":
            raise error_of_status(body)
        return WatchEvent(kind, body)

    def _too_long(self, error: LineTooLong) -> WatchEvent:
        self._heard()
        body = object_of_head(error.head)
        self._left_out(body)
        return WatchEvent("MODIFIED", body)


def end_reason(error: KubeError) -> str:
    """Why a watch that ended with `error` ended: one of `END_REASONS`."""
    if isinstance(error, Gone):
        return "gone"
    if isinstance(error, Timeout):
        return "inactive"
    if isinstance(error, TransportError):
        return "unreachable"
    return "refused" if isinstance(error, ApiError) else "undecodable"


def problem_text(verb: str, resource: Resource | None, name: str, error: KubeError) -> str:
    """What to tell people when list or watch fails; `resource` is None until its version is known."""
    if not isinstance(error, NotFound):
        return f"cannot {verb} {resource.plural if resource is not None else name}: {error}"
    if resource is None:
        return f"CRD not installed: {error.message}; waiting for it"
    return f"CRD not installed: the API server does not serve {resource.crd_name}; waiting for it"
