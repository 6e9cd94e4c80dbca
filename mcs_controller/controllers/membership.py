"""This cluster's place in the clusterset, and how the others are.

It proves that the cluster id is ours (the MemberCluster on the broker names our kube-system UID, or none
yet), renews the heartbeat, and reads the others' with one cheap list from the watch cache: heartbeats are
never fanned out to watchers. Whether a silent member is dead is decided in `clusterset/liveness.py` by this
process's own clock, so that skew between clusters does not matter.
"""

import asyncio
import logging
import random as randomness
from collections.abc import Callable, Iterable, Mapping

from mcs_controller import __version__
from mcs_controller.api.resources import MEMBER_CLUSTERS, NAMESPACES
from mcs_controller.clusterset import decode, fuse, liveness
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.identity import member_namespace
from mcs_controller.clusterset.limits import Limits
from mcs_controller.clusterset.model import Member
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.errors import ClusterIdTaken
from mcs_controller.kube.client import Client, JsonObject
from mcs_controller.kube.clock import Clock, rfc3339_micro
from mcs_controller.kube.errors import KubeError, NotFound

_log = logging.getLogger(__name__)

MemberListener = Callable[[str], None]


class Membership:
    """Joins, renews and observes.

    `verified` says that the cluster id is proven ours: nothing is exported before. `excluded` says that the
    broker answers and does not know us. `observed` says that the members have been read at least once.
    `held` are members that count as alive although they are silent, because most fell silent at once.
    `dead` are the members whose endpoints are not to be used, `doubtful` those that have not given a sign of
    life since this process began; all three stay empty under the policy `keep`. `problem` is None when the
    last round worked.
    """

    def __init__(
        self,
        config: AgentConfig,
        local: Client,
        broker: Client,
        *,
        clock: Clock,
        random: randomness.Random,
    ) -> None:
        self.verified = False
        self.excluded = False
        self.observed = False
        self.doubtful: frozenset[str] = frozenset()
        self.dead: frozenset[str] = frozenset()
        self.held: frozenset[str] = frozenset()
        self.problem: str | None = "has not asked the broker yet"
        self._config = config
        self._namespace = member_namespace(config.cluster_id)
        self._local = local
        self._broker = broker
        self._clock = clock
        self._random = random
        self._uid = ""
        self._members: dict[str, Member] = {}
        self._liveness = liveness.Liveness()
        self._listeners: list[MemberListener] = []
        self._became_observed = asyncio.Event()

    def member(self, cluster: str) -> Member | None:
        """What the broker last said of a member (this cluster, too), None if it never named it."""
        return self._members.get(cluster)

    def limits(self, cluster: str) -> Limits:
        """How much of a member is taken here."""
        member = self._members.get(cluster)
        return self._config.limits.stated(member.limits) if member is not None else self._config.limits

    def former_ids(self) -> frozenset[str]:
        """Silent members that name our kube-system UID: this cluster, under an id that it had before."""
        silent = self._liveness.stale(self._config.member_timeout_seconds)
        return frozenset(
            cluster for cluster in silent if self._uid and self._members[cluster].cluster_uid == self._uid
        )

    def heartbeat_ages_seconds(self) -> Mapping[str, float]:
        """For each other member, how long its heartbeat has not changed while the broker answered."""
        return {cluster: silence.seconds for cluster, silence in self._liveness.members.items()}

    def on_change(self, listener: MemberListener) -> None:
        """Tell `listener` each member that died, came back, or whose rights changed.

        For this cluster, also when the broker answers again or no longer.
        """
        self._listeners.append(listener)

    async def wait_observed(self) -> None:
        """Wait until the cluster id is proven ours and the members have been read, for the first time."""
        await self._became_observed.wait()

    async def confirm(self) -> None:
        """Read the members anew, consistently. Raises `KubeError`, `ClusterIdTaken`."""
        self._take(await self._read_members(None))

    async def run(self) -> None:
        """Go on until cancelled. Raises `ClusterIdTaken`."""
        while True:
            await self.step()
            await asyncio.sleep(self._config.heartbeat_interval_seconds * self._random.uniform(0.9, 1.1))

    async def step(self) -> None:
        """One round: join if needed, renew, look at the others. Raises `ClusterIdTaken`."""
        well_before = self.problem is None
        try:
            if not self.verified:
                await self._join()
            else:
                await self._renew()
            await self._observe()
        except NotFound:
            self.verified, self.excluded = False, True
            self._report(
                f"the broker has no MemberCluster {self._config.cluster_id} in namespace {self._namespace}: "
                "the broker's administrator has to create it"
            )
        except (KubeError, MalformedObject) as error:
            self._report(f"cannot renew the membership: {error}")
        else:
            self.problem = None
            self._became_observed.set()
        if well_before != (self.problem is None):
            self._tell([self._config.cluster_id])

    async def _join(self) -> None:
        """Claim the cluster id, unless another cluster has it."""
        if not self._uid:
            self._uid = (await self._local.get(NAMESPACES, "kube-system"))["metadata"]["uid"]
        raw = await self._broker.get(MEMBER_CLUSTERS, self._config.cluster_id, self._namespace)
        self._check_owner(decode.member(raw))
        # The version makes sure that of two clusters that claim one id at once only one succeeds.
        await self._write_status(raw["metadata"]["resourceVersion"])
        self.verified, self.excluded = True, False
        _log.info("member of the clusterset as %s", self._config.cluster_id)

    async def _renew(self) -> None:
        await self._write_status(None)

    async def _write_status(self, resource_version: str | None) -> None:
        status = {
            "clusterUID": self._uid,
            "version": __version__,
            "heartbeat": rfc3339_micro(self._clock.now()),
        }
        patch: JsonObject = {"status": status}
        if resource_version is not None:
            patch["metadata"] = {"resourceVersion": resource_version}
        await self._broker.patch(
            MEMBER_CLUSTERS,
            self._config.cluster_id,
            patch,
            namespace=self._namespace,
            subresource="status",
        )

    async def _observe(self) -> None:
        try:
            members = await self._read_members("0")
        except ClusterIdTaken:
            members = {}
        if not self.observed or self._members.keys() - members.keys():
            # The watch cache may be behind: that a member left, or that its id is another's, is believed on
            # a consistent list only.
            members = await self._read_members(None)
        self._take(members)

    def _take(self, members: dict[str, Member]) -> None:
        now_seconds = asyncio.get_running_loop().time()
        self._liveness = liveness.observe(
            self._liveness,
            {c: member.heartbeat for c, member in members.items() if c != self._config.cluster_id},
            now_seconds,
            max_gap_seconds=2 * self._config.heartbeat_interval_seconds,
        )
        dead: frozenset[str] = frozenset()
        held: frozenset[str] = frozenset()
        doubtful: frozenset[str] = frozenset()
        if self._config.dead_member_policy == "withdraw":
            dead = self._believed_dead(members)
            held = self._liveness.stale(self._config.member_timeout_seconds) - dead
            doubtful = self._liveness.unproven()
        changed = _rights_changed(self._members, members) | (self.dead ^ dead) | (self.doubtful - doubtful)
        changed |= self.held ^ held
        for cluster in sorted(self.dead ^ dead):
            _log.warning("member %s is %s", cluster, "dead" if cluster in dead else "alive again")
        if held and not self.held:
            _log.error(
                "most members went silent at once, which is hard to believe: the endpoints of %s are held "
                "until their heartbeats come back or the broker's administrator lets them go",
                ", ".join(sorted(held)),
            )
        self._members, self.dead, self.held, self.doubtful = members, dead, held, doubtful
        self.observed = True
        self._tell(sorted(changed))

    def _believed_dead(self, members: Mapping[str, Member]) -> frozenset[str]:
        """The silent members less those that the fuse holds (architecture.md, decision 7).

        Those that have been silent for half of the time-out are counted with them: members that fall silent
        together reach the time-out one after the other, and the first must not pass for a single one.
        """
        timeout_seconds = self._config.member_timeout_seconds
        silent = self._liveness.stale(timeout_seconds)
        released = {cluster for cluster, member in members.items() if member.released}
        known = (self.dead & silent) | (silent & released)
        suspected = self._liveness.stale(timeout_seconds / 2) - known
        tripping = fuse.would_trip(
            len(self._liveness.members.keys() - known),
            len(suspected),
            share=self._config.fuse_share,
            minimum=fuse.MEMBERS_MINIMUM,
        )
        holding = fuse.holds(bool(self.held), missing=len(silent - known), tripping=tripping)
        return known if holding else silent

    async def _read_members(self, resource_version: str | None) -> dict[str, Member]:
        listed = await self._broker.list(MEMBER_CLUSTERS, resource_version=resource_version)
        members: dict[str, Member] = {}
        for raw in listed.items:
            try:
                member = decode.member(raw)
            except MalformedObject as error:
                _log.warning("a MemberCluster is ignored: %s", error)
                continue
            if raw["metadata"]["name"] != member.cluster:
                _log.warning(
                    "MemberCluster %s is ignored: it lies in another member's namespace", member.cluster
                )
                continue
            if member.cluster == self._config.cluster_id:
                self._check_owner(member)
            members[member.cluster] = member
        return members

    def _check_owner(self, member: Member) -> None:
        if member.cluster_uid and self._uid and member.cluster_uid != self._uid:
            raise ClusterIdTaken(
                f"cluster id {self._config.cluster_id} belongs to another cluster (kube-system UID "
                f"{member.cluster_uid}, ours is {self._uid}): choose another id, or, if that cluster is gone "
                f"for good, delete and create its MemberCluster in namespace {self._namespace} on the broker"
            )

    def _tell(self, clusters: Iterable[str]) -> None:
        for cluster in clusters:
            for listener in self._listeners:
                listener(cluster)

    def _report(self, problem: str) -> None:
        if problem != self.problem:
            _log.warning("%s", problem)
            self.problem = problem


def _rights_changed(before: Mapping[str, Member], after: Mapping[str, Member]) -> set[str]:
    """The members that came, went, or may export something else, or more or less, than before."""
    changed = set(before.keys() ^ after.keys())
    for cluster in before.keys() & after.keys():
        if _rights(before[cluster]) != _rights(after[cluster]):
            changed.add(cluster)
    return changed


def _rights(member: Member) -> tuple[object, ...]:
    return member.allowed_cidrs, member.allowed_namespaces, member.limits, member.owns
