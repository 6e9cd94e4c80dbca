"""What becomes of single members: kinds made anew, an older state, a long absence, limits, a hostile one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from random import Random
from typing import Any

from mcs_controller.api.names import LABEL_SOURCE_CLUSTER
from mcs_controller.api.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    MEMBER_CLUSTERS,
    NAMESPACES,
    Resource,
)
from mcs_controller.kube.errors import KubeError
from tests.simulation.broker import Broker
from tests.simulation.story import NAMESPACE, Story
from tests.support.crds import MCS_CRDS
from tests.support.objects import body

MALLORY = "mallory"


class Members:
    def __init__(self, story: Story, broker: Broker) -> None:
        self._story = story
        self._broker = broker
        self._world = story.world
        self.on_restore: tuple[Callable[[str], None], ...] = ()
        self._mallory = asyncio.Lock()

    async def remake_exports(self, random: Random) -> None:
        """The CRD of ServiceExports goes and comes; users export again."""
        name = self._story.some_cluster(random)
        if name in self._story.busy:
            return
        mine = [service for where, service in self._story.exported if where == name]
        for service in mine:
            self._story.withdraw(name, service)
        await self._remake(random, name, MCS_CRDS[0])
        for service in mine:
            if (name, service) not in self._story.exported:
                await self._story.export(name, service)

    async def remake_imports(self, random: Random) -> None:
        """The CRD of ServiceImports goes and comes: all that the cluster imports, with its IPs."""
        name = self._story.some_cluster(random)
        if name in self._story.busy:
            return
        self._story.excuse(place=name)
        await self._remake(random, name, MCS_CRDS[1])

    async def _remake(self, random: Random, name: str, crd: str) -> None:
        self._story.struck.add(name)
        self._story.busy.add(name)
        self._story.note(f"{name}: {crd} goes")
        await self._world[name].api.delete(CUSTOM_RESOURCE_DEFINITIONS, crd)
        await asyncio.sleep(random.choice((0.5, 2.0, 10.0)))
        self._story.note(f"{name}: {crd} is back")
        await self._world[name].install(crd)
        self._story.busy.discard(name)

    async def restore_member(self, random: Random) -> None:
        """A member's etcd goes back to a state of some seconds ago; users had changed things since."""
        name = self._story.some_cluster(random)
        if name in self._story.busy:
            return
        self._story.busy.add(name)
        cluster = self._world[name]
        before = {one: set(of) for one, of in self._story.exported.items() if one[0] == name}
        backup, blocked, types = cluster.sim.snapshot(), set(self._story.blocked), dict(self._story.headless)
        self._story.note(f"{name}: a backup is made")
        self._story.busy.discard(name)
        await asyncio.sleep(random.choice((3.0, 20.0, 45.0)))
        if name in self._story.busy:
            return
        now = {one for one in self._story.exported if one[0] == name}
        retyped = any(self._story.headless.get(one) != types.get(one) for one in now & before.keys())
        if now != before.keys() or retyped or blocked != self._story.blocked:
            return  # what users made or deleted since would be there or lacking against their word
        self._story.note(f"{name}: its API server is restored to the backup")
        self._story.struck.add(name)
        self._story.excuse(place=name)
        for one, addresses in before.items():
            self._story.exported[one] = addresses
            self._story.expected.endpoints(name, f"{NAMESPACE}/{one[1]}", addresses)
        cluster.sim.restore(backup, bump_revision=random.choice((0, 1_000_000_000)))
        for tell in self.on_restore:
            tell(name)

    async def be_away(self, random: Random) -> None:
        """Cut off for long, and back with what it had then: dead by policy in between."""
        name = self._story.some_cluster(random)
        self._story.note(f"{name} is away for long")
        self._story.struck.add(name)
        self._story.excuse_silent(name)
        self._story.excuse(place=name)
        fault = self._world.broker.faults.refuse_connections(users=[f"member-{name}"])
        if random.random() < 0.5:
            await self._world.kill(name)
        await asyncio.sleep(random.choice((100.0, 240.0)))
        self._story.note(f"{name} is back")
        fault.lift()
        self._world.start(name)

    async def reach_limits(self, random: Random) -> None:
        """Its limits are less than what it exports, for a while."""
        name = self._story.some_cluster(random)
        limits = random.choice(({"services": 1}, {"endpointSlices": 1}, {"imports": 1}))
        self._story.note(f"{name}: the broker's administrator sets the limits {limits}")
        self._story.struck.add("")
        self._story.excuse(exporter=name)
        await self._broker.limit(name, dict(limits))
        await asyncio.sleep(random.choice((10.0, 40.0)))
        self._story.note(f"{name}: the limits are lifted")
        await self._broker.limit(name, None)

    async def hostile(self, random: Random) -> None:
        """One more member publishes rubbish, and endpoints of services that it does not export."""
        if self._mallory.locked():
            return
        async with self._mallory:
            self._story.struck.add(MALLORY)
            self._story.note("mallory joins, and publishes rubbish")
            with contextlib.suppress(KubeError):
                await self._world.clusterset.admit(MALLORY)
            for number in range(random.choice((5, 60))):
                await self._rubbish(random, number)
                await asyncio.sleep(random.choice((0.0, 0.1)))
            await asyncio.sleep(random.choice((1.0, 20.0)))
            self._story.note("mallory is thrown out")
            await self.throw_out_mallory()

    async def throw_out_mallory(self) -> None:
        namespace = f"mcs-member-{MALLORY}"
        with contextlib.suppress(KubeError):
            await self._world.broker_api.delete(MEMBER_CLUSTERS, MALLORY, namespace=namespace)
        with contextlib.suppress(KubeError):
            await self._world.broker_api.delete(NAMESPACES, namespace)

    async def _rubbish(self, random: Random, number: int) -> None:
        service = random.choice(("web", "api", "db", f"rubbish-{number}"))
        place = random.choice((NAMESPACE, "elsewhere", "kube-system"))
        if random.random() < 0.5:
            port = {"name": "http", "port": 80, "protocol": "TCP"}
            spec: dict[str, Any] = {
                "serviceNamespace": place if place != NAMESPACE else "elsewhere",
                "serviceName": service,
                "exportedAt": "2020-01-01T00:00:00Z",
                "type": random.choice(("ClusterSetIP", "Headless")),
                "ports": [port] * random.choice((0, 1, 2)),
                "ipFamilies": ["IPv4"],
            }
            await self._publish(EXPORTED_SERVICES, f"{spec['serviceNamespace']}.{service}-{number}", spec)
        else:
            spec = {
                "serviceNamespace": place,
                "serviceName": service,
                "sliceName": f"{service}-{number}",
                "addressType": "IPv4",
                "ports": [],
                "endpoints": [{"addresses": [random.choice(("10.66.6.6", "127.0.0.1", "no address"))]}],
            }
            await self._publish(EXPORTED_ENDPOINT_SLICES, f"{place}.{service}-{number}", spec)

    async def _publish(self, kind: Resource, name: str, spec: dict[str, Any]) -> None:
        with contextlib.suppress(KubeError):
            rubbish = body(kind, name, f"mcs-member-{MALLORY}", spec=spec)
            # Nobody may believe that it is of another member.
            rubbish["metadata"]["labels"] = {LABEL_SOURCE_CLUSTER: self._world.names[0]}
            await self._world.broker_api.create(kind, rubbish)
