"""What users do to a clusterset in disorder; each act makes its choices with the `Random` that it gets."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random

from mcs_controller.api.resources import ENDPOINT_SLICES, NAMESPACES, SERVICES
from mcs_controller.kube.errors import KubeError
from tests.controllers.disorder.story import SHARED, Export, Story


class Users:
    def __init__(self, story: Story) -> None:
        self._story = story
        self._world = story.world

    async def deploy(self, random: Random) -> None:
        cluster = random.choice(self._world.names)
        name = random.choice(SHARED)
        if (cluster, name) in self._story.exported:
            self._story.number += 1
            name = f"new-{self._story.number}"
        await self._story.export(cluster, name)

    async def unexport(self, random: Random) -> None:
        if one := self._story.some_export(random):
            cluster, name = one
            self._story.note(f"{cluster} unexports {name}")
            self._story.give_up(cluster=cluster, name=name)
            del self._story.exported[one]
            await self._world[cluster].unexport("shop", name)

    async def reexport(self, random: Random) -> None:
        """Taken back and exported again, with other endpoints."""
        if one := self._story.some_export(random):
            await self._unexport_this(one)
            await asyncio.sleep(random.choice((0.0, 0.5, 3.0, 10.0)))
            if one not in self._story.exported:
                await self._story.export(*one)

    async def _unexport_this(self, one: Export) -> None:
        self._story.note(f"{one[0]} unexports {one[1]}, for a while")
        self._story.give_up(cluster=one[0], name=one[1])
        del self._story.exported[one]
        await self._world[one[0]].unexport("shop", one[1])

    async def change(self, random: Random) -> None:
        """Some endpoints stay, others come."""
        if one := self._story.some_export(random):
            cluster = one[0]
            kept = set(sorted(self._story.exported[one])[: random.randint(0, 2)])
            now = kept | self._story.new_addresses(cluster, random.randint(1, 2))
            await self._offer(one, now)

    async def _offer(self, one: Export, now: set[str]) -> None:
        cluster, name = one
        self._story.note(f"{cluster} changes {name} to {sorted(now)}")
        for (_, what), of in self._story.steady.items():
            if what == name and cluster in of:
                of[cluster] &= now
        self._story.exported[one] = now
        if now:
            await self._world[cluster].endpoints("shop", name, *sorted(now))
        else:
            with contextlib.suppress(KubeError):
                await self._world[cluster].api.delete(ENDPOINT_SLICES, f"{name}-abc", namespace="shop")

    async def empty(self, random: Random) -> None:
        """Scaled to nothing, and up again."""
        if one := self._story.some_export(random):
            await self._offer(one, set())
            await asyncio.sleep(random.choice((0.5, 5.0, 20.0)))
            if one in self._story.exported:
                await self._offer(one, self._story.new_addresses(one[0]))

    async def ports(self, random: Random) -> None:
        if one := self._story.some_export(random):
            cluster, name = one
            port = random.choice((80, 81, 8443))
            self._story.note(f"{cluster} changes the port of {name} to {port}")
            await self._world[cluster].edit(
                SERVICES, "shop", name, {"spec": {"ports": [{"name": "http", "port": port}]}}
            )

    async def retype(self, random: Random) -> None:
        """A Service of the other type, of a name that one cluster alone exports."""
        alone = [
            one
            for one in sorted(self._story.exported)
            if [name for _, name in self._story.exported].count(one[1]) == 1
        ]
        alone = [one for one in alone if one[1] not in SHARED]
        if not alone:
            return
        cluster, name = random.choice(alone)
        self._story.note(f"{cluster} remakes the Service {name} with the other type")
        self._story.give_up(name=name)
        held = await self._world[cluster].held(SERVICES, "shop", name)
        assert held is not None
        headless = held["spec"].get("clusterIP") != "None"
        await self._world[cluster].api.delete(SERVICES, name, namespace="shop")
        await self._world[cluster].service("shop", name, **({"clusterIP": "None"} if headless else {}))

    async def remake_namespace(self, random: Random) -> None:
        cluster = random.choice(self._world.names)
        self._story.note(f"{cluster}: the namespace shop goes")
        self._story.give_up(cluster=cluster)
        self._story.give_up(place=cluster)
        mine = [name for where, name in self._story.exported if where == cluster]
        for name in mine:
            del self._story.exported[cluster, name]
        await self._world[cluster].api.delete(NAMESPACES, "shop")
        await asyncio.sleep(random.choice((1.0, 5.0, 20.0)))
        self._story.note(f"{cluster}: the namespace shop is back")
        await self._world[cluster].namespace("shop")
        for name in mine:
            if (cluster, name) not in self._story.exported and random.random() < 0.7:
                await self._story.export(cluster, name)
