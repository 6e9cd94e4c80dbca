"""Reads from one API server, and remembers what could not be read instead of failing."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from mcs_controller.api.resources import Resource
from mcs_controller.clusterset.errors import MalformedObject, cut
from mcs_controller.clusterset.explain.picture import Unknown
from mcs_controller.kube.client import Client, JsonObject
from mcs_controller.kube.decoding.object_reader import LeftOut
from mcs_controller.kube.errors import KubeError, NotFound, TransportError

READ_WITHIN_SECONDS: Final = 10.0
_PAGE_OBJECTS: Final = 500

T = TypeVar("T")


class Reading:
    """One API server. `unknown` is what it did not tell, `unreadable` what is wrong with its objects."""

    def __init__(self, client: Client, where: str) -> None:
        self.client = client
        self.unknown: list[Unknown] = []
        self.unreadable: list[str] = []
        self._where = where

    async def one(self, what: str, resource: Resource, name: str, namespace: str = "") -> JsonObject | None:
        """One object; None if there is none, or it could not be read."""

        async def get() -> JsonObject | None:
            try:
                return await self.client.get(resource, name, namespace, timeout_seconds=READ_WITHIN_SECONDS)
            except NotFound:
                return None

        return await self.attempt(what, get, None)

    async def many(
        self,
        what: str,
        resource: Resource,
        *,
        holds: Callable[[JsonObject], bool] = lambda body: True,
        **options: Any,
    ) -> list[JsonObject]:
        """The objects for which `holds` is true, read page by page; `options` are those of `Client.pages`."""

        async def get() -> list[JsonObject]:
            found: list[JsonObject] = []
            async for page in self.client.pages(
                resource, page_size=_PAGE_OBJECTS, timeout_seconds=READ_WITHIN_SECONDS, **options
            ):
                found += [
                    body async for body in page.objects if not isinstance(body, LeftOut) and holds(body)
                ]
            return found

        return await self.attempt(what, get, [])

    async def attempt(self, what: str, ask: Callable[[], Awaitable[T]], otherwise: T) -> T:
        """What `ask` gives; `otherwise` if the API server does not answer, or refuses."""
        try:
            return await ask()
        except KubeError as error:
            is_away = isinstance(error, TransportError)
            self.unknown.append(Unknown(f"{what}, {self._where}", cut(str(error)), is_away))
            return otherwise

    def decoded(self, read: Callable[[JsonObject], T], body: JsonObject | None) -> T | None:
        """The object as a value; None if there is none, or it cannot be read."""
        if body is None:
            return None
        try:
            return read(body)
        except MalformedObject as error:
            metadata = body.get("metadata") or {}
            self.unreadable.append(f"{cut(str(metadata.get('name')))}: {error}")
            return None

    def all_decoded(self, read: Callable[[JsonObject], T | None], bodies: list[JsonObject]) -> tuple[T, ...]:
        """All that can be read."""
        found = (self.decoded(read, body) for body in bodies)
        return tuple(one for one in found if one is not None)
