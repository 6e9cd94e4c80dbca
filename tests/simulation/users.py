"""What users do to a clusterset; each act makes its choices with the `Random` that it gets."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random

from mcs_controller.api.resources import ENDPOINT_SLICES, NAMESPACES, SERVICES
from mcs_controller.kube.errors import KubeError
from tests.simulation.story import NAMESPACE, SHARED, Export, Story

PORTS = (
    [{"name": "http", "port": 80}],
    [{"name": "http", "port": 81}],
    [{"name": "http", "port": 8443}],
    [{"name": "web", "port": 80}],
    [{"name": "http", "port": 80}, {"name": "admin", "port": 9000}],
)


class Users:
    def __init__(self, story: Story) -> None:
        self._story = story
        self._world = story.world

    async def deploy(self, random: Random) -> None:
        cluster = self._story.some_cluster(random)
        if cluster in self._story.busy:
            return
        name = random.choice(SHARED)
        if (cluster, name) in self._story.exported:
            self._story.number += 1
            name = f"new-{self._story.number}"
        await self._story.export(cluster, name)

    async def unexport(self, random: Random) -> None:
        if one := self._story.some_export(random):
            self._story.note(f"{one[0]} unexports {one[1]}")
            await self._story.unexport(*one)

    async def reexport(self, random: Random) -> None:
        """Taken back and exported again, with other endpoints."""
        if one := self._story.some_export(random):
            self._story.note(f"{one[0]} unexports {one[1]}, for a while")
            await self._story.unexport(*one)
            await asyncio.sleep(random.choice((0.0, 0.5, 3.0, 10.0)))
            if one not in self._story.exported and one[0] not in self._story.busy:
                await self._story.export(*one)

    async def change(self, random: Random) -> None:
        """Some endpoints stay, others come."""
        if one := self._story.some_export(random):
            kept = set(sorted(self._story.exported[one])[: random.randint(0, 2)])
            now = kept | self._story.new_addresses(one[0], random.randint(1, 2))
            await self._offer(one, now)

    async def empty(self, random: Random) -> None:
        """Scaled to nothing, and mostly up again."""
        if one := self._story.some_export(random):
            await self._offer(one, set())
            if random.random() < 0.3:
                return
            await asyncio.sleep(random.choice((0.5, 5.0, 20.0)))
            if one in self._story.exported and one[0] not in self._story.busy:
                await self._offer(one, self._story.new_addresses(one[0]))

    async def unready(self, random: Random) -> None:
        """Its pods are there, but not ready, for a while or until somebody changes it."""
        one = self._story.some_export(random)
        if one is None:
            return
        cluster, name = one
        addresses = self._story.exported[one] or self._story.new_addresses(cluster)
        self._story.note(f"{cluster}: {name} is not ready")
        self._story.exported[one] = set()
        self._story.expected.endpoints(cluster, f"{NAMESPACE}/{name}", set())
        sick = {"ready": False, "serving": False, "terminating": False}
        await self._world[cluster].endpoints(NAMESPACE, name, *sorted(addresses), conditions=sick)
        if random.random() < 0.5:
            return
        await asyncio.sleep(random.choice((1.0, 10.0, 60.0)))
        if self._story.exported.get(one) == set() and cluster not in self._story.busy:
            await self._offer(one, addresses)

    async def _offer(self, one: Export, now: set[str]) -> None:
        cluster, name = one
        self._story.note(f"{cluster} changes {name} to {sorted(now)}")
        self._story.exported[one] = now
        self._story.expected.endpoints(cluster, f"{NAMESPACE}/{name}", now)
        if now:
            await self._world[cluster].endpoints(NAMESPACE, name, *sorted(now))
        else:
            with contextlib.suppress(KubeError):
                await self._world[cluster].api.delete(ENDPOINT_SLICES, f"{name}-abc", namespace=NAMESPACE)

    async def ports(self, random: Random) -> None:
        """Other clusters may have other ports: then there is a conflict."""
        if one := self._story.some_export(random):
            cluster, name = one
            ports = random.choice(PORTS)
            self._story.note(f"{cluster} changes the ports of {name} to {ports}")
            await self._world[cluster].edit(SERVICES, NAMESPACE, name, {"spec": {"ports": ports}})

    async def retype(self, random: Random) -> None:
        """The Service remade with the other type; where others export the name, the oldest decides."""
        one = self._story.some_export(random)
        if one is None:
            return
        cluster, name = one
        site = self._world[cluster]
        held = await site.held(SERVICES, NAMESPACE, name)
        assert held is not None
        headless = held["spec"].get("clusterIP") != "None"
        self._story.note(f"{cluster} remakes the Service {name}, {'' if headless else 'not '}headless")
        addresses = self._story.exported[one]
        self._story.withdraw(cluster, name)
        await site.api.delete(SERVICES, name, namespace=NAMESPACE)
        await site.service(NAMESPACE, name, **({"clusterIP": "None"} if headless else {}))
        self._story.exported[one], self._story.headless[one] = addresses, headless
        self._story.expected.exported(cluster, f"{NAMESPACE}/{name}", addresses, headless=headless)

    async def remake_namespace(self, random: Random) -> None:
        cluster = self._story.some_cluster(random)
        site = self._world[cluster]
        if cluster in self._story.busy:
            return
        self._story.busy.add(cluster)
        self._story.note(f"{cluster}: the namespace goes")
        self._story.expected.namespace_gone(cluster, NAMESPACE)
        mine = [name for where, name in self._story.exported if where == cluster]
        for name in mine:
            del self._story.exported[cluster, name]
        await site.api.delete(NAMESPACES, NAMESPACE)
        await asyncio.sleep(random.choice((1.0, 5.0, 20.0)))
        self._story.note(f"{cluster}: the namespace is back")
        await site.namespace(NAMESPACE)
        self._story.expected.namespace(cluster, NAMESPACE)
        self._story.busy.discard(cluster)
        for name in mine:
            if (cluster, name) not in self._story.exported and random.random() < 0.7:
                await self._story.export(cluster, name)
