"""What a restore of the broker brings back, and what only looks like that, in whole clustersets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mcs_controller.api.resources import SERVICES
from mcs_controller.controllers.services.stores.withdrawn import DOUBTED_SECONDS, ON_ITS_WAY_SECONDS
from mcs_controller.simcluster.faults import Fault
from tests.support.clusterset import EAST, WEST, Clusterset

pytestmark = pytest.mark.looptime


def deletions_fail(world: Clusterset) -> Fault:
    """East's records stay on the broker, marked as withdrawn, until this is lifted."""
    return world.broker.faults.fail(
        500, verbs=["delete"], resources=["exportedservices"], users=["member-east"]
    )


@pytest.mark.requirement("MCS-LIFE-07", "MCS-IMP-03")
@pytest.mark.parametrize("importer_restarts", [False, True])
@pytest.mark.parametrize("returns_after_seconds", [5.0, 26.0])
async def test_the_type_of_an_import_stays_while_the_exporter_cannot_withdraw_it_again(
    returns_after_seconds: float, importer_restarts: bool
) -> None:
    """West's export is headless and the older one: it would decide the type. Its endpoints are gone."""
    async with Clusterset("east", "west", "north") as world:
        await world.everywhere("shop")
        await world["west"].deploy("shop", "web", clusterIP="None")
        await asyncio.sleep(2)
        await world["east"].deploy("shop", "web")
        await world.imported("shop", "web", EAST | WEST)
        backup = world.broker.snapshot()
        await asyncio.sleep(ON_ITS_WAY_SECONDS)
        await world["west"].unexport("shop", "web")
        await world.imported("shop", "web", EAST)
        north = world["north"]

        async def ips() -> object:
            return ((await north.import_of("shop", "web")) or {"spec": {}})["spec"].get("ips")

        ips_before = await ips()
        assert ips_before
        if importer_restarts:
            await north.restart()
            await asyncio.sleep(60)

        cut_off = world.broker.faults.refuse_connections(users=["member-west"])
        world.broker.restore(backup)

        async def is_right() -> bool:
            return await ips() == ips_before and await north.addresses_of("shop", "web") == EAST

        await world.always(is_right, for_seconds=min(returns_after_seconds, DOUBTED_SECONDS - 5))
        await asyncio.sleep(max(0.0, returns_after_seconds - DOUBTED_SECONDS + 5))
        assert (await north.addresses_of("shop", "web") == EAST | WEST) == (
            returns_after_seconds > DOUBTED_SECONDS
        )
        cut_off.lift()
        await world.imported("shop", "web", EAST)


@pytest.mark.requirement("MCS-LIFE-07", "MCS-IMP-03")
@pytest.mark.parametrize("exporter_is_cut_off", [True, False])
@pytest.mark.parametrize("importer_restarts", [True, False])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_the_mark_of_a_withdrawal_that_was_taken_back_withdraws_nothing(
    when: str, importer_restarts: bool, exporter_is_cut_off: bool
) -> None:
    """The backup has the mark. The service is exported again before or after the record was deleted."""
    async with Clusterset("east", "north") as world:
        await world.exported_by("east")
        east, north = world["east"], world["north"]
        stuck = deletions_fail(world)
        await east.unexport("shop", "web")
        await world.gone("shop", "web")
        backup = world.broker.snapshot()
        if when == "after":
            stuck.lift()

            async def is_withdrawn() -> bool:
                return not await world.records()

            await world.until(is_withdrawn)
        await east.export("shop", "web")
        await world.imported("shop", "web", EAST)
        stuck.lift()
        await asyncio.sleep(30)

        async def identity() -> object:
            found = await north.import_of("shop", "web")
            return found and (found["metadata"]["uid"], found["spec"].get("ips"))

        before = await identity()
        cut_off = world.broker.faults.refuse_connections(users=["member-east"])
        if not exporter_is_cut_off:
            cut_off.lift()
        if importer_restarts:
            await north.kill()
        world.broker.restore(backup)
        if importer_restarts:
            north.start()

        async def is_right() -> bool:
            return await identity() == before and await north.addresses_of("shop", "web") == EAST

        await world.always(is_right, for_seconds=15)
        cut_off.lift()
        await world.always(is_right, for_seconds=60)
        await east.unexport("shop", "web")
        await world.gone("shop", "web")


async def test_what_is_withdrawn_while_an_importer_starts_goes_once_its_member_states_it() -> None:
    """The importer finds only the mark: it may have been brought back."""
    async with Clusterset("east", "north") as world:
        await world.exported_by("east")
        east, north = world["east"], world["north"]
        await north.kill()
        stuck = deletions_fail(world)
        await east.unexport("shop", "web")

        async def is_marked() -> bool:
            return any(one["spec"].get("withdrawn") for one in (await world.records()).values())

        await world.until(is_marked)
        north.start()
        await north.ready()
        stuck.lift()
        await world.gone("shop", "web", within_seconds=30)


async def test_a_service_that_is_there_again_when_the_broker_goes_back_is_imported_within_30_s() -> None:
    """Its exporter finds the old record right, and so does not write it again."""
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        backup = world.broker.snapshot()
        await world["east"].api.delete(SERVICES, "web", namespace="shop")
        await world.gone("shop", "web")
        await world["east"].service("shop", "web")
        world.broker.restore(backup)
        await world.imported("shop", "web", EAST, within_seconds=30)


async def test_a_new_export_is_not_taken_for_one_while_another_is_refused_and_its_member_slow() -> None:
    """What the member then states lacks the record, which is written already and on its way."""
    async with Clusterset("west", "north") as world:
        await world.everywhere("shop")
        west, north = world["west"], world["north"]
        creates: dict[str, Any] = {
            "verbs": ["create"],
            "resources": ["exportedservices"],
            "users": ["member-west"],
        }
        refused = world.broker.faults.fail(403, **creates)
        await west.deploy("shop", "refused")
        await asyncio.sleep(40)
        refused.lift()
        world.broker.faults.delay(12.0, **creates)
        await north.restart()
        await asyncio.sleep(4)
        await west.deploy("shop", "web")

        async def is_imported() -> bool:
            return bool(await north.addresses_of("shop", "web"))

        await world.until(is_imported, within_seconds=DOUBTED_SECONDS - 4)


async def test_nor_is_one_whose_many_slices_take_more_than_a_minute_to_write() -> None:
    """They come before the record. One export is over the limits, so its member states what others are."""
    limits = {"west": {"limits": {"endpoints": 100}}}
    async with Clusterset("west", "north", members=limits) as world:
        await world.everywhere("shop")
        west, north = world["west"], world["north"]
        await west.deploy("shop", "huge", *(f"10.2.9.{number}" for number in range(1, 121)))
        await asyncio.sleep(20)
        world.broker.faults.delay(
            3.0,
            verbs=["create"],
            resources=["exportedendpointslices", "exportedservices"],
            users=["member-west"],
        )
        await west.service("shop", "web")
        for number in range(30):
            await west.endpoints("shop", "web", f"10.2.1.{number + 1}", name=f"web-{number:02d}")
        await west.export("shop", "web")
        await asyncio.sleep(70)
        await north.restart()

        async def is_published() -> bool:
            return any(name.endswith("shop.web") for name in await world.records())

        async def is_imported() -> bool:
            return bool(await north.addresses_of("shop", "web"))

        await world.until(is_published, within_seconds=300)
        await world.until(is_imported, within_seconds=DOUBTED_SECONDS / 2)
