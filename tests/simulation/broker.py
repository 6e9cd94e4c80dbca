"""What becomes of the history of a broker: restored, wiped, kinds and members made anew."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection
from random import Random

from mcs_controller.api.resources import CUSTOM_RESOURCE_DEFINITIONS, MEMBER_CLUSTERS, NAMESPACES
from mcs_controller.kube.errors import KubeError
from mcs_controller.simcluster.storage.versions import Snapshot
from tests.simulation.rules import held
from tests.simulation.story import Story
from tests.support.crds import BROKER_CRDS

BACKUPS_SECONDS = 120.0


class Broker:
    def __init__(self, story: Story) -> None:
        self._story = story
        self._world = story.world
        self._backups: list[tuple[float, Snapshot]] = []
        self._limited: set[str] = set()
        self.in_use = asyncio.Lock()

    async def back_up(self) -> None:
        while True:
            if not self.in_use.locked():
                self._backups.append((self._story.now(), self._world.broker.snapshot()))
                while self._story.now() - self._backups[0][0] > BACKUPS_SECONDS:
                    del self._backups[0]
            await asyncio.sleep(3.0)

    async def restore(self, random: Random, bump: int = 0) -> None:
        async with self.in_use:
            self._story.struck.add("")
            if self._backups:
                at_seconds, backup = random.choice(self._backups)
                await self.go_back(at_seconds, backup, bump)

    async def go_back(self, at_seconds: float, backup: Snapshot, bump: int) -> None:
        """Only for who has `in_use`. Limits that were lifted since are lifted again, at once."""
        self._story.note(f"the broker is restored to {at_seconds:.1f}, bump {bump}")
        self._world.broker.restore(backup, bump_revision=bump)
        self._backups = [one for one in self._backups if one[0] <= at_seconds]
        for body in list(held(self._world.broker, MEMBER_CLUSTERS)):
            name = body["metadata"]["name"]
            if body["spec"].get("limits") and name not in self._limited:
                self._story.note(f"{name}: the limits are lifted again")
                await self.limit(name, None)

    async def limit(self, name: str, limits: dict[str, int] | None) -> None:
        """The administrator bounds what a member may export, or lifts that."""
        if limits:
            self._limited.add(name)
        else:
            self._limited.discard(name)
        with contextlib.suppress(KubeError):
            await self._world.broker_api.patch(
                MEMBER_CLUSTERS, name, {"spec": {"limits": limits}}, namespace=f"mcs-member-{name}"
            )

    async def restore_bumped(self, random: Random) -> None:
        await self.restore(random, bump=1_000_000_000)

    async def wipe(self, random: Random) -> None:
        async with self.in_use:
            self._story.struck.add("")
            self._story.note("the broker is wiped")
            self._world.broker.restore(self._world.empty_broker)
            self._backups.clear()
            await self._admit_all(random)

    async def _admit_all(self, random: Random, *, with_namespace: bool = True) -> None:
        for name in random.sample(self._world.names, len(self._world.names)):
            await asyncio.sleep(random.choice((0.0, 1.0, 5.0)))
            self._story.note(f"{name} is admitted")
            await self._world.clusterset.admit(name, with_namespace=with_namespace)

    async def remake_all(self, random: Random) -> None:
        await self._remake(random, BROKER_CRDS)

    async def remake_kind(self, random: Random) -> None:
        await self._remake(random, (random.choice(BROKER_CRDS),))

    async def _remake(self, random: Random, names: Collection[str]) -> None:
        async with self.in_use:
            self._story.struck.add("")
            self._story.note(f"{', '.join(names)} go")
            for name in names:
                await self._world.broker_api.delete(CUSTOM_RESOURCE_DEFINITIONS, name)
            await asyncio.sleep(random.choice((0.5, 2.0, 10.0)))
            self._story.note("they are back")
            await self._world.clusterset.install_broker(*names)
            self._backups.clear()
            if BROKER_CRDS[0] in names:
                await self._admit_all(random, with_namespace=False)

    async def remake_member(self, random: Random) -> None:
        async with self.in_use:
            self._story.struck.add("")
            name = random.choice(self._world.names)
            self._story.note(f"the member namespace of {name} goes")
            await self._world.broker_api.delete(NAMESPACES, f"mcs-member-{name}")
            await asyncio.sleep(random.choice((0.5, 3.0, 15.0)))
            self._story.note(f"{name} is admitted")
            await self._world.clusterset.admit(name)

    async def remove_member(self, random: Random) -> None:
        """Deleted on purpose, and back after a while."""
        async with self.in_use:
            self._story.struck.add("")
            name = random.choice(self._world.names)
            self._story.note(f"MemberCluster {name} is deleted")
            self._story.excuse(exporter=name)
            self._story.excuse(place=name)
            await self._world.broker_api.delete(MEMBER_CLUSTERS, name, namespace=f"mcs-member-{name}")
            await asyncio.sleep(random.choice((5.0, 70.0)))
            self._story.note(f"{name} is admitted")
            await self._world.clusterset.admit(name, with_namespace=False)

    async def remove_all(self, random: Random) -> None:
        """A slip of the administrator: every MemberCluster is deleted. They are admitted again."""
        async with self.in_use:
            self._story.struck.add("")
            self._story.note("all MemberClusters are deleted")
            for name in random.sample(self._world.names, len(self._world.names)):
                await self._world.broker_api.delete(MEMBER_CLUSTERS, name, namespace=f"mcs-member-{name}")
            await asyncio.sleep(random.choice((15.0, 30.0)))
            await self._admit_all(random, with_namespace=False)
