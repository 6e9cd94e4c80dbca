"""What a reflector makes of one object: an entry for its store, nothing, or a failure that is logged once.

Decoders raise for what they cannot read. That is counted, and named in the log once for each version, at a
bounded rate, since such objects may be written all day.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, Generic, NamedTuple, TypeVar

from mcs_controller.kube.decoding.object_reader import JsonObject, LeftOut
from mcs_controller.kube.errors import TEXT_MAX_CHARS, DecodeError
from mcs_controller.kube.pacing.rate import TokenBucket
from mcs_controller.kube.store import Entry, Key, Store

_log = logging.getLogger(__name__)

T = TypeVar("T")

Decode = Callable[[dict[str, Any]], T | None]

UNDECODABLE: Final = object()
LINES_AT_ONCE: Final = 10
LINES_PER_SECOND: Final = 0.2
_DECODE_ERRORS: Final = (DecodeError, ValueError, LookupError, TypeError, AttributeError)


class Decoded(NamedTuple, Generic[T]):
    """Key, version, and the entry: None if it is of no interest, `UNDECODABLE` if it is unreadable.

    Of an object that is `LeftOut`, name and version may be unknown, which is empty here.
    """

    key: Key
    version: str
    entry: Entry[T] | object | None


class ObjectDecoder(Generic[T]):
    """Decodes for the reflector of that name. `failures` counts what could not be decoded."""

    def __init__(self, name: str, store: Store[T], decode: Decode[T]) -> None:
        self.failures = 0
        self._name = name
        self._store = store
        self._decode = decode
        self._undecodable: dict[Key, str] = {}
        self._lines = TokenBucket(LINES_AT_ONCE, LINES_PER_SECOND)

    def read(self, body: JsonObject | LeftOut) -> Decoded[T]:
        """What is to be held of an object. Raises `DecodeError` for one without name or version."""
        return self._read(body, *identify(body))

    def read_new(self, body: JsonObject | LeftOut) -> Decoded[T]:
        """As `read`, but what is held already, such as the echo of our own write, is not decoded."""
        key, version = identify(body)
        held = self._store.get(*key)
        if (
            held is not None
            and held.resource_version == version
            and not isinstance(body, LeftOut)
            and held.uid == body["metadata"].get("uid", "")
        ):
            return Decoded(key, version, held)
        return self._read(body, key, version)

    def forget(self, key: Key) -> None:
        """The object is gone, or could be decoded."""
        if self._undecodable:
            self._undecodable.pop(key, None)

    def forget_all_but(self, keys: set[Key]) -> None:
        """Nothing else is there any more."""
        for key in self._undecodable.keys() - keys:
            del self._undecodable[key]

    def _read(self, body: JsonObject | LeftOut, key: Key, version: str) -> Decoded[T]:
        if isinstance(body, LeftOut):
            unreadable = body.reason == "unreadable"
            self.failures += unreadable
            return Decoded(key, version, UNDECODABLE if unreadable else None)
        try:
            value = self._decode(body)
        except _DECODE_ERRORS as error:
            self._failed(key, version, error)
            return Decoded(key, version, UNDECODABLE)
        self.forget(key)
        uid = body["metadata"].get("uid", "")
        return Decoded(key, version, None if value is None else Entry(*key, uid, version, value))

    def _failed(self, key: Key, version: str, error: Exception) -> None:
        self.failures += 1
        if self._undecodable.get(key) == version:
            return
        self._undecodable[key] = version
        if self._lines.take(asyncio.get_running_loop().time()):
            text = f"{type(error).__name__}: {error}"[:TEXT_MAX_CHARS]
            _log.warning("%s: %s/%s at %s is ignored: %s", self._name, *key, version, text)


def identify(body: JsonObject | LeftOut) -> tuple[Key, str]:
    """Key and version of an object. Raises `DecodeError` for one that has none."""
    if isinstance(body, LeftOut):
        return (body.namespace, body.name), body.resource_version
    metadata = body.get("metadata")
    if not isinstance(metadata, dict) or "name" not in metadata or "resourceVersion" not in metadata:
        raise DecodeError("an object has no name or no resourceVersion")
    return (metadata.get("namespace", ""), metadata["name"]), metadata["resourceVersion"]


def version_of_bookmark(bookmark: JsonObject | LeftOut) -> str:
    """The version that a bookmark is about. Raises `DecodeError` for one without."""
    metadata = bookmark.get("metadata") if isinstance(bookmark, dict) else None
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    if not isinstance(version, str):
        raise DecodeError("a bookmark has no resourceVersion")
    return version
