"""Reads the MemberClusters for the inventory, at an interval: who there is, who is silent, who is gone.

They are listed and not watched, as agents do it: a watch would bring each heartbeat. `liveness.py` and
`absence.py` judge what was read; a list that fails, or is cut short, counts as none.
"""

import asyncio
import logging
import random as randomness
from collections.abc import Callable, Mapping

from mcs_controller.api.resources import MEMBER_CLUSTERS
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.identity import member_namespace
from mcs_controller.clusterset.inventory import absence
from mcs_controller.clusterset.inventory.report import Listed, decode_listed, member_of
from mcs_controller.clusterset.membership import liveness
from mcs_controller.clusterset.membership.member import cluster_of
from mcs_controller.controllers.config import HubConfig
from mcs_controller.kube.client import Client
from mcs_controller.kube.decoding.object_reader import JsonObject, LeftOut
from mcs_controller.kube.errors import KubeError

_log = logging.getLogger(__name__)


class Members:
    """The members as they were last read. `problem` is None when the last read worked, and `observed` is True
    once one did.

    `with_profiles` names the members that have a profile of ours, and `joined` those of which it says that
    they belong to the clusterset; `on_read` is called after each read.
    """

    def __init__(
        self,
        config: HubConfig,
        broker: Client,
        *,
        with_profiles: Callable[[], set[str]],
        joined: Callable[[], set[str]],
        on_read: Callable[[], None],
        random: randomness.Random,
    ) -> None:
        self.known: Mapping[str, Listed] = {}
        self.listed: frozenset[str] = frozenset()
        self.observed = False
        self.problem: str | None = "the members have not been read yet"
        self._config = config
        self._broker = broker
        self._with_profiles = with_profiles
        self._joined = joined
        self._on_read = on_read
        self._random = random
        self._liveness = liveness.Liveness()
        self._leaders = liveness.Liveness()
        self._read_at_seconds: float | None = None
        # The time between reads, without what is too long to have been without an outage.
        self._listened_seconds = 0.0
        self._absences: absence.Absences = {}
        self._lost: frozenset[str] = frozenset()

    @property
    def silent(self) -> frozenset[str]:
        """Members whose heartbeat has not changed for the time-out."""
        return self._liveness.stale(self._config.member_timeout_seconds)

    @property
    def leaderless(self) -> frozenset[str]:
        """Members whose leader has stated nothing for the time-out; not those where it never did."""
        return self._leaders.stale(self._config.member_timeout_seconds)

    @property
    def unproven(self) -> frozenset[str]:
        """Members whose heartbeat this process has not seen change yet."""
        return self._liveness.unproven()

    def ages_seconds(self) -> Mapping[str, float]:
        """For how long each member's heartbeat has not changed while the broker answered."""
        return self._liveness.silent_seconds()

    def removed(self, member: str) -> bool:
        """Whether its MemberCluster is gone, for certain."""
        return member not in self._lost and absence.is_removed(self._absences, member)

    def forgotten(self, member: str) -> bool:
        """Whether its profile may be deleted."""
        return member not in self._lost and absence.is_forgotten(self._absences, member)

    async def is_back(self, member: str) -> bool:
        """Whether its MemberCluster is there now, or something is that cannot be read. Raises `KubeError`."""
        found, unread = await self._read(member_namespace(member))
        return unread > 0 or any(cluster_of(raw) == member for raw in found)

    async def run(self) -> None:
        """Read them at the interval, until cancelled."""
        while True:
            await self.step()
            await asyncio.sleep(self._config.interval_seconds * self._random.uniform(0.9, 1.1))

    async def step(self) -> None:
        """Read them once; what fails is told in `problem`."""
        try:
            found, unread = await self._read()
        except KubeError as error:
            problem = f"cannot read the members: {error}"
            if problem != self.problem:
                _log.warning("%s", problem)
            self.problem = problem
            return
        known: dict[str, Listed] = {}
        listed: set[str] = set()
        for raw in found:
            try:
                member = member_of(raw)
                listed.add(member)
                known[member] = decode_listed(raw)
            except MalformedObject as error:
                _log.warning("a MemberCluster cannot be read, and its profile stays as it is: %s", error)
        if unread:
            # One of these may be any of them: the list proves nobody's absence.
            _log.warning("%d MemberClusters cannot be read: nobody counts as removed", unread)
            listed |= self.listed | self._with_profiles()
        self._take(known, frozenset(listed))
        loss = self._loss()
        if loss is not None and loss != self.problem:
            _log.warning("%s", loss)
        self.problem = loss
        self.observed = True
        self._on_read()

    def _loss(self) -> str | None:
        """What to say of members that vanished all at once."""
        if not self._lost:
            return None
        return (
            f"{len(self._lost)} of {len(self._joined())} members are gone all at once, as if the broker had "
            "lost them, and their profiles stay as they are: bring their MemberClusters back, or delete the "
            "ClusterProfiles of those that are no longer members"
        )

    async def _read(self, namespace: str = "") -> tuple[list[JsonObject], int]:
        """All MemberClusters, and how many more there are that could not be decoded."""
        found: list[JsonObject] = []
        unread = 0
        async for page in self._broker.pages(MEMBER_CLUSTERS, namespace=namespace):
            async for body in page.objects:
                if isinstance(body, LeftOut):
                    unread += 1
                else:
                    found.append(body)
        return found, unread

    def _take(self, known: dict[str, Listed], listed: frozenset[str]) -> None:
        now_seconds = asyncio.get_running_loop().time()
        passed_seconds = 0.0
        if self._read_at_seconds is not None:
            passed_seconds = min(now_seconds - self._read_at_seconds, 2 * self._config.interval_seconds)
        self._read_at_seconds = now_seconds
        self._listened_seconds += passed_seconds
        heartbeats = {one: item.member.heartbeat for one, item in known.items()}
        self._liveness = self._heard(self._liveness, heartbeats)
        stated = {one: item.member.exported for one, item in known.items()}
        moments = {one: said.at for one, said in stated.items() if said is not None}
        self._leaders = self._heard(self._leaders, moments)
        self._absences = absence.observe(self._absences, self._with_profiles(), listed, passed_seconds)
        self._lost = absence.lost_at_once(self._absences, self._joined(), listed)
        gone = {one: item for one, item in self.known.items() if one not in known and one in self._absences}
        self.known = {**gone, **known}
        self.listed = listed

    def _heard(self, before: liveness.Liveness, heartbeats: Mapping[str, str]) -> liveness.Liveness:
        now_seconds = self._listened_seconds
        return liveness.observe(before, heartbeats, counted_seconds=now_seconds, at_most_seconds=now_seconds)
