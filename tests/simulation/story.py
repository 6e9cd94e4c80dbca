"""What a story knows while it is told: what users did, what happened, and what went wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from random import Random

from mcs_controller.api.resources import SERVICES
from tests.simulation.behind import Behind
from tests.simulation.world import World
from tests.support.observer.expected import Expected

SHARED = ("web", "api", "db")
HEADLESS = "db"
NAMESPACE = "shop"

Export = tuple[str, str]
"""A cluster, and a service of the namespace shop."""


@dataclass(frozen=True)
class Fault:
    """Something that was not as it must be: when (seconds), which invariant, and what."""

    at_seconds: float
    invariant: str
    text: str

    def __str__(self) -> str:
        return f"{self.at_seconds:8.2f}  {self.invariant}: {self.text}"


@dataclass
class Story:
    """`lines` is all that happened. `exported` are the addresses that users offer; `expected` knows of it.

    `blocked` is where an object of a user's is in the way, `busy` are clusters whose namespace or kinds are
    being made anew: no user writes there. `struck` are the members that something was done to in this part,
    "" for the broker. `dns` knows which DNS servers cannot follow.
    """

    world: World
    expected: Expected
    faults: list[Fault] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    exported: dict[Export, set[str]] = field(default_factory=dict)
    headless: dict[Export, bool] = field(default_factory=dict)
    blocked: set[Export] = field(default_factory=set)
    busy: set[str] = field(default_factory=set)
    struck: set[str] = field(default_factory=set)
    dns: Behind = field(default_factory=Behind)
    _excuses: list[tuple[str, str, str]] = field(default_factory=list)
    _silent: list[str] = field(default_factory=list)
    number: int = 0
    """Of the last address or name that was given."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def note(self, text: str) -> None:
        self.lines.append(f"{self.now():8.2f}  {text}")

    def fault(self, invariant: str, text: str, at_seconds: float | None = None) -> None:
        """Each text is told once."""
        if not any((one.invariant, one.text) == (invariant, text) for one in self.faults):
            self.faults.append(Fault(self.now() if at_seconds is None else at_seconds, invariant, text))
            self.note(f"FAULT {invariant}: {text}")

    def new_addresses(self, cluster: str, count: int = 2) -> set[str]:
        place = self.world.names.index(cluster) + 1
        found = set()
        for _ in range(count):
            self.number += 1
            found.add(f"10.{place}.{self.number // 200 + 1}.{self.number % 200 + 1}")
        return found

    def some_cluster(self, random: Random) -> str:
        return random.choice(self.world.names)

    def some_export(self, random: Random) -> Export | None:
        """One that users may change now."""
        found = [one for one in sorted(self.exported) if one[0] not in self.busy]
        return random.choice(found) if found else None

    def excuse(self, *, exporter: str = "", place: str = "", service: str = "") -> None:
        """Nothing is asked of these until the part is over."""
        self.expected.excused(exporter=exporter, place=place, service=service)
        self._excuses.append((exporter, place, service))

    def excuse_silent(self, exporter: str) -> None:
        """Its endpoints need not be there until the part is over; its imports must, with their IPs."""
        self.expected.excused(exporter=exporter, endpoints_only=True)
        self._silent.append(exporter)

    def unblock(self, place: str, name: str) -> None:
        """What was in the way is gone: the import is expected there when the part is over."""
        self.blocked.discard((place, name))
        self._excuses.append(("", place, f"{NAMESPACE}/{name}"))

    def end_excuses(self) -> None:
        while self._excuses:
            exporter, place, service = self._excuses.pop()
            self.expected.expected_again(exporter=exporter, place=place, service=service)
        while self._silent:
            self.expected.expected_again(exporter=self._silent.pop(), endpoints_only=True)

    async def export(self, cluster: str, name: str, addresses: Collection[str] = ()) -> None:
        """The Service, unless it is there, its slice and its export."""
        offered = set(addresses) or self.new_addresses(cluster)
        self.note(f"{cluster} exports {name} {sorted(offered)}")
        self.exported[cluster, name] = offered
        site, headless = self.world[cluster], name == HEADLESS
        held = await site.held(SERVICES, NAMESPACE, name)
        if held is None:
            await site.service(NAMESPACE, name, **({"clusterIP": "None"} if headless else {}))
        else:
            headless = held["spec"].get("clusterIP") == "None"
        await site.endpoints(NAMESPACE, name, *sorted(offered))
        await site.export(NAMESPACE, name)
        self.headless[cluster, name] = headless
        self.expected.exported(cluster, f"{NAMESPACE}/{name}", offered, headless=headless)

    async def unexport(self, cluster: str, name: str) -> None:
        self.withdraw(cluster, name)
        await self.world[cluster].unexport(NAMESPACE, name)

    def withdraw(self, cluster: str, name: str) -> None:
        """It is exported no more, or will not be in a moment."""
        del self.exported[cluster, name]
        self.expected.unexported(cluster, f"{NAMESPACE}/{name}")
