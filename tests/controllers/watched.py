"""A store that is filled by hand, and says of its watch what a test wants it to say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from itertools import count
from random import Random
from types import SimpleNamespace
from typing import Generic, TypeVar, cast

from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.runtime.informers import Informers
from mcs_controller.kube.clock import Clock
from mcs_controller.kube.store import Entry, Store
from tests.support.agents import LoopClock

T = TypeVar("T")


class Watched(Store[T], Generic[T]):
    """In place of an informer, with a reflector of which everything can be set; `is_current`: it watches."""

    def __init__(
        self, *, is_read: bool = True, index: Callable[[Entry[T]], Hashable | None] | None = None
    ) -> None:
        super().__init__(index=index)
        self.is_current: bool = True
        self.reflector = SimpleNamespace(
            lists=1, problem=None, current=lambda: self.is_current, fetch=self._fetch
        )
        self._versions = count(1)
        self._read = asyncio.Event()
        if is_read:
            self._read.set()

    def synced(self) -> bool:
        return self._read.is_set()

    async def wait_synced(self) -> None:
        await self._read.wait()

    async def _fetch(self) -> None:
        """There is nothing that it does not hold."""

    def first_list(self) -> None:
        """It has been read completely."""
        self._read.set()

    def put(self, value: T, name: str, namespace: str = "") -> None:
        """An object is created or changed."""
        version = str(next(self._versions))
        self.apply(Entry(namespace, name, f"uid-{name}-{version}", version, value))


def watching(**kinds: Watched[object]) -> Informers:
    """Informers that give these by the name of their kind, with `_` for `-`."""

    async def crd(*_: object) -> dict[str, object]:
        return {"metadata": {}}

    client = SimpleNamespace(get=crd)
    return cast(
        Informers, SimpleNamespace(get=lambda kind: kinds[kind.name.replace("-", "_")], client=client)
    )


def context(informers: Informers, *, fuse_minimum: int = 10, clock: Clock | None = None) -> Context:
    """Of an agent that has these informers of its own cluster."""
    config = SimpleNamespace(fuse_share=0.5, fuse_minimum=fuse_minimum)
    return cast(
        Context,
        SimpleNamespace(local=informers, config=config, clock=clock or LoopClock(), random=Random(1)),
    )
