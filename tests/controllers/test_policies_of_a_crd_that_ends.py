"""CRDs of policies that are being deleted for as long as a finalizer holds them up: nothing is known then."""

from __future__ import annotations

import asyncio

import pytest

from mcs_controller.api.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    EXPORT_POLICIES,
    SERVICE_EXPORT_POLICIES,
    Resource,
)
from mcs_controller.clusterset.services.policies.bulk.plan import UNWITNESSED_SECONDS
from mcs_controller.clusterset.services.policies.verdict import POLICY_UNKNOWN
from mcs_controller.controllers.services.policies.known import DOUBT_SECONDS
from tests.controllers import bulking
from tests.controllers.policing import EXPORT_CRD, label_service, metric, policy, with_policies
from tests.support.cluster import Cluster
from tests.support.clusterset import EAST, Clusterset

pytestmark = pytest.mark.looptime

FINALIZERS = {"metadata": {"finalizers": ["example.com/held-up"]}}
NO_FINALIZERS = {"metadata": {"finalizers": None}}


async def hold_up(cluster: Cluster, kind: Resource, name: str, namespace: str = "") -> None:
    await cluster.edit(kind, namespace, name, FINALIZERS)


async def let_go(cluster: Cluster, kind: Resource, name: str, namespace: str = "") -> None:
    await cluster.edit(kind, namespace, name, NO_FINALIZERS)


@pytest.mark.parametrize("is_restarted", [False, True], ids=["same", "restarted"])
async def test_what_a_policy_forbade_that_went_with_its_crd_does_not_get_out(is_restarted: bool) -> None:
    """The one that allows everything is held up, and so is the CRD."""
    async with Clusterset("east", "west") as world:
        east, west = world["east"], world["west"]
        no_db = policy("no-db", "Forbid", serviceSelector={"matchLabels": {"kind": "db"}})
        await with_policies(east, policy("all"), no_db)
        await world.exported_by("east")
        await east.service("shop", "db")
        await label_service(east, "shop", "db", kind="db")
        await east.export("shop", "db")
        await hold_up(east, EXPORT_POLICIES, "all")
        await world.settle()
        await east.api.delete(CUSTOM_RESOURCE_DEFINITIONS, EXPORT_CRD)
        await asyncio.sleep(5)
        if is_restarted:
            await east.restart(export_policies=True)
            await east.ready()
        await east.deploy("shop", "new")
        await asyncio.sleep(10 * DOUBT_SECONDS)
        await world.settle()
        assert [one["metadata"]["name"] for one in (await east.api.list(EXPORT_POLICIES)).items] == ["all"]
        assert set(await world.records()) == {one for one in await world.records() if "web" in one}
        assert await west.addresses_of("shop", "web") == EAST
        assert (await east.condition("shop", "db", "Valid") or ("",))[0] == "False"
        assert await east.condition("shop", "new", "Valid") == ("False", POLICY_UNKNOWN)
        assert metric(east, "unreadable") == 1

        await let_go(east, EXPORT_POLICIES, "all")
        await asyncio.sleep(5)
        await east.install(EXPORT_CRD)
        await east.api.create(EXPORT_POLICIES, policy("all"))
        await world.imported("shop", "new", EAST, within_seconds=200)
        await asyncio.sleep(2 * DOUBT_SECONDS)
        assert metric(east, "unreadable") == 0


@pytest.mark.parametrize("is_restarted", [False, True], ids=["same", "restarted"])
@pytest.mark.parametrize("held_up", ["the CRD", "a policy"])
async def test_what_bulk_export_made_stays_while_a_finalizer_holds_its_crd_up(
    held_up: str, is_restarted: bool
) -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        await world.everywhere("shop")
        other = bulking.bulk("other", {"matchLabels": {"other": "yes"}})
        await bulking.with_bulk_export(east, bulking.bulk(), other)
        await bulking.public(east, "web", "api")
        made = {"web": "public", "api": "public"}
        await world.until(lambda: _has(east, made))
        if held_up == "the CRD":
            await hold_up(east, CUSTOM_RESOURCE_DEFINITIONS, bulking.CRD)
        else:
            await hold_up(east, SERVICE_EXPORT_POLICIES, "other", "shop")
        await east.api.delete(CUSTOM_RESOURCE_DEFINITIONS, bulking.CRD)
        await asyncio.sleep(2)
        if is_restarted:
            await east.restart(service_export_policies=True)
            await east.ready()
        await asyncio.sleep(UNWITNESSED_SECONDS + 120)
        assert await bulking.exports_of(east) == made
        assert bulking.metric(east, "unreadable") == 1

        if held_up == "the CRD":
            await let_go(east, CUSTOM_RESOURCE_DEFINITIONS, bulking.CRD)
        else:
            await let_go(east, SERVICE_EXPORT_POLICIES, "other", "shop")
        await asyncio.sleep(5)
        await east.install(bulking.CRD)
        await east.api.create(SERVICE_EXPORT_POLICIES, bulking.bulk(), namespace="shop")
        await bulking.public(east, "new")
        await world.until(lambda: _has(east, {**made, "new": "public"}), within_seconds=200)
        assert bulking.metric(east, "unreadable") == 0


async def _has(cluster: Cluster, expected: dict[str, str]) -> bool:
    return await bulking.exports_of(cluster) == expected
