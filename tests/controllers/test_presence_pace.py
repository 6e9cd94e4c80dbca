"""When this cluster speaks to the broker, whatever that does, and what is logged of it."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from prometheus_client import CollectorRegistry

from mcs_controller.api.resources import MEMBER_CLUSTERS
from mcs_controller.controllers.membership.metrics import HeartbeatCollector
from tests.controllers.presence import OUR_OLDER, SOMETHING, East, east_alone
from tests.support.clusterset import Clusterset

pytestmark = pytest.mark.looptime


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


@pytest.mark.parametrize(("back_seconds", "hurries"), [(0.0, False), (3600.0, True)])
async def test_after_a_start_with_a_clock_that_was_set_back_we_speak_every_two_seconds(
    back_seconds: float, hurries: bool
) -> None:
    async with east_alone() as east:
        east.states(SOMETHING)
        await east.step()
        again = East(east.world)
        again.clock.skew_seconds -= back_seconds
        running = asyncio.create_task(again.presence.run())
        await asyncio.sleep(1)
        assert (await again.heartbeats_within(40) >= 18) == hurries
        assert again.breaks == []
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
        assert max(later - one for one, later in pairwise(spoken.values())) < 25


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


async def test_the_age_of_our_heartbeat_is_told_from_the_first_try_on_and_grows_while_none_works() -> None:
    async with Clusterset("west", "east", start=False) as world:
        east = East(world)
        registry = CollectorRegistry()
        registry.register(HeartbeatCollector(east.presence))
        assert registry.get_sample_value("mcs_heartbeat_age_seconds") is None

        await world.broker_api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
        running = asyncio.create_task(east.presence.run())
        await asyncio.sleep(60)
        assert registry.get_sample_value("mcs_heartbeat_age_seconds") == pytest.approx(60)

        await world.admit("east", with_namespace=False)
        await asyncio.sleep(15)
        assert (registry.get_sample_value("mcs_heartbeat_age_seconds") or 0) <= 11
        running.cancel()
