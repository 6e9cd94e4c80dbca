"""This cluster's own MemberCluster: who may write it, what is written, and when its history broke."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from random import Random

import pytest

from mcs_controller.api.resources import MEMBER_CLUSTERS
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.membership.errors import ClusterIdTaken
from mcs_controller.controllers.membership.presence import Names, Presence
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.transport import Request, Response, Transport
from mcs_controller.kube.errors import Timeout
from mcs_controller.kube.fence import LeaseFence
from tests.support.agents import LoopClock
from tests.support.clusterset import Clusterset
from tests.support.objects import Object
from tests.support.transports import PassingTransport

pytestmark = pytest.mark.looptime


class Interrupted(PassingTransport):
    """A way to the broker on which something happens before a write, or a read is never answered."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.before_write: Callable[[], Awaitable[object]] | None = None
        self.lose_read = False
        self.lost = asyncio.Event()

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        if request.method == "GET" and self.lose_read:
            self.lose_read = False
            self.lost.set()
            await asyncio.sleep(timeout_seconds)
            raise Timeout("no answer")
        if request.method == "PATCH" and self.before_write is not None:
            happens, self.before_write = self.before_write, None
            await happens()
        return await super().request(request, timeout_seconds=timeout_seconds)


class East:
    """The presence of one cluster, step by step, and what the broker then holds."""

    def __init__(self, world: Clusterset) -> None:
        self.world = world
        self.clock = LoopClock()
        self.wire = Interrupted(world.broker.transport("member-east"))
        self.fence = LeaseFence(LoopClock())
        self.fence.prove(float("inf"), self.fence.offset_seconds())
        broker = Client(self.wire, name="broker")
        self.presence = Presence(
            AgentConfig(cluster_id="east"),
            Client(world["east"].sim.transport("agent"), name="local"),
            broker,
            clock=self.clock,
            random=Random(3),
            leaders_broker=broker.fenced(self.fence),
        )
        self.breaks: list[str] = []
        self.changes = 0
        self.end = self.presence.listen(changed=self._changed, broke=self.breaks.append)

    def _changed(self) -> None:
        self.changes += 1

    def states(self, names: Names) -> None:
        self.presence.exported = lambda: names

    async def step(self, *, after_seconds: float = 1.0) -> None:
        await asyncio.sleep(after_seconds)
        await self.presence.step()

    async def status(self) -> Object:
        found = await self.world.broker_api.get(MEMBER_CLUSTERS, "east", "mcs-member-east")
        status: Object = found.get("status") or {}
        return status

    async def edit(self, **status: object) -> None:
        await self.world.broker_api.patch(
            MEMBER_CLUSTERS, "east", {"status": status}, namespace="mcs-member-east", subresource="status"
        )

    async def heartbeats_within(self, seconds: float) -> int:
        seen = set()
        for _ in range(int(seconds * 2)):
            await asyncio.sleep(0.5)
            seen.add((await self.status())["heartbeat"])
        return len(seen)


@asynccontextmanager
async def east_alone() -> AsyncIterator[East]:
    async with Clusterset("east", start=False) as world:
        yield East(world)


def without_formats(value: Object) -> None:
    """A definition that takes any text for a time."""
    value.pop("format", None)
    for part in value.values():
        for one in part if isinstance(part, list) else [part]:
            if isinstance(one, dict):
                without_formats(one)


SOMETHING: Names = (frozenset({"shop.web"}), frozenset())
OUR_MISSING = "our MemberCluster was missing for a while"
OUR_OTHER = "our MemberCluster was created anew"
OUR_OLDER = "our MemberCluster is older than the one that we wrote"


async def test_of_two_clusters_that_claim_an_id_at_once_the_first_to_write_has_it() -> None:
    async with east_alone() as east:
        east.wire.before_write = lambda: east.edit(clusterUID="another")

        with pytest.raises(ClusterIdTaken, match="belongs to another cluster"):
            await east.step()

        assert (await east.status())["clusterUID"] == "another"
        assert not east.presence.verified


async def test_a_write_of_the_administrator_under_way_costs_no_round() -> None:
    async with east_alone() as east:
        labels = {"metadata": {"labels": {"site": "1"}}}
        east.wire.before_write = lambda: east.world.broker_api.patch(
            MEMBER_CLUSTERS, "east", labels, namespace="mcs-member-east"
        )

        await east.step()

        assert east.presence.verified
        assert east.presence.problem is None


@pytest.mark.parametrize("back_seconds", [1.0, 3600.0], ids=["stands still", "is set back"])
async def test_each_heartbeat_and_statement_is_later_than_the_last_even_if_the_clock_is_not(
    back_seconds: float,
) -> None:
    async with east_alone() as east:
        east.states(SOMETHING)
        await east.step(after_seconds=5000)
        before = await east.status()

        east.clock.skew_seconds -= back_seconds
        await east.step()

        after = await east.status()
        assert after["heartbeat"] > before["heartbeat"]
        assert after["exported"]["at"] > before["exported"]["at"]
        assert east.breaks == []


async def test_a_member_that_is_admitted_late_has_no_broken_history() -> None:
    async with Clusterset("west", "east", start=False) as world:
        east = East(world)
        await world.broker_api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
        await east.step()
        assert (east.presence.verified, east.presence.excluded) == (False, True)
        await world.admit("east", with_namespace=False)

        await east.step()

        assert (east.presence.verified, east.presence.excluded) == (True, False)
        assert east.breaks == []
        assert east.changes == 2


async def test_our_record_that_was_missing_for_a_while_and_is_the_same_again_is_a_break_told_once() -> None:
    async with east_alone() as east:
        await east.step()
        whole = east.world.broker.snapshot()
        await east.world.broker_api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
        for _ in range(2):
            await east.step()
        east.world.broker.restore(whole)

        for _ in range(3):
            await east.step()

        assert east.presence.verified
        assert east.breaks == [OUR_MISSING]


async def test_our_record_that_was_made_anew_between_two_rounds_is_a_break_told_once() -> None:
    async with east_alone() as east:
        await east.step()
        await east.world.broker_api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
        await east.world.admit("east", with_namespace=False)

        for _ in range(3):
            await east.step()

        assert east.breaks == [OUR_OTHER]


@pytest.mark.parametrize(
    "older",
    [
        {"heartbeat": "2026-01-01T00:00:00.500000Z"},
        {"heartbeat": None},
        {"exported": {"at": "2026-01-01T00:00:00.500000Z"}},
        {"exported": None},
    ],
    ids=str,
)
async def test_a_heartbeat_or_statement_of_ours_that_went_back_is_a_break_told_once(older: Object) -> None:
    async with east_alone() as east:
        east.states(SOMETHING)
        await east.step()
        await east.edit(**older)

        for _ in range(3):
            await east.step()

        assert east.breaks == [OUR_OLDER]


async def test_what_another_replica_wrote_later_is_no_break_and_ours_is_later_still() -> None:
    async with east_alone() as east:
        east.states(SOMETHING)
        await east.step()
        later = "2026-01-01T09:00:00.000000Z"
        await east.edit(heartbeat=later, exported={"at": later})

        await east.step()

        after = await east.status()
        assert after["heartbeat"] == "2026-01-01T09:00:00.000001Z"
        assert after["exported"]["at"] == "2026-01-01T09:00:00.000001Z"
        assert east.breaks == []


async def test_after_a_restore_what_is_written_is_later_than_what_was_lost() -> None:
    async with east_alone() as east:
        east.states(SOMETHING)
        await east.step()
        backup = east.world.broker.snapshot()
        await east.step(after_seconds=5000)
        lost = await east.status()
        east.world.broker.restore(backup)
        east.clock.skew_seconds = -4000

        await east.step()

        after = await east.status()
        assert after["heartbeat"] > lost["heartbeat"]
        assert after["exported"]["at"] > lost["exported"]["at"]


async def test_versions_that_went_back_are_told_once_until_they_are_in_order_again() -> None:
    async with east_alone() as east:
        seen = {"version": "999999"}
        east.presence.newest_version = lambda: seen["version"]
        for version in ("999999", "999999", "0", "999999"):
            seen["version"] = version
            await east.step()

        assert east.breaks == ["its resource versions went back from 999999"] * 2


async def test_after_a_break_we_speak_every_two_seconds_for_a_minute_and_then_as_before() -> None:
    async with east_alone() as east:
        running = asyncio.create_task(east.presence.run())
        await asyncio.sleep(1)
        assert await east.heartbeats_within(60) <= 8
        await east.edit(heartbeat=None)
        await asyncio.sleep(11)
        assert east.breaks == [OUR_OLDER]

        assert await east.heartbeats_within(45) >= 20
        await asyncio.sleep(20)
        assert await east.heartbeats_within(60) <= 8
        running.cancel()


async def test_until_the_broker_knows_us_it_is_asked_every_two_seconds() -> None:
    async with Clusterset("west", "east", start=False) as world:
        east = East(world)
        await world.broker_api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
        running = asyncio.create_task(east.presence.run())
        await asyncio.sleep(301)
        assert east.presence.excluded

        await world.admit("east", with_namespace=False)
        await asyncio.sleep(2.1)

        assert east.presence.verified
        running.cancel()


async def test_only_a_round_with_another_end_is_told_and_only_who_still_listens() -> None:
    async with east_alone() as east:
        for _ in range(3):
            await east.step()
        assert east.changes == 1
        east.end()
        await east.edit(heartbeat=None)
        await east.step()
        await east.world.broker_api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
        await east.step()

        assert not east.presence.verified
        assert (east.changes, east.breaks) == (1, [])


@pytest.mark.parametrize(
    "strange",
    [
        "9999-12-31T23:59:59.999999Z",
        "2099-01-01T00:00:00.5Z",
        "2099-01-01T00:00:00+00:00",
        "2099-13-45T25:61:61.000000Z",
        "0000-01-01T00:00:00.000000Z",
    ],
)
async def test_a_time_that_is_none_of_ours_is_a_break_and_the_next_heartbeat_is_of_now(strange: str) -> None:
    async with Clusterset("east", start=False, edit_broker_crds=without_formats) as world:
        east = East(world)
        await east.step()
        await east.edit(heartbeat=strange)

        await east.step()

        assert (await east.status())["heartbeat"].startswith("2026-01-01T00:00:02")
        assert east.breaks == [OUR_OLDER]


async def test_we_speak_about_every_ten_seconds_and_never_in_step() -> None:
    async with east_alone() as east:
        running = asyncio.create_task(east.presence.run())
        spoken: dict[str, float] = {}
        for _ in range(2000):
            await asyncio.sleep(0.1)
            spoken.setdefault((await east.status())["heartbeat"], asyncio.get_running_loop().time())
        running.cancel()
        gaps = [later - one for one, later in pairwise(spoken.values())]
        assert all(8.8 < gap < 11.2 for gap in gaps)
        assert max(gaps) - min(gaps) > 0.5


async def test_a_broker_that_refuses_every_other_request_hears_of_us_often_enough() -> None:
    """A round is two requests: of those that are ten seconds apart, one of four would succeed."""
    async with east_alone() as east:
        running = asyncio.create_task(east.presence.run())
        await asyncio.sleep(1)
        east.world.broker.faults.fail(429, share=0.5, users=["member-east"])
        spoken: dict[str, float] = {}
        for _ in range(600):
            await asyncio.sleep(1)
            spoken.setdefault((await east.status())["heartbeat"], asyncio.get_running_loop().time())
        running.cancel()
        assert max(later - one for one, later in pairwise(spoken.values())) < 60


async def test_after_a_round_whose_answer_was_lost_the_broker_hears_of_us_within_twelve_seconds() -> None:
    """A black hole has swallowed it: 30 s after the heartbeat before it others might take us for dead."""
    async with east_alone() as east:
        running = asyncio.create_task(east.presence.run())
        await asyncio.sleep(1)
        before = (await east.status())["heartbeat"]
        east.wire.lose_read = True
        await east.wire.lost.wait()
        await asyncio.sleep(12.1)
        assert (await east.status())["heartbeat"] > before
        running.cancel()


async def test_a_broker_that_takes_twelve_seconds_for_each_answer_hears_of_us_often_enough() -> None:
    async with east_alone() as east:
        running = asyncio.create_task(east.presence.run())
        await asyncio.sleep(1)
        east.world.broker.faults.delay(12.0, users=["member-east"])
        spoken: dict[str, float] = {}
        for _ in range(600):
            await asyncio.sleep(1)
            spoken.setdefault((await east.status())["heartbeat"], asyncio.get_running_loop().time())
        running.cancel()
        assert len(spoken) > 5
        assert max(later - one for one, later in pairwise(spoken.values())) < 60


async def test_that_we_cannot_speak_is_logged_once_for_each_cause(caplog: pytest.LogCaptureFixture) -> None:
    async with east_alone() as east:
        told = []
        for code in (403, 503):
            fault = east.world.broker.faults.fail(code, users=["member-east"])
            for _ in range(3):
                await east.step()
            fault.lift()
            told.append(east.presence.problem)
        assert len(set(told)) == 2
        assert [entry.getMessage() for entry in caplog.records] == told


async def test_that_we_became_a_member_is_logged_once_and_again_after_we_were_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    async with east_alone() as east:
        for _ in range(3):
            await east.step()
        joined = "joined the clusterset as member east"
        assert [entry.getMessage() for entry in caplog.records] == [joined]

        await east.world.broker_api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
        await east.step()
        assert east.presence.problem == (
            "the broker has no MemberCluster east in namespace mcs-member-east: "
            "the broker's administrator must create it"
        )
        await east.world.admit("east", with_namespace=False)
        await east.step()
        assert [entry.getMessage() for entry in caplog.records][2:] == [joined]


async def test_the_machines_time_zone_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as zone:
        zone.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        async with east_alone() as east:
            await east.step(after_seconds=5000)
            before = (await east.status())["heartbeat"]
            east.clock.skew_seconds -= 3600
            await east.step()
            after = (await east.status())["heartbeat"]
    time.tzset()
    assert (before, after) == ("2026-01-01T01:23:20.000000Z", "2026-01-01T01:23:20.000001Z")


async def test_a_leader_that_was_stopped_renews_the_heartbeat_and_states_nothing() -> None:
    async with east_alone() as east:
        await east.step()
        east.states(SOMETHING)
        await east.step()
        said = await east.status()

        async def stopped_for_longer_than_the_lease() -> None:
            await asyncio.sleep(12)

        east.fence.prove(asyncio.get_running_loop().time() + 10, east.fence.offset_seconds())
        east.wire.before_write = stopped_for_longer_than_the_lease
        east.states((frozenset(), frozenset()))
        await east.step()
        now = await east.status()
        assert east.presence.problem is None
        assert now["heartbeat"] > said["heartbeat"]
        assert now["exported"] == said["exported"]

        east.fence.prove(float("inf"), east.fence.offset_seconds())
        await east.step()
        assert (await east.status())["exported"] != said["exported"]
