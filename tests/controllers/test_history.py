"""A broker that was restored from a backup, or that is deaf: what was written is read and put right."""

from __future__ import annotations

import asyncio
from functools import partial
from random import Random

import pytest

from mcs_controller.api.resources import (
    EXPORTED_ENDPOINT_SLICES,
    MEMBER_CLUSTERS,
    NAMESPACES,
)
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.membership.presence import Presence
from mcs_controller.kube.client import Client
from tests.controllers.exporters import RIGHT_WITHIN_SECONDS, has, two_exporters
from tests.support.agents import LoopClock
from tests.support.clusterset import EAST, WEST, Clusterset

pytestmark = pytest.mark.looptime


HELD = "mcs-controller.io/Held"


@pytest.mark.requirement("MCS-LIFE-07")
async def test_an_own_slice_that_was_edited_behind_a_deaf_watch_is_read_and_put_right() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web")
        await world.settle()
        stalled = world.broker.faults.stall_watches(users=["member-east"])
        await world.broker_api.patch(
            EXPORTED_ENDPOINT_SLICES,
            "shop.web-abc",
            {"spec": {"endpoints": []}},
            namespace="mcs-member-east",
        )

        await world["east"].endpoints("shop", "web", "10.1.0.9")
        await world.serves("west", {"10.1.0.9"}, within_seconds=1)
        stalled.lift()


@pytest.mark.requirement("MCS-LIFE-03")
async def test_a_member_whose_own_api_server_is_away_is_no_dead_member() -> None:
    """Nobody can lead there, since the Lease lies on that server, and the pods go on serving."""
    async with Clusterset() as world:
        await two_exporters(world)
        east = world["east"]
        replica = Presence(
            AgentConfig(cluster_id="east"),
            Client(east.sim.transport("agent"), name="local"),
            world.broker.client("member-east"),
            clock=LoopClock(),
            random=Random(7),
        )
        beating = asyncio.create_task(replica.run())
        await asyncio.sleep(30)
        assert east.agent.registry.get_sample_value("mcs_broker_history_breaks_total") == 0
        east.sim.faults.refuse_connections(users=["agent"])
        await east.kill()

        async def serves() -> bool:
            return await world["north"].addresses_of("shop", "web") == EAST | WEST

        await world.always(serves, for_seconds=300)
        beating.cancel()
        await world.until(partial(has, world, WEST), within_seconds=90)


@pytest.mark.requirement("MCS-LIFE-07")
@pytest.mark.parametrize("bump_revision", [0, 1_000_000_000], ids=["plain", "bumped"])
@pytest.mark.parametrize("in_order", [True, False], ids=["watches closed", "watches cut"])
async def test_what_was_written_after_the_last_heartbeat_and_lost_is_written_again(
    bump_revision: int, in_order: bool
) -> None:
    """The backup has our last heartbeat, and others have written so much that no version tells of it."""
    async with Clusterset("east", "west") as world:
        await two_exporters(world)

        async def heartbeat() -> str:
            found = await world.broker_api.get(MEMBER_CLUSTERS, "east", "mcs-member-east")
            return str(found["status"]["heartbeat"])

        before = await heartbeat()

        async def has_beaten() -> bool:
            return await heartbeat() != before

        await world.until(has_beaten)
        backup = world.broker.snapshot()
        await world["east"].endpoints("shop", "web", "10.1.0.9")
        await asyncio.sleep(1)
        world.broker.restore(backup, bump_revision=bump_revision, in_order=in_order)
        for number in range(10):
            await world.broker_api.create(NAMESPACES, {"metadata": {"name": f"other-{number}"}})
        await world["west"].kill()
        world["west"].start()

        async def follows() -> bool:
            return await world["west"].addresses_of("shop", "web") == WEST | {"10.1.0.9"}

        await asyncio.sleep(2)
        await world.until(follows, within_seconds=RIGHT_WITHIN_SECONDS)


@pytest.mark.requirement("MCS-LIFE-07")
@pytest.mark.parametrize("in_order", [True, False], ids=["watches closed", "watches cut"])
async def test_importers_hear_what_was_written_under_versions_that_they_saw_in_the_lost_history(
    in_order: bool,
) -> None:
    """The backup is younger than all heartbeats, and versions overtake what was seen before the next."""
    async with Clusterset() as world:
        await two_exporters(world)

        async def heartbeats() -> set[str]:
            members = (await world.broker_api.list(MEMBER_CLUSTERS)).items
            return {one["status"]["heartbeat"] for one in members}

        before = await heartbeats()

        async def all_have_beaten() -> bool:
            return before.isdisjoint(await heartbeats())

        await world.until(all_have_beaten)
        backup = world.broker.snapshot()
        for number in range(5):
            await world["east"].endpoints("shop", "web", f"10.1.0.{20 + number}")
            await asyncio.sleep(0.02)
        world.broker.restore(backup, in_order=in_order)
        await world["east"].endpoints("shop", "web", "10.1.0.9")
        for number in range(10):
            await asyncio.sleep(0.1)
            await world.broker_api.create(NAMESPACES, {"metadata": {"name": f"other-{number}"}})

        await world.until(partial(has, world, WEST | {"10.1.0.9"}), within_seconds=RIGHT_WITHIN_SECONDS)


@pytest.mark.requirement("MCS-LIFE-07")
async def test_a_statement_does_not_prove_contents_that_a_late_watch_has_not_shown() -> None:
    """West lists the restored broker before east has put it right, and its new watch is deaf."""
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        backup = world.broker.snapshot()
        now = EAST | {"10.1.0.9"}
        await world["east"].endpoints("shop", "web", *now)
        await world.imported("shop", "web", now)

        cut_off = world.broker.faults.refuse_connections(users=["member-east"])
        stalled = world.broker.faults.stall_watches(users=["member-west"])
        world.broker.restore(backup)
        await asyncio.sleep(5)
        cut_off.lift()

        async def has_all() -> bool:
            return await world["west"].addresses_of("shop", "web") == now

        await world.always(has_all, for_seconds=60)
        stalled.lift()
        await world.imported("shop", "web", now)


@pytest.mark.requirement("MCS-LIFE-07")
async def test_nor_does_it_after_a_start_for_what_is_imported_in_a_later_version() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        backup = world.broker.snapshot()
        now = EAST | {"10.1.0.9"}
        await world["east"].endpoints("shop", "web", *now)
        await world.imported("shop", "web", now)

        cut_off = world.broker.faults.refuse_connections(users=["member-east"])
        world.broker.restore(backup)
        await world["west"].restart()
        await asyncio.sleep(2)
        stalled = world.broker.faults.stall_watches(users=["member-west"])
        await asyncio.sleep(3)
        cut_off.lift()

        async def has_all() -> bool:
            return await world["west"].addresses_of("shop", "web") == now

        await world.always(has_all, for_seconds=60)
        stalled.lift()
        await world.imported("shop", "web", now)
