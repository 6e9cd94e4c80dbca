"""Every hold of imports has a way out: time, the broker's administrator, a removal, a right less."""

import asyncio
from functools import partial

import pytest

from mcs_controller.api.resources import EXPORTED_SERVICES, MEMBER_CLUSTERS, NAMESPACES
from mcs_controller.clusterset.fuse import ends_at
from mcs_controller.clusterset.services import decode
from mcs_controller.kube.clock import rfc3339
from tests.controllers.releasing import annotate_member, release_member
from tests.controllers.test_fuse import ALLOW, HELD, exported, held, metric, names, withdraw_all
from tests.support.agents import LoopClock
from tests.support.cluster import Cluster
from tests.support.clusterset import Clusterset
from tests.support.objects import IMPORTS

pytestmark = pytest.mark.looptime

HOLD_SECONDS = 1800.0


async def unexport_all(world: Clusterset, member: str, count: int) -> None:
    for number in range(count):
        await world[member].unexport("shop", f"{member}-{number}")


async def _none_left(cluster: Cluster) -> bool:
    return not await names(cluster)


async def told_ends(cluster: Cluster) -> set[str]:
    """When the holds end by themselves, as their conditions say."""
    return {
        ends_at(condition)
        for one in await cluster.all_of(IMPORTS, "shop")
        for condition in decode.service_import(one).conditions
        if condition.type == HELD
    }


@pytest.mark.requirement("MCS-LIFE-01", "MCS-LIFE-07")
async def test_what_is_gone_goes_after_the_time_of_a_hold_if_its_exporter_lives_and_stands_by_it() -> None:
    async with Clusterset("east", "west") as world:
        await exported(world, 20)
        began = LoopClock().now()
        await unexport_all(world, "east", 20)
        await world.settle()
        kept = {one.name: await held(one) for one in world}
        assert all(kept.values())
        (told,) = {at[:16] for at in await told_ends(world["west"])}
        assert told == rfc3339(began.replace(minute=began.minute + 30))[:16]

        await asyncio.sleep(HOLD_SECONDS - 120)
        assert {one.name: await held(one) for one in world} == kept
        await asyncio.sleep(200)
        for one in world:
            assert await names(one) == set()
            assert metric(one, "mcs_fuse_tripped", fuse="imports") == 0


async def test_the_time_of_a_hold_is_a_setting_and_none_means_that_it_has_no_end() -> None:
    for seconds, left in ((0.0, True), (300.0, False)):
        async with Clusterset("east", "west", fuse_hold_seconds=seconds) as world:
            await exported(world, 20)
            await unexport_all(world, "east", 20)
            await asyncio.sleep(3 * HOLD_SECONDS if left else 420)
            assert bool(await held(world["west"])) is left
            if left:
                assert await told_ends(world["west"]) == {""}


@pytest.mark.requirement("MCS-LIFE-07")
async def test_the_time_of_a_hold_stands_still_while_the_exporter_is_silent() -> None:
    async with Clusterset("east", "west") as world:
        await exported(world, 20)
        await unexport_all(world, "east", 20)
        await world.settle()
        kept = await held(world["west"])
        await world["east"].kill()
        await asyncio.sleep(2 * HOLD_SECONDS)
        assert await held(world["west"]) == kept != set()

        world["east"].start()
        await asyncio.sleep(HOLD_SECONDS / 2)
        assert await held(world["west"]) == kept
        await asyncio.sleep(HOLD_SECONDS / 2 + 120)
        assert await names(world["west"]) == set()


@pytest.mark.requirement("MCS-LIFE-07")
async def test_after_a_restart_the_time_of_a_hold_goes_on_but_for_the_last_minutes() -> None:
    async with Clusterset("east", "west") as world:
        await exported(world, 20)
        await unexport_all(world, "east", 20)
        await asyncio.sleep(1000)
        west = world["west"]
        kept = await held(west)
        await west.restart()
        await asyncio.sleep(HOLD_SECONDS - 1000 - 60)
        assert await held(west) == kept != set()
        await asyncio.sleep(180)
        assert await names(west) == set()

    async with Clusterset("east", "west") as world:
        await exported(world, 20)
        await unexport_all(world, "east", 20)
        await asyncio.sleep(100)
        west = world["west"]
        kept = await held(west)
        await west.kill()
        await asyncio.sleep(2 * HOLD_SECONDS)
        west.start()
        await asyncio.sleep(240)
        assert await held(west) == kept != set()
        await asyncio.sleep(180)
        assert await names(west) == set()


@pytest.mark.requirement("MCS-LIFE-01", "MCS-LIFE-07")
async def test_one_word_of_the_brokers_administrator_releases_a_member_in_all_clusters() -> None:
    """After the fact, and before it."""
    async with Clusterset("east", "west", "north") as world:
        await exported(world, 20, 20)
        await unexport_all(world, "east", 20)
        await unexport_all(world, "west", 20)
        await world.settle()
        assert all([await held(one) for one in world])

        await release_member(world, "east")
        await world.settle()
        for one in world:
            assert all(name.startswith("west") for name in await names(one))
            assert await held(one) == await names(one) != set()

        await release_member(world, "west", 20 * 3600.0)
        for one in world:
            await world.until(partial(_none_left, one))

    async with Clusterset("east", "west") as world:
        await exported(world, 20)
        await release_member(world, "east")
        await asyncio.sleep(20)
        assert metric(world["west"], "mcs_member_released", member="east") == 1
        await unexport_all(world, "east", 20)
        await world.settle()
        for one in world:
            assert await names(one) == set()


@pytest.mark.requirement("MCS-LIFE-07")
async def test_a_release_that_was_forgotten_releases_nothing_later() -> None:
    async with Clusterset("east", "west") as world:
        await exported(world, 20)
        await release_member(world, "east")
        await asyncio.sleep(20)
        assert metric(world["west"], "mcs_member_released", member="east") == 1
        await asyncio.sleep(3700)
        assert metric(world["west"], "mcs_member_released", member="east") == 0
        # A new process reads it for the first time.
        await world["west"].restart()
        await world.settle()
        assert metric(world["west"], "mcs_member_released", member="east") == 0
        await unexport_all(world, "east", 20)
        await world.settle()
        for one in world:
            assert await held(one) == await names(one) != set()


@pytest.mark.requirement("MCS-LIFE-07")
async def test_a_release_that_is_valid_stays_so_for_an_agent_that_is_restarted_and_ends_at_its_time() -> None:
    async with Clusterset("east", "west") as world:
        await exported(world, 20)
        west = world["west"]
        await release_member(world, "east")
        await asyncio.sleep(1800)
        await west.restart()
        await world.settle()
        assert metric(west, "mcs_member_released", member="east") == 1
        await asyncio.sleep(1800)
        assert metric(west, "mcs_member_released", member="east") == 0


@pytest.mark.requirement("MCS-LIFE-07")
@pytest.mark.parametrize("value", ["allowed", "for ever", "2026-01-01", "9999-12-31T23:59:59Z"])
async def test_only_a_time_within_a_day_releases_a_member_and_another_value_is_named_in_the_log_once(
    value: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Clusterset("east", "west") as world:
        await exported(world, 20)
        await annotate_member(world, "east", value)
        await asyncio.sleep(60)
        assert metric(world["west"], "mcs_member_released", member="east") == 0
        await unexport_all(world, "east", 20)
        await world.settle()
        assert await held(world["west"]) == await names(world["west"]) != set()
        said = [
            entry.getMessage()
            for entry in caplog.records
            if "releases nothing" in entry.getMessage() and entry.levelname == "WARNING"
        ]
        # One line of each agent.
        assert said == said[:1] * 2
        assert said[0].startswith(f"the release of member east releases nothing: {value} is ")
        assert "`mcs-controller fuse release --member east`" in said[0]

        await release_member(world, "east")
        await world.until(partial(_none_left, world["west"]))


async def test_what_two_members_exported_together_takes_the_release_of_both() -> None:
    async with Clusterset("east", "west", "north") as world:
        await world.everywhere("shop")
        for number in range(12):
            for name in ("east", "west"):
                await world[name].deploy("shop", f"web-{number}")
        await world.settle()
        for name in ("east", "west"):
            await release_member(world, name) if name == "east" else None
            for number in range(12):
                await world[name].unexport("shop", f"web-{number}")
        await world.settle()
        assert await held(world["north"]) == await names(world["north"]) != set()
        await release_member(world, "west")
        for one in world:
            await world.until(partial(_none_left, one))


@pytest.mark.requirement("MCS-LIFE-07", "MCS-NS-07")
async def test_what_a_member_withdrew_that_left_goes_when_it_is_removed() -> None:
    """`mcs-controller leave` withdraws everything at once, and nobody is left to stand by it."""
    async with Clusterset("east", "west") as world:
        await exported(world, 12)
        west = world["west"]
        await world["east"].kill()
        await withdraw_all(world, "east")
        await asyncio.sleep(2 * HOLD_SECONDS)
        assert await held(west) == await names(west) != set()
        await world.broker_api.delete(NAMESPACES, "mcs-member-east")
        await asyncio.sleep(120)
        assert await names(west) == set()


@pytest.mark.requirement("MCS-LIFE-07")
async def test_what_a_member_may_not_export_any_more_is_not_held() -> None:
    async with Clusterset("east", "west") as world:
        await exported(world, 12)
        body = {"spec": {"namespaces": ["bank"]}}
        await world.broker_api.patch(MEMBER_CLUSTERS, "east", body, namespace="mcs-member-east")
        for one in world:
            await world.until(partial(_none_left, one), within_seconds=60)


@pytest.mark.requirement("MCS-LIFE-07")
async def test_the_time_of_a_hold_stands_still_after_the_brokers_history_broke() -> None:
    async with Clusterset("east", "west", fuse_hold_seconds=600.0) as world:
        await exported(world, 20)
        backup = world.broker.snapshot()
        await asyncio.sleep(60)
        await unexport_all(world, "east", 20)
        await world.settle()
        assert await held(world["west"])
        world.broker.restore(backup)
        await asyncio.sleep(300)
        # East withdrew everything again, and the fuse still holds what it held.
        assert (await world.broker_api.list(EXPORTED_SERVICES)).items == []
        assert await held(world["west"]) == await names(world["west"]) != set()
        await asyncio.sleep(800)
        assert await names(world["west"]) == set()


async def test_an_operators_release_of_an_import_still_ends_its_hold_at_once() -> None:
    async with Clusterset("east", "west") as world:
        await exported(world, 20)
        await unexport_all(world, "east", 20)
        await world.settle()
        west = world["west"]
        for name in await held(west):
            await west.edit(IMPORTS, "shop", name, ALLOW)
        await world.until(partial(_none_left, west))
