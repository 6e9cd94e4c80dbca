"""Services that every cluster of a clusterset imports, and whose endpoints never stop changing.

What is steady lives all the time; beside it endpoints and exports come and go while `churning`.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping

from tests.support.clusterset import Clusterset
from tests.support.continuity import Looks, look_at


class Shop(ABC):
    """In the namespace shop; `steady` are the addresses, by service, that live all the time."""

    def __init__(self, world: Clusterset) -> None:
        self.world = world
        self.steady: dict[str, set[str]] = {}
        self.dns: dict[str, tuple[str, int]] | None = None
        """The clusters' DNS servers, if they have any."""

    async def deploy(self, cluster: str, name: str, **spec: object) -> None:
        """One cluster more exports the service, with endpoints that are steady."""
        await self.world[cluster].deploy("shop", name, **spec)
        self.steady.setdefault(f"shop/{name}", set()).update(self.world[cluster].addresses())

    async def look(self) -> Looks:
        return await look_at(self.world.apis, self.dns)

    @abstractmethod
    async def churn(self) -> None:
        """Change endpoints, on and on."""

    @abstractmethod
    async def wanted(self) -> Mapping[str, set[str]]:
        """What is offered just now: addresses by service."""

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
        """What is not yet as it is offered, in imports and in DNS."""
        wanted, found = await self.wanted(), await self.look()
        places = {(cluster.name, service) for cluster in self.world for service in wanted}
        wrong = [f"{place} is missing, or too much" for place in sorted(places ^ found.keys())]
        for (where, service), one in found.items():
            offered = wanted.get(service, set())
            if one.addresses != offered:
                wrong.append(f"{where}: {service} differs by {sorted(one.addresses ^ offered)}")
            named = frozenset(one.ips or offered)
            if one.answers is not None and one.answers != named:
                wrong.append(f"{where}: DNS says {one.answers} of {service}, not {named}")
        return wrong
