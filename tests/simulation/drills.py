"""Several faults at once, in the order in which each rule of the product is needed.

Left to chance such orders are rare. A drill is an act like others: the seed chooses where and when.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from random import Random

from mcs_controller.api.names import ANNOTATION_WITHDRAW, WITHDRAW_ALLOWED
from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES, MEMBER_CLUSTERS
from mcs_controller.clusterset.fuse import SERVICES_MINIMUM
from mcs_controller.kube.errors import KubeError
from tests.simulation.broker import Broker
from tests.simulation.rules import IMPORTS, held
from tests.simulation.story import NAMESPACE, Story

WITHOUT_HEARTBEATS_SECONDS = (12.0, 25.0)
"""Not so long that a member is taken for dead."""
SLOW_SECONDS = 12.0
"""Longer than from one heartbeat to the next, and less than the deadline of a request."""
BULK = 16


class Drills:
    def __init__(self, story: Story, broker: Broker) -> None:
        self._story = story
        self._world = story.world
        self._broker = broker

    async def lost_while_down(self, random: Random) -> None:
        """What a member published is lost while an importer is down, and the member cannot repair it."""
        exporter, importer = random.sample(self._world.names, 2)
        self._story.struck.add("")
        self._story.note(f"{exporter} is cut off, {importer} is killed")
        fault = self._world.broker.faults.refuse_connections(users=[f"member-{exporter}"])
        await self._world.kill(importer)
        await self._lose(exporter)
        self._story.note(f"{importer}: the agent starts")
        self._world.start(importer)
        await asyncio.sleep(random.choice(WITHOUT_HEARTBEATS_SECONDS))
        self._story.note(f"{exporter} is back")
        fault.lift()

    async def lost_and_refused(self, random: Random) -> None:
        """The same, and the member is there, but each repair fails."""
        exporter = self._story.some_cluster(random)
        self._story.struck.add("")
        self._story.note(f"broker: nothing that {exporter} publishes is taken")
        fault = self._world.broker.faults.fail(
            503,
            users=[f"member-{exporter}"],
            resources=["exportedservices", "exportedendpointslices"],
            verbs=["create", "update", "patch"],
        )
        await self._lose(exporter)
        await asyncio.sleep(random.choice(WITHOUT_HEARTBEATS_SECONDS))
        self._story.note(f"broker: {exporter} may publish again")
        fault.lift()

    async def _lose(self, exporter: str) -> None:
        namespace = f"mcs-member-{exporter}"
        self._story.note(f"broker: all that {exporter} published is lost")
        for kind in (EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES):
            for body in held(self._world.broker, kind):
                if body["metadata"]["namespace"] == namespace:
                    with contextlib.suppress(KubeError):
                        await self._world.broker_api.delete(
                            kind, body["metadata"]["name"], namespace=namespace
                        )

    async def restored_while_away(self, random: Random) -> None:
        """A member exports something; it is cut off while the broker goes back to a time before that."""
        name = self._story.some_cluster(random)
        if name in self._story.busy:
            return
        async with self._broker.in_use:
            self._story.struck.add("")
            at_seconds, backup = self._story.now(), self._world.broker.snapshot()
            self._story.number += 1
            await self._story.export(name, f"new-{self._story.number}")
            await asyncio.sleep(12.0)
            self._story.note(f"{name} is cut off")
            fault = self._world.broker.faults.refuse_connections(users=[f"member-{name}"])
            await self._broker.go_back(at_seconds, backup, random.choice((0, 1_000_000_000)))
            await asyncio.sleep(random.choice(WITHOUT_HEARTBEATS_SECONDS))
            self._story.note(f"{name} is back")
            fault.lift()

    async def dns_alone(self, random: Random) -> None:
        """Only the DNS server cannot reach its API server."""
        name = self._story.some_cluster(random)
        self._story.struck.add(name)
        self._story.note(f"{name}: the DNS server is cut off")
        with self._story.dns.cannot_follow(name):
            fault = self._world[name].sim.faults.refuse_connections(users=["dns"])
            await asyncio.sleep(random.choice((20.0, 60.0)))
            self._story.note(f"{name}: the DNS server is back")
            fault.lift()

    async def start_half_blind(self, random: Random) -> None:
        """An agent starts while it cannot read one kind of its own cluster."""
        name = self._story.some_cluster(random)
        kind = random.choice(("services", "services", "endpointslices", "serviceexports", "serviceimports"))
        self._story.struck.add(name)
        self._story.note(f"{name}: the agent is killed, and starts while it cannot read {kind}")
        await self._world.kill(name)
        fault = self._world[name].sim.faults.fail(
            500, users=["agent"], resources=[kind], verbs=["list", "watch"]
        )
        self._world.start(name)
        await asyncio.sleep(random.choice((10.0, 30.0)))
        self._story.note(f"{name}: {kind} can be read")
        fault.lift()

    async def back_unnoticed(self, random: Random) -> None:
        """The broker goes back by seconds, to after a member's last heartbeat: so that does not tell it.

        What it repairs takes longer than until its next statement.
        """
        one = self._story.some_export(random)
        if one is None:
            return
        exporter, name = one
        async with self._broker.in_use:
            self._story.struck.add("")
            await self._heartbeat_of(exporter)
            at_seconds, backup = self._story.now(), self._world.broker.snapshot()
            if one not in self._story.exported or exporter in self._story.busy:
                return
            now = self._story.exported[one] | self._story.new_addresses(exporter)
            self._story.note(f"{exporter} changes {name} to {sorted(now)}")
            self._story.exported[one] = now
            self._story.expected.endpoints(exporter, f"{NAMESPACE}/{name}", now)
            await self._world[exporter].endpoints(NAMESPACE, name, *sorted(now))
            await asyncio.sleep(3.0)
            self._story.note(f"broker: what {exporter} publishes takes {SLOW_SECONDS:g} s")
            fault = self._world.broker.faults.delay(
                SLOW_SECONDS,
                users=[f"member-{exporter}"],
                resources=["exportedservices", "exportedendpointslices"],
                verbs=["create", "update", "patch"],
            )
            await self._broker.go_back(at_seconds, backup, 1_000_000_000)
            await asyncio.sleep(2 * SLOW_SECONDS)
            fault.lift()

    async def _heartbeat_of(self, member: str) -> None:
        """Wait for its next heartbeat, for a while."""
        before = self._heartbeat(member)
        for _ in range(200):
            await asyncio.sleep(0.1)
            if self._heartbeat(member) != before:
                return

    def _heartbeat(self, member: str) -> str:
        for body in held(self._world.broker, MEMBER_CLUSTERS):
            if body["metadata"]["name"] == member:
                return str((body.get("status") or {}).get("heartbeat", ""))
        return ""

    async def first_list_lacks(self, random: Random) -> None:
        """An agent starts, and the first list of its cluster's exports lacks some of them."""
        name = self._story.some_cluster(random)
        exported = sorted(service for where, service in self._story.exported if where == name)
        if not exported:
            return
        lacks = random.sample(exported, random.randint(1, len(exported)))
        self._story.struck.add(name)
        self._story.note(f"{name}: the agent is killed, and the first list after its start lacks {lacks}")
        await self._world.kill(name)
        await asyncio.sleep(random.choice((0.0, 5.0)))
        self._world.start(name)
        for agent in self._world.agents(name):
            agent.wire.left_out["serviceexports"] = set(lacks)
        await asyncio.sleep(20.0)
        for agent in self._world.agents(name):
            agent.wire.left_out.clear()

    async def export_unread(self, random: Random) -> None:
        """A cluster exports what its only exporter takes back, and its agent cannot read the Service yet.

        Elsewhere the import goes until that is published. There it stays, with its clusterset IP. Only for
        stories in which nobody else takes imports away.
        """
        count = Counter(service for _, service in self._story.exported)
        alone = [one for one in sorted(self._story.exported) if count[one[1]] == 1]
        if not alone:
            return
        exporter, name = random.choice(alone)
        place = random.choice([one for one in self._world.names if one != exporter])
        if self._story.busy & {exporter, place}:
            return
        uid = self._import_uid(place, name)
        self._story.struck.update((exporter, place))
        self._story.note(f"{place}: the agent cannot read Services")
        fault = self._world[place].sim.faults.fail(
            500, users=["agent"], resources=["services"], verbs=["get", "list"]
        )
        for other in self._world.names:
            if other != place:
                self._story.excuse(place=other, service=f"{NAMESPACE}/{name}")
        await self._story.export(place, name)
        await asyncio.sleep(2.0)
        if (exporter, name) in self._story.exported and exporter not in self._story.busy:
            self._story.note(f"{exporter} unexports {name}")
            await self._story.unexport(exporter, name)
        await asyncio.sleep(random.choice((5.0, 20.0)))
        self._story.note(f"{place}: the agent can read Services")
        fault.lift()
        if (place, name) in self._story.exported and self._import_uid(place, name) != uid:
            self._story.fault("I-IMPORT", f"{place}: {NAMESPACE}/{name} is gone, and {place} exports it")

    def _import_uid(self, place: str, name: str) -> str:
        found = (body["metadata"] for body in held(self._world[place].sim, IMPORTS))
        return next((str(one["uid"]) for one in found if one["name"] == name), "")

    async def stop_leader(self, random: Random) -> None:
        """A leader is stopped right before a write, for longer than its lease; then it goes on there.

        Users go on meanwhile, and another replica leads.
        """
        exporter, place = (self._story.some_cluster(random) for _ in range(2))
        leader = next((agent for agent in self._world.agents(place) if agent.works), None)
        if leader is None or exporter in self._story.busy:
            return
        self._story.struck.add(place)
        leader.wire.writes_to_go = random.randint(0, 5)
        self._story.number += 1
        name = f"new-{self._story.number}"
        await self._story.export(exporter, name)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10.0):
                await leader.wire.stopped.wait()
        leader.wire.writes_to_go = None
        self._story.note(f"{leader.name} is stopped" if leader.wire.stopped.is_set() else "nobody is stopped")
        if random.random() < 0.7 and (exporter, name) in self._story.exported:
            self._story.note(f"{exporter} unexports {name}")
            await self._story.unexport(exporter, name)
        await asyncio.sleep(random.uniform(16.0, 40.0))
        self._story.note(f"{leader.name} goes on")
        leader.wire.stopped.clear()
        leader.resume()

    async def mass_unexport(self, random: Random) -> None:
        """Only where the fuse works: a cluster unexports most services at once, an operator says it is meant.

        I-FUSE: until then no cluster withdraws more than it takes to see that so many go.
        """
        exporter = self._story.some_cluster(random)
        if exporter in self._story.busy:
            return
        names = [f"bulk-{exporter}-{number}" for number in range(BULK)]
        for name in names:
            await self._story.export(exporter, name)
        await asyncio.sleep(15.0)
        places = self._world.names
        least = {place: len(bulk) - self._may_go(place) for place in places if (bulk := self._bulk(place))}
        self._story.note(f"{exporter} unexports {BULK} services at once")
        for name in names:
            await self._story.unexport(exporter, name)
        for _ in range(random.choice((20, 45))):
            await asyncio.sleep(1.0)
            for place, number in least.items():
                if (left := len(self._bulk(place))) < number:
                    text = f"{place} has withdrawn imports of {exporter} until {left} of {BULK} were left"
                    self._story.fault("I-FUSE", text)
        for place in places:
            self._story.note(f"{place}: an operator releases what is held")
            for name in self._bulk(place):
                with contextlib.suppress(KubeError):
                    await self._world[place].edit(
                        IMPORTS, NAMESPACE, name, {"metadata": {"annotations": RELEASED}}
                    )

    def _bulk(self, place: str) -> list[str]:
        found = (body["metadata"]["name"] for body in held(self._world[place].sim, IMPORTS))
        return [name for name in found if name.startswith("bulk-")]

    def _may_go(self, place: str) -> int:
        """How many imports may be gone before the fuse must hold the rest."""
        imports = len(list(held(self._world[place].sim, IMPORTS)))
        return max(SERVICES_MINIMUM, int(imports * FUSE_SHARE) + 1)


FUSE_SHARE = 0.5
RELEASED = {ANNOTATION_WITHDRAW: WITHDRAW_ALLOWED}
