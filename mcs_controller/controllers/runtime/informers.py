"""The informers of one API server. Controllers that need the same kind share one watch.

A controller adds its own informer (`add`) if the kept values depend on the controller. It asks for a shared
one by a `Kind` (`get`); the next controller that asks for this `Kind` gets the same informer.
"""

import asyncio
import random as randomness
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeVar, Unpack, cast

from mcs_controller.kube.client import Client
from mcs_controller.kube.decoding.entries import Decode
from mcs_controller.kube.discovery import served_versions
from mcs_controller.kube.errors import KubeError
from mcs_controller.kube.informer import Informer, Scope
from mcs_controller.kube.reflector import ResourceOrResolver
from mcs_controller.kube.store import Entry
from mcs_controller.kube.tasks import Tasks

T = TypeVar("T")

CHECK_OPTIONAL_SECONDS: Final = 60.0
"""How often to check whether an optional kind is installed."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A kind of object that controllers share, and how its objects are decoded.

    `resource` gives, for a client, the resource, or a resolver that finds its served version. With
    `optional_group` the kind belongs to an API group that need not be installed: the informer begins once it
    is installed, and the agent is ready without it.
    """

    name: str
    resource: Callable[[Client], ResourceOrResolver]
    decode: Decode[T]
    optional_group: str = ""


Begin = Callable[[], Awaitable[None]]
"""Waits until an informer may begin."""


async def _at_once() -> None:
    return


class Informers:
    """The informers of one API server; `side` is its name in problems.

    `on_optional` is called with each optional informer that begins.
    """

    def __init__(self, side: str, client: Client, random: randomness.Random) -> None:
        self.side = side
        self.client = client
        self._random = random
        self._informers: dict[Informer[Any], Begin] = {}
        self._shared: dict[Kind[Any], Informer[Any]] = {}
        self._optional: set[Informer[Any]] = set()
        self._running = False
        self.on_optional: Callable[[Informer[Any]], None] = lambda informer: None

    @property
    def required(self) -> list[Informer[Any]]:
        """All informers that are not optional."""
        return [informer for informer in self._informers if informer not in self._optional]

    def add(
        self,
        name: str,
        resource: ResourceOrResolver,
        decode: Decode[T],
        *,
        index: Callable[[Entry[T]], Hashable | None] | None = None,
        begin: Begin = _at_once,
        **scope: Unpack[Scope],
    ) -> Informer[T]:
        """A new informer, which runs once `begin` has returned. For the rest see `Informer`.

        Raises ValueError for a name that is taken, as metrics and problems tell informers apart by it, and
        after `run` has begun.
        """
        if self._running or any(informer.name == name for informer in self._informers):
            raise ValueError(f"informer {name!r} is asked for too late, or there is one of that name already")
        informer = Informer(
            self.client, resource, decode, name=name, random=self._random, index=index, **scope
        )
        self._informers[informer] = begin
        return informer

    def get(self, kind: Kind[T]) -> Informer[T]:
        """The one informer of a shared kind."""
        found = self._shared.get(kind)
        if found is None:
            begin = partial(self._until_served, kind.optional_group) if kind.optional_group else _at_once
            resource = kind.resource(self.client)
            found = self._shared[kind] = self.add(kind.name, resource, kind.decode, begin=begin)
            if kind.optional_group:
                self._optional.add(found)
        return cast(Informer[T], found)

    async def run(self) -> None:
        """Run all informers, until cancelled."""
        self._running = True
        async with Tasks(self.side) as tasks:
            for informer, begin in self._informers.items():
                tasks.start(self._run(informer, begin), name=informer.name)

    def problems(self) -> Mapping[str, str]:
        """Why informers are not synced, by name; empty when all are."""
        found = {}
        for informer in self.required:
            if informer.reflector.problem is not None:
                found[f"{self.side}: {informer.name}"] = informer.reflector.problem
            elif not informer.synced():
                found[f"{self.side}: {informer.name}"] = "not read completely yet"
        return found

    async def _run(self, informer: Informer[Any], begin: Begin) -> None:
        await begin()
        if informer in self._optional:
            self.on_optional(informer)
        await informer.run()

    async def _until_served(self, group: str) -> None:
        while not await self._is_served(group):  # noqa: ASYNC110 - there is no event for a new CRD
            await asyncio.sleep(CHECK_OPTIONAL_SECONDS * self._random.uniform(0.9, 1.1))

    async def _is_served(self, group: str) -> bool:
        try:
            return bool(await served_versions(self.client, group))
        except KubeError:
            # The informers that are not optional report what is wrong with the server.
            return False
