"""Reads from one API server, and remembers what could not be read instead of failing.

Many things are read at once. Whoever must know whether a read failed asks its own answer: what else could not
be read meanwhile says nothing of it.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, Literal, TypeVar

from mcs_controller.api.resources import Resource
from mcs_controller.clusterset.errors import MalformedObject, cut
from mcs_controller.clusterset.explain.picture import Unknown
from mcs_controller.clusterset.fields import child
from mcs_controller.kube.client import Client, JsonObject
from mcs_controller.kube.decoding.object_reader import LeftOut
from mcs_controller.kube.errors import KubeError, NotFound, TransportError
from mcs_controller.kube.lookup import find

READ_WITHIN_SECONDS: Final = 10.0
_PAGE_OBJECTS: Final = 500

T = TypeVar("T")
OtherwiseT = TypeVar("OtherwiseT")


class Unread:
    """The answer of a read that failed. As false as what is not there, for those who treat both the same."""

    def __bool__(self) -> Literal[False]:
        return False


UNREAD: Final = Unread()


class Reading:
    """One API server. `unreadable` is what is wrong with its objects."""

    def __init__(self, client: Client, where: str) -> None:
        self.client = client
        self.unreadable: list[str] = []
        self._where = where
        self._asked: list[Unknown | None] = []

    @property
    def unknown(self) -> tuple[Unknown, ...]:
        """What the API server did not tell, in the order of the questions, whichever of them failed first."""
        return tuple(one for one in self._asked if one is not None)

    def add_unknown(self, unknown: Unknown) -> None:
        """Note what no read tells."""
        self._asked.append(unknown)

    async def one(
        self, what: str, resource: Resource, name: str, namespace: str = ""
    ) -> JsonObject | Unread | None:
        """One object; None if there is none."""

        async def get() -> JsonObject | None:
            body = await find(self.client, resource, name, namespace, timeout_seconds=READ_WITHIN_SECONDS)
            if body is not None:
                _check_parts(body)
            return body

        return await self.attempt(what, get, UNREAD)

    async def many(
        self,
        what: str,
        resource: Resource,
        *,
        holds: Callable[[JsonObject], bool] = lambda body: True,
        **options: Any,
    ) -> list[JsonObject] | Unread:
        """The objects for which `holds` is true, read page by page; `options` are those of `Client.pages`."""

        async def get() -> list[JsonObject]:
            found: list[JsonObject] = []
            async for page in self.client.pages(
                resource, page_size=_PAGE_OBJECTS, timeout_seconds=READ_WITHIN_SECONDS, **options
            ):
                found += [
                    body
                    async for body in page.objects
                    if not isinstance(body, LeftOut) and self._has_parts(body) and holds(body)
                ]
            return found

        return await self.attempt(what, get, UNREAD)

    async def attempt(
        self, what: str, ask: Callable[[], Awaitable[T]], otherwise: OtherwiseT
    ) -> T | OtherwiseT:
        """What `ask` gives; `otherwise` if the API server does not answer, refuses, or answers nonsense."""
        place = len(self._asked)
        self._asked.append(None)
        try:
            return await ask()
        except (KubeError, MalformedObject) as error:
            why = cut(str(error))
            if isinstance(error, NotFound):
                # Of a kind: an object that is not there is an answer.
                why = f"this API server does not serve the kind: is it the one that is meant? ({why})"
            self._asked[place] = Unknown(f"{what}, {self._where}", why, isinstance(error, TransportError))
            return otherwise

    def decoded(self, read: Callable[[JsonObject], T], body: JsonObject | Unread | None) -> T | None:
        """The object as a value; None if there is none, or it cannot be read."""
        if body is None or isinstance(body, Unread):
            return None
        try:
            return read(body)
        except MalformedObject as error:
            self._leave_out(body, error)
            return None

    def all_decoded(
        self, read: Callable[[JsonObject], T | None], bodies: Iterable[JsonObject]
    ) -> tuple[T, ...]:
        """All that can be read."""
        found = (self.decoded(read, body) for body in bodies)
        return tuple(one for one in found if one is not None)

    def _has_parts(self, body: JsonObject) -> bool:
        try:
            _check_parts(body)
        except MalformedObject as error:
            self._leave_out(body, error)
            return False
        return True

    def _leave_out(self, body: JsonObject, error: MalformedObject) -> None:
        metadata = body.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        self.unreadable.append(f"{cut(name) if isinstance(name, str) else 'an object'}: {error}")


def _check_parts(body: JsonObject) -> None:
    """Raises `MalformedObject` where a part that every kind has is no object."""
    for part in ("metadata", "spec", "status"):
        child(body, part)
