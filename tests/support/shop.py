"""Services that every cluster of a clusterset imports, and whose endpoints never stop changing.

What is steady lives all the time; beside it endpoints and exports come and go while `churning`. All of it is
told to the observer, a removal before it is written.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

from tests.support.clusterset import Clusterset
from tests.support.observer.expected import Expected
from tests.support.observer.observer import BOUND_SECONDS, Observer
from tests.support.observer.sim_feed import SimFeed


class Shop(ABC):
    """In the namespace shop."""

    def __init__(self, world: Clusterset) -> None:
        self.world = world
        self.expected = Expected()
        self._opening = self.observed()

    async def everywhere(self) -> None:
        """The namespace, in every cluster."""
        await self.world.everywhere("shop")
        for cluster in self.world:
            self.expected.namespace(cluster.name, "shop")

    def observed(self, bound_seconds: float = BOUND_SECONDS) -> Observer:
        """From now on it sees every write of every cluster."""
        observer = Observer(self.expected, asyncio.get_running_loop().time, bound_seconds=bound_seconds)
        SimFeed(observer, {cluster.name: cluster.sim for cluster in self.world})
        return observer

    async def deploy(self, cluster: str, name: str, *, headless: bool = False) -> None:
        """One cluster more exports the service, with endpoints that are steady."""
        addresses = self.world[cluster].addresses()
        self.expected.exported(cluster, f"shop/{name}", addresses, headless=headless)
        await self.world[cluster].deploy("shop", name, **({"clusterIP": "None"} if headless else {}))

    async def endpoints(self, cluster: str, name: str, *more: str) -> None:
        """Beside the steady ones these are there now."""
        addresses = (*self.world[cluster].addresses(), *more)
        self.expected.endpoints(cluster, f"shop/{name}", addresses)
        await self.world[cluster].endpoints("shop", name, *addresses)

    async def unexport(self, cluster: str, name: str) -> None:
        self.expected.unexported(cluster, f"shop/{name}")
        await self.world[cluster].unexport("shop", name)

    @abstractmethod
    async def churn(self) -> None:
        """Change endpoints, on and on."""

    @contextlib.asynccontextmanager
    async def churning(self) -> AsyncIterator[None]:
        churn = asyncio.create_task(self.churn())
        try:
            yield
        finally:
            churn.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await churn

    async def wrong(self) -> list[str]:
        """What is not yet as it is offered."""
        return self._opening.wrong()
