"""A broker whose history breaks under users who never rest: no import, IP or live endpoint is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial

import pytest

from mcs_controller.api.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    NAMESPACES,
)
from mcs_controller.simcluster.storage.versions import Snapshot
from tests.controllers.exporters import RIGHT_WITHIN_SECONDS, two_exporters
from tests.controllers.shop import Shop
from tests.support.clusterset import EAST, MEMBERS, NORTH, WEST, Clusterset
from tests.support.observer.expected import Expected
from tests.support.observer.observer import Observer
from tests.support.observer.sim_feed import SimFeed

pytestmark = pytest.mark.looptime


async def restore(world: Clusterset, backup: Snapshot) -> None:
    world.broker.restore(backup)


async def restore_bumped(world: Clusterset, backup: Snapshot) -> None:
    world.broker.restore(backup, bump_revision=1_000_000_000)


async def wipe_and_rebuild(world: Clusterset, backup: Snapshot) -> None:
    """Empty, and the members are admitted one after the other."""
    world.broker.restore(world.empty_broker)
    for name in MEMBERS:
        await asyncio.sleep(4)
        await world.admit(name)


async def remake_crds(world: Clusterset, backup: Snapshot, *, plurals: tuple[str, ...]) -> None:
    names = [f"{plural}.broker.mcs-controller.io" for plural in plurals]
    for name in names:
        await world.broker_api.delete(CUSTOM_RESOURCE_DEFINITIONS, name)
    await asyncio.sleep(2)
    await world.install_broker(*names)
    if "memberclusters" in plurals:
        for name in MEMBERS:
            await asyncio.sleep(1)
            await world.admit(name, with_namespace=False)


async def remake_a_namespace(world: Clusterset, backup: Snapshot) -> None:
    await world.broker_api.delete(NAMESPACES, "mcs-member-east")
    await asyncio.sleep(3)
    await world.admit("east")


async def lose_objects(world: Clusterset, backup: Snapshot, *, of: tuple[str, ...]) -> None:
    """Somebody deletes all that members wrote."""
    for kind in (EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES):
        if kind.plural in of:
            for one in (await world.broker_api.list(kind)).items:
                metadata = one["metadata"]
                await world.broker_api.delete(kind, metadata["name"], namespace=metadata["namespace"])


Disaster = Callable[[Clusterset, Snapshot], Coroutine[None, None, None]]


ALL = ("memberclusters", "exportedservices", "exportedendpointslices")


DISASTERS: dict[str, Disaster] = {
    "restored": restore,
    "restored with a bumped revision": restore_bumped,
    "wiped and rebuilt": wipe_and_rebuild,
    "all CRDs remade": partial(remake_crds, plurals=ALL),
    "CRD of slices remade": partial(remake_crds, plurals=ALL[2:]),
    "CRD of records remade": partial(remake_crds, plurals=ALL[1:2]),
    "a member namespace remade": remake_a_namespace,
    "all slices deleted": partial(lose_objects, of=ALL[2:]),
    "everything deleted": partial(lose_objects, of=ALL[1:]),
}


@pytest.mark.requirement("MCS-LIFE-07", "MCS-IMP-03")
@pytest.mark.slow
@pytest.mark.parametrize("disaster", DISASTERS)
@pytest.mark.parametrize("restarted", [(), ("north",), MEMBERS], ids=["", "one restarts", "all restart"])
async def test_no_import_ip_or_live_endpoint_is_lost_and_all_is_right_soon(
    disaster: str, restarted: tuple[str, ...]
) -> None:
    # The churn alone takes back more within a minute than the fuse would let go.
    async with Clusterset(fuse_share=1.0) as world:
        shop = Shop(world, seed=len(disaster) + len(restarted))
        await shop.open()
        observer = shop.observed(RIGHT_WITHIN_SECONDS)
        async with shop.churning():
            await asyncio.sleep(7)
            backup = world.broker.snapshot()
            await asyncio.sleep(13)
            observer.disturbed()
            work = asyncio.create_task(DISASTERS[disaster](world, backup))
            for name in restarted:
                await asyncio.sleep(0.5)
                await world[name].restart()
            await work
            observer.healed()
            await asyncio.sleep(5)
        await world.until(shop.is_right, within_seconds=RIGHT_WITHIN_SECONDS - 5)
        # Whatever waits for a member's word, or for its removal, has had the time.
        await asyncio.sleep(700)
        assert [str(one) for one in observer.findings] == []
        assert await shop.is_right()


@pytest.mark.requirement("MCS-LIFE-07")
async def test_a_slice_that_comes_back_while_others_are_written_is_not_taken_for_gone() -> None:
    """All agents are new, and west's slice arrives, while east is still writing what it knew before."""
    async with Clusterset() as world:
        await two_exporters(world)
        await world["north"].deploy("shop", "web")
        await world.imported("shop", "web", EAST | WEST | NORTH)
        expected = Expected()
        for name, addresses in (("east", EAST), ("west", WEST), ("north", NORTH)):
            expected.namespace(name, "shop")
            expected.exported(name, "shop/web", addresses)
        observer = Observer(expected, asyncio.get_running_loop().time)
        SimFeed(observer, {cluster.name: cluster.sim for cluster in world})
        for cluster in world:
            await cluster.kill()
        expected.endpoints("north", "shop/web", ["10.3.0.9"])
        observer.disturbed()
        await world["north"].endpoints("shop", "web", "10.3.0.9")
        await wipe_and_rebuild(world, world.empty_broker)
        world.broker.faults.delay(
            1.0, verbs=("create",), resources=("exportedendpointslices",), users=("member-west",)
        )
        world["east"].sim.faults.delay(5.0, verbs=("update",), resources=("endpointslices",))
        for cluster in world:
            cluster.start()
        observer.healed()
        await asyncio.sleep(60)
        assert [str(one) for one in observer.findings] == []
