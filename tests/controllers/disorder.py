"""What a seed makes of a clusterset: users act, and at the same time everything fails that can.

A story is planned before it is told, as events at times, so that events can be left out of one that fails.
The driver knows what is exported; `faults` says where clusters had something else, and when. What was in
order at the start of a part and that nobody has changed since is to stay as it is, whatever fails; and a
while after the last fault every cluster has what is exported, and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from random import Random
from typing import Any

from mcs_controller.api.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    ENDPOINT_SLICES,
    MEMBER_CLUSTERS,
    NAMESPACES,
    SERVICES,
)
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.membership.presence import Presence
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import KubeError
from mcs_controller.simcluster.faults import Fault
from mcs_controller.simcluster.storage.versions import Snapshot
from tests.controllers.clusterset import BROKER_CRDS, IMPORTS, Cluster, Clusterset
from tests.controllers.processes import LoopClock
from tests.support.continuity import Looks, look_at

HELD = "mcs-controller.io/Held"
SHARED = ("web", "api", "db")
HEADLESS = "db"
PART_SECONDS = 90.0
LOOK_SECONDS = 0.25
QUIET_SECONDS = 60.0
SILENCE_SECONDS = 40.0
"""A member that has not renewed its heartbeat for as long may soon be taken for dead."""
BACKUPS_SECONDS = 120.0

Export = tuple[str, str]
"""A cluster, and a service of the namespace shop."""


@dataclass(frozen=True)
class Event:
    """Something that happens in some part of a story; `seed` makes the choices."""

    part: int
    at_seconds: float
    act: str
    seed: int


USERS = ("deploy", "unexport", "change", "change", "change", "empty", "reexport", "ports")
RARE = ("remake_namespace", "retype")
AGENTS = ("restart", "restart", "kill_for_a_while", "second_replica", "clock")
SERVERS = ("refuse", "fail", "fail", "slow", "lose_answers", "stall", "stall", "cut", "compact", "hang")
DISASTERS = ("restore", "restore", "restore_bumped", "wipe", "remake_all", "remake_kind", "remake_member")


def plan(seed: int, parts: int = 3) -> list[Event]:
    """All events of a story."""
    random = Random(seed)
    events = []
    for part in range(parts):
        acts = [random.choice(USERS) for _ in range(random.randint(3, 12))]
        acts += [random.choice(RARE)] * (random.random() < 0.3)
        acts += [random.choice(AGENTS) for _ in range(random.randint(0, 4))]
        acts += [random.choice(SERVERS) for _ in range(random.randint(0, 5))]
        acts += [random.choice(DISASTERS) for _ in range(random.randint(0, 2))]
        if random.random() < 0.1:
            acts.append("remove_member")
        timed = sorted((random.uniform(0, PART_SECONDS), act) for act in acts)
        events += [Event(part, round(at, 3), act, random.getrandbits(32)) for at, act in timed]
    return events


@dataclass
class Disorder:
    """The driver."""

    world: Clusterset
    faults: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    exported: dict[Export, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._number = 0
        self._backups: list[tuple[float, Snapshot]] = []
        self._broker_in_use = asyncio.Lock()
        self._server_faults: list[Fault] = []
        self._replicas: list[asyncio.Task[None]] = []
        # What is to stay: the addresses of (importing cluster, service), by exporting cluster; and imports.
        self._steady: dict[tuple[str, str], dict[str, set[str]]] = {}
        self._steady_imports: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {}
        self._heartbeats: dict[str, tuple[str, float]] = {}

    # Telling

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def note(self, text: str) -> None:
        self.story.append(f"{self._now():8.2f}  {text}")

    def _fault(self, text: str) -> None:
        if not any(one.endswith(text) for one in self.faults):
            self.faults.append(f"{self._now():8.2f}  {text}")
            self.note(f"FAULT {text}")

    async def tell(self, events: Collection[Event]) -> None:
        """The whole story, until it is over or something was wrong."""
        await self.world.everywhere("shop")
        for name in SHARED:
            for cluster in Random(name).sample(self.world.names, 2):
                await self._export(cluster, name)
        for cluster in self.world.names:
            await self._export(cluster, f"of-{cluster}")
        if not await self._becomes_right("at the start"):
            return
        for part in range(1 + max((event.part for event in events), default=0)):
            await self._part([event for event in events if event.part == part])
            if self.faults:
                return

    async def _part(self, events: Collection[Event]) -> None:
        await self._hold_on_to_what_is_there()
        watching = asyncio.create_task(self._watch())
        backups = asyncio.create_task(self._back_up())
        start_seconds = self._now()
        acts = []
        for event in events:
            await asyncio.sleep(max(0.0, start_seconds + event.at_seconds - self._now()))
            acts.append(asyncio.create_task(self._do(event)))
        await asyncio.gather(*acts)
        self._heal()
        await self._revive()
        self.note("all is healed")
        backups.cancel()
        right = await self._becomes_right("after a part")
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        for replica in self._replicas:
            replica.cancel()
        self._replicas.clear()
        if right:
            await asyncio.sleep(QUIET_SECONDS)
            if problem := await self._problem():
                self._fault(f"no longer right: {problem}")

    async def _do(self, event: Event) -> None:
        act: Callable[[Random], Awaitable[None]] = getattr(self, f"_{event.act}")
        await act(Random(event.seed))

    # Judging

    async def _hold_on_to_what_is_there(self) -> None:
        found = await look_at(self.world.apis)
        self._steady = {
            (place, name): {
                cluster: set(addresses)
                for (cluster, exported), addresses in self.exported.items()
                if exported == name
            }
            for place in self.world.names
            for name in {name for _, name in self.exported}
        }
        self._steady_imports = {
            (place, service.partition("/")[2]): (one.uid, one.ips) for (place, service), one in found.items()
        }
        self._heartbeats = {}

    def _give_up(self, *, cluster: str = "", name: str = "", place: str = "") -> None:
        """Somebody really changed something: what cluster exports of name is not steady any more at place."""
        for (where, what), of in list(self._steady.items()):
            if (place and where != place) or (name and what != name):
                continue
            if cluster:
                of.pop(cluster, None)
            else:
                of.clear()
        for where, what in list(self._steady_imports):
            if not self._steady.get((where, what)):
                self._steady_imports.pop((where, what), None)

    async def _watch(self) -> None:
        while True:
            await self._see_heartbeats()
            self._judge(await look_at(self.world.apis))
            await asyncio.sleep(LOOK_SECONDS)

    async def _see_heartbeats(self) -> None:
        try:
            members = (await self.world.broker_api.list(MEMBER_CLUSTERS)).items
        except KubeError:
            members = []
        for one in members:
            name, beat = one["metadata"]["name"], (one.get("status") or {}).get("heartbeat", "")
            if self._heartbeats.get(name, ("", 0.0))[0] != beat:
                self._heartbeats[name] = (beat, self._now())
        for name, (_, since_seconds) in self._heartbeats.items():
            if self._now() - since_seconds > SILENCE_SECONDS:
                for (where, _), of in self._steady.items():
                    if where != name and of.pop(name, None) is not None:
                        self.note(f"{name} is silent: nothing of it is expected")

    def _judge(self, found: Looks) -> None:
        for (place, name), before in self._steady_imports.items():
            now = found.get((place, f"shop/{name}"))
            if now is None:
                self._fault(f"{place}: import {name} is gone")
            elif now.uid != before[0]:
                self._fault(f"{place}: import {name} is another one")
            elif now.ips != before[1]:
                self._fault(f"{place}: import {name} has IPs {now.ips}, had {before[1]}")
        for (place, name), of in self._steady.items():
            wanted = set().union(*of.values())
            now = found.get((place, f"shop/{name}"))
            missing = wanted - (now.addresses if now is not None else frozenset())
            if missing:
                self._fault(f"{place}: {name} lacks {sorted(missing)}")

    async def _becomes_right(self, when: str) -> bool:
        deadline = self._now() + QUIET_SECONDS
        while problem := await self._problem():
            if self._now() > deadline:
                self._fault(f"{when}: {problem}")
                return False
            await asyncio.sleep(1.0)
        self.note(f"right {QUIET_SECONDS - (deadline - self._now()):.0f} s {when}")
        return True

    async def _problem(self) -> str:
        """Where some cluster, or the broker, has something else than what is exported."""
        wanted: dict[str, set[str]] = {}
        for (_, name), addresses in self.exported.items():
            wanted.setdefault(f"shop/{name}", set()).update(addresses)
        found: dict[str, dict[str, set[str]]] = {name: {} for name in self.world.names}
        for (place, name), one in (await look_at(self.world.apis)).items():
            found[place][name] = set(one.addresses)
        for place, has in found.items():
            for name in sorted(wanted.keys() | has.keys()):
                if has.get(name) != wanted.get(name):
                    return f"{place}: {name} has {_text(has.get(name))}, not {_text(wanted.get(name))}"
        for cluster in self.world:
            for imported in await cluster.all_of(IMPORTS):
                name = imported["metadata"]["name"]
                conditions = await cluster.import_conditions("shop", name)
                if conditions.get("Ready") != ("True", "Ready"):
                    return f"{cluster.name}: import {name} is {conditions.get('Ready')}"
                if conditions.get(HELD, ("False", ""))[0] != "False":
                    return f"{cluster.name}: import {name} is held {conditions[HELD]}"
                named = [one["cluster"] for one in imported["status"].get("clusters", ())]
                exporters = sorted(c for c, exported in self.exported if exported == name)
                if named != exporters:
                    return f"{cluster.name}: import {name} names {named}, not {exporters}"
        for where, name in self.exported:
            ready = (await self.world[where].conditions("shop", name)).get("Ready")
            if ready != ("True", "Exported"):
                return f"{where}: export {name} is {ready}"
        records = {
            one.partition(" ")[2].replace("mcs-member-", "")
            for one in await self.world.records()
            if one.startswith("ExportedService ")
        }
        if records != (due := {f"{cluster}/shop.{name}" for cluster, name in self.exported}):
            return f"records: {sorted(records ^ due)} too much or missing"
        for cluster in self.world:
            kept = [
                (sample.labels, sample.value)
                for metric in cluster.agent.registry.collect()
                for sample in metric.samples
                if sample.name == "mcs_retained_objects" and sample.value
            ]
            if kept:
                return f"{cluster.name} keeps {kept}"
        return ""

    # Users

    def _new_addresses(self, cluster: str, count: int = 2) -> set[str]:
        place = self.world.names.index(cluster) + 1
        found = set()
        for _ in range(count):
            self._number += 1
            found.add(f"10.{place}.{self._number // 200 + 1}.{self._number % 200 + 1}")
        return found

    async def _export(self, cluster: str, name: str, addresses: Collection[str] = ()) -> None:
        offered = set(addresses) or self._new_addresses(cluster)
        self.note(f"{cluster} exports {name} {sorted(offered)}")
        self.exported[cluster, name] = offered
        if await self.world[cluster].held(SERVICES, "shop", name) is None:
            headless = {"clusterIP": "None"} if name == HEADLESS else {}
            await self.world[cluster].service("shop", name, **headless)
        await self.world[cluster].endpoints("shop", name, *sorted(offered))
        await self.world[cluster].export("shop", name)

    async def _deploy(self, random: Random) -> None:
        cluster = random.choice(self.world.names)
        name = random.choice(SHARED)
        if (cluster, name) in self.exported:
            self._number += 1
            name = f"new-{self._number}"
        await self._export(cluster, name)

    def _some_export(self, random: Random) -> Export | None:
        return random.choice(sorted(self.exported)) if self.exported else None

    async def _unexport(self, random: Random) -> None:
        if one := self._some_export(random):
            cluster, name = one
            self.note(f"{cluster} unexports {name}")
            self._give_up(cluster=cluster, name=name)
            del self.exported[one]
            await self.world[cluster].unexport("shop", name)

    async def _reexport(self, random: Random) -> None:
        """Taken back and exported again, with other endpoints."""
        if one := self._some_export(random):
            await self._unexport_this(one)
            await asyncio.sleep(random.choice((0.0, 0.5, 3.0, 10.0)))
            if one not in self.exported:
                await self._export(*one)

    async def _unexport_this(self, one: Export) -> None:
        self.note(f"{one[0]} unexports {one[1]}, for a while")
        self._give_up(cluster=one[0], name=one[1])
        del self.exported[one]
        await self.world[one[0]].unexport("shop", one[1])

    async def _change(self, random: Random) -> None:
        """Some endpoints stay, others come."""
        if one := self._some_export(random):
            cluster = one[0]
            kept = set(sorted(self.exported[one])[: random.randint(0, 2)])
            now = kept | self._new_addresses(cluster, random.randint(1, 2))
            await self._offer(one, now)

    async def _offer(self, one: Export, now: set[str]) -> None:
        cluster, name = one
        self.note(f"{cluster} changes {name} to {sorted(now)}")
        for (_, what), of in self._steady.items():
            if what == name and cluster in of:
                of[cluster] &= now
        self.exported[one] = now
        if now:
            await self.world[cluster].endpoints("shop", name, *sorted(now))
        else:
            with contextlib.suppress(KubeError):
                await self.world[cluster].api.delete(ENDPOINT_SLICES, f"{name}-abc", namespace="shop")

    async def _empty(self, random: Random) -> None:
        """Scaled to nothing, and up again."""
        if one := self._some_export(random):
            await self._offer(one, set())
            await asyncio.sleep(random.choice((0.5, 5.0, 20.0)))
            if one in self.exported:
                await self._offer(one, self._new_addresses(one[0]))

    async def _ports(self, random: Random) -> None:
        if one := self._some_export(random):
            cluster, name = one
            port = random.choice((80, 81, 8443))
            self.note(f"{cluster} changes the port of {name} to {port}")
            await self.world[cluster].edit(
                SERVICES, "shop", name, {"spec": {"ports": [{"name": "http", "port": port}]}}
            )

    async def _retype(self, random: Random) -> None:
        """A Service of the other type, of a name that one cluster alone exports."""
        alone = [
            one for one in sorted(self.exported) if [name for _, name in self.exported].count(one[1]) == 1
        ]
        alone = [one for one in alone if one[1] not in SHARED]
        if not alone:
            return
        cluster, name = random.choice(alone)
        self.note(f"{cluster} remakes the Service {name} with the other type")
        self._give_up(name=name)
        held = await self.world[cluster].held(SERVICES, "shop", name)
        assert held is not None
        headless = held["spec"].get("clusterIP") != "None"
        await self.world[cluster].api.delete(SERVICES, name, namespace="shop")
        await self.world[cluster].service("shop", name, **({"clusterIP": "None"} if headless else {}))

    async def _remake_namespace(self, random: Random) -> None:
        cluster = random.choice(self.world.names)
        self.note(f"{cluster}: the namespace shop goes")
        self._give_up(cluster=cluster)
        self._give_up(place=cluster)
        mine = [name for where, name in self.exported if where == cluster]
        for name in mine:
            del self.exported[cluster, name]
        await self.world[cluster].api.delete(NAMESPACES, "shop")
        await asyncio.sleep(random.choice((1.0, 5.0, 20.0)))
        self.note(f"{cluster}: the namespace shop is back")
        await self.world[cluster].namespace("shop")
        for name in mine:
            if (cluster, name) not in self.exported and random.random() < 0.7:
                await self._export(cluster, name)

    # Agents

    async def _revive(self) -> None:
        for cluster in self.world:
            if cluster.process is None:
                cluster.start()
            elif cluster.process.task.done():
                self._fault(f"the agent of {cluster.name} ended: {cluster.process.task!r}")

    async def _restart(self, random: Random) -> None:
        cluster = self.world[random.choice(self.world.names)]
        if cluster.process is not None:
            self.note(f"{cluster.name}: the agent is restarted")
            await cluster.restart()

    async def _kill_for_a_while(self, random: Random) -> None:
        cluster = self.world[random.choice(self.world.names)]
        if cluster.process is None:
            return
        seconds = random.choice((2.0, 10.0, 25.0, 80.0))
        self.note(f"{cluster.name}: the agent is killed for {seconds:g} s")
        await cluster.kill()
        await asyncio.sleep(seconds)
        self._start_again(cluster)

    def _start_again(self, cluster: Cluster) -> None:
        if cluster.process is None:
            self.note(f"{cluster.name}: the agent starts")
            cluster.start()

    async def _second_replica(self, random: Random) -> None:
        """Beside the leader, one that only renews the heartbeat."""
        cluster = self.world[random.choice(self.world.names)]
        self.note(f"{cluster.name}: a second replica")
        replica = Presence(
            AgentConfig(cluster_id=cluster.name),
            Client(cluster.sim.transport("agent"), name="local"),
            self.world.broker.client(f"member-{cluster.name}"),
            clock=LoopClock(random.uniform(-2.0, 2.0)),
            random=Random(random.getrandbits(32)),
        )
        self._replicas.append(asyncio.create_task(replica.run()))

    async def _clock(self, random: Random) -> None:
        cluster = self.world[random.choice(self.world.names)]
        seconds = random.choice((-3600.0, -90.0, -5.0, 5.0, 300.0))
        self.note(f"{cluster.name}: the clock is set by {seconds:g} s")
        cluster.clock.skew_seconds += seconds

    # Servers

    def _heal(self) -> None:
        while self._server_faults:
            self._server_faults.pop().lift()

    def _some_server(self, random: Random) -> tuple[Any, list[str], str]:
        name = random.choice(self.world.names)
        if random.random() < 0.7:
            users = [f"member-{one}" for one in self.world.names]
            if random.random() < 0.5:
                users = [f"member-{name}"]
            return self.world.broker.faults, users, f"the broker for {users}"
        return self.world[name].sim.faults, ["agent"], f"the API server of {name}"

    async def _strike(self, random: Random, text: str, act: Callable[[Any, list[str]], Fault]) -> None:
        faults, users, where = self._some_server(random)
        seconds = random.choice((1.0, 5.0, 20.0, 30.0))
        self.note(f"{where}: {text} for {seconds:g} s")
        fault = act(faults, users)
        self._server_faults.append(fault)
        await asyncio.sleep(seconds)
        fault.lift()
        self.note(f"{where}: {text} is over")

    async def _refuse(self, random: Random) -> None:
        await self._strike(random, "away", lambda faults, users: faults.refuse_connections(users=users))

    async def _fail(self, random: Random) -> None:
        code, share = random.choice((409, 429, 500, 503)), random.choice((0.3, 0.8, 1.0))
        verbs = ("create", "update", "patch", "delete") if code == 409 else ()
        await self._strike(
            random,
            f"{code} for {share:.0%}",
            lambda faults, users: faults.fail(code, share=share, users=users, verbs=verbs),
        )

    async def _slow(self, random: Random) -> None:
        most = random.choice((0.5, 3.0))
        await self._strike(random, f"slow {most}", lambda faults, users: faults.delay(0, most, users=users))

    async def _lose_answers(self, random: Random) -> None:
        await self._strike(
            random, "loses answers", lambda faults, users: faults.lose_answers(share=0.5, users=users)
        )

    async def _stall(self, random: Random) -> None:
        kinds = ("exportedservices", "exportedendpointslices", "serviceexports", "serviceimports")
        resources = random.choice(((), (random.choice(kinds),)))
        await self._strike(
            random,
            f"watches stall {resources}",
            lambda faults, users: faults.stall_watches(users=users, resources=resources),
        )

    async def _hang(self, random: Random) -> None:
        await self._strike(random, "hangs", lambda faults, users: faults.hang(users=users))

    async def _cut(self, random: Random) -> None:
        faults, users, where = self._some_server(random)
        self.note(f"{where}: watches cut")
        faults.cut_watches(users=users)

    async def _compact(self, random: Random) -> None:
        faults, users, where = self._some_server(random)
        self.note(f"{where}: compacted, watches cut")
        faults.compact()
        faults.cut_watches(users=users)

    # The broker's history

    async def _back_up(self) -> None:
        while True:
            if not self._broker_in_use.locked():
                self._backups.append((self._now(), self.world.broker.snapshot()))
                while self._now() - self._backups[0][0] > BACKUPS_SECONDS:
                    del self._backups[0]
            await asyncio.sleep(3.0)

    async def _restore(self, random: Random, bump: int = 0) -> None:
        async with self._broker_in_use:
            if self._backups:
                at_seconds, backup = random.choice(self._backups)
                self.note(f"the broker is restored to {at_seconds:.1f}, bump {bump}")
                self.world.broker.restore(backup, bump_revision=bump)
                self._backups = [one for one in self._backups if one[0] <= at_seconds]

    async def _restore_bumped(self, random: Random) -> None:
        await self._restore(random, bump=1_000_000_000)

    async def _wipe(self, random: Random) -> None:
        async with self._broker_in_use:
            self.note("the broker is wiped")
            self.world.broker.restore(self.world.empty_broker)
            self._backups.clear()
            await self._admit_all(random)

    async def _admit_all(self, random: Random, *, with_namespace: bool = True) -> None:
        for name in random.sample(self.world.names, len(self.world.names)):
            await asyncio.sleep(random.choice((0.0, 1.0, 5.0)))
            self.note(f"{name} is admitted")
            await self.world.admit(name, with_namespace=with_namespace)

    async def _remake_all(self, random: Random) -> None:
        await self._remake(random, BROKER_CRDS)

    async def _remake_kind(self, random: Random) -> None:
        await self._remake(random, (random.choice(BROKER_CRDS),))

    async def _remake(self, random: Random, names: Collection[str]) -> None:
        async with self._broker_in_use:
            self.note(f"{', '.join(names)} go")
            for name in names:
                await self.world.broker_api.delete(CUSTOM_RESOURCE_DEFINITIONS, name)
            await asyncio.sleep(random.choice((0.5, 2.0, 10.0)))
            self.note("they are back")
            await self.world.install_broker(*names)
            self._backups.clear()
            if BROKER_CRDS[0] in names:
                await self._admit_all(random, with_namespace=False)

    async def _remake_member(self, random: Random) -> None:
        async with self._broker_in_use:
            name = random.choice(self.world.names)
            self.note(f"the member namespace of {name} goes")
            await self.world.broker_api.delete(NAMESPACES, f"mcs-member-{name}")
            await asyncio.sleep(random.choice((0.5, 3.0, 15.0)))
            self.note(f"{name} is admitted")
            await self.world.admit(name)

    async def _remove_member(self, random: Random) -> None:
        """Deleted on purpose, and back after a while."""
        async with self._broker_in_use:
            name = random.choice(self.world.names)
            self.note(f"MemberCluster {name} is deleted")
            for place in self.world.names:
                if place != name:
                    self._give_up(cluster=name, place=place)
            self._give_up(place=name)
            await self.world.broker_api.delete(MEMBER_CLUSTERS, name, namespace=f"mcs-member-{name}")
            await asyncio.sleep(random.choice((5.0, 70.0)))
            self.note(f"{name} is admitted")
            await self.world.admit(name, with_namespace=False)


def _text(addresses: set[str] | None) -> str:
    return "nothing" if addresses is None else str(sorted(addresses))
