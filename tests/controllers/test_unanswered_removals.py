"""Deletions of bulk export that get no answer: what was done is found out, and what users made stays."""

from __future__ import annotations

import asyncio

import pytest

from mcs_controller.api.resources import SERVICE_EXPORT_POLICIES
from mcs_controller.clusterset.services.policies.bulk.plan import REMOVE_AFTER_SECONDS
from mcs_controller.simcluster.faults import Calls
from tests.controllers.bulking import bulk, exports_of, metric, public, relabel, uid_of, with_bulk_export
from tests.support.cluster import Cluster
from tests.support.clusterset import Clusterset
from tests.support.objects import EXPORTS

pytestmark = pytest.mark.looptime

OURS = Calls(users=("agent",), verbs=("delete",), resources=("serviceexports",))


@pytest.mark.parametrize("watch", ["late", "on time"])
@pytest.mark.parametrize("answer", ["lost", "never, and not done"])
async def test_what_a_user_makes_after_a_deletion_without_an_answer_stays(answer: str, watch: str) -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        await world.everywhere("shop")
        await with_bulk_export(east, bulk())
        await public(east, "web", "api")
        await world.until(lambda: has(east, {"web": "public", "api": "public"}))
        await world.settle()
        faults = east.sim.faults
        fault = faults.lose_answers(**OURS) if answer == "lost" else faults.hang(**OURS)
        stalled = None
        if watch == "late":
            stalled = faults.stall_watches(users=("agent",), resources=("serviceexports",))
        await relabel(east, "web", public=None)
        await asyncio.sleep(REMOVE_AFTER_SECONDS + 1)
        if answer == "never, and not done":
            await east.unexport("shop", "web")
        else:
            await world.until(lambda: has(east, {"api": "public"}))
        await east.export("shop", "web")
        uid = await uid_of(east, EXPORTS, "web")
        await asyncio.sleep(30)
        fault.lift()
        if stalled is not None:
            stalled.lift()
        await asyncio.sleep(120)
        await world.settle()
        assert await exports_of(east) == {"web": "", "api": "public"}
        assert await uid_of(east, EXPORTS, "web") == uid


async def test_what_was_removed_without_an_answer_counts_towards_the_bound() -> None:
    """Labels that are lost one after the other."""
    async with Clusterset("east", fuse_minimum=3) as world:
        east = world["east"]
        await world.everywhere("shop")
        await with_bulk_export(east, bulk(), fuse_minimum=3)
        names = [f"web-{number}" for number in range(8)]
        await public(east, *names)
        await world.until(lambda: has(east, dict.fromkeys(names, "public")))
        east.sim.faults.lose_answers(**OURS)
        for name in names:
            await relabel(east, name, public=None)
            await asyncio.sleep(6)
        left = await exports_of(east)
        assert 3 <= len(left) <= 5
        assert metric(east, "held") == len(left)


@pytest.mark.parametrize("what", ["services", "serviceexportpolicies"])
async def test_what_was_put_right_unseen_removes_nothing(what: str) -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        await world.everywhere("shop")
        await with_bulk_export(east, bulk())
        await public(east, "web", "api")
        await world.until(lambda: has(east, {"web": "public", "api": "public"}))
        await world.settle()
        uid = await uid_of(east, EXPORTS, "web")
        nobody = {"spec": {"serviceSelector": {"matchLabels": {"public": "no"}}}}
        everybody = {"spec": {"serviceSelector": {"matchLabels": {"public": "yes"}}}}
        if what == "services":
            await relabel(east, "web", public=None)
        else:
            await east.edit(SERVICE_EXPORT_POLICIES, "shop", "public", nobody)
        await asyncio.sleep(2)
        fault = east.sim.faults.stall_watches(users=("agent",), resources=(what,))
        if what == "services":
            await relabel(east, "web", public="yes")
        else:
            await east.edit(SERVICE_EXPORT_POLICIES, "shop", "public", everybody)
        await asyncio.sleep(3 * REMOVE_AFTER_SECONDS)
        fault.lift()
        await world.settle()
        assert await exports_of(east) == {"web": "public", "api": "public"}
        assert await uid_of(east, EXPORTS, "web") == uid


async def test_no_leftover_stays_of_what_could_not_be_deleted_for_a_while() -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        await world.everywhere("shop")
        await with_bulk_export(east, bulk())
        await public(east, "web", "api")
        await world.until(lambda: has(east, {"web": "public", "api": "public"}))
        fault = east.sim.faults.hang(**OURS)
        await relabel(east, "web", public=None)
        await asyncio.sleep(60)
        assert await exports_of(east) == {"web": "public", "api": "public"}
        fault.lift()
        await world.until(lambda: has(east, {"api": "public"}), within_seconds=60)
        await relabel(east, "web", public="yes")
        await world.until(lambda: has(east, {"web": "public", "api": "public"}), within_seconds=5)


async def has(cluster: Cluster, expected: dict[str, str]) -> bool:
    return await exports_of(cluster) == expected
