"""Whatever happens in whatever order: once it is over, every cluster has what is exported, and no more.

A seed makes users act, agents die and API servers fail. In the end everything is healed, and the outcome is
compared with what the exports alone amount to; a failure names the seed that brings it back.
"""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from mcs_controller.api import resources
from mcs_controller.simcluster.faults import Fault
from tests.support.clusterset import Clusterset

pytestmark = pytest.mark.looptime

STEPS = 150
SERVICES = ("web", "api", "db")
Exports = dict[tuple[str, str], set[str]]
"""(cluster, service) to the addresses that the cluster offers."""


class Chaos:
    """What a seed makes of a clusterset."""

    def __init__(self, world: Clusterset, seed: int) -> None:
        self.random = Random(seed)
        self.world = world
        self.exported: Exports = {}
        self.faults: list[Fault] = []
        self._addresses = 0

    async def go(self) -> None:
        acts = [self.export, self.export, self.unexport, self.change, self.change]
        acts += [self.kill, self.revive, self.fail, self.fail, self.heal, self.rest, self.rest]
        for _ in range(STEPS):
            await self.random.choice(acts)()

    def _cluster(self) -> str:
        return self.random.choice(self.world.names)

    def _new_addresses(self) -> list[str]:
        self._addresses += 1
        count = self.random.randint(1, 3)
        return [f"10.9.{self._addresses}.{number + 1}" for number in range(count)]

    async def export(self) -> None:
        cluster, name = self._cluster(), self.random.choice(SERVICES)
        if (cluster, name) in self.exported:
            return
        if await self.world[cluster].held(resources.SERVICES, "shop", name) is None:
            headless = {"clusterIP": "None"} if name == "db" else {}
            port = self.random.choice((80, 80, 81))
            await self.world[cluster].service(
                "shop", name, ports=[{"name": "http", "port": port}], **headless
            )
        addresses = self._new_addresses()
        await self.world[cluster].endpoints("shop", name, *addresses)
        await self.world[cluster].export("shop", name)
        self.exported[cluster, name] = set(addresses)

    async def unexport(self) -> None:
        if self.exported:
            cluster, name = self.random.choice(sorted(self.exported))
            await self.world[cluster].unexport("shop", name)
            del self.exported[cluster, name]

    async def change(self) -> None:
        if self.exported:
            cluster, name = self.random.choice(sorted(self.exported))
            addresses = self._new_addresses()
            await self.world[cluster].endpoints("shop", name, *addresses)
            self.exported[cluster, name] = set(addresses)

    async def kill(self) -> None:
        cluster = self.world[self._cluster()]
        if cluster.process is not None:
            await cluster.kill()

    async def revive(self) -> None:
        for cluster in self.world:
            if cluster.process is None:
                cluster.start()

    async def fail(self) -> None:
        name = self._cluster()
        users = ["agent", f"member-{name}"]
        faults = self.random.choice((self.world.broker, self.world[name].sim)).faults
        match self.random.randrange(7):
            case 0:
                self.faults.append(faults.refuse_connections(users=users))
            case 1:
                self.faults.append(faults.fail(500, share=0.5, users=users))
            case 2:
                self.faults.append(faults.lose_answers(share=0.5, users=users))
            case 3:
                self.faults.append(faults.delay(0.0, 3.0, users=users))
            case 4:
                self.faults.append(faults.stall_watches(users=users))
            case 5:
                faults.cut_watches(users=users)
            case 6:
                faults.compact()
                faults.cut_watches(users=users)

    async def heal(self) -> None:
        while self.faults:
            self.faults.pop().lift()

    async def rest(self) -> None:
        await asyncio.sleep(self.random.choice((0.0, 0.01, 0.1, 1.0, 20.0)))

    async def is_as_exported(self) -> bool:
        """Every cluster has each service that is exported, with all its endpoints, and no other."""
        for name in SERVICES:
            offers = {cluster: held for (cluster, service), held in self.exported.items() if service == name}
            wanted = set().union(*offers.values())
            for cluster in self.world:
                imported = await cluster.import_of("shop", name)
                if await cluster.addresses_of("shop", name) != wanted or bool(imported) != bool(offers):
                    return False
                if imported is not None:
                    named = [one["cluster"] for one in imported["status"].get("clusters", ())]
                    ready = await cluster.import_conditions("shop", name)
                    if named != sorted(offers) or ready.get("Ready") != ("True", "Ready"):
                        return False
        return True


@pytest.mark.requirement("MCS-IMP-02", "MCS-NS-09", "MCS-LIFE-07", "MCS-LIFE-08")
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(16))
async def test_after_any_disorder_every_cluster_has_what_is_exported_and_a_restart_changes_nothing(
    seed: int,
) -> None:
    async with Clusterset(seed=seed, fuse_share=1.0) as world:
        await world.everywhere("shop")
        chaos = Chaos(world, seed)
        await chaos.go()

        await chaos.heal()
        await chaos.revive()
        await world.until(chaos.is_as_exported, within_seconds=300)
        await world.settle()
        assert await chaos.is_as_exported()
        before = await world.contents()
        for cluster in world:
            await cluster.restart()
        assert await world.settled() == before
        assert [cluster.agent.wire.writes for cluster in world] == [[], [], []]
