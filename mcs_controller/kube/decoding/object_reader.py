"""Makes objects of what an API server sends, one by one: no object costs the others anything.

The answer to a list is cut into the texts of its objects, and each is parsed by itself, when its turn comes.
What a parser refuses for its depth is tried again without the depths (`shallow.py`), so that an object is
read as long as what we read of it can be. One that cannot be is left out: `LeftOut` says what is known of it.

Who lists or watches may bound what an object may cost (`Bounds`); that is asked before it is decoded.
"""

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from mcs_controller.kube.decoding.field_parser import WHOLE, ObjectParser
from mcs_controller.kube.decoding.shallow import shallow
from mcs_controller.kube.errors import TEXT_MAX_CHARS, DecodeError, Unreachable
from mcs_controller.kube.pacing.turns import Turn

JsonObject = dict[str, Any]
_T = TypeVar("_T")

Admit = Callable[[str, str, int], bool]
"""Given namespace, name and size in bytes of an object's JSON: whether to decode it.

It is asked for every object that a list has and for every one that a watch adds or changes, before anything
but these three has been read of it. It must be cheap and must not raise. A deletion is not asked about.
"""

_ASKED_ABOUT: Final = frozenset(("ADDED", "MODIFIED"))


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an object may cost; by default anything."""

    object_max_bytes: int | None = None
    admit: Admit | None = None


UNBOUNDED: Final = Bounds()


class LeftOut(NamedTuple):
    """An object that was not decoded; of its metadata what could be read of it, else empty texts."""

    reason: str
    detail: str
    namespace: str
    name: str
    resource_version: str
    size_bytes: int


class Page(NamedTuple):
    """The answer to a list, its objects unparsed.

    Of an answer that one object makes too large there is only what its head says: `left_out`, and no objects.
    """

    objects: list[msgspec.Raw]
    resource_version: str
    continue_token: str
    size_bytes: int
    left_out: LeftOut | None = None


class _Names(msgspec.Struct, frozen=True):
    name: str = ""
    namespace: str = ""
    resourceVersion: str = ""


class _Named(msgspec.Struct, frozen=True):
    metadata: _Names


class _ListMetadata(msgspec.Struct, frozen=True):
    resourceVersion: str
    # `continue`, which is no name in Python.
    token: str | None = msgspec.field(default=None, name="continue")


class _List(msgspec.Struct, frozen=True):
    metadata: _ListMetadata
    # A nil slice in Go is null on the wire.
    items: list[msgspec.Raw] | None


class _RawEvent(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


_NAMED: Final = msgspec.json.Decoder(_Named)
_LIST: Final = msgspec.json.Decoder(_List)
_EVENT: Final = msgspec.json.Decoder(_RawEvent)
_LIST_METADATA: Final = msgspec.json.Decoder(_ListMetadata)
_NAMES: Final = msgspec.json.Decoder(_Names)
_UNNAMED: Final = _Names()

_HEAD_OF_LIST: Final = re.compile(rb'\{[^{}\[\]]*?"metadata":\s*+(\{[^{}\[\]]*+\}),\s*+"items":\s*+\[')
_HEAD_OF_OBJECT: Final = re.compile(
    rb'(?:"object":\s*+|"items":\s*+\[\s*+)\{[^{}\[\]]*?"metadata":\s*+(\{[^{}\[\]]*+)'
)


class ObjectReader:
    """Reads the objects of one kind, with what `parse` takes of each."""

    __slots__ = ("_bounded", "_bounds", "_parse", "turn")

    def __init__(self, parse: ObjectParser, bounds: Bounds, turn: Turn) -> None:
        self.turn = turn
        self._parse = parse
        self._bounds = bounds
        self._bounded = bounds != UNBOUNDED

    async def page(self, body: bytes) -> Page:
        """The answer to a list. Raises `ValueError` when it is none."""
        try:
            listed = _LIST.decode(body)
        except (msgspec.DecodeError, RecursionError) as error:
            listed = await self._again(_LIST, body, error)
        if not listed.metadata.resourceVersion:
            raise ValueError("the list has no resourceVersion")
        return Page(
            listed.items or [], listed.metadata.resourceVersion, listed.metadata.token or "", len(body)
        )

    async def object(self, text: msgspec.Raw) -> JsonObject | LeftOut:
        """One object of a list."""
        return await (self._object(text) if self._bounded else self._parsed(text, self._parse))

    async def event(self, line: bytes) -> tuple[str, JsonObject | LeftOut]:
        """Type and object of a line of a watch. Raises `Unreachable` for half a line, `DecodeError`."""
        if not self._bounded:
            try:
                event = self._parse.event(line)
                kind, body = event["type"], event["object"]
            except (ValueError, TypeError, KeyError):
                pass  # Read again below, where there is time to say what is wrong with it.
            else:
                if not isinstance(body, dict):
                    raise DecodeError("a watch event has no object")
                return kind, body
        try:
            event = _EVENT.decode(line)
        except (msgspec.DecodeError, RecursionError) as error:
            if not line.endswith(b"\n"):
                raise Unreachable("the watch broke off in the middle of a line") from error
            try:
                event = await self._again(_EVENT, line, error)
            except ValueError:
                raise DecodeError("a watch line is not an event") from error
        if event.type in _ASKED_ABOUT:
            return event.type, await self.object(event.object)
        return event.type, await self._parsed(event.object, WHOLE if event.type == "ERROR" else self._parse)

    async def _object(self, text: msgspec.Raw) -> JsonObject | LeftOut:
        names = await self._names(text)
        size_bytes, allowed_bytes = len(text), self._bounds.object_max_bytes
        if allowed_bytes is not None and size_bytes > allowed_bytes:
            return LeftOut("too_large", f"{size_bytes} bytes, {allowed_bytes} may be", *names, size_bytes)
        admit = self._bounds.admit
        if admit is not None and not admit(names[0], names[1], size_bytes):
            return LeftOut("not_admitted", f"{size_bytes} bytes", *names, size_bytes)
        return await self._parsed(text, self._parse)

    async def _parsed(self, text: msgspec.Raw, parse: ObjectParser) -> JsonObject | LeftOut:
        try:
            body = parse.object(text)
        except ValueError as error:
            try:
                body = parse.object(await shallow(bytes(text), self.turn))
            except ValueError:
                detail = str(error)[:TEXT_MAX_CHARS]
                return LeftOut("unreadable", detail, *await self._names(text), len(text))
        if not isinstance(body, dict):
            return LeftOut("unreadable", "it is no object", "", "", "", len(text))
        return body

    async def _names(self, text: msgspec.Raw) -> tuple[str, str, str]:
        """Namespace, name and version, as far as they can be found."""
        try:
            names = _NAMED.decode(text).metadata
        except (msgspec.DecodeError, RecursionError) as error:
            try:
                names = (await self._again(_NAMED, text, error)).metadata
            except ValueError:
                names = _UNNAMED
        return names.namespace, names.name, names.resourceVersion

    async def _again(
        self, decoder: msgspec.json.Decoder[_T], text: bytes | msgspec.Raw, error: BaseException
    ) -> _T:
        """What the decoder makes of the text without its depths; `error` says why it refused the whole."""
        try:
            return decoder.decode(await shallow(bytes(text), self.turn))
        except ValueError:
            raise ValueError(str(error)) from error


def page_of_head(head: bytes) -> Page | None:
    """The page, without its one object, of an answer that is too large; None if its head says too little.

    API servers put a list's metadata before its items.
    """
    found = _HEAD_OF_LIST.match(head)
    if found is None:
        return None
    try:
        metadata = _LIST_METADATA.decode(found[1])
    except msgspec.DecodeError:
        return None
    return Page([], metadata.resourceVersion, metadata.token or "", len(head), object_of_head(head))


def object_of_head(head: bytes) -> LeftOut:
    """The one object of an answer, or of a watch line, that is too large to be read beyond its head.

    It has a name if the names come first in its metadata, as in Kubernetes' own kinds. Only those may be
    larger as JSON than what the API server accepted.
    """
    names = _UNNAMED
    if found := _HEAD_OF_OBJECT.search(head):
        # The last field may be half a one, or one that goes on beyond the bracket.
        with contextlib.suppress(msgspec.DecodeError):
            names = _NAMES.decode(found[1].rpartition(b",")[0] + b"}")
    return LeftOut(
        "too_large",
        "more than is ever read of an answer",
        names.namespace,
        names.name,
        names.resourceVersion,
        len(head),
    )
