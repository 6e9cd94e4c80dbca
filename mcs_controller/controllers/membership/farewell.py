"""A member leaves: says so on the broker, and hears who has let go of it.

`leave` runs a `Farewell` in the place of the cluster's agent, which must not run: it withdraws all exports,
goes on stating that there are none, and reads what the other members answer
(`clusterset/membership/farewell.py`). An agent that runs beside it is noticed by the heartbeats that it
writes. For a cluster that is gone the broker's administrator says the same, by an `Obituary`.
"""

import asyncio
import random as randomness
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Final

from mcs_controller.api.names import ANNOTATION_WITHDRAW
from mcs_controller.api.resources import (
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    MEMBER_CLUSTERS,
    NAMESPACES,
)
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.identity import member_namespace
from mcs_controller.clusterset.membership import farewell
from mcs_controller.clusterset.membership.member import cluster_of, decode_member, encode_statement
from mcs_controller.clusterset.membership.statement import statement
from mcs_controller.clusterset.model import Member
from mcs_controller.clusterset.syntax import seconds_of_time
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.membership.claim import give_back
from mcs_controller.controllers.membership.presence import Presence
from mcs_controller.controllers.membership.withdrawal import withdraw_exports
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import Clock, rfc3339, rfc3339_micro
from mcs_controller.kube.errors import KubeError, NotFound

SPEAK_SECONDS: Final = 5.0
"""The interval of statements that nothing is exported."""
AGENT_SILENT_SECONDS: Final = 12.0
"""An agent that has not renewed the heartbeat for so long has stopped: by default it does so every 10 s."""


class Hearing(ABC):
    """Hears what the other members say of one that leaves. `importers` is what was known after `listen`.

    `excluded`: the broker has no MemberCluster of it, so that nobody can be asked. `understood`: the broker
    keeps what is asked; one with older definitions does not. `problem` is None when the last round worked.
    """

    def __init__(self, cluster_id: str, broker: Client, *, clock: Clock) -> None:
        self.importers: Mapping[str, farewell.Importer] = {}
        self.excluded = False
        self.understood = True
        self.problem: str | None = None
        self._cluster_id = cluster_id
        self._namespace = member_namespace(cluster_id)
        self._broker = broker
        self._clock = clock
        self._since = ""
        self._spoke_at_seconds = 0.0

    async def withdraw(self) -> AsyncIterator[tuple[str, str]]:
        """Withdraw all exports, and say that it leaves: kind and name of each object. Raises `KubeError`."""
        async for withdrawn in withdraw_exports(self._broker, self._namespace):
            self._since = ""
            yield withdrawn
        self._since = self._since or rfc3339_micro(self._clock.now())
        self._spoke_at_seconds = asyncio.get_running_loop().time()
        await self._speak()

    async def listen(self) -> None:
        """One round: read what the others answer, and speak if it is time. Raises `ClusterIdTaken`."""
        now_seconds = asyncio.get_running_loop().time()
        try:
            members = await self._members()
        except KubeError as error:
            self.problem = f"cannot read the members: {error}"
            return
        self.problem = None
        own = members.get(self._cluster_id)
        self.excluded = own is None
        since = self._since
        if own is not None:
            # Who has not asked anything yet hears the answers to what was asked before.
            since = since or own.leaving
            self.understood = own.leaving == since
            self._hear_own(own)
        self.importers = farewell.observe(
            self.importers, members.values(), self._cluster_id, since, now_seconds
        )
        if self._since and now_seconds >= self._spoke_at_seconds + SPEAK_SECONDS:
            self._spoke_at_seconds = now_seconds
            try:
                await self._speak()
            except KubeError as error:
                self.problem = f"cannot say that it leaves: {error}"

    @abstractmethod
    def agent_runs(self) -> bool:
        """Whether an agent of the cluster that leaves may still run."""

    @abstractmethod
    def _hear_own(self, own: Member) -> None:
        """Look at the MemberCluster of the one that leaves."""

    async def _own(self) -> Member | None:
        try:
            return decode_member(await self._broker.get(MEMBER_CLUSTERS, self._cluster_id, self._namespace))
        except NotFound:
            return None

    @abstractmethod
    async def _speak(self) -> None:
        """State since when it leaves, and that it exports nothing. Raises `KubeError`, `ClusterIdTaken`."""

    async def _members(self) -> dict[str, Member]:
        members = {}
        for raw in (await self._broker.list(MEMBER_CLUSTERS)).items:
            try:
                member = decode_member(raw)
            except MalformedObject:
                if not cluster_of(raw):
                    # Whatever stands there, it is no member.
                    continue
                # It answers nobody, and counts as silent.
                member = Member(cluster_of(raw), heartbeat="unreadable")
            members[member.cluster] = member
        return members


class Farewell(Hearing):
    """A cluster leaves, in the words of its own agent.

    `never_joined`: no agent has used the id yet, and nothing is exported by it. Whoever spoke for it would
    make the id this cluster's own for good, which may just have been given the wrong credential. So it is
    given back, if `join` has claimed it.
    """

    def __init__(
        self, cluster_id: str, local: Client, broker: Client, *, clock: Clock, random: randomness.Random
    ) -> None:
        super().__init__(cluster_id, broker, clock=clock)
        self.never_joined = False
        self._local = local
        self._presence = Presence(
            AgentConfig(cluster_id=cluster_id), local, broker, clock=clock, random=random
        )
        self._agents_heartbeat = ""
        self._agent_heard_at_seconds = 0.0

    async def begin(self) -> None:
        """Prove that the cluster id is ours. Raises `KubeError`, `MalformedObject`, `ClusterIdTaken`."""
        own = await self._own()
        if own is None:
            self.excluded = True
            return
        if not (own.cluster_uid and own.heartbeat) and not await self._exports():
            uid = (await self._local.get(NAMESPACES, "kube-system"))["metadata"]["uid"]
            self.never_joined = await give_back(self._broker, self._cluster_id, uid)
        if self.never_joined:
            return
        await self._presence.step()
        # Whoever goes on with an interrupted farewell has its answers already.
        self._since = own.leaving
        # An agent may run until one interval of heartbeats has passed without any.
        self._agent_heard_at_seconds = asyncio.get_running_loop().time()

    async def _exports(self) -> bool:
        """Whether anything is exported, as by a member whose MemberCluster was made anew."""
        for kind in (EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES):
            if (await self._broker.list(kind, namespace=self._namespace)).items:
                return True
        return False

    def agent_runs(self) -> bool:
        """Whether one has been heard a short time ago."""
        now_seconds = asyncio.get_running_loop().time()
        return now_seconds < self._agent_heard_at_seconds + AGENT_SILENT_SECONDS

    def _hear_own(self, own: Member) -> None:
        self.problem = self._presence.problem
        is_ours = seconds_of_time(own.heartbeat) == self._presence.heartbeat_seconds
        if not is_ours and own.heartbeat != self._agents_heartbeat:
            self._agents_heartbeat = own.heartbeat
            self._agent_heard_at_seconds = asyncio.get_running_loop().time()

    async def _speak(self) -> None:
        self._presence.leaving = self._since
        self._presence.exported = lambda: (frozenset(), frozenset())
        await self._presence.step()


class Obituary(Hearing):
    """A cluster is gone, in the words of the broker's administrator, who opens the others' fuses, too."""

    async def begin(self, release_seconds: float) -> None:
        """Release what the cluster exported in all clusters, for so long. Raises `KubeError`."""
        until = rfc3339(self._clock.now() + timedelta(seconds=release_seconds))
        released = {"metadata": {"annotations": {ANNOTATION_WITHDRAW: until}}}
        await self._broker.patch(MEMBER_CLUSTERS, self._cluster_id, released, namespace=self._namespace)

    def agent_runs(self) -> bool:
        """It cannot: it has no credential any more."""
        return False

    def _hear_own(self, own: Member) -> None:
        """It says nothing any more."""

    async def _speak(self) -> None:
        said = statement(rfc3339_micro(self._clock.now()), (), ())
        status = {"leaving": self._since, "exported": encode_statement(said)}
        await self._broker.patch(
            MEMBER_CLUSTERS,
            self._cluster_id,
            {"status": status},
            namespace=self._namespace,
            subresource="status",
        )
