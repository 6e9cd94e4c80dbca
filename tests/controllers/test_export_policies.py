"""Which exports the policies of a cluster let through, and what happens to those that they refuse."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from mcs_controller.api.names import ANNOTATION_WITHDRAW, CONDITION_HELD
from mcs_controller.api.resources import CUSTOM_RESOURCE_DEFINITIONS, EXPORT_POLICIES, EXPORTED_SERVICES
from mcs_controller.clusterset.services.policies.verdict import NOT_ALLOWED, POLICY_UNKNOWN
from mcs_controller.controllers.services.policies.known import DOUBT_SECONDS, SETTLE_SECONDS
from mcs_controller.kube.clock import rfc3339
from tests.controllers.policing import (
    EXPORT_CRD,
    condition_of,
    label,
    label_service,
    metric,
    policy,
    with_policies,
    without_schema,
)
from tests.support.cluster import Cluster
from tests.support.clusterset import EAST, Clusterset
from tests.support.objects import EXPORTS, Object

pytestmark = pytest.mark.looptime

REFUSED = ("False", NOT_ALLOWED)
UNKNOWN = ("False", POLICY_UNKNOWN)
VALID = ("True", "Valid")


async def valid_of(cluster: Cluster, name: str = "web", namespace: str = "shop") -> Object:
    held = await cluster.api.get(EXPORTS, name, namespace)
    found: Object = next(one for one in held["status"]["conditions"] if one["type"] == "Valid")
    return found


async def exported(world: Clusterset) -> list[str]:
    """The records on the broker."""
    held = (await world.broker_api.list(EXPORTED_SERVICES)).items
    return sorted(one["metadata"]["name"] for one in held)


async def is_valid(cluster: Cluster, expected: tuple[str, str], name: str = "web") -> bool:
    return await cluster.condition("shop", name, "Valid") == expected


async def test_without_the_option_policies_mean_nothing() -> None:
    async with Clusterset("east", "west") as world:
        east = world["east"]
        await east.install(EXPORT_CRD)
        await east.api.create(EXPORT_POLICIES, policy("nothing", "Forbid"))
        await world.exported_by("east")
        await asyncio.sleep(120)
        await world.settle()

        assert await is_valid(east, VALID)
        assert metric(east, "refused") == 0
        assert await condition_of(east, "nothing", "Accepted") is None


async def test_what_no_policy_allows_is_not_exported_and_its_user_is_told() -> None:
    async with Clusterset("east", "west") as world:
        east = world["east"]
        await with_policies(east, policy("pay", namespaces=["pay"]))
        await world.everywhere("shop")
        await east.deploy("shop", "web")
        await world.until(lambda: is_valid(east, REFUSED))
        await world.settle()

        assert await world.records() == {}
        assert await world["west"].import_of("shop", "web") is None
        valid = await valid_of(east)
        assert valid["message"].startswith("no ExportPolicy allows that shop/web is exported: ask")
        assert await east.condition("shop", "web", "Ready") == ("False", "Pending")
        assert metric(east, "refused") == 1
        assert await condition_of(east, "pay", "Accepted") is not None

        await east.api.create(EXPORT_POLICIES, policy("shop", namespaces=["shop"]))
        await world.imported("shop", "web", EAST)
        assert await is_valid(east, VALID)
        assert metric(east, "refused") == 0


async def test_a_service_that_loses_its_label_is_withdrawn_and_comes_back_with_it() -> None:
    async with Clusterset("east", "west") as world:
        east = world["east"]
        selector = {"matchLabels": {"public": "yes"}}
        await with_policies(east, policy("public", serviceSelector=selector))
        await world.everywhere("shop")
        await east.deploy("shop", "web")
        await world.until(lambda: is_valid(east, REFUSED))

        await label_service(east, "shop", "web", public="yes")
        await world.imported("shop", "web", EAST)
        await label_service(east, "shop", "web", public=None)
        await world.gone("shop", "web")
        await world.settle()

        assert await is_valid(east, REFUSED)
        assert await world.records() == {}


async def test_the_labels_of_a_namespace_decide_and_forbidding_goes_first() -> None:
    async with Clusterset("east", "west") as world:
        east = world["east"]
        team = {"matchExpressions": [{"key": "team", "operator": "Exists"}]}
        await with_policies(east, policy("teams", namespaceSelector=team))
        await world.everywhere("shop")
        await label(east, "shop", team="blue")
        await east.deploy("shop", "web")
        await world.imported("shop", "web", EAST)

        await east.api.create(EXPORT_POLICIES, policy("not-blue", "Forbid", namespaceSelector=team))
        await world.gone("shop", "web")
        assert "ExportPolicy not-blue forbids" in (await valid_of(east))["message"]

        await label(east, "shop", team=None)
        await east.api.delete(EXPORT_POLICIES, "not-blue")
        await asyncio.sleep(DOUBT_SECONDS + 1)
        await world.settle()
        assert "no ExportPolicy allows" in (await valid_of(east))["message"]


async def test_a_reserved_namespace_must_be_named() -> None:
    async with Clusterset("east", "west", import_reserved_namespaces=("default",)) as world:
        east = world["east"]
        await with_policies(east, policy("all"))
        await east.deploy("default", "web")
        await world.settle()
        assert (await valid_of(east, namespace="default"))["reason"] == NOT_ALLOWED

        await east.api.create(EXPORT_POLICIES, policy("default", namespaces=["default"]))
        await world.imported("default", "web", EAST)


async def test_with_the_option_and_without_a_policy_live_exports_stay_and_new_ones_wait() -> None:
    async with Clusterset("east", "west") as world:
        east = world["east"]
        await world.exported_by("east")
        await with_policies(east)
        await east.deploy("shop", "api")
        await world.until(lambda: is_valid(east, UNKNOWN, "api"))
        await asyncio.sleep(120)
        await world.settle()

        assert await east.condition("shop", "web", "Valid") == VALID
        assert "there is no ExportPolicy" in (await valid_of(east))["message"]
        assert await world["west"].addresses_of("shop", "web") == EAST
        assert await exported(world) == ["shop.web"]
        assert metric(east, "kept") == 1
        assert metric(east, "refused") == 1


async def test_without_the_crd_the_endpoints_of_live_exports_go_on() -> None:
    async with Clusterset("east", "west") as world:
        east, west = world["east"], world["west"]
        await world.exported_by("east")
        await world.settle()
        await east.restart(export_policies=True)
        await east.ready()
        await east.endpoints("shop", "web", "10.1.0.9")
        await asyncio.sleep(SETTLE_SECONDS)
        await world.settle()

        assert await west.addresses_of("shop", "web") == {"10.1.0.9"}
        assert "its CRD is not installed" in (await valid_of(east))["message"]
        assert metric(east, "unreadable") == 1


@pytest.mark.parametrize("is_restarted", [False, True], ids=["same", "restarted"])
async def test_policies_that_vanish_with_their_crd_take_nothing_away_and_let_nothing_out(
    is_restarted: bool,
) -> None:
    async with Clusterset("east", "west") as world:
        east, west = world["east"], world["west"]
        await with_policies(
            east, policy("shop", namespaces=["shop"]), policy("no-db", "Forbid", serviceSelector=DB)
        )
        await world.exported_by("east")
        await east.service("shop", "db")
        await label_service(east, "shop", "db", kind="db")
        await east.export("shop", "db")
        await world.until(lambda: is_valid(east, REFUSED, "db"))

        await east.api.delete(CUSTOM_RESOURCE_DEFINITIONS, EXPORT_CRD)
        await asyncio.sleep(1)
        if is_restarted:
            await east.restart(export_policies=True)
            await east.ready()
        for _ in range(12):
            await asyncio.sleep(5)
            assert await exported(world) == ["shop.web"]
            assert await west.addresses_of("shop", "web") == EAST

        await east.install(EXPORT_CRD)
        await asyncio.sleep(90)
        await world.settle()
        assert await exported(world) == ["shop.web"]
        assert not await is_valid(east, VALID, "db")
        await east.api.create(EXPORT_POLICIES, policy("all"))
        await world.until(lambda: is_valid(east, VALID, "db"))


DB = {"matchLabels": {"kind": "db"}}


async def test_a_policy_that_becomes_unreadable_stays_in_force_as_it_was() -> None:
    async with Clusterset("east", "west") as world:
        east = world["east"]
        await east.install(EXPORT_CRD, edit=without_schema)
        await with_policies(east, policy("shop", namespaces=["shop"]))
        await world.exported_by("east")

        await east.edit(EXPORT_POLICIES, "", "shop", {"spec": {"namespaces": "shop"}})
        await east.deploy("shop", "api")
        await world.imported("shop", "api", EAST)
        await world.settle()

        accepted = await condition_of(east, "shop", "Accepted")
        assert accepted is not None
        assert (accepted["status"], accepted["reason"]) == ("False", "Malformed")
        assert ("ExportPolicy", "shop", "Warning", "Malformed") in east.agent.told.events
        assert "namespaces is 'shop', not a list" in accepted["message"]
        assert metric(east, "unreadable") == 1

        await east.edit(EXPORT_POLICIES, "", "shop", {"spec": {"namespaces": ["pay"]}})
        await world.gone("shop", "api")
        assert metric(east, "unreadable") == 0


async def test_a_new_policy_that_cannot_be_read_ends_nothing_and_lets_nothing_out() -> None:
    async with Clusterset("east", "west") as world:
        east = world["east"]
        await east.install(EXPORT_CRD, edit=without_schema)
        await with_policies(east, policy("all"))
        await world.exported_by("east")
        await east.api.create(EXPORT_POLICIES, policy("strange", "Perhaps"))
        await east.deploy("shop", "api")
        await world.until(lambda: is_valid(east, UNKNOWN, "api"))

        assert "ExportPolicy strange cannot be read" in (await valid_of(east, "api"))["message"]
        assert await east.condition("shop", "web", "Valid") == VALID


async def test_a_mistake_that_would_end_most_exports_is_held_until_somebody_confirms_it() -> None:
    async with Clusterset("east", "west", fuse_minimum=3) as world:
        east = world["east"]
        await with_policies(east, policy("shop", namespaces=["shop"]))
        await world.everywhere("shop")
        names = [f"web-{number}" for number in range(4)]
        for name in names:
            await east.deploy("shop", name)
        for name in names:
            await world.imported("shop", name, EAST)
        await world.settle()

        await east.edit(EXPORT_POLICIES, "", "shop", {"spec": {"namespaces": ["shoop"]}})
        await east.restart(export_policies=True)
        await asyncio.sleep(300)
        await world.settle()
        assert len(await exported(world)) == 4
        assert metric(east, "held") == 1
        assert metric(east, "kept") == 4
        held = await condition_of(east, "shop", CONDITION_HELD)
        assert held is not None
        assert held["status"] == "True"
        assert held["message"].startswith("4 of 4 services that are exported would end")
        valid = await valid_of(east, "web-0")
        assert valid["status"] == "True"
        assert ANNOTATION_WITHDRAW in valid["message"]

        # What is new is refused meanwhile.
        await east.deploy("shop", "new")
        await world.until(lambda: is_valid(east, REFUSED, "new"))

        until = rfc3339(east.clock.now() + timedelta(hours=1))
        await east.edit(
            EXPORT_POLICIES, "", "shop", {"metadata": {"annotations": {ANNOTATION_WITHDRAW: until}}}
        )
        await world.until(lambda: _is_empty(world))
        await world.settle()
        assert metric(east, "held") == 0
        cleared = await condition_of(east, "shop", CONDITION_HELD)
        assert cleared is not None
        assert cleared["status"] == "False"
        assert metric(east, "kept") == 0


async def test_a_hold_ends_with_the_exports_that_it_was_about() -> None:
    async with Clusterset("east", "west", fuse_minimum=2) as world:
        east = world["east"]
        await with_policies(east, policy("all"))
        await world.everywhere("shop")
        for name in ("web", "api"):
            await east.deploy("shop", name)
            await world.imported("shop", name, EAST)
        await east.api.create(EXPORT_POLICIES, policy("none", "Forbid"))
        await world.settle()
        assert metric(east, "held") == 1

        for name in ("web", "api"):
            await east.unexport("shop", name)
        await world.until(lambda: _is_empty(world))
        await world.settle()
        assert metric(east, "held") == 0
        cleared = await condition_of(east, "none", CONDITION_HELD)
        assert cleared is not None
        assert cleared["status"] == "False"


async def test_a_policy_that_is_written_again_at_once_stays_in_force() -> None:
    async with Clusterset("east", "west") as world:
        east = world["east"]
        await with_policies(east, policy("shop", namespaces=["shop"]))
        await world.exported_by("east")
        await east.api.delete(EXPORT_POLICIES, "shop")
        await asyncio.sleep(1)
        await east.api.create(EXPORT_POLICIES, policy("shop", namespaces=["shop"]))
        await asyncio.sleep(3 * DOUBT_SECONDS)
        await east.deploy("shop", "api")
        await world.imported("shop", "api", EAST)


async def _is_empty(world: Clusterset) -> bool:
    return not await world.records()
