"""A policy that prefers near endpoints while the broker is away leaves nothing out by half of what is so."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mcs_controller.api.resources import IMPORT_POLICIES, SERVICES
from tests.controllers.policing import import_policy, with_import_policies
from tests.support.cluster import Cluster
from tests.support.clusterset import EAST, NORTH, WEST, Clusterset
from tests.support.objects import Object
from tests.support.site import SERVICE_NAME

pytestmark = pytest.mark.looptime

ALL = import_policy("all")
EVERYBODY = EAST | WEST | NORTH


def near(scope: str = "cluster", **spec: Any) -> Object:
    return import_policy("near", "Prefer", locality={"scope": scope}, **spec)


async def identity(cluster: Cluster) -> tuple[Any, ...]:
    """What clients hold on to."""
    imported = await cluster.import_of("shop", "web")
    assert imported is not None
    derived = await cluster.all_of(SERVICES, "shop", f"{SERVICE_NAME}=web")
    return (
        imported["metadata"]["uid"],
        imported["spec"].get("ips"),
        sorted(one["metadata"]["uid"] for one in derived),
    )


async def readiness(cluster: Cluster, *, is_ready: bool) -> None:
    conditions = {"ready": is_ready, "serving": is_ready, "terminating": False}
    await cluster.endpoints("shop", "web", *cluster.addresses(), conditions=conditions)


@pytest.mark.parametrize("scope", ["cluster", "zone"])
@pytest.mark.parametrize("is_restarted", [False, True], ids=["same", "restarted"])
async def test_a_preference_that_is_new_leaves_nothing_out_by_half_of_what_is_known(
    is_restarted: bool, scope: str
) -> None:
    async with Clusterset() as world:
        east = world["east"]
        await with_import_policies(east, ALL)
        await world.exported_by("east", "west", "north")
        await world.settle()
        before = await identity(east)
        away = world.broker.faults.refuse_connections(users=["member-east"])
        if is_restarted:
            await east.kill()
        await east.api.create(IMPORT_POLICIES, near(scope))
        if is_restarted:
            east.start(import_policies=True)
        await asyncio.sleep(40)
        assert await east.addresses_of("shop", "web") == EVERYBODY
        assert await identity(east) == before
        if is_restarted:
            assert await east.ready_addresses_of("shop", "web") == EVERYBODY

        # Without it, and with nothing ready here, all the others take traffic.
        await east.api.delete(IMPORT_POLICIES, "near")
        await asyncio.sleep(30)
        await readiness(east, is_ready=False)
        await asyncio.sleep(5)
        assert await east.ready_addresses_of("shop", "web") == WEST | NORTH
        assert await identity(east) == before
        away.lift()
        await asyncio.sleep(120)
        assert await east.ready_addresses_of("shop", "web") == WEST | NORTH
        assert await identity(east) == before


@pytest.mark.parametrize("is_restarted", [False, True], ids=["same", "restarted"])
@pytest.mark.parametrize("then", ["nothing", "deleted", "none", "not ready"])
async def test_what_was_preferred_stays_and_fails_over(then: str, is_restarted: bool) -> None:
    async with Clusterset() as world:
        east = world["east"]
        await with_import_policies(east, ALL, near())
        await world.everywhere("shop")
        for name in ("east", "west", "north"):
            await world[name].deploy("shop", "web")

        async def is_near() -> bool:
            ready = await east.ready_addresses_of("shop", "web")
            return ready == EAST and await east.addresses_of("shop", "web") == EVERYBODY

        await world.until(is_near, within_seconds=60)
        await world.settle()
        before = await identity(east)
        away = world.broker.faults.refuse_connections(users=["member-east"])
        if is_restarted:
            await east.restart(import_policies=True)
        await asyncio.sleep(20)
        assert await east.ready_addresses_of("shop", "web") == EAST
        match then:
            case "deleted":
                await east.api.delete(IMPORT_POLICIES, "near")
            case "none":
                await east.edit(IMPORT_POLICIES, "", "near", {"spec": {"locality": {"scope": "none"}}})
            case "not ready":
                await readiness(east, is_ready=False)
        await asyncio.sleep(40)
        expected = {"nothing": EAST, "not ready": WEST | NORTH}.get(then, EVERYBODY)
        assert await east.ready_addresses_of("shop", "web") == expected
        assert await east.addresses_of("shop", "web") == EVERYBODY
        assert await identity(east) == before
        away.lift()
        await asyncio.sleep(60)
        assert await east.ready_addresses_of("shop", "web") == expected
        assert await identity(east) == before
