"""This cluster's own MemberCluster on the broker: claimed, renewed, and watched for a history that broke.

It proves that the cluster id is ours (the MemberCluster names our kube-system UID, or none yet) and renews
the heartbeat. Every replica does that, leading or not, so that a member whose own API server is away, and
whose agents cannot lead for that, is not taken for dead (MCS-LIFE-03). The statement of what is exported
(`clusterset/membership/statement.py`) is for the leader to give.

What was written here is remembered: when the broker has something older, or nothing, then it was restored,
wiped or rebuilt, and what it lacks besides proves nothing (docs/decisions/0008-proof.md). Listeners are
told.
"""

import asyncio
import logging
import random as randomness
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from mcs_controller import __version__
from mcs_controller.api.resources import MEMBER_CLUSTERS, NAMESPACES
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.identity import member_namespace
from mcs_controller.clusterset.membership.member import decode_member, encode_statement
from mcs_controller.clusterset.membership.statement import statement
from mcs_controller.clusterset.model import Member
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.membership.errors import ClusterIdTaken
from mcs_controller.kube.client import Client, JsonObject
from mcs_controller.kube.clock import Clock, rfc3339_micro
from mcs_controller.kube.errors import Conflict, KubeError, NotFound
from mcs_controller.kube.store import is_older

_log = logging.getLogger(__name__)

_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")

HURRIED_SECONDS: Final = 2.0
"""Between two rounds until the broker knows us, and for a minute after its history broke."""
HURRY_FOR_SECONDS: Final = 60.0

Names = tuple[frozenset[str], frozenset[str]]
"""Of all records and all slices that this cluster exports."""


class Presence:
    """Joins and renews.

    `verified` says that the cluster id is proven ours: nothing is exported before. `excluded` says that the
    broker answers and does not know us. `problem` is None when the last round worked. `exported` gives the
    names of all that is exported when they are known and written, else None; None where nobody leads.
    `newest_version` gives the latest version of the broker that anybody in this process has seen.
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
        self.problem: str | None = "has not asked the broker yet"
        self.uid = ""
        self.exported: Callable[[], Names | None] = lambda: None
        self.newest_version: Callable[[], str] = lambda: "0"
        self._config = config
        self._namespace = member_namespace(config.cluster_id)
        self._local = local
        self._broker = broker
        self._clock = clock
        self._random = random
        self._hurried_until_seconds = 0.0
        self._object_uid = ""
        self._missing = False
        self._versions_went_back = False
        # The latest that were written or seen: what is written next is later, whatever the clock says.
        self._heartbeat = ""
        self._stated_at = ""
        self._on_change: list[Callable[[], None]] = []
        self._on_break: list[Callable[[str], None]] = []

    def listen(self, *, changed: Callable[[], None], broke: Callable[[str], None]) -> Callable[[], None]:
        """Be told when the outcome of a round differs from the one before, and why history broke.

        The answer ends it.
        """
        self._on_change.append(changed)
        self._on_break.append(broke)

        def end() -> None:
            self._on_change.remove(changed)
            self._on_break.remove(broke)

        return end

    async def run(self) -> None:
        """Go on until cancelled. Raises `ClusterIdTaken`."""
        while True:
            await self.step()
            seconds = self._config.heartbeat_interval_seconds * self._random.uniform(0.9, 1.1)
            if not self.verified or asyncio.get_running_loop().time() < self._hurried_until_seconds:
                seconds = min(seconds, HURRIED_SECONDS)
            await asyncio.sleep(seconds)

    async def step(self) -> None:
        """One round: join if needed, renew. Raises `ClusterIdTaken`."""
        before = self.verified, self.excluded, self.problem is None
        try:
            await self._renew()
        except NotFound:
            self._missing = bool(self._object_uid)
            self.verified, self.excluded = False, True
            self._report(
                f"the broker has no MemberCluster {self._config.cluster_id} in namespace {self._namespace}: "
                "the broker's administrator has to create it"
            )
        except (KubeError, MalformedObject) as error:
            self._report(f"cannot renew the membership: {error}")
        else:
            if not self.verified:
                _log.info("joined the clusterset as member %s", self._config.cluster_id)
            self.verified, self.excluded, self.problem = True, False, None
        if before != (self.verified, self.excluded, self.problem is None):
            for tell in tuple(self._on_change):
                tell()

    def hurry(self) -> None:
        """Others wait for our word: speak more often for a while."""
        self._hurried_until_seconds = asyncio.get_running_loop().time() + HURRY_FOR_SECONDS

    def check_owner(self, member: Member) -> None:
        """Raise `ClusterIdTaken` when the MemberCluster of our id names another cluster's UID."""
        if member.cluster_uid and self.uid and member.cluster_uid != self.uid:
            raise ClusterIdTaken(
                f"cluster id {self._config.cluster_id} belongs to another cluster (kube-system UID "
                f"{member.cluster_uid}, ours is {self.uid}): choose another id, or, if that cluster is gone "
                f"for good, delete and create its MemberCluster in namespace {self._namespace} on the broker"
            )

    async def _renew(self) -> None:
        if not self.uid:
            self.uid = (await self._local.get(NAMESPACES, "kube-system"))["metadata"]["uid"]
        try:
            await self._read_and_write()
        except Conflict:
            # The administrator wrote, or another replica, or another cluster that claims the id.
            await self._read_and_write()

    async def _read_and_write(self) -> None:
        raw = await self._broker.get(MEMBER_CLUSTERS, self._config.cluster_id, self._namespace)
        member = decode_member(raw)
        self.check_owner(member)
        self._judge(raw["metadata"]["uid"], member)
        status: JsonObject = {
            "clusterUID": self.uid,
            "version": __version__,
            "heartbeat": self._later_than(self._heartbeat),
        }
        names = self.exported()
        if names is not None:
            said = statement(self._later_than(self._stated_at), *names)
            status["exported"] = encode_statement(said)
        newest = self.newest_version()
        # The version makes sure that of two clusters that claim one id at once only one succeeds, and that
        # nothing is stated on a broker that was restored after it was judged.
        written = await self._broker.patch(
            MEMBER_CLUSTERS,
            self._config.cluster_id,
            {"metadata": {"resourceVersion": raw["metadata"]["resourceVersion"]}, "status": status},
            namespace=self._namespace,
            subresource="status",
        )
        # As it is held now: a broker with an older definition does not keep everything.
        now = decode_member(written)
        self._heartbeat, self._stated_at = _moments(now)
        self._judge_version(written, newest)

    def _judge(self, object_uid: str, member: Member) -> None:
        """Compare what the broker has of us with what we know that it had."""
        heartbeat, stated_at = _moments(member)
        reason = ""
        if self._missing:
            reason = "our MemberCluster was missing for a while"
        elif self._object_uid and object_uid != self._object_uid:
            reason = "our MemberCluster is another one than before"
        elif heartbeat < self._heartbeat or stated_at < self._stated_at:
            reason = "our MemberCluster is older than what was written"
        self._missing = False
        self._object_uid = object_uid
        self._heartbeat = max(heartbeat, self._heartbeat)
        self._stated_at = max(stated_at, self._stated_at)
        if reason:
            self._tell_break(reason)

    def _judge_version(self, written: JsonObject, newest: str) -> None:
        """The answer to a write has a later version than all that was seen before it, unless history broke.

        Kinds may be stored apart, with versions of their own: then that is always so, and told once only.
        """
        went_back = is_older(written["metadata"]["resourceVersion"], newest)
        if went_back and not self._versions_went_back:
            self._tell_break(f"its versions went back from {newest}")
        self._versions_went_back = went_back

    def _tell_break(self, reason: str) -> None:
        self.hurry()
        for tell in tuple(self._on_break):
            tell(reason)

    def _later_than(self, moment: str) -> str:
        now = rfc3339_micro(self._clock.now())
        if now > moment:
            return now
        return rfc3339_micro(_next(moment))

    def _report(self, problem: str) -> None:
        if problem != self.problem:
            _log.warning("%s", problem)
            self.problem = problem


def _moments(member: Member) -> tuple[str, str]:
    """Of the heartbeat and of the statement."""
    return _moment(member.heartbeat), _moment(member.exported.at) if member.exported is not None else ""


def _moment(text: str) -> str:
    """A time in the form that we write; "" for anything else, which is older than all times.

    The last time of all is none either: nothing could be written after it.
    """
    if not _MOMENT.fullmatch(text):
        return ""
    try:
        _next(text)
    except (ValueError, OverflowError):
        return ""
    return text


def _next(moment: str) -> datetime:
    parsed = datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    return parsed + timedelta(microseconds=1)
