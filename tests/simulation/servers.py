"""How the API servers of a clusterset fail."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from random import Random
from typing import Any

from mcs_controller.simcluster.faults import Fault, Faults
from tests.simulation.behind import keeps_dns_behind
from tests.simulation.story import Story


class Servers:
    def __init__(self, story: Story) -> None:
        self._story = story
        self._world = story.world
        self._server_faults: list[Fault] = []

    def heal(self) -> None:
        while self._server_faults:
            self._server_faults.pop().lift()

    def _some_server(self, random: Random) -> tuple[Any, list[str], str, str]:
        """Its faults, the users whom one strikes, the cluster that it is for, and the text of the story."""
        name = random.choice(self._world.names)
        if random.random() < 0.7:
            users = [f"member-{one}" for one in self._world.names]
            if random.random() < 0.5:
                users = [f"member-{name}"]
                self._story.struck.add(name)
            else:
                self._story.struck.add("")
            return self._world.broker.faults, users, name, f"the broker for {users}"
        self._story.struck.add(name)
        users = ["agent", "dns"] if random.random() < 0.5 else ["agent"]
        return self._world[name].sim.faults, users, name, f"the API server of {name} for {users}"

    async def _strike(self, random: Random, text: str, act: Callable[[Any, list[str]], Fault]) -> None:
        faults, users, name, where = self._some_server(random)
        seconds = random.choice((1.0, 5.0, 20.0, 30.0))
        self._story.note(f"{where}: {text} for {seconds:g} s")
        fault = act(faults, users)
        self._server_faults.append(fault)
        with self._story.dns.cannot_follow(name) if keeps_dns_behind(fault) else contextlib.nullcontext():
            await asyncio.sleep(seconds)
            fault.lift()
        self._story.note(f"{where}: {text} is over")

    async def refuse(self, random: Random) -> None:
        await self._strike(random, "away", lambda faults, users: faults.refuse_connections(users=users))

    async def fail(self, random: Random) -> None:
        code, share = random.choice((409, 429, 500, 503)), random.choice((0.3, 0.8, 1.0))
        verbs = ("create", "update", "patch", "delete") if code == 409 else ()
        await self._strike(
            random,
            f"{code} for {share:.0%}",
            lambda faults, users: faults.fail(code, share=share, users=users, verbs=verbs),
        )

    async def slow(self, random: Random) -> None:
        most = random.choice((0.5, 3.0))
        how, delay = (
            ("slow", Faults.delay) if random.random() < 0.5 else ("answers late", Faults.delay_answers)
        )
        await self._strike(random, f"{how} {most}", lambda faults, users: delay(faults, 0, most, users=users))

    async def lose_answers(self, random: Random) -> None:
        await self._strike(
            random, "loses answers", lambda faults, users: faults.lose_answers(share=0.5, users=users)
        )

    async def stall(self, random: Random) -> None:
        kinds = ("exportedservices", "exportedendpointslices", "serviceexports", "serviceimports")
        resources = random.choice(((), (random.choice(kinds),)))
        await self._strike(
            random,
            f"watches stall {resources}",
            lambda faults, users: faults.stall_watches(users=users, resources=resources),
        )

    async def hang(self, random: Random) -> None:
        await self._strike(random, "hangs", lambda faults, users: faults.hang(users=users))

    async def cut(self, random: Random) -> None:
        faults, users, _, where = self._some_server(random)
        self._story.note(f"{where}: watches cut")
        faults.cut_watches(users=users)

    async def compact(self, random: Random) -> None:
        faults, users, _, where = self._some_server(random)
        self._story.note(f"{where}: compacted, watches cut")
        faults.compact()
        faults.cut_watches(users=users)
