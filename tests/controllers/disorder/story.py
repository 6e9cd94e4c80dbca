"""What a story of disorder knows while it is told: what is exported, what is to stay, and what went wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from random import Random

from mcs_controller.api.resources import SERVICES
from tests.support.clusterset import Clusterset

SHARED = ("web", "api", "db")
HEADLESS = "db"

Export = tuple[str, str]
"""A cluster, and a service of the namespace shop."""


@dataclass
class Story:
    """`lines` is all that happened, `faults` where a cluster had something else than it should, and when.

    `steady` are the addresses that are to stay, of (importing cluster, service) by exporting cluster;
    `steady_imports` the UID and IPs of imports.
    """

    world: Clusterset
    faults: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    exported: dict[Export, set[str]] = field(default_factory=dict)
    steady: dict[tuple[str, str], dict[str, set[str]]] = field(default_factory=dict)
    steady_imports: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    number: int = 0
    """Of the last address or name that was given."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def note(self, text: str) -> None:
        self.lines.append(f"{self.now():8.2f}  {text}")

    def fault(self, text: str) -> None:
        if not any(one.endswith(text) for one in self.faults):
            self.faults.append(f"{self.now():8.2f}  {text}")
            self.note(f"FAULT {text}")

    def give_up(self, *, cluster: str = "", name: str = "", place: str = "") -> None:
        """Somebody really changed something: what cluster exports of name is not steady any more at place."""
        for (where, what), of in list(self.steady.items()):
            if (place and where != place) or (name and what != name):
                continue
            if cluster:
                of.pop(cluster, None)
            else:
                of.clear()
        for where, what in list(self.steady_imports):
            if not self.steady.get((where, what)):
                self.steady_imports.pop((where, what), None)

    def new_addresses(self, cluster: str, count: int = 2) -> set[str]:
        place = self.world.names.index(cluster) + 1
        found = set()
        for _ in range(count):
            self.number += 1
            found.add(f"10.{place}.{self.number // 200 + 1}.{self.number % 200 + 1}")
        return found

    async def export(self, cluster: str, name: str, addresses: Collection[str] = ()) -> None:
        offered = set(addresses) or self.new_addresses(cluster)
        self.note(f"{cluster} exports {name} {sorted(offered)}")
        self.exported[cluster, name] = offered
        if await self.world[cluster].held(SERVICES, "shop", name) is None:
            headless = {"clusterIP": "None"} if name == HEADLESS else {}
            await self.world[cluster].service("shop", name, **headless)
        await self.world[cluster].endpoints("shop", name, *sorted(offered))
        await self.world[cluster].export("shop", name)

    def some_export(self, random: Random) -> Export | None:
        return random.choice(sorted(self.exported)) if self.exported else None
