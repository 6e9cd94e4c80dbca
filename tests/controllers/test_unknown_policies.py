"""While policies are not known, what was admitted before is repaired, and nothing of it is withdrawn."""

from __future__ import annotations

import asyncio

import pytest

from mcs_controller.api.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    EXPORT_POLICIES,
    EXPORTED_SERVICES,
    IMPORT_POLICIES,
    SERVICES,
)
from mcs_controller.clusterset.services.policies.verdict import POLICY_UNKNOWN
from tests.controllers.policing import (
    EXPORT_CRD,
    IMPORT_CRD,
    import_policy,
    policy,
    with_import_policies,
    with_policies,
)
from tests.support.cluster import Cluster
from tests.support.clusterset import EAST, Clusterset
from tests.support.objects import IMPORTS

pytestmark = pytest.mark.looptime

RECORD, MEMBER = "shop.web", "mcs-member-east"


async def is_exported(world: Clusterset) -> bool:
    return [one["metadata"]["name"] for one in (await world.broker_api.list(EXPORTED_SERVICES)).items] == [
        "shop.web"
    ]


async def unknown_from_now_on(world: Clusterset, how: str) -> None:
    """East has a new agent, to which nobody says what the policies are."""
    east = world["east"]
    match how:
        case "the CRD is missing":
            await east.api.delete(CUSTOM_RESOURCE_DEFINITIONS, EXPORT_CRD)
        case "forbidden":
            east.sim.faults.fail(403, resources=["exportpolicies"])
        case "the API is broken":
            east.sim.faults.fail(500, resources=["exportpolicies"])
        case _:
            await east.api.delete(EXPORT_POLICIES, "shop")
    await asyncio.sleep(5)


WAYS = ["the CRD is missing", "forbidden", "the API is broken", "there is none"]


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("lost", ["deleted", "restored", "deleted while no agent ran"])
async def test_the_record_of_a_live_export_that_is_lost_is_written_again(how: str, lost: str) -> None:
    async with Clusterset("east", "west") as world:
        east, west = world["east"], world["west"]
        await with_policies(east, policy("shop", namespaces=["shop"]))
        backup = world.broker.snapshot()
        await world.exported_by("east")
        await world.settle()
        await east.kill()
        await unknown_from_now_on(world, how)
        if lost == "deleted while no agent ran":
            await world.broker_api.delete(EXPORTED_SERVICES, RECORD, namespace=MEMBER)
        east.start(export_policies=True)
        await east.ready()
        if lost != "deleted while no agent ran":
            await asyncio.sleep(30)
            await world.settle()
        if lost == "deleted":
            await world.broker_api.delete(EXPORTED_SERVICES, RECORD, namespace=MEMBER)
        elif lost == "restored":
            world.broker.restore(backup)
        await east.deploy("shop", "new")
        await world.settle()
        assert await is_exported(world)
        assert await west.addresses_of("shop", "web") == EAST
        assert await east.condition("shop", "web", "Valid") == ("True", "Valid")
        assert await east.condition("shop", "new", "Valid") == ("False", POLICY_UNKNOWN)


async def test_a_service_that_is_written_anew_is_exported_again() -> None:
    async with Clusterset("east", "west") as world:
        east = world["east"]
        await with_policies(east, policy("shop", namespaces=["shop"]))
        await world.exported_by("east")
        await world.settle()
        await east.kill()
        await unknown_from_now_on(world, "the CRD is missing")
        east.start(export_policies=True)
        await east.ready()
        await asyncio.sleep(30)
        await world.settle()

        await east.api.delete(SERVICES, "web", namespace="shop")
        await world.gone("shop", "web")
        await east.service("shop", "web")
        await east.endpoints("shop", "web", *EAST)
        await world.imported("shop", "web", EAST)


async def test_an_export_that_was_never_admitted_does_not_go_out_by_its_service_coming_later() -> None:
    async with Clusterset("east", "west") as world:
        east = world["east"]
        await with_policies(east)
        await world.everywhere("shop")
        await east.export("shop", "web")
        await asyncio.sleep(5)
        await east.service("shop", "web")
        await east.endpoints("shop", "web", *EAST)
        await world.settle()
        assert await world.records() == {}
        assert await east.condition("shop", "web", "Valid") == ("False", POLICY_UNKNOWN)


@pytest.mark.parametrize("how", ["the CRD is missing", "there is none"])
async def test_an_import_that_somebody_deletes_by_hand_is_made_again(how: str) -> None:
    async with Clusterset("east", "west") as world:
        east, west = world["east"], world["west"]
        await with_import_policies(west, import_policy("all"))
        await world.exported_by("east")
        await world.settle()
        await west.kill()
        if how == "the CRD is missing":
            await west.api.delete(CUSTOM_RESOURCE_DEFINITIONS, IMPORT_CRD)
        else:
            await west.api.delete(IMPORT_POLICIES, "all")
        await asyncio.sleep(5)
        west.start(import_policies=True)
        await west.ready()
        await asyncio.sleep(30)
        await world.settle()

        await west.api.delete(IMPORTS, "web", namespace="shop")
        await world.imported("shop", "web", EAST)

        # What nobody exports any more, and then does again, is new.
        await east.unexport("shop", "web")
        await world.gone("shop", "web")
        await east.export("shop", "web")
        await world.settle()
        assert await _nothing_of(west)


async def _nothing_of(cluster: Cluster) -> bool:
    return await cluster.import_of("shop", "web") is None
