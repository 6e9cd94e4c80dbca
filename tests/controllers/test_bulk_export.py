"""ServiceExportPolicies: what they select is exported, what they made they remove, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from mcs_controller.api.names import ANNOTATION_WITHDRAW, LABEL_EXPORT, LABEL_EXPORT_POLICY
from mcs_controller.api.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    NAMESPACES,
    SERVICE_EXPORT_POLICIES,
    SERVICES,
)
from mcs_controller.clusterset.services.policies.bulk.plan import REMOVE_AFTER_SECONDS, UNWITNESSED_SECONDS
from mcs_controller.kube.clock import rfc3339
from tests.controllers.bulking import (
    CRD,
    bulk,
    condition_of,
    exports_of,
    metric,
    public,
    relabel,
    uid_of,
    with_bulk_export,
)
from tests.support.agents import EPOCH
from tests.support.cluster import Cluster
from tests.support.clusterset import EAST, Clusterset
from tests.support.objects import EXPORTS

pytestmark = pytest.mark.looptime

LONG_SECONDS = UNWITNESSED_SECONDS + 120
MADE = {"web": "public", "api": "public"}


def many(number: int) -> list[str]:
    return [f"web-{one:02}" for one in range(number)]


async def selects_nothing(east: Cluster, name: str = "public") -> None:
    nothing = {"serviceSelector": {"matchLabels": {"public": "no"}}}
    await east.edit(SERVICE_EXPORT_POLICIES, "shop", name, {"spec": nothing})


async def test_without_the_option_policies_make_nothing() -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        await world.everywhere("shop")
        await east.install(CRD)
        await east.api.create(SERVICE_EXPORT_POLICIES, bulk(), namespace="shop")
        await public(east, "web")
        await asyncio.sleep(120)

        assert await exports_of(east) == {}
        assert await condition_of(east, "Accepted") is None


async def test_without_the_option_all_stays_and_with_it_again_the_policies_are_followed() -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        await world.everywhere("shop")
        await with_bulk_export(east, bulk(), bulk("other", {"matchLabels": {"other": "yes"}}))
        await public(east, "web", "api")
        await world.until(lambda: _has(east, MADE))

        await east.restart()
        await east.ready()
        await relabel(east, "web", public=None)
        await public(east, "new")
        await east.api.delete(SERVICE_EXPORT_POLICIES, "other", namespace="shop")
        await asyncio.sleep(LONG_SECONDS)
        assert await exports_of(east) == MADE

        await east.restart(service_export_policies=True)
        await east.ready()
        await world.until(lambda: _has(east, {"api": "public", "new": "public"}))


async def test_what_is_selected_is_exported_and_imported_and_goes_when_its_label_does() -> None:
    async with Clusterset("east", "west") as world:
        east = world["east"]
        await world.everywhere("shop")
        await with_bulk_export(east, bulk())
        await public(east, "web", "api")
        await east.service("shop", "db")
        await east.endpoints("shop", "web", *east.addresses())
        await world.imported("shop", "web", EAST)
        await world.settle()

        assert await exports_of(east) == MADE
        ready = await condition_of(east, "Ready")
        assert ready is not None
        assert ready["status"] == "True"
        assert ready["message"].startswith("Services selected: 2; ")
        assert metric(east, "made") == 2

        await relabel(east, "web", public=None)
        await world.gone("shop", "web")
        await world.settle()
        assert await exports_of(east) == {"api": "public"}


async def test_a_namespace_whose_watch_is_late_is_no_obstacle() -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        await with_bulk_export(east)
        stalled = east.sim.faults.stall_watches(resources=("namespaces",))
        await world.everywhere("shop")
        await east.api.create(SERVICE_EXPORT_POLICIES, bulk(), namespace="shop")
        await public(east, "web")
        await asyncio.sleep(5)
        assert await exports_of(east) == {}
        stalled.lift()
        await world.until(lambda: _has(east, {"web": "public"}))


async def test_a_label_that_is_gone_for_a_moment_changes_nothing() -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        await world.everywhere("shop")
        await with_bulk_export(east, bulk())
        await public(east, "web")
        await world.settle()
        uid = await uid_of(east, EXPORTS, "web")
        await relabel(east, "web", public=None)
        await asyncio.sleep(REMOVE_AFTER_SECONDS - 1)
        await relabel(east, "web", public="yes")
        await world.settle()
        assert await uid_of(east, EXPORTS, "web") == uid


async def test_what_a_user_exported_by_hand_is_never_touched() -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        await world.everywhere("shop")
        await public(east, "web")
        await east.export("shop", "web")
        uid = await uid_of(east, EXPORTS, "web")
        await with_bulk_export(east, bulk())
        await world.settle()
        assert await exports_of(east) == {"web": ""}

        await selects_nothing(east)
        await world.settle()
        await east.api.delete(SERVICE_EXPORT_POLICIES, "public", namespace="shop")
        await asyncio.sleep(LONG_SECONDS)
        await world.settle()
        assert await uid_of(east, EXPORTS, "web") == uid


async def test_what_its_user_takes_over_stays() -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        await world.everywhere("shop")
        await with_bulk_export(east, bulk())
        await public(east, "web", "api")
        await world.until(lambda: _has(east, MADE))
        applied = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
        await east.edit(EXPORTS, "shop", "web", {"metadata": {"annotations": applied}})

        await selects_nothing(east)
        await asyncio.sleep(60)
        await world.settle()
        assert await exports_of(east) == {"web": "public"}


async def test_an_export_that_somebody_deletes_is_made_again_unless_its_service_says_never() -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        await world.everywhere("shop")
        await with_bulk_export(east, bulk())
        await public(east, "web")
        for wait_seconds in (10, 20):
            await world.until(lambda: _has(east, {"web": "public"}))
            await east.unexport("shop", "web")
            await asyncio.sleep(wait_seconds - 1)
            assert await exports_of(east) == {}
            ready = await condition_of(east, "Ready")
            assert ready is not None
            assert "shop/web: somebody deleted its ServiceExport" in ready["message"]
            assert metric(east, "failed") == 0
        await world.until(lambda: _has(east, {"web": "public"}))
        events = [one for one in east.agent.told.events if one[3] == "ExportedAgain"]
        assert events == [("ServiceExport", "web", "Warning", "ExportedAgain")] * 2

        await east.edit(SERVICES, "shop", "web", {"metadata": {"labels": {LABEL_EXPORT: "never"}}})
        await asyncio.sleep(REMOVE_AFTER_SECONDS + 1)
        await world.settle()
        assert await exports_of(east) == {}

        # It is the user's wish, and no news.
        await east.edit(SERVICES, "shop", "web", {"metadata": {"labels": {LABEL_EXPORT: None}}})
        await world.until(lambda: _has(east, {"web": "public"}))
        events = [one for one in east.agent.told.events if one[3] == "ExportedAgain"]
        assert len(events) == 2


@pytest.mark.parametrize("is_restarted", [False, True], ids=["same", "restarted"])
async def test_a_policy_that_is_deleted_takes_along_what_it_made(is_restarted: bool) -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        await world.everywhere("shop")
        await with_bulk_export(east, bulk(), bulk("other", {"matchLabels": {"other": "yes"}}))
        await public(east, "web", "api")
        await world.until(lambda: _has(east, MADE))
        await relabel(east, "api", other="yes")
        await world.settle()

        await east.api.delete(SERVICE_EXPORT_POLICIES, "public", namespace="shop")
        if is_restarted:
            await east.restart(service_export_policies=True)
            await east.ready()
            await asyncio.sleep(UNWITNESSED_SECONDS - 10)
            assert await exports_of(east) == MADE
        await asyncio.sleep(60)
        await world.settle()
        # The other policy selects api.
        assert await exports_of(east) == {"api": "public"}


@pytest.mark.parametrize("is_restarted", [False, True], ids=["same", "restarted"])
async def test_policies_that_vanish_with_their_crd_take_nothing_away(is_restarted: bool) -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        await world.everywhere("shop")
        await with_bulk_export(east, bulk())
        await public(east, "web", "api")
        await world.until(lambda: _has(east, MADE))
        uids = [await uid_of(east, EXPORTS, name) for name in MADE]

        await east.api.delete(CUSTOM_RESOURCE_DEFINITIONS, CRD)
        await asyncio.sleep(1)
        if is_restarted:
            await east.restart(service_export_policies=True)
            await east.ready()
        await public(east, "new")
        await asyncio.sleep(LONG_SECONDS)
        assert await exports_of(east) == MADE
        assert metric(east, "unreadable") == 1

        await east.install(CRD)
        await asyncio.sleep(LONG_SECONDS)
        assert await exports_of(east) == MADE
        await east.api.create(SERVICE_EXPORT_POLICIES, bulk(), namespace="shop")
        await world.until(lambda: _has(east, {**MADE, "new": "public"}))
        assert [await uid_of(east, EXPORTS, name) for name in MADE] == uids

        # It is the same policy to its users.
        await east.api.delete(SERVICE_EXPORT_POLICIES, "public", namespace="shop")
        await world.until(lambda: _has(east, {}))
        await east.api.create(SERVICE_EXPORT_POLICIES, bulk(), namespace="shop")
        await world.until(lambda: _has(east, {**MADE, "new": "public"}))
        await east.api.delete(CUSTOM_RESOURCE_DEFINITIONS, CRD)
        await asyncio.sleep(LONG_SECONDS)
        await east.install(CRD)
        await asyncio.sleep(LONG_SECONDS)
        assert await exports_of(east) == {**MADE, "new": "public"}


async def test_a_policy_that_cannot_be_read_makes_nothing_and_nothing_is_removed_beside_it() -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        await world.everywhere("shop")
        await with_bulk_export(east, bulk(), bulk("w" * 64))
        await public(east, "web")
        await world.until(lambda: _has(east, {"web": "public"}))
        await selects_nothing(east)
        await asyncio.sleep(LONG_SECONDS)
        assert await exports_of(east) == {"web": "public"}
        accepted = await condition_of(east, "Accepted", "w" * 64)
        assert accepted is not None
        assert accepted["reason"] == "Malformed"
        assert metric(east, "unreadable") == 1

        await east.api.delete(SERVICE_EXPORT_POLICIES, "w" * 64, namespace="shop")
        await world.until(lambda: _has(east, {}))


async def test_a_selector_that_would_remove_too_much_is_held_until_it_is_confirmed() -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        await world.everywhere("shop")
        await with_bulk_export(east, bulk())
        await public(east, *many(12))
        made = dict.fromkeys(many(12), "public")
        await world.until(lambda: _has(east, made))
        await selects_nothing(east)
        await asyncio.sleep(60)
        assert await exports_of(east) == made
        assert metric(east, "held") == 12
        held = await condition_of(east, "mcs-controller.io/Held")
        assert held is not None
        assert held["message"].startswith("12 of 12 ServiceExports that it made would be removed")
        await east.restart(service_export_policies=True)
        await east.ready()
        await asyncio.sleep(60)
        assert await exports_of(east) == made

        until = rfc3339(EPOCH.fromtimestamp(east.clock.now().timestamp() + 3600, EPOCH.tzinfo))
        confirmed = {"metadata": {"annotations": {ANNOTATION_WITHDRAW: until}}}
        await east.edit(SERVICE_EXPORT_POLICIES, "shop", "public", confirmed)
        await world.until(lambda: _has(east, {}))
        await world.settle()
        held = await condition_of(east, "mcs-controller.io/Held")
        assert held is not None
        assert held["reason"] == "NotHeld"


async def test_a_large_policy_that_is_deleted_leaves_its_exports_until_somebody_deletes_them() -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        await world.everywhere("shop")
        await with_bulk_export(east, bulk())
        await public(east, *many(12))
        made = dict.fromkeys(many(12), "public")
        await world.until(lambda: _has(east, made))
        await east.api.delete(SERVICE_EXPORT_POLICIES, "public", namespace="shop")
        await asyncio.sleep(LONG_SECONDS)
        assert await exports_of(east) == made
        for one in await east.all_of(EXPORTS, "shop", f"{LABEL_EXPORT_POLICY}=public"):
            await east.unexport("shop", one["metadata"]["name"])
        await asyncio.sleep(60)
        assert await exports_of(east) == {}


async def test_a_refused_export_is_tried_again_and_the_policy_says_so() -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        await world.everywhere("shop")
        await with_bulk_export(east, bulk())
        fault = east.sim.faults.fail(403, verbs=("create",), resources=("serviceexports",))
        await public(east, "web")
        await asyncio.sleep(10)
        ready = await condition_of(east, "Ready")
        assert ready is not None
        assert ready["reason"] == "Failed"
        assert ready["message"].startswith("1 of 1 Services that it selects are not exported yet: shop/web: ")
        assert metric(east, "failed") == 1

        fault.lift()
        await world.until(lambda: _has(east, {"web": "public"}))
        await world.settle()
        ready = await condition_of(east, "Ready")
        assert ready is not None
        assert ready["reason"] == "AllExported"


async def test_no_more_is_made_than_the_member_may_export() -> None:
    async with Clusterset("east", members={"east": {"limits": {"services": 3}}}) as world:
        east = world["east"]
        await world.everywhere("shop")
        await with_bulk_export(east, bulk(), workers=1)
        await public(east, *many(5))
        await asyncio.sleep(60)
        assert len(await exports_of(east)) == 3
        ready = await condition_of(east, "Ready")
        assert ready is not None
        assert ready["message"].startswith("2 of 5 Services that it selects are not exported yet: ")
        assert "(and 1 more): this cluster may export 3 services" in ready["message"]


async def test_nothing_is_made_in_a_namespace_that_is_being_deleted() -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        await world.everywhere("shop")
        await with_bulk_export(east, bulk())
        await public(east, "web")
        await world.until(lambda: _has(east, {"web": "public"}))
        await east.api.delete(NAMESPACES, "shop")
        await asyncio.sleep(120)
        await world.settle()
        assert await exports_of(east) == {}
        assert [one for one in east.agent.told.events if one[3] == "ExportedAgain"] == []


async def _has(cluster: Cluster, exports: dict[str, str]) -> bool:
    return await exports_of(cluster) == exports
