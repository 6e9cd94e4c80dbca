"""A cluster's own ImportPolicies say which endpoints its clients get first, whatever the exports ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from mcs_controller.api.resources import CUSTOM_RESOURCE_DEFINITIONS, IMPORT_POLICIES
from mcs_controller.clusterset.explain.changes import Change
from mcs_controller.clusterset.explain.what_if import what_if
from mcs_controller.clusterset.services.policies.policy import decode_policy
from mcs_controller.controllers.runtime.informers import CHECK_OPTIONAL_SECONDS
from mcs_controller.controllers.services.policies.known import DOUBT_SECONDS
from tests.controllers.explaining import explained, finding, picture, taking_traffic
from tests.controllers.policing import IMPORT_CRD, import_policy, label, with_import_policies, without_schema
from tests.support.cluster import Cluster
from tests.support.clusterset import EAST, WEST, Clusterset
from tests.support.objects import EXPORTS, Object
from tests.support.reading import conditions_of

pytestmark = pytest.mark.looptime

RETURN_SECONDS = 30.0
LOCALITY = "mcs-controller.io/Locality"
ALL = import_policy("all")


def near(scope: str = "cluster", name: str = "near", **spec: Any) -> Object:
    return import_policy(name, "Prefer", locality={"scope": scope}, **spec)


async def ask_for(world: Clusterset, scope: str, service: str = "web") -> None:
    """Both exports do."""
    for name in ("east", "west"):
        annotations = {"mcs-controller.io/locality": scope}
        await world[name].edit(EXPORTS, "shop", service, {"spec": {"exportedAnnotations": annotations}})


async def uses(world: Clusterset, name: str, addresses: set[str], service: str = "web") -> None:
    async def does() -> bool:
        return await world[name].ready_addresses_of("shop", service) == addresses

    await world.until(does, within_seconds=RETURN_SECONDS + 20, what=lambda: f"in {name}")


async def said(cluster: Cluster, service: str = "web") -> Mapping[str, str]:
    imported = await cluster.import_of("shop", service) or {}
    found = [one for one in imported["status"]["conditions"] if one["type"] == LOCALITY]
    return found[0] if found else {}


async def readiness(cluster: Cluster, *, is_ready: bool) -> None:
    conditions = {"ready": is_ready, "serving": is_ready, "terminating": False}
    await cluster.endpoints("shop", "web", *cluster.addresses(), conditions=conditions)


async def test_a_policy_prefers_near_endpoints_in_its_own_cluster_alone_and_for_what_it_names() -> None:
    async with Clusterset("east", "west") as world:
        east = world["east"]
        await with_import_policies(east, ALL)
        await world.exported_by("east", "west")
        await world["east"].deploy("shop", "api")
        await world["west"].deploy("shop", "api")
        await uses(world, "east", EAST | WEST, "api")
        await world.settle()
        assert await said(east) == {}

        await east.api.create(IMPORT_POLICIES, near(namespaces=["shop"], services=["web"]))
        await uses(world, "east", EAST)
        await world.settle()
        told = await said(east)
        assert (told["status"], told["reason"]) == ("True", "Near")
        assert told["message"].endswith("; cluster is preferred, as ImportPolicy near says")
        assert conditions_of(await east.api.get(IMPORT_POLICIES, "near"))["Accepted"][0] == "True"
        await uses(world, "east", EAST | WEST, "api")
        await uses(world, "west", EAST | WEST)
        assert await said(world["west"]) == {}

        await readiness(east, is_ready=False)
        await uses(world, "east", WEST)
        await readiness(east, is_ready=True)
        await uses(world, "east", EAST | WEST)
        await uses(world, "east", EAST)

        # As with every policy that is gone, it may have gone with its CRD.
        await east.api.delete(IMPORT_POLICIES, "near")
        await asyncio.sleep(DOUBT_SECONDS / 2)
        await uses(world, "east", EAST)
        await asyncio.sleep(DOUBT_SECONDS)
        await uses(world, "east", EAST | WEST)
        await world.settle()
        assert (await said(east))["reason"] == "NotPreferred"


@pytest.mark.parametrize("heeds", ["none", "never"])
async def test_a_policy_goes_before_what_the_exports_ask_for_and_it_is_said_who_decides(heeds: str) -> None:
    async with Clusterset("east", "west", locality=heeds) as world:
        east = world["east"]
        await world.exported_by("east", "west")
        await ask_for(world, "cluster")
        await uses(world, "east", EAST if heeds == "none" else EAST | WEST)
        await with_import_policies(east, ALL, near("none"), locality=heeds)
        await uses(world, "east", EAST | WEST)
        await world.settle()
        told = await said(east)
        if heeds == "never":
            assert told == {}
        else:
            assert (told["status"], told["reason"]) == ("False", "NotPreferred")
            assert told["message"] == (
                "the endpoints of all clusters are used alike, as ImportPolicy near says "
                "(its exports ask for cluster)"
            )
            # The other cluster goes by the exports, as before.
            await uses(world, "west", WEST)
            assert (await said(world["west"]))["message"].endswith(
                "; cluster is preferred, as its exports ask"
            )

        # One that is about less decides.
        await east.api.create(IMPORT_POLICIES, near("cluster", "web-near", services=["web"]))
        await uses(world, "east", EAST)
        await world.settle()
        assert "as ImportPolicy web-near says" in (await said(east))["message"]


async def test_what_policies_prefer_follows_the_labels_of_the_namespace() -> None:
    async with Clusterset("east", "west") as world:
        east = world["east"]
        await with_import_policies(east, ALL, near(namespaceSelector={"matchLabels": {"near": "yes"}}))
        await world.exported_by("east", "west")
        await uses(world, "east", EAST | WEST)
        await label(east, "shop", near="yes")
        await uses(world, "east", EAST)
        await label(east, "shop", near=None)
        await uses(world, "east", EAST | WEST)


async def test_a_policy_that_only_prefers_opens_nothing() -> None:
    async with Clusterset("east", "west") as world:
        west = world["west"]
        await with_import_policies(west, near())
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web")
        await asyncio.sleep(60)
        await world.settle()
        assert await west.import_of("shop", "web") is None
        await west.api.create(IMPORT_POLICIES, ALL)
        await uses(world, "west", EAST)


@pytest.mark.parametrize("is_restarted", [False, True], ids=["same", "restarted"])
@pytest.mark.parametrize("asked", ["", "region"])
async def test_while_policies_cannot_be_read_what_is_in_use_stays_and_goes_only_farther(
    asked: str, is_restarted: bool
) -> None:
    async with Clusterset("east", "west") as world:
        east = world["east"]
        await with_import_policies(east, ALL, near())
        await world.exported_by("east", "west")
        if asked:
            await ask_for(world, asked)
        await uses(world, "east", EAST)
        await world.settle()

        await east.api.delete(CUSTOM_RESOURCE_DEFINITIONS, IMPORT_CRD)
        await asyncio.sleep(1)
        if is_restarted:
            await east.restart(import_policies=True)
            await east.ready()
        await asyncio.sleep(3 * DOUBT_SECONDS)
        await world.settle()
        await uses(world, "east", EAST)

        await readiness(east, is_ready=False)
        await uses(world, "east", WEST)
        await readiness(east, is_ready=True)
        await asyncio.sleep(2 * RETURN_SECONDS)
        await world.settle()
        assert ("could not be read" in (await said(east))["message"]) is is_restarted
        expected = EAST | WEST if is_restarted else EAST
        assert await east.ready_addresses_of("shop", "web") == expected

        await east.install(IMPORT_CRD)
        for one in (ALL, near()):
            await east.api.create(IMPORT_POLICIES, one)
        await asyncio.sleep(CHECK_OPTIONAL_SECONDS)
        await uses(world, "east", EAST)
        await world.settle()
        assert "as ImportPolicy near says" in (await said(east))["message"]


async def test_a_policy_that_was_never_readable_keeps_traffic_as_far_as_it_goes_until_it_is_mended() -> None:
    async with Clusterset("east", "west") as world:
        east = world["east"]
        await east.install(IMPORT_CRD, edit=without_schema)
        await with_import_policies(east, ALL)
        await world.exported_by("east", "west")
        for name in ("east", "west"):
            await world[name].deploy("shop", "api")
        await ask_for(world, "cluster")
        await uses(world, "east", EAST)
        await readiness(east, is_ready=False)
        await uses(world, "east", WEST)
        await readiness(east, is_ready=True)
        await asyncio.sleep(RETURN_SECONDS / 2)

        await east.api.create(IMPORT_POLICIES, import_policy("odd", "Perhaps"))
        await asyncio.sleep(RETURN_SECONDS)
        # What begins to be asked for now waits, too: the policy might say otherwise.
        await ask_for(world, "cluster", "api")
        await world.settle()
        before = east.agent.reconciles("imports")
        await asyncio.sleep(3 * RETURN_SECONDS)
        assert east.agent.reconciles("imports") - before < 10
        await uses(world, "east", EAST | WEST, "api")
        assert await said(east, "api") == {}
        assert await east.ready_addresses_of("shop", "web") == EAST | WEST
        assert (await said(east))["reason"] == "FailedOver"
        assert ("ImportPolicy", "odd", "Warning", "Malformed") in east.agent.told.events

        await east.edit(IMPORT_POLICIES, "", "odd", {"spec": {"action": "Allow"}})
        await uses(world, "east", EAST)
        await world.settle()
        assert (await said(east))["message"].endswith("; cluster is preferred, as its exports ask")
        await uses(world, "east", EAST, "api")
        assert ("ImportPolicy", "odd", "Normal", "Accepted") in east.agent.told.events


async def test_what_a_policy_would_prefer_is_foretold() -> None:
    async with Clusterset("east", "west") as world:
        east = world["east"]
        await with_import_policies(east, ALL)
        await world.exported_by("east", "west")
        await uses(world, "east", EAST | WEST)
        await world.settle()
        change = Change("ImportPolicy", "near", value=decode_policy(near()))
        foretold = what_if(await picture(world, "east"), [change])
        assert (taking_traffic(foretold.before), taking_traffic(foretold.after)) == (EAST | WEST, EAST)
        assert foretold.after.here is not None
        assert foretold.after.here.near_first.endswith("cluster is preferred, as ImportPolicy near says")

        await east.api.create(IMPORT_POLICIES, near())
        await uses(world, "east", EAST)
        await world.settle()
        seen = await explained(world, "east")
        assert seen.here is not None
        assert seen.here.near_first == foretold.after.here.near_first
        change = Change("ImportPolicy", "near", value=decode_policy(near("none")))
        assert taking_traffic(what_if(await picture(world, "east"), [change]).after) == EAST | WEST
        # Whether the agent prefers something by its own option is not known.
        without = what_if(await picture(world, "east"), [Change("ImportPolicy", "near", deleted=True)])
        assert taking_traffic(without.after) == EAST
        assert any(
            one.startswith("what is left out for nearer endpoints stays so") for one in without.assumed
        )


async def test_explain_says_what_is_preferred_and_by_whom() -> None:
    async with Clusterset("east", "west") as world:
        await with_import_policies(world["east"], ALL, near())
        await world.exported_by("east", "west")
        await ask_for(world, "none")
        await uses(world, "east", EAST)
        await world.settle()
        seen = await explained(world, "east")
        assert seen.here is not None
        decided = "cluster is preferred, as ImportPolicy near says (its exports ask for none)"
        assert seen.here.near_first.endswith(decided)
        assert finding(seen, "25").why == seen.here.near_first
