"""Reads of an object's JSON only the fields that the caller needs.

Two thirds of what an API server sends of an EndpointSlice is not needed (mainly who manages which field), and
making Python objects of it is most of what reading costs. `FieldParser` is given the fields that are wanted,
as a TypedDict, and leaves the others out.

Invariant: what comes out has, of the fields that are wanted, what the whole JSON has. A text in which a
wanted field has another type than expected is parsed whole, so that whoever reads the object can say what is
wrong with it.
"""

from typing import Any, Final, Generic, TypedDict, TypeVar

import msgspec

from mcs_controller.kube.decoding.json_parser import parse_json

_Fields = TypeVar("_Fields")

_WITH_OBJECT: Final = frozenset(("ADDED", "MODIFIED", "DELETED", "BOOKMARK"))


class _Event(TypedDict, Generic[_Fields], total=False):
    type: str
    object: _Fields


class ObjectParser:
    """Parses everything. Both functions raise `ValueError` for what is not JSON."""

    def object(self, text: bytes | msgspec.Raw) -> Any:
        """One object."""
        return parse_json(text)

    def event(self, line: bytes) -> Any:
        """A line of a watch."""
        return parse_json(line)


class FieldParser(ObjectParser):
    """Parses the fields of `fields`, a TypedDict, which has to have `metadata.resourceVersion`."""

    def __init__(self, fields: Any) -> None:
        # The generic needs a type that is known when it is run only.
        event: Any = _Event
        self._object = msgspec.json.Decoder(fields)
        self._event = msgspec.json.Decoder(event[fields])

    def object(self, text: bytes | msgspec.Raw) -> Any:
        """One object."""
        try:
            return self._object.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return super().object(text)

    def event(self, line: bytes) -> Any:
        """A line of a watch; one that has an error is parsed whole."""
        try:
            event = self._event.decode(line)
        except (msgspec.DecodeError, RecursionError):
            return super().event(line)
        return event if event.get("type") in _WITH_OBJECT else super().event(line)


WHOLE: Final = ObjectParser()
