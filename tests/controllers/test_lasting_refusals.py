"""Policies that refuse for a moment what they are to allow: what is live stays, as if nothing had been."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mcs_controller.api.resources import (
    ENDPOINT_SLICES,
    EXPORT_POLICIES,
    EXPORTED_SERVICES,
    IMPORT_POLICIES,
    SERVICES,
    Resource,
)
from mcs_controller.clusterset.services.policies.verdict import LASTS_SECONDS, NOT_ALLOWED
from tests.controllers.policing import (
    import_policy,
    label_service,
    policy,
    with_import_policies,
    with_policies,
)
from tests.support.cluster import Cluster
from tests.support.clusterset import EAST, NORTH, Clusterset
from tests.support.objects import EXPORTS
from tests.support.site import SERVICE_NAME

pytestmark = pytest.mark.looptime

WEB = f"{SERVICE_NAME}=web"


async def uids(world: Clusterset, west: Cluster) -> list[str]:
    """Of the record on the broker, and of all that lies in west of its import."""
    held = [
        *(await world.broker_api.list(EXPORTED_SERVICES)).items,
        await west.import_of("shop", "web"),
        *await west.all_of(ENDPOINT_SLICES, "shop", WEB),
        *await west.all_of(SERVICES, "shop", WEB),
    ]
    return sorted(one["metadata"]["uid"] for one in held if one is not None)


async def write(cluster: Cluster, kind: Resource, name: str, **spec: Any) -> None:
    await cluster.edit(kind, "", name, {"spec": spec})


async def message_of(cluster: Cluster, kind: str) -> str:
    export = await cluster.api.get(EXPORTS, "web", "shop")
    return next(str(one["message"]) for one in export["status"]["conditions"] if one["type"] == kind)


@pytest.mark.parametrize("how", ["edited", "replaced", "one after the other", "a label"])
async def test_an_export_that_is_refused_for_seconds_stays_as_it_is(how: str) -> None:
    async with Clusterset("east", "west") as world:
        east, west = world["east"], world["west"]
        await with_policies(
            east,
            policy("shop", namespaces=["shop"]),
            policy("no-db", "Forbid", serviceSelector={"matchLabels": {"kind": "db"}}),
        )
        await world.exported_by("east")
        await world.settle()
        before = await uids(world, west)

        async def is_as_before() -> bool:
            return await uids(world, west) == before and await west.addresses_of("shop", "web") == EAST

        match how:
            case "edited":
                await write(east, EXPORT_POLICIES, "shop", namespaces=["shoop"])
            case "replaced":
                await east.api.delete(EXPORT_POLICIES, "shop")
                await east.api.create(EXPORT_POLICIES, policy("shop", namespaces=["shoop"]))
            case "one after the other":
                await east.api.create(EXPORT_POLICIES, policy("all", "Forbid"))
            case "a label":
                await label_service(east, "shop", "web", kind="db")
        await world.always(is_as_before, for_seconds=LASTS_SECONDS - 2)
        assert await east.condition("shop", "web", "Valid") == ("True", "Valid")
        assert "takes effect when it has been so for 10 s: ask the cluster's" in await message_of(
            east, "Valid"
        )
        match how:
            case "edited" | "replaced":
                await write(east, EXPORT_POLICIES, "shop", namespaces=["shop"])
            case "one after the other":
                await write(east, EXPORT_POLICIES, "all", namespaces=["bank"])
            case "a label":
                await label_service(east, "shop", "web", kind=None)
        await world.always(is_as_before, for_seconds=5 * LASTS_SECONDS)
        assert await message_of(east, "Valid") == ""


async def test_an_export_that_goes_on_being_refused_goes_and_what_is_new_is_refused_at_once() -> None:
    async with Clusterset("east", "west") as world:
        east, west = world["east"], world["west"]
        await with_policies(east, policy("shop", namespaces=["shop"]))
        await world.exported_by("east")
        await write(east, EXPORT_POLICIES, "shop", namespaces=["shoop"])
        await east.deploy("shop", "api")
        await asyncio.sleep(LASTS_SECONDS - 2)
        assert await west.addresses_of("shop", "web") == EAST
        assert await east.condition("shop", "api", "Valid") == ("False", NOT_ALLOWED)

        await world.gone("shop", "web")
        assert await east.condition("shop", "web", "Valid") == ("False", NOT_ALLOWED)


async def test_an_agent_that_is_started_meanwhile_counts_the_time_anew() -> None:
    async with Clusterset("east", "west") as world:
        east, west = world["east"], world["west"]
        await with_policies(east, policy("shop", namespaces=["shop"]))
        await world.exported_by("east")
        await world.settle()
        before = await uids(world, west)
        await write(east, EXPORT_POLICIES, "shop", namespaces=["shoop"])
        for _ in range(4):
            await asyncio.sleep(LASTS_SECONDS - 3)
            await east.restart(export_policies=True)
            await east.ready()
        assert await uids(world, west) == before
        await world.gone("shop", "web")


@pytest.mark.parametrize("how", ["its watch is late", "the API server is away"])
async def test_a_policy_that_was_put_right_unseen_ends_nothing(how: str) -> None:
    async with Clusterset("east", "west") as world:
        east, west = world["east"], world["west"]
        await with_policies(east, policy("shop", namespaces=["shop"]))
        await world.exported_by("east")
        await world.settle()
        before = await uids(world, west)
        await write(east, EXPORT_POLICIES, "shop", namespaces=["shoop"])
        await asyncio.sleep(2)
        faults = east.sim.faults
        if how == "its watch is late":
            fault = faults.stall_watches(users=["agent"], resources=["exportpolicies"])
        else:
            fault = faults.refuse_connections(users=["agent"])
        await write(east, EXPORT_POLICIES, "shop", namespaces=["shop"])
        await asyncio.sleep(3 * LASTS_SECONDS)
        fault.lift()
        await world.settle()
        assert await uids(world, west) == before


async def test_a_label_of_a_service_that_was_put_right_unseen_ends_nothing() -> None:
    async with Clusterset("east", "west") as world:
        east, west = world["east"], world["west"]
        no_db = policy("no-db", "Forbid", serviceSelector={"matchLabels": {"kind": "db"}})
        await with_policies(east, no_db)
        await world.exported_by("east")
        await world.settle()
        before = await uids(world, west)
        await label_service(east, "shop", "web", kind="db")
        await asyncio.sleep(2)
        fault = east.sim.faults.stall_watches(users=["agent"], resources=["services"])
        await label_service(east, "shop", "web", kind=None)
        await asyncio.sleep(3 * LASTS_SECONDS)
        fault.lift()
        await world.settle()
        assert await uids(world, west) == before


async def test_an_import_that_is_refused_for_seconds_keeps_its_ip_and_its_endpoints() -> None:
    async with Clusterset("east", "west", "north") as world:
        west = world["west"]
        await with_import_policies(west, import_policy("all"))
        await world.everywhere("shop")
        for name in ("east", "north"):
            await world[name].deploy("shop", "web")
        await world.imported("shop", "web", EAST | NORTH)
        await world.settle()
        before = await uids(world, west)

        async def is_as_before() -> bool:
            addresses = await west.addresses_of("shop", "web")
            return await uids(world, west) == before and addresses == EAST | NORTH

        for spec in ({"namespaces": ["shop"]}, {"sourceClusters": ["east"]}, {"namespaces": ["shop"]}):
            await west.api.create(IMPORT_POLICIES, import_policy("none", "Forbid", **spec))
            await world.always(is_as_before, for_seconds=LASTS_SECONDS - 2)
            ready = (await west.import_of("shop", "web") or {})["status"]["conditions"]
            assert any("takes effect when it has been so for 10 s" in one.get("message", "") for one in ready)
            await west.api.delete(IMPORT_POLICIES, "none")
            await west.api.create(IMPORT_POLICIES, import_policy("none", "Forbid", namespaces=["bank"]))
            await world.always(is_as_before, for_seconds=2 * LASTS_SECONDS)
            await west.api.delete(IMPORT_POLICIES, "none")

        await west.api.create(IMPORT_POLICIES, import_policy("none", "Forbid", sourceClusters=["east"]))
        await world.until(lambda: _has(west, NORTH))


async def _has(cluster: Cluster, addresses: set[str]) -> bool:
    return await cluster.addresses_of("shop", "web") == addresses
