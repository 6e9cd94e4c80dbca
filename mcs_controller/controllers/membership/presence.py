"""This cluster's own MemberCluster on the broker: claims it, renews it, and detects a broken history.

It proves that the cluster id is ours (the MemberCluster names our kube-system UID, or none yet), and renews
the heartbeat. Every replica does that, leading or not: a cluster whose API server is down can have no leader,
and must not count as dead for that (MCS-LIFE-03). Only the leader states what is exported
(`clusterset/membership/statement.py`), and which leaving members it has let go of
(`clusterset/membership/farewell.py`): a round that says so is written through the leader's client.

What was written is remembered. If the broker has an older version, or nothing, the broker was restored, wiped
or rebuilt. Then other missing objects prove nothing, either (docs/decisions/0008-proof.md), and listeners are
called.
"""

import asyncio
import contextlib
import logging
import random as randomness
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, TypeVar

from mcs_controller import __version__
from mcs_controller.api.resources import MEMBER_CLUSTERS, NAMESPACES
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.identity import member_namespace
from mcs_controller.clusterset.membership import broker_time
from mcs_controller.clusterset.membership.member import decode_member, encode_let_go, encode_statement
from mcs_controller.clusterset.membership.statement import statement
from mcs_controller.clusterset.model import Member
from mcs_controller.clusterset.syntax import seconds_of_time
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.membership.claim import check_owner
from mcs_controller.kube.client import Client, JsonObject
from mcs_controller.kube.clock import Clock, rfc3339_micro
from mcs_controller.kube.errors import (
    Conflict,
    KubeError,
    NotFound,
    NotLeading,
    ServerError,
    TooManyRequests,
    Unauthorized,
)
from mcs_controller.kube.store import is_older

_log = logging.getLogger(__name__)

_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")

HURRIED_SECONDS: Final = 2.0
"""The interval of rounds until we are a member, and for a minute after the broker's history broke, or after
a start with a clock that is behind what an earlier process wrote."""
HURRY_FOR_SECONDS: Final = 60.0
READ_WITHIN_SECONDS: Final = 10.0
"""Less than the client's own deadline: after a black hole its answer never comes, and we must be heard."""

LATE_INTERVALS: Final = 1.5
"""A heartbeat of ours that is sent later after the last one was not the first try."""

REFUSALS_TAKEN: Final = 4
AFTER_REFUSAL_SECONDS: Final = 1.0
"""Of one request in a round, and the time after each."""

_OF_ANY_REPLICA: Final = frozenset({"clusterUID", "version", "heartbeat"})
"""What a replica writes of the status, leading or not."""

T = TypeVar("T")

Names = tuple[frozenset[str], frozenset[str]]
"""The names of all records and of all slices that this cluster exports."""


class Presence:
    """Joins the clusterset and renews the membership.

    `verified`: the cluster id is proven to be ours; nothing is exported before. `excluded`: the broker
    answers but has no MemberCluster of ours. `problem` is None when the last round worked. `exported` gives
    the names of all exports once they are known and written, else None; always None without a leader.
    `let_go` gives the leaving members of which nothing is held here, and the times that this answers; None
    while that is not known, and always without a leader. `leaving` is since when this cluster is leaving, ""
    if it is not: an agent that leads takes back what an earlier `leave` said. `newest_version` gives the
    latest resource version of the broker that this process has seen.
    """

    def __init__(
        self,
        config: AgentConfig,
        local: Client,
        broker: Client,
        *,
        clock: Clock,
        random: randomness.Random,
        leaders_broker: Client | None = None,
    ) -> None:
        self.verified = False
        self.excluded = False
        self.problem: str | None = "the broker has not been asked yet"
        self.uid = ""
        self.exported: Callable[[], Names | None] = lambda: None
        self.let_go: Callable[[], Mapping[str, str] | None] = lambda: None
        self.leaving = ""
        self.newest_version: Callable[[], str] = lambda: "0"
        self._config = config
        self._namespace = member_namespace(config.cluster_id)
        self._local = local
        self._broker = broker
        self._leaders_broker = leaders_broker or broker
        self._clock = clock
        self._random = random
        self._hurried_until_seconds = 0.0
        self._object_uid = ""
        self._missing = False
        self._versions_went_back = False
        # The latest times that were written or seen. The next one is later, even if the clock went back.
        self._heartbeat = ""
        self._stated_at = ""
        # The latest statement that a broker which went back has lost: at first nothing is stated after that.
        self._lost_stated_at = ""
        # When the last round that worked ended, and before the first one, when this process began to try.
        self._renewed_at_seconds: float | None = None
        self._broker_time = broker_time.BrokerTime()
        self._late_seconds = LATE_INTERVALS * config.heartbeat_interval_seconds
        self._on_change: list[Callable[[], None]] = []
        self._on_break: list[Callable[[str], None]] = []

    @property
    def heartbeat_seconds(self) -> float:
        """The latest heartbeat of this cluster that was written or seen, since the epoch; 0.0 if none."""
        return seconds_of_time(self._heartbeat) or 0.0

    def unrenewed_seconds(self) -> float | None:
        """For how long this process has not renewed the heartbeat; None before it began to."""
        if self._renewed_at_seconds is None:
            return None
        return max(0.0, asyncio.get_running_loop().time() - self._renewed_at_seconds)

    @property
    def counted_seconds(self) -> float:
        """The time in which the broker takes heartbeats (`clusterset/membership/broker_time.py`)."""
        return self._broker_time.counted_seconds

    @property
    def at_most_seconds(self) -> float:
        """What that time may be by now, as far as it is known."""
        now_seconds = asyncio.get_running_loop().time()
        return self._broker_time.at_most_seconds(now_seconds, max_gap_seconds=self._late_seconds)

    def listen(self, *, changed: Callable[[], None], broke: Callable[[str], None]) -> Callable[[], None]:
        """Call `changed` when the outcome of a round differs from the last, and `broke` with the reason.

        `broke` is called when the broker's history broke. The returned function ends both.
        """
        self._on_change.append(changed)
        self._on_break.append(broke)

        def end() -> None:
            self._on_change.remove(changed)
            self._on_break.remove(broke)

        return end

    async def run(self) -> None:
        """Run until cancelled. Raises `ClusterIdTaken`."""
        self._renewed_at_seconds = asyncio.get_running_loop().time()
        while True:
            await self.step()
            seconds = self._config.heartbeat_interval_seconds * self._random.uniform(0.9, 1.1)
            hurried = asyncio.get_running_loop().time() < self._hurried_until_seconds
            # What failed is tried again soon: a member that cannot speak for a while counts as dead.
            if hurried or not self.verified or self.problem is not None:
                seconds = min(seconds, HURRIED_SECONDS)
            await asyncio.sleep(seconds)

    async def step(self) -> None:
        """One round: join if needed, renew. Raises `ClusterIdTaken`."""
        before = self.verified, self.excluded, self.problem is None
        began_seconds = asyncio.get_running_loop().time()
        try:
            await self._renew()
        except NotFound:
            self._missing = bool(self._object_uid)
            self.verified, self.excluded = False, True
            self._report(
                f"the broker has no MemberCluster {self._config.cluster_id} in namespace {self._namespace}: "
                "the broker's administrator must create it"
            )
        except (KubeError, MalformedObject) as error:
            self._report(f"cannot renew the membership: {self._advice(error)}{error}")
        else:
            if not self.verified:
                _log.info("joined the clusterset as member %s", self._config.cluster_id)
            self.verified, self.excluded, self.problem = True, False, None
            self._renewed_at_seconds = asyncio.get_running_loop().time()
            self._broker_time = broker_time.renewed(
                self._broker_time,
                began_seconds,
                self._renewed_at_seconds,
                max_gap_seconds=self._late_seconds,
            )
        if before != (self.verified, self.excluded, self.problem is None):
            for listener in tuple(self._on_change):
                listener()

    def hurry(self) -> None:
        """Other members wait for our statement: renew more often for a minute."""
        self._hurried_until_seconds = asyncio.get_running_loop().time() + HURRY_FOR_SECONDS

    def check_owner(self, member: Member) -> None:
        """Raise `ClusterIdTaken` when the MemberCluster of our id names another cluster's UID."""
        check_owner(member, self.uid)

    async def _renew(self) -> None:
        if not self.uid:
            self.uid = (await self._local.get(NAMESPACES, "kube-system"))["metadata"]["uid"]
        try:
            await self._read_and_write()
        except Conflict:
            # Somebody else wrote: the administrator, another replica, or another cluster with this id.
            await self._read_and_write()
        except NotLeading:
            await self._read_and_write(may_state=False)

    async def _read_and_write(self, *, may_state: bool = True) -> None:
        raw = await _insist(self._read)
        member = decode_member(raw)
        self.check_owner(member)
        self._judge(member)
        version = raw["metadata"]["resourceVersion"]
        written, newest = await _insist(lambda: self._write(version, member, may_state=may_state))
        # The answer counts: a broker with an older CRD drops some fields.
        now = decode_member(written)
        self._heartbeat, self._stated_at = _moments(now)
        self._judge_version(written, newest)

    async def _read(self) -> JsonObject:
        return await self._broker.get(
            MEMBER_CLUSTERS,
            self._config.cluster_id,
            self._namespace,
            # After a round that failed the broker may just be slow: then it has the usual time.
            timeout_seconds=READ_WITHIN_SECONDS if self.problem is None else None,
        )

    async def _write(self, version: str, member: Member, *, may_state: bool) -> tuple[JsonObject, str]:
        """Write over the version that was judged: what was written, and the newest version seen before."""
        status: JsonObject = {
            "clusterUID": self.uid,
            "version": __version__,
            "heartbeat": self._later_than(self._heartbeat),
        }
        names = self.exported() if may_state else None
        if names is not None:
            said = statement(self._later_than(max(self._stated_at, self._lost_stated_at)), *names)
            status["exported"] = encode_statement(said)
        let_go = self.let_go() if may_state else None
        if let_go is not None and let_go != member.let_go:
            status["letGo"] = encode_let_go(let_go)
        leads = names is not None or let_go is not None
        if leads and self.leaving != member.leaving:
            status["leaving"] = self.leaving or None
        newest = self.newest_version()
        # With the version, only one of two clusters that claim one id at once succeeds. And nothing is
        # stated on a broker that was restored after `_judge`.
        writer = self._broker if _OF_ANY_REPLICA.issuperset(status) else self._leaders_broker
        written = await writer.patch(
            MEMBER_CLUSTERS,
            self._config.cluster_id,
            {"metadata": {"resourceVersion": version}, "status": status},
            namespace=self._namespace,
            subresource="status",
        )
        return written, newest

    def _judge(self, member: Member) -> None:
        """Compare our MemberCluster on the broker with what we last wrote or saw."""
        heartbeat, stated_at = _moments(member)
        reason = ""
        if not self._object_uid and max(heartbeat, stated_at) > rfc3339_micro(self._clock.now()):
            # Our clock is behind: if the broker was restored meanwhile, others believe only some statements.
            self.hurry()
        if self._missing:
            reason = "our MemberCluster was missing for a while"
        elif self._object_uid and member.object_uid != self._object_uid:
            reason = "our MemberCluster was created anew"
        elif heartbeat < self._heartbeat or stated_at < self._stated_at:
            reason = "our MemberCluster is older than the one that we wrote"
        if stated_at < self._stated_at:
            self._lost_stated_at = max(self._lost_stated_at, self._stated_at)
        self._missing = False
        self._object_uid = member.object_uid
        self._heartbeat = max(heartbeat, self._heartbeat)
        self._stated_at = max(stated_at, self._stated_at)
        if reason:
            self._report_break(reason)

    def _judge_version(self, written: JsonObject, newest: str) -> None:
        """Report a break if the answer to a write has an older version than one seen before it.

        Kinds may be stored apart, with versions of their own. Then it is always older, and reported once.
        """
        went_back = is_older(written["metadata"]["resourceVersion"], newest)
        if went_back and not self._versions_went_back:
            self._report_break(f"its resource versions went back from {newest}")
        self._versions_went_back = went_back

    def _report_break(self, reason: str) -> None:
        self.hurry()
        for listener in tuple(self._on_break):
            listener(reason)

    def _later_than(self, moment: str) -> str:
        now = rfc3339_micro(self._clock.now())
        if now > moment:
            return now
        return rfc3339_micro(_next(moment))

    def _advice(self, error: Exception) -> str:
        """What to do where an error's own text does not say it: the broker refuses our credential."""
        # Before the UID is known, it may be the cluster's own API server that refuses us.
        if not (isinstance(error, Unauthorized) and self.uid):
            return ""
        lifetime = self._broker.credential_lifetime
        ended = lifetime is not None and lifetime.expires <= self._clock.now().timestamp()
        why = "has ended" if ended else "may have ended or been revoked"
        return (
            f"the broker does not accept this cluster's credential, which {why}; "
            f"{another_credential(self._config.cluster_id)}: "
        )

    def _report(self, problem: str) -> None:
        if problem != self.problem:
            _log.warning("%s", problem)
            self.problem = problem


def another_credential(cluster_id: str) -> str:
    """How a cluster gets another credential for the broker."""
    return (
        f"the broker's administrator makes another one with `broker create-member {cluster_id} --renew`, and "
        "`join` brings it here"
    )


async def _insist(ask: Callable[[], Awaitable[T]]) -> T:
    """What is answered to `ask`, which a broker that has too much to do may refuse some times.

    Of two requests that are refused at random, both rarely succeed together.
    """
    for _ in range(REFUSALS_TAKEN):
        with contextlib.suppress(TooManyRequests, ServerError):
            return await ask()
        await asyncio.sleep(AFTER_REFUSAL_SECONDS)
    return await ask()


def _moments(member: Member) -> tuple[str, str]:
    """The times of the heartbeat and of the statement."""
    return _moment(member.heartbeat), _moment(member.exported.at) if member.exported is not None else ""


def _moment(text: str) -> str:
    """The text if it is a time in the form that we write; else "", which compares as older than all times.

    Also "" for the latest possible time: no later one could be written.
    """
    if not _MOMENT.fullmatch(text):
        return ""
    try:
        _next(text)
    except (ValueError, OverflowError):
        return ""
    return text


def _next(moment: str) -> datetime:
    return datetime.fromisoformat(moment) + timedelta(microseconds=1)
