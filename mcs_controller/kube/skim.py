"""Reading of an object's JSON only what somebody asks for.

Two thirds of what an API server sends of an EndpointSlice is of no use to us (who manages which field, in
the main), and making Python objects of it is most of what reading costs. `Skim` is given the fields that are
wanted, as a TypedDict, and leaves the others out.

Invariant: what comes out has, of the fields that are wanted, what the whole JSON has. A body in which a
wanted field has another type than expected is parsed whole, so that whoever reads the object can say what is
wrong with it.
"""

from typing import Any, Final, Generic, TypedDict, TypeVar

import msgspec
from pydantic_core import from_json

_Fields = TypeVar("_Fields")

_WITH_OBJECT: Final = frozenset(("ADDED", "MODIFIED", "DELETED", "BOOKMARK"))


class _Page(TypedDict, Generic[_Fields], total=False):
    metadata: dict[str, Any]
    items: list[_Fields]


class _Event(TypedDict, Generic[_Fields], total=False):
    type: str
    object: _Fields


class Whole:
    """Parses everything. Both functions raise `ValueError` for what is not JSON."""

    def page(self, body: bytes) -> Any:
        """A page of a list."""
        return from_json(body)

    def event(self, line: bytes) -> Any:
        """A line of a watch."""
        return from_json(line)


class Skim(Whole):
    """Parses the fields of `fields`, a TypedDict, which has to have `metadata.resourceVersion`."""

    def __init__(self, fields: Any) -> None:
        page, event = (generic[fields] for generic in _GENERICS)
        self._page = msgspec.json.Decoder(page)
        self._event = msgspec.json.Decoder(event)

    def page(self, body: bytes) -> Any:
        """A page of a list."""
        try:
            return self._page.decode(body)
        except msgspec.DecodeError:
            return super().page(body)

    def event(self, line: bytes) -> Any:
        """A line of a watch; one that has an error is parsed whole."""
        try:
            event = self._event.decode(line)
        except msgspec.DecodeError:
            return super().event(line)
        return event if event.get("type") in _WITH_OBJECT else super().event(line)


_GENERICS: Final[tuple[Any, Any]] = (_Page, _Event)

WHOLE: Final = Whole()
