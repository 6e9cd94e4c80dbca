"""An export that was withdrawn, and that a restore of the broker brings back, is none: for 20 seconds."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from mcs_controller.api.resources import SERVICES
from mcs_controller.clusterset.model import ExportRecord
from mcs_controller.controllers.services.stores.withdrawn import (
    DOUBTED_SECONDS,
    ON_ITS_WAY_SECONDS,
    REMEMBERED_MAX,
    Withdrawn,
)
from mcs_controller.kube.store import Entry
from tests.clusterset.builders import WEB, record
from tests.controllers.keeping import World
from tests.support.clusterset import EAST, WEST, Clusterset

pytestmark = pytest.mark.looptime


def exporters(world: World) -> list[str]:
    return [one.cluster for one in world.retained.records(WEB)]


def withdrawn() -> World:
    """East's record was written at 1 s and withdrawn at 5 s."""
    world = World()
    world.record(changed_at_seconds=1.0)
    world.slice()
    world.record(changed_at_seconds=5.0, withdrawn=True)
    world.lose_record()
    world.news()
    return world


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
        stuck = world.broker.faults.fail(
            500, verbs=["delete"], resources=["exportedservices"], users=["member-east"]
        )
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
        stuck = world.broker.faults.fail(
            500, verbs=["delete"], resources=["exportedservices"], users=["member-east"]
        )
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


async def test_it_counts_neither_at_once_nor_when_its_member_writes_it_in_an_earlier_time() -> None:
    world = withdrawn()
    world.record(version=3, changed_at_seconds=1.0)
    assert exporters(world) == []
    world.record(changed_at_seconds=2.0)
    assert exporters(world) == []
    assert world.kept() == {}


async def test_it_counts_after_20_s_for_good_and_the_service_is_told() -> None:
    world = withdrawn()
    world.record(version=3, changed_at_seconds=1.0)
    await asyncio.sleep(DOUBTED_SECONDS - 1)
    world.record(version=4, changed_at_seconds=2.0)
    assert exporters(world) == []
    assert world.news() == []

    await asyncio.sleep(1)
    assert exporters(world) == ["east"]
    assert world.news() == ["released web"]
    world.record(changed_at_seconds=3.0)
    assert exporters(world) == ["east"]


async def test_what_its_member_writes_later_counts_at_once() -> None:
    world = withdrawn()
    world.record(version=3, changed_at_seconds=1.0)
    world.record(changed_at_seconds=6.0)
    assert exporters(world) == ["east"]
    await asyncio.sleep(DOUBTED_SECONDS)
    assert world.news() == []


@pytest.mark.parametrize(
    "again", [{"uid": "another", "changed_at_seconds": 2.0}, {"changed_at_seconds": 6.0}, {}]
)
async def test_an_export_that_was_made_again_counts_at_once(again: dict[str, Any]) -> None:
    """Also if the member's clock was set back, or its times are unknown."""
    world = withdrawn()
    world.record(**again)
    assert exporters(world) == ["east"]
    world.record(**again | {"changed_at_seconds": 3.0})
    assert exporters(world) == ["east"]


def started_after_its_withdrawal() -> World:
    """East's first statement that is heard here is of 2026-01-01: it exports nothing."""
    world = World()
    world.look_again(3)
    world.look("east")
    world.news()
    return world


STATED_SECONDS = datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC).timestamp()
BEFORE_SECONDS = STATED_SECONDS - ON_ITS_WAY_SECONDS


async def test_what_was_withdrawn_before_a_start_counts_only_after_20_s_once_its_member_stated_it() -> None:
    world = started_after_its_withdrawal()
    world.record(changed_at_seconds=BEFORE_SECONDS)
    world.record("north", changed_at_seconds=BEFORE_SECONDS)
    await asyncio.sleep(DOUBTED_SECONDS - 1)
    assert exporters(world) == ["north"]
    await asyncio.sleep(1)
    assert exporters(world) == ["east", "north"]
    assert world.news() == ["released web"]
    world.record(changed_at_seconds=BEFORE_SECONDS + 1.0)
    assert exporters(world) == ["east", "north"]


@pytest.mark.parametrize("written_at_seconds", [BEFORE_SECONDS + 1, STATED_SECONDS + 1, 0.0])
async def test_what_may_have_been_on_its_way_or_was_written_later_or_at_no_known_time_counts_at_once(
    written_at_seconds: float,
) -> None:
    world = started_after_its_withdrawal()
    world.record(changed_at_seconds=written_at_seconds)
    assert exporters(world) == ["east"]


async def test_what_was_here_when_its_member_stated_it_counts_again_at_once_when_it_is_back() -> None:
    """It was lost, and kept; or left out for its member's limits."""
    world = World()
    world.record(changed_at_seconds=BEFORE_SECONDS)
    world.look_again(3)
    world.look("east", records=1)
    world.lose_record()
    world.record(changed_at_seconds=BEFORE_SECONDS)
    assert (exporters(world), world.kept()) == (["east"], {})

    world.left_out = {"shop.web"}
    world.lose_record()
    assert exporters(world) == []
    world.left_out.clear()
    world.record(changed_at_seconds=BEFORE_SECONDS)
    assert exporters(world) == ["east"]


@pytest.mark.parametrize(
    "why", ["made anew", "set back", "removed", "released", "let go", "far ahead", "does not agree"]
)
async def test_a_statement_that_says_nothing_of_what_was_written_before_is_none_for_that(why: str) -> None:
    world = World()
    if why == "far ahead":
        world.believed_until_seconds = BEFORE_SECONDS
    if why == "let go":
        world.record(changed_at_seconds=BEFORE_SECONDS)
    world.look_again(3)
    world.look("east", records=len(exporters(world)), slices=1 if why == "does not agree" else 0)
    if why == "made anew":
        world.heard["east"] = replace(world.heard["east"], object_uid="another")
        world.look_again()
    elif why == "set back":
        world.heard["east"] = replace(world.heard["east"], newest="2026-01-01T00:00:00.000000Z")
        world.look_again()
    elif why == "released":
        world.released.add("east")
        world.look_again()
        world.released.clear()
    elif why == "let go":
        world.lose_record()
        world.retained.let_go(WEB)
    elif why == "removed":
        east = world.members.pop("east")
        world.look_again()
        world.members["east"] = east
    world.record(changed_at_seconds=BEFORE_SECONDS)
    assert exporters(world) == ["east"]


async def test_when_it_goes_again_or_is_withdrawn_again_nothing_is_kept() -> None:
    world = withdrawn()
    world.record(version=3, changed_at_seconds=1.0)
    world.lose_slice()
    world.lose_record()
    assert (exporters(world), world.kept(), world.sources()) == ([], {}, [])

    world.record(version=3, changed_at_seconds=1.0)
    world.record(changed_at_seconds=7.0, withdrawn=True)
    world.lose_record()
    world.record(version=3, changed_at_seconds=1.0)
    assert (exporters(world), world.kept()) == ([], {})


async def test_withdrawn_again_it_counts_no_more_when_its_time_is_over() -> None:
    world = withdrawn()
    world.record(version=3, changed_at_seconds=1.0)
    world.record(version=4, changed_at_seconds=2.0)
    world.news()
    world.record(changed_at_seconds=7.0, withdrawn=True)
    await asyncio.sleep(2 * DOUBTED_SECONDS)
    assert world.news() == []
    assert world.retained.accounted("east", WEB)


async def test_while_it_is_there_the_absence_of_the_export_is_proven() -> None:
    world = withdrawn()
    world.record(version=3, changed_at_seconds=1.0)
    assert world.retained.accounted("east", WEB)
    await asyncio.sleep(DOUBTED_SECONDS)
    assert not world.retained.accounted("east", WEB)


async def test_a_member_that_was_removed_is_forgotten() -> None:
    world = withdrawn()
    east = world.members.pop("east")
    world.look_again()
    world.members["east"] = east
    world.record(version=3, changed_at_seconds=1.0)
    assert exporters(world) == ["east"]


@pytest.mark.parametrize("how", ["believed", "written later", "its time is over"])
async def test_whose_withdrawal_is_forgotten_is_doubted_no_more_whatever_comes_back(how: str) -> None:
    memory = Withdrawn(lambda key: None)

    def entry(at_seconds: float) -> Entry[ExportRecord]:
        value = record("east", changed_at_seconds=at_seconds)
        return Entry("mcs-member-east", "shop.web", "uid", "1", value)

    memory.remember(entry(5.0))
    assert memory.is_back(entry(4.0))
    assert memory.doubts("east", WEB)
    if how == "believed":
        memory.believe(entry(4.0))
    elif how == "its time is over":
        await asyncio.sleep(DOUBTED_SECONDS + 1)
    else:
        assert not memory.is_back(entry(6.0))
    assert not memory.doubts("east", WEB)
    assert not memory.is_back(entry(4.0))


async def test_the_latest_withdrawals_of_each_member_are_remembered() -> None:
    memory = Withdrawn(lambda key: None)

    def entry(cluster: str, number: int, at_seconds: float) -> Entry[ExportRecord]:
        value = record(cluster, changed_at_seconds=at_seconds)
        return Entry(f"mcs-member-{cluster}", "shop.web", f"uid-{number}", "1", value)

    memory.remember(entry("north", 0, 5.0))
    for number in (0, *range(REMEMBERED_MAX), 0, REMEMBERED_MAX):
        memory.remember(entry("east", number, 5.0))
    remembered = [memory.is_back(entry("east", number, 4.0)) for number in (0, 1, 2, REMEMBERED_MAX)]
    assert remembered == [True, False, True, True]
    assert memory.is_back(entry("north", 0, 4.0))
