"""The other members: which exist, which are alive, which were removed, and what they state.

The members are read with one cheap list from the watch cache, and not watched: a watch would send every
heartbeat to every member. `clusterset/membership/liveness.py` decides whether a silent member is dead, by
the time in which the broker takes this cluster's own heartbeats, so that neither skew between clusters nor an
outage of the broker matters. A list that is older than our own last heartbeat is not used.
`clusterset/membership/departure.py` decides when a missing member counts as removed. This cluster's own
MemberCluster belongs to `presence.py`.
"""

import asyncio
import logging
import random as randomness
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from mcs_controller.api.resources import MEMBER_CLUSTERS
from mcs_controller.clusterset import fuse
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.membership import departure, farewell, liveness, release, word
from mcs_controller.clusterset.membership.limits import Limits
from mcs_controller.clusterset.membership.member import cluster_of, decode_member
from mcs_controller.clusterset.membership.rights import rights_changed
from mcs_controller.clusterset.membership.statement import Heard, hear, miss
from mcs_controller.clusterset.model import Member
from mcs_controller.clusterset.syntax import seconds_of_time
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.membership.errors import ClusterIdTaken
from mcs_controller.controllers.membership.missing import MissingMembers
from mcs_controller.controllers.membership.presence import Presence
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import Clock
from mcs_controller.kube.errors import KubeError

_log = logging.getLogger(__name__)

MemberListener = Callable[[str], None]

HURRIED_SECONDS: Final = 2.0
"""The interval of reads after one that failed, and for a minute after `hurry`, when something waits for a
member's statement."""
HURRY_FOR_SECONDS: Final = 60.0
READ_WITHIN_SECONDS: Final = 15.0
"""Less than other lists may take: this one is short, and its answer may have been lost."""


class Membership:
    """Reads the members at an interval.

    `observed`: the members have been read at least once. `held` are silent members that count as alive,
    because most fell silent at once. `dead` are the members whose endpoints must not be used. `doubtful` are
    those whose heartbeat has not changed since this process started. All three stay empty under the policy
    `keep`. `heard` is what the members stated. `released` are the members that the broker's administrator
    released, for as long as that is valid. `problem` is None when the last round worked.
    """

    def __init__(
        self,
        config: AgentConfig,
        presence: Presence,
        broker: Client,
        *,
        clock: Clock,
        random: randomness.Random,
    ) -> None:
        self.observed = False
        self.doubtful: frozenset[str] = frozenset()
        self.dead: frozenset[str] = frozenset()
        self.held: frozenset[str] = frozenset()
        self.heard: Mapping[str, Heard] = {}
        self.released: frozenset[str] = frozenset()
        self._presence = presence
        self._problem: str | None = None
        self._config = config
        self._broker = broker
        self._clock = clock
        self._random = random
        self._present: frozenset[str] = frozenset()
        self._members: dict[str, Member] = {}
        self._liveness = liveness.Liveness()
        self._read_at_seconds: float | None = None
        self._departures = departure.Departures()
        self._missing_members = MissingMembers()
        self._releases_told: Mapping[str, str] = {}
        self._words: Mapping[str, word.Word] = {}
        self._witnessed_at_seconds: float | None = None
        self._hurried_until_seconds = 0.0
        self._wake = asyncio.Event()
        self._listeners: list[MemberListener] = []
        self._read_listeners: list[Callable[[], None]] = []
        self._sure_listeners: list[Callable[[], None]] = []
        self._became_observed = asyncio.Event()

    @property
    def verified(self) -> bool:
        """Whether the cluster id is proven to be ours."""
        return self._presence.verified

    @property
    def heartbeat_seconds(self) -> float:
        """This cluster's latest heartbeat, of whichever replica, since the epoch; 0.0 if unknown."""
        return self._presence.heartbeat_seconds

    @property
    def excluded(self) -> bool:
        """Whether the broker answers but has no MemberCluster of ours."""
        return self._presence.excluded

    @property
    def problem(self) -> str | None:
        """What prevents us from being a member, or from reading the others."""
        return self._presence.problem or self._problem

    def member(self, cluster: str) -> Member | None:
        """The last known state of a member (this cluster, too); None if it is no member, or was removed.

        A missing member keeps its last known state until it counts as removed.
        """
        return self._members.get(cluster)

    def limits(self, cluster: str) -> Limits:
        """How much is taken from a member here."""
        member = self._members.get(cluster)
        return self._config.limits.stated(member.limits) if member is not None else self._config.limits

    def removed(self, cluster: str) -> bool:
        """Whether the broker's administrator has removed a member; never true of this cluster itself."""
        return cluster != self._config.cluster_id and self._departures.removed(cluster, self._present)

    def word_seconds(self, cluster: str) -> float:
        """For how long a member has been stating what it exports, while the broker answered.

        Only differences mean something. This cluster needs nobody's word: for it, and for an exporter whose
        name is not known, plain time counts.
        """
        if cluster in ("", self._config.cluster_id):
            return asyncio.get_running_loop().time()
        return self._words.get(cluster, word.Word()).seconds

    def former_ids(self) -> frozenset[str]:
        """Silent members that name our kube-system UID: this cluster under its former ids."""
        silent, uid = self._liveness.stale(self._config.member_timeout_seconds), self._presence.uid
        return frozenset(
            cluster
            for cluster in silent
            if uid and cluster in self._members and self._members[cluster].cluster_uid == uid
        )

    def heartbeat_ages_seconds(self) -> Mapping[str, float]:
        """For each other member, for how long its heartbeat has not changed while the broker took ours."""
        return self._liveness.silent_seconds()

    def leaving(self) -> Mapping[str, str]:
        """The other members that are leaving, and since when."""
        return farewell.asked(
            member for cluster, member in self._members.items() if cluster != self._config.cluster_id
        )

    def others(self) -> frozenset[str]:
        """The other members, including missing ones until they count as removed."""
        return frozenset(self._members) - {self._config.cluster_id}

    def missing(self) -> frozenset[str]:
        """The other members whose MemberCluster is missing, until they count as removed."""
        return self.others() - self._present

    def on_change(self, listener: MemberListener) -> None:
        """Call `listener` with each member that died, came back, was removed or released, or has new rights.

        Also with this cluster when the broker stops answering, or answers again.
        """
        self._listeners.append(listener)

    def on_read(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every read of the members."""
        self._read_listeners.append(listener)

    def on_sure(self, listener: Callable[[], None]) -> None:
        """Call `listener` once clusters that were never seen count as removed."""
        self._sure_listeners.append(listener)

    def distrust(self) -> None:
        """The broker's history broke: a missing member counts as removed only after a longer time."""
        self._departures = departure.distrust(self._departures)
        self._words = word.distrust(self._words)

    def hurry(self) -> None:
        """Something waits for a member's statement: read the members more often for a minute."""
        now_seconds = asyncio.get_running_loop().time()
        if now_seconds >= self._hurried_until_seconds:
            self._wake.set()
        self._hurried_until_seconds = now_seconds + HURRY_FOR_SECONDS

    async def wait_observed(self) -> None:
        """Wait until the cluster id is proven to be ours and the members have been read once."""
        await self._became_observed.wait()

    async def confirm(self) -> None:
        """Read the members again, consistently. Raises `KubeError`, `ClusterIdTaken`."""
        counted_seconds = self._presence.counted_seconds
        self._take(await self._read_members(None), counted_seconds)

    async def run(self) -> None:
        """Run until cancelled. Raises `ClusterIdTaken`."""
        end = self._presence.listen(changed=self._presence_changed, broke=lambda reason: None)
        self.hurry()
        try:
            while True:
                self._wake.clear()
                await self.step()
                seconds = self._config.heartbeat_interval_seconds * self._random.uniform(0.9, 1.1)
                hurried = asyncio.get_running_loop().time() < self._hurried_until_seconds
                if hurried or self._problem is not None:
                    seconds = min(seconds, HURRIED_SECONDS)
                try:
                    async with asyncio.timeout(seconds):
                        await self._wake.wait()
                except TimeoutError:
                    continue
        finally:
            end()

    async def step(self) -> None:
        """Read the others once, if we are a member. Raises `ClusterIdTaken`."""
        if not self.verified:
            return
        well_before = self._problem is None
        try:
            await self._observe()
        except KubeError as error:
            self._report(f"cannot read the members: {error}")
        else:
            self._problem = None
            self._became_observed.set()
        if well_before != (self._problem is None):
            self._notify([self._config.cluster_id])

    def _presence_changed(self) -> None:
        self._wake.set()
        self._notify([self._config.cluster_id])

    async def _observe(self) -> None:
        renewed_seconds, counted_seconds = self._presence.heartbeat_seconds, self._presence.counted_seconds
        try:
            members = await self._read_members("0")
        except ClusterIdTaken:
            members = {}
        ours = members.get(self._config.cluster_id)
        is_behind = ours is not None and (seconds_of_time(ours.heartbeat) or 0.0) < renewed_seconds
        if not self.observed or self._members.keys() - members.keys() or is_behind:
            # The watch cache may be stale. Only a consistent list proves that a member left, or that another
            # cluster has our id. And silence by a list from before our last heartbeat would be overrated.
            members = await self._read_members(None)
        self._take(members, counted_seconds)

    def _take(self, members: dict[str, Member], counted_seconds: float) -> None:
        """Take over a list that is not older than `counted_seconds` of the broker's time.

        If a member is missing in it, the list is a consistent one.
        """
        self._present = frozenset(members)
        now_seconds = asyncio.get_running_loop().time()
        passed_seconds = 0.0 if self._read_at_seconds is None else now_seconds - self._read_at_seconds
        self._read_at_seconds = now_seconds
        self._liveness = liveness.observe(
            self._liveness,
            {c: member.heartbeat for c, member in members.items() if c != self._config.cluster_id},
            counted_seconds=counted_seconds,
            at_most_seconds=self._presence.at_most_seconds,
        )
        now_sure = self._see_departures(members, now_seconds)
        missing = self._missing()
        self._missing_members.tell(
            {one: self._departures.needed_seconds(one) for one in missing if one != self._config.cluster_id},
            self._present,
            counting=self._config.cluster_id in self._present,
        )
        known = {**missing, **members}
        self.heard = {cluster: miss(heard) for cluster, heard in self.heard.items() if cluster in missing} | {
            cluster: hear(self.heard.get(cluster), member.object_uid, member.exported)
            for cluster, member in members.items()
            if cluster != self._config.cluster_id
        }
        self._words = word.observe(
            self._words,
            self._present,
            {cluster for cluster, heard in self.heard.items() if heard.fresh},
            passed_seconds=passed_seconds,
            timeout_seconds=self._config.member_timeout_seconds,
        )
        released_before = self.released
        self._see_releases(known)
        dead: frozenset[str] = frozenset()
        held: frozenset[str] = frozenset()
        doubtful: frozenset[str] = frozenset()
        if self._config.dead_member_policy == "withdraw":
            dead = self._believed_dead() | (self.dead & missing.keys())
            held = self._liveness.stale(self._config.member_timeout_seconds) - dead
            doubtful = self._liveness.unproven()
        changed = rights_changed(self._members, known) | (self.dead ^ dead) | (self.doubtful - doubtful)
        changed |= (self.held ^ held) | (self.released ^ released_before)
        for cluster in sorted(self.dead ^ dead):
            _log.warning("member %s is %s", cluster, "dead" if cluster in dead else "alive again")
        for cluster in sorted(self._members.keys() - known.keys()):
            _log.warning("member %s was removed: withdrawing its exports", cluster)
        if held and not self.held:
            _log.error(
                "most members went silent at once: keeping the endpoints of %s until their heartbeats return "
                "or the broker's administrator releases them: `mcs-controller fuse release --member NAME`",
                ", ".join(sorted(held)),
            )
        self._members, self.dead, self.held, self.doubtful = known, dead, held, doubtful
        self.observed = True
        for listener in self._read_listeners:
            listener()
        self._notify(sorted(changed))
        if now_sure:
            for listener in self._sure_listeners:
                listener()

    def _see_releases(self, known: Mapping[str, Member]) -> None:
        values = {cluster: member.release for cluster, member in known.items() if member.release}
        wall_seconds = self._clock.now().timestamp()
        left_seconds = {one: release.left_seconds(value, wall_seconds) for one, value in values.items()}
        released = frozenset(cluster for cluster, seconds in left_seconds.items() if seconds)
        for cluster in sorted(released - self.released):
            _log.warning(
                "member %s is released: what it withdraws within the next %d s counts as meant",
                cluster,
                left_seconds[cluster],
            )
        for cluster in sorted(values):
            problem = release.problem(cluster, values[cluster], wall_seconds)
            if problem and self._releases_told.get(cluster) != values[cluster]:
                _log.warning("the release of member %s releases nothing: %s", cluster, problem)
        self._releases_told = values
        for cluster in sorted((self.released - released) & known.keys()):
            _log.warning("member %s is released no more: the fuse protects its exports again", cluster)
        self.released = released

    def _see_departures(self, members: dict[str, Member], now_seconds: float) -> bool:
        """Update the departures by a list. Time counts between lists that contain this cluster.

        True once enough time has passed to say that clusters never seen are no members.
        """
        was_sure = self._departures.sure_of_unseen()
        listed = self._config.cluster_id in members
        passed_seconds, max_gap_seconds = 0.0, 2 * self._config.heartbeat_interval_seconds
        if listed and self._witnessed_at_seconds is not None:
            passed_seconds = min(now_seconds - self._witnessed_at_seconds, max_gap_seconds)
        self._witnessed_at_seconds = now_seconds if listed else None
        self._departures = departure.observe(
            self._departures,
            self._members.keys() - {self._config.cluster_id},
            self._present,
            passed_seconds=passed_seconds,
            announced=self.released if listed else frozenset(),
        )
        return self._departures.sure_of_unseen() and not was_sure

    def _missing(self) -> dict[str, Member]:
        """Members that are not in the last list and may come back; silence does not make them dead."""
        return {
            cluster: member
            for cluster, member in self._members.items()
            if cluster not in self._present and not self.removed(cluster)
        }

    def _believed_dead(self) -> frozenset[str]:
        """The silent members without those that the fuse holds (docs/decisions/0007-fuse.md).

        Members that have been silent for half of the time-out count, too: members that fall silent together
        reach the time-out one after the other, and the first must not look like a single dead member.
        """
        timeout_seconds = self._config.member_timeout_seconds
        silent = self._liveness.stale(timeout_seconds)
        known = silent & (self.dead | self.released)
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
        listed = await self._broker.list(
            MEMBER_CLUSTERS, resource_version=resource_version, timeout_seconds=READ_WITHIN_SECONDS
        )
        members: dict[str, Member] = {}
        for raw in listed.items:
            try:
                member = decode_member(raw)
            except MalformedObject as error:
                known = self._members.get(cluster_of(raw))
                _log.warning("a MemberCluster is %s: %s", "taken as it was" if known else "ignored", error)
                if known is None:
                    continue
                # A mistake in a spec does not remove a member; its silence will tell if it is gone.
                member = known
            if member.cluster == self._config.cluster_id:
                self._presence.check_owner(member)
            members[member.cluster] = member
        return members

    def _notify(self, clusters: Iterable[str]) -> None:
        for cluster in clusters:
            for listener in self._listeners:
                listener(cluster)

    def _report(self, problem: str) -> None:
        if problem != self._problem:
            _log.warning("%s", problem)
            self._problem = problem
