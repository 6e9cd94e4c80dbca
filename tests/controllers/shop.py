"""Services that every cluster of a clusterset imports, and users who never rest.

What is steady lives all the time. Beside it endpoints and exports come and go at random while `churning`. All
of it is told to the observer, a removal before it is written.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from random import Random

from tests.support.clusterset import MEMBERS, Clusterset
from tests.support.observer.expected import Expected
from tests.support.observer.observer import BOUND_SECONDS, Observer
from tests.support.observer.sim_feed import SimFeed

SERVICES = 4
CHURN_SECONDS = 0.7


class Shop:
    """In the namespace shop of all clusters."""

    def __init__(self, world: Clusterset, seed: int) -> None:
        self.world = world
        self.expected = Expected()
        self._opening = self.observed()
        self._random = Random(seed)
        self._changed: list[tuple[str, str]] = []
        """Cluster and service, of what changes its endpoints."""
        self._exported: set[tuple[str, str]] = set()
        self._number = 0

    async def open(self) -> None:
        """Each service is exported by two clusters, and one more by each alone."""
        await self.world.everywhere("shop")
        for cluster in self.world:
            self.expected.namespace(cluster.name, "shop")
        for number in range(SERVICES):
            for name in self._random.sample(MEMBERS, 2):
                await self.deploy(name, f"web-{number}")
                self._changed.append((name, f"web-{number}"))
        for name in MEMBERS:
            await self.deploy(name, f"of-{name}", headless=name == "west")
        await self.world.until(self.is_right, within_seconds=60)
        # All have stated what they export, so that what follows is not about a start.
        await self.world.settle()

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

    @contextlib.asynccontextmanager
    async def churning(self) -> AsyncIterator[None]:
        churn = asyncio.create_task(self._churn())
        try:
            yield
        finally:
            churn.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await churn

    async def is_right(self) -> bool:
        """Whether all is as it is offered."""
        return not self._opening.wrong()

    async def _churn(self) -> None:
        """Endpoints come and go beside the steady ones, and so do exports of services of their own."""
        while True:
            await asyncio.sleep(self._random.uniform(0.1, 2 * CHURN_SECONDS))
            self._number += 1
            if self._random.random() < 0.7:
                cluster, name = self._random.choice(self._changed)
                number = self.world[cluster].number
                address = f"10.{number}.{self._number // 250 + 1}.{self._number % 250}"
                await self._endpoints(cluster, name, address)
            elif self._exported and self._random.random() < 0.5:
                gone = self._random.choice(sorted(self._exported))
                self._exported.discard(gone)
                await self._unexport(*gone)
            else:
                cluster, name = self._random.choice(MEMBERS), f"new-{self._number}"
                await self.deploy(cluster, name)
                self._exported.add((cluster, name))

    async def _endpoints(self, cluster: str, name: str, *more: str) -> None:
        """Beside the steady ones these are there now."""
        addresses = (*self.world[cluster].addresses(), *more)
        self.expected.endpoints(cluster, f"shop/{name}", addresses)
        await self.world[cluster].endpoints("shop", name, *addresses)

    async def _unexport(self, cluster: str, name: str) -> None:
        self.expected.unexported(cluster, f"shop/{name}")
        await self.world[cluster].unexport("shop", name)
