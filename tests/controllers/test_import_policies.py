"""What the policies of a cluster let in, and what happens to the imports that they refuse."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from mcs_controller.api.names import ANNOTATION_WITHDRAW, CONDITION_HELD
from mcs_controller.api.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    ENDPOINT_SLICES,
    IMPORT_POLICIES,
    SERVICES,
)
from mcs_controller.controllers.services.policies.known import DOUBT_SECONDS
from mcs_controller.kube.clock import rfc3339
from tests.controllers.policing import (
    IMPORT_CRD,
    import_policy,
    label,
    metric,
    with_import_policies,
)
from tests.support.cluster import Cluster
from tests.support.clusterset import EAST, NORTH, Clusterset
from tests.support.objects import Object
from tests.support.reading import conditions_of
from tests.support.site import SERVICE_NAME

pytestmark = pytest.mark.looptime


async def nothing_of(cluster: Cluster, name: str = "web") -> bool:
    selector = f"{SERVICE_NAME}={name}"
    return (
        await cluster.import_of("shop", name) is None
        and not await cluster.all_of(ENDPOINT_SLICES, "shop", selector)
        and not await cluster.all_of(SERVICES, "shop", selector)
    )


async def exporting(world: Clusterset, *clusters: str) -> None:
    """They export shop/web; nobody need import it."""
    await world.everywhere("shop")
    for name in clusters:
        await world[name].deploy("shop", "web")


async def has(cluster: Cluster, addresses: set[str], name: str = "web") -> bool:
    return await cluster.addresses_of("shop", name) == addresses


async def ready_message(cluster: Cluster) -> str:
    imported = await cluster.import_of("shop", "web") or {}
    found: Object = next(one for one in imported["status"]["conditions"] if one["type"] == "Ready")
    return str(found["message"])


async def test_only_the_sources_that_a_policy_allows_are_imported() -> None:
    async with Clusterset("east", "west", "north") as world:
        west = world["west"]
        await with_import_policies(west, import_policy("north", sourceClusters=["north"]))
        await exporting(world, "east", "north")
        await world.until(lambda: has(world["east"], EAST | NORTH))
        await world.until(lambda: has(west, NORTH))
        await world.settle()

        assert await has(west, NORTH)
        assert "no ImportPolicy allows that shop/web is imported from east" in await ready_message(west)
        assert (await west.import_of("shop", "web") or {})["status"]["clusters"] == [{"cluster": "north"}]
        assert metric(west, "refused", "import") == 1
        # What users of the exporting clusters see is the same as everywhere.
        assert conditions_of(await world["east"].export_of("shop", "web"))["Conflict"][0] == "False"

        await west.api.create(IMPORT_POLICIES, import_policy("east", sourceClusters=["east"]))
        await world.until(lambda: has(west, EAST | NORTH))
        await world.settle()
        assert await ready_message(west) == ""
        assert metric(west, "refused", "import") == 0


async def test_an_import_that_a_new_policy_forbids_is_withdrawn_and_comes_back_without_it() -> None:
    async with Clusterset("east", "west") as world:
        west = world["west"]
        await with_import_policies(west, import_policy("all"))
        await exporting(world, "east")
        await world.until(lambda: has(west, EAST))

        await west.api.create(IMPORT_POLICIES, import_policy("no-shop", "Forbid", namespaces=["shop"]))
        await world.until(lambda: nothing_of(west))
        await world.settle()
        assert await nothing_of(west)
        assert await has(world["east"], EAST)

        await west.api.delete(IMPORT_POLICIES, "no-shop")
        await asyncio.sleep(DOUBT_SECONDS + 1)
        await world.until(lambda: has(west, EAST))


async def test_sources_do_not_concern_a_clusters_own_exports_and_its_namespaces_do() -> None:
    async with Clusterset("east", "west") as world:
        east = world["east"]
        await with_import_policies(
            east,
            import_policy("west", sourceClusters=["west"], namespaceSelector={"matchLabels": {"in": "yes"}}),
        )
        await exporting(world, "east")
        await world.until(lambda: has(world["west"], EAST))
        await world.settle()
        assert await nothing_of(east)

        await label(east, "shop", **{"in": "yes"})
        await world.until(lambda: has(east, EAST))


@pytest.mark.parametrize("is_restarted", [False, True], ids=["same", "restarted"])
async def test_policies_that_vanish_with_their_crd_end_no_import_and_let_no_new_one_in(
    is_restarted: bool,
) -> None:
    async with Clusterset("east", "west", "north") as world:
        east, west = world["east"], world["west"]
        await with_import_policies(west, import_policy("east", sourceClusters=["east"]))
        await exporting(world, "east", "north")
        await world.until(lambda: has(west, EAST))
        await world.settle()

        await west.api.delete(CUSTOM_RESOURCE_DEFINITIONS, IMPORT_CRD)
        await asyncio.sleep(1)
        if is_restarted:
            await west.restart(import_policies=True)
            await west.ready()
        await east.endpoints("shop", "web", "10.1.0.9")
        await world["north"].deploy("shop", "api")
        for _ in range(12):
            await asyncio.sleep(5)
            assert await has(west, {"10.1.0.9"}) or await has(west, EAST)
        await world.settle()

        assert await has(west, {"10.1.0.9"})
        assert await nothing_of(west, "api")
        assert metric(west, "unreadable", "import") == 1
        assert metric(west, "kept", "import") == 1


async def test_a_mistake_that_would_end_most_imports_is_held_until_somebody_confirms_it() -> None:
    async with Clusterset("east", "west", fuse_minimum=3) as world:
        east, west = world["east"], world["west"]
        await with_import_policies(west, import_policy("all"))
        await world.everywhere("shop")
        names = [f"web-{number}" for number in range(4)]
        for name in names:
            await east.deploy("shop", name)
        for name in names:
            await world.imported("shop", name, EAST)
        await world.settle()

        await west.api.create(IMPORT_POLICIES, import_policy("none", "Forbid"))
        await asyncio.sleep(300)
        await world.settle()
        for name in names:
            assert await has(west, EAST, name)
        assert metric(west, "held", "import") == 1
        policy = await west.api.get(IMPORT_POLICIES, "none")
        assert conditions_of(policy)[CONDITION_HELD] == ("True", "TooManyAtOnce")
        told = zip(west.agent.told.events, west.agent.told.notes, strict=True)
        held = [note for event, note in told if event == ("ImportPolicy", "none", "Warning", "TooManyAtOnce")]
        assert len(held) == 1
        assert f"annotates any ImportPolicy with {ANNOTATION_WITHDRAW}" in held[0]

        until = rfc3339(west.clock.now() + timedelta(hours=1))
        await west.edit(
            IMPORT_POLICIES, "", "none", {"metadata": {"annotations": {ANNOTATION_WITHDRAW: until}}}
        )
        for name in names:
            await world.until(lambda name=name: nothing_of(west, name))  # type: ignore[misc]
        assert metric(west, "held", "import") == 0
        await world.settle()
        assert ("ImportPolicy", "none", "Normal", "NotHeld") in west.agent.told.events


async def test_what_members_withdraw_is_held_although_policies_refuse_other_exporters_of_it() -> None:
    async with Clusterset("east", "west", "north", fuse_minimum=3) as world:
        east, west, north = world["east"], world["west"], world["north"]
        await with_import_policies(west, import_policy("east", sourceClusters=["east"]))
        await world.everywhere("shop")
        names = [f"web-{number}" for number in range(4)]
        for name in names:
            await east.deploy("shop", name)
            await north.deploy("shop", name)
        for name in names:
            await world.until(lambda name=name: has(west, EAST, name))  # type: ignore[misc]
        await world.settle()

        for name in names:
            await east.unexport("shop", name)
        await asyncio.sleep(60)
        await world.settle()
        assert sum([await has(west, EAST, name) for name in names]) >= 2
