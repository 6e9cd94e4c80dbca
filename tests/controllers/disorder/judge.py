"""Whether a clusterset in disorder keeps what is steady, and comes to what is exported."""

from __future__ import annotations

import asyncio

from mcs_controller.api.resources import MEMBER_CLUSTERS
from mcs_controller.kube.errors import KubeError
from tests.controllers.disorder.story import Story
from tests.support.continuity import Looks, look_at
from tests.support.objects import IMPORTS

HELD = "mcs-controller.io/Held"
LOOK_SECONDS = 0.25
QUIET_SECONDS = 60.0
SILENCE_SECONDS = 40.0
"""A member that has not renewed its heartbeat for as long may soon be taken for dead."""


class Judge:
    def __init__(self, story: Story) -> None:
        self._story = story
        self._world = story.world
        self._heartbeats: dict[str, tuple[str, float]] = {}

    async def hold_on_to_what_is_there(self) -> None:
        found = await look_at(self._world.apis)
        self._story.steady = {
            (place, name): {
                cluster: set(addresses)
                for (cluster, exported), addresses in self._story.exported.items()
                if exported == name
            }
            for place in self._world.names
            for name in {name for _, name in self._story.exported}
        }
        self._story.steady_imports = {
            (place, service.partition("/")[2]): (one.uid, one.ips) for (place, service), one in found.items()
        }
        self._heartbeats = {}

    async def watch(self) -> None:
        while True:
            await self._see_heartbeats()
            self._judge(await look_at(self._world.apis))
            await asyncio.sleep(LOOK_SECONDS)

    async def _see_heartbeats(self) -> None:
        try:
            members = (await self._world.broker_api.list(MEMBER_CLUSTERS)).items
        except KubeError:
            members = []
        for one in members:
            name, beat = one["metadata"]["name"], (one.get("status") or {}).get("heartbeat", "")
            if self._heartbeats.get(name, ("", 0.0))[0] != beat:
                self._heartbeats[name] = (beat, self._story.now())
        for name, (_, since_seconds) in self._heartbeats.items():
            if self._story.now() - since_seconds > SILENCE_SECONDS:
                for (where, _), of in self._story.steady.items():
                    if where != name and of.pop(name, None) is not None:
                        self._story.note(f"{name} is silent: nothing of it is expected")

    def _judge(self, found: Looks) -> None:
        for (place, name), before in self._story.steady_imports.items():
            now = found.get((place, f"shop/{name}"))
            if now is None:
                self._story.fault(f"{place}: import {name} is gone")
            elif now.uid != before[0]:
                self._story.fault(f"{place}: import {name} is another one")
            elif now.ips != before[1]:
                self._story.fault(f"{place}: import {name} has IPs {now.ips}, had {before[1]}")
        for (place, name), of in self._story.steady.items():
            wanted = set().union(*of.values())
            now = found.get((place, f"shop/{name}"))
            missing = wanted - (now.addresses if now is not None else frozenset())
            if missing:
                self._story.fault(f"{place}: {name} lacks {sorted(missing)}")

    async def becomes_right(self, when: str) -> bool:
        deadline = self._story.now() + QUIET_SECONDS
        while problem := await self.problem():
            if self._story.now() > deadline:
                self._story.fault(f"{when}: {problem}")
                return False
            await asyncio.sleep(1.0)
        self._story.note(f"right {QUIET_SECONDS - (deadline - self._story.now()):.0f} s {when}")
        return True

    async def problem(self) -> str:
        """Where some cluster, or the broker, has something else than what is exported."""
        wanted: dict[str, set[str]] = {}
        for (_, name), addresses in self._story.exported.items():
            wanted.setdefault(f"shop/{name}", set()).update(addresses)
        found: dict[str, dict[str, set[str]]] = {name: {} for name in self._world.names}
        for (place, name), one in (await look_at(self._world.apis)).items():
            found[place][name] = set(one.addresses)
        for place, has in found.items():
            for name in sorted(wanted.keys() | has.keys()):
                if has.get(name) != wanted.get(name):
                    return f"{place}: {name} has {_text(has.get(name))}, not {_text(wanted.get(name))}"
        for cluster in self._world:
            for imported in await cluster.all_of(IMPORTS):
                name = imported["metadata"]["name"]
                conditions = await cluster.import_conditions("shop", name)
                if conditions.get("Ready") != ("True", "Ready"):
                    return f"{cluster.name}: import {name} is {conditions.get('Ready')}"
                if conditions.get(HELD, ("False", ""))[0] != "False":
                    return f"{cluster.name}: import {name} is held {conditions[HELD]}"
                named = [one["cluster"] for one in imported["status"].get("clusters", ())]
                exporters = sorted(c for c, exported in self._story.exported if exported == name)
                if named != exporters:
                    return f"{cluster.name}: import {name} names {named}, not {exporters}"
        for where, name in self._story.exported:
            ready = (await self._world[where].conditions("shop", name)).get("Ready")
            if ready != ("True", "Exported"):
                return f"{where}: export {name} is {ready}"
        records = {
            one.partition(" ")[2].replace("mcs-member-", "")
            for one in await self._world.records()
            if one.startswith("ExportedService ")
        }
        if records != (due := {f"{cluster}/shop.{name}" for cluster, name in self._story.exported}):
            return f"records: {sorted(records ^ due)} too much or missing"
        for cluster in self._world:
            kept = [
                (sample.labels, sample.value)
                for metric in cluster.agent.registry.collect()
                for sample in metric.samples
                if sample.name == "mcs_retained_objects" and sample.value
            ]
            if kept:
                return f"{cluster.name} keeps {kept}"
        return ""


def _text(addresses: set[str] | None) -> str:
    return "nothing" if addresses is None else str(sorted(addresses))
