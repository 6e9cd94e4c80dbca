"""Somebody else was quicker: what others wrote a moment before us is neither deleted nor overwritten."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from mcs_controller.api.resources import (
    ENDPOINT_SLICES,
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    SERVICES,
    Resource,
)
from mcs_controller.kube.errors import NotFound
from tests.controllers.mars import record, slice_
from tests.support.cluster import Cluster
from tests.support.clusterset import Clusterset
from tests.support.objects import EXPORTS, IMPORTS, Object, import_by_hand
from tests.support.users import write_status

pytestmark = pytest.mark.looptime

Make = Callable[[Cluster, str], Awaitable[Object]]


async def east_exports(world: Clusterset) -> None:
    await world.exported_by("east")
    await world.settle()


async def make_import(cluster: Cluster, name: str) -> Object:
    return await cluster.api.create(IMPORTS, import_by_hand("shop", name))


async def make_service(cluster: Cluster, name: str) -> Object:
    return await cluster.service("shop", name)


async def make_slice(cluster: Cluster, name: str) -> Object:
    return await cluster.endpoints("shop", "mine", "10.9.9.9", name=name)


@pytest.mark.requirement("MCS-IMP-04")
@pytest.mark.parametrize(
    ("resource", "make"),
    [(IMPORTS, make_import), (SERVICES, make_service), (ENDPOINT_SLICES, make_slice)],
    ids=["import", "derived service", "slice"],
)
async def test_what_a_user_puts_in_the_place_of_our_object_is_not_deleted(
    resource: Resource, make: Make
) -> None:
    """Our request to delete is under way when the user does it, and makes one of the same name."""
    async with Clusterset("east", "west") as world:
        await east_exports(world)
        west = world["west"]
        ours = {
            "serviceimports": await west.import_of("shop", "web"),
            "services": await west.derived_of("shop", "web"),
            "endpointslices": (await west.slices_of("shop", "web"))[0],
        }[resource.plural]
        assert ours is not None
        name = ours["metadata"]["name"]
        west.sim.faults.delay(1.0, verbs=["delete"], resources=[resource.plural], users=["agent"])
        await world["east"].unexport("shop", "web")

        async def is_asked_to_go() -> bool:
            return bool(world["east"].agent.wire.writes) and not await world.records()

        await world.until(is_asked_to_go)
        with contextlib.suppress(NotFound):
            # Unless the garbage collector was quicker.
            await west.api.delete(resource, name, namespace="shop")
        theirs = await make(west, name)
        await world.settle()

        assert await west.held(resource, "shop", name) == theirs


@pytest.mark.requirement("MCS-EXP-15", "MCS-API-12")
async def test_a_condition_that_another_wrote_on_an_export_survives_though_our_watch_is_behind() -> None:
    async with Clusterset("east", "west") as world:
        await east_exports(world)
        east = world["east"]
        east.sim.faults.stall_watches(resources=["serviceexports"], users=["agent"])
        held = await east.export_of("shop", "web")
        assert held is not None
        await write_status(east.api, EXPORTS, with_a_condition(held))

        await east.api.delete(SERVICES, "web", namespace="shop")

        async def both() -> bool:
            found = await east.conditions("shop", "web")
            return found["Valid"] == ("False", "NoService") and AUDITED.items() <= found.items()

        await world.until(both)


@pytest.mark.requirement("MCS-IMP-13", "MCS-API-12")
async def test_a_condition_that_another_wrote_on_an_import_survives_though_our_watch_is_behind() -> None:
    async with Clusterset("east", "west") as world:
        await east_exports(world)
        west = world["west"]
        west.sim.faults.stall_watches(resources=["serviceimports"], users=["agent"])
        held = await west.import_of("shop", "web")
        assert held is not None
        await write_status(west.api, IMPORTS, with_a_condition(held))

        await west.deploy("shop", "web")

        async def both() -> bool:
            imported = await west.import_of("shop", "web")
            assert imported is not None
            clusters = [one["cluster"] for one in imported["status"]["clusters"]]
            found = await west.import_conditions("shop", "web")
            return clusters == ["east", "west"] and AUDITED.items() <= found.items()

        await world.until(both)


AUDITED = {"example.com/Audited": ("True", "Audited")}


def with_a_condition(body: Object) -> Object:
    other = {
        "type": "example.com/Audited",
        "status": "True",
        "reason": "Audited",
        "message": "by hand",
        "lastTransitionTime": "2025-12-31T00:00:00Z",
    }
    body["status"]["conditions"].append(other)
    return body


@pytest.mark.requirement("MCS-LIFE-01", "MCS-IMP-02")
async def test_an_export_that_ends_goes_as_a_whole_record_and_import_before_their_slices() -> None:
    async with Clusterset("east", "west") as world:
        await east_exports(world)

        await world["east"].unexport("shop", "web")
        await world.gone("shop", "web")
        await world.settle()

        deleted = {
            name: [one.split("/")[-2] for one in world[name].agent.wire.writes if one.startswith("DELETE")]
            for name in ("east", "west")
        }
        on_the_broker = [one for one in deleted["east"] if one.startswith("exported")]
        assert on_the_broker == ["exportedservices", "exportedendpointslices"]
        assert deleted["west"] == ["serviceimports", "endpointslices", "services"]


@pytest.mark.requirement("MCS-EPS-05")
async def test_a_slice_that_comes_back_in_another_family_is_made_anew() -> None:
    """The address type of a slice cannot change; its member deleted it and made another of that name."""
    async with Clusterset("west", service_cidrs={"west": ("10.96.0.0/16", "fd00:96::/112")}) as world:
        await world.admit("mars")
        await world.everywhere("shop")
        await world.publish("mars", EXPORTED_SERVICES, "shop.web", **record(ipFamilies=["IPv4", "IPv6"]))
        await world.publish("mars", EXPORTED_ENDPOINT_SLICES, "shop.web-x", **slice_())
        await world.imported("shop", "web", {"10.9.0.1"})
        (before,) = await world["west"].slices_of("shop", "web")

        six = {"addressType": "IPv6", "endpoints": [{"addresses": ["fd00::1"]}]}
        await world.broker_api.patch(
            EXPORTED_ENDPOINT_SLICES, "shop.web-x", {"spec": six}, namespace="mcs-member-mars"
        )
        await world.imported("shop", "web", {"fd00::1"})

        (after,) = await world["west"].slices_of("shop", "web")
        assert (before["addressType"], after["addressType"]) == ("IPv4", "IPv6")
        assert before["metadata"]["name"] == after["metadata"]["name"]


@pytest.mark.parametrize("edited_after", [True, False], ids=["after our write", "instead of our write"])
async def test_what_another_writes_while_an_answer_is_awaited_is_put_right(edited_after: bool) -> None:
    """Its event comes before the answer, like the echo of our own write."""
    async with Clusterset("east", "west") as world:
        await east_exports(world)
        west = world["west"]
        (imported,) = await west.slices_of("shop", "web")
        name = imported["metadata"]["name"]
        west.agent.wire.answer_delay_seconds = 1.0
        if not edited_after:
            west.sim.faults.delay(1.0, verbs=["update"], users=["agent"])

        async def is_written() -> bool:
            return await west.addresses_of("shop", "web") == {"10.1.0.7"}

        await world["east"].endpoints("shop", "web", "10.1.0.7")
        if edited_after:
            await world.until(is_written)
        else:
            await asyncio.sleep(0.5)
        theirs = {"endpoints": [{"addresses": ["10.6.6.6"]}]}
        await west.edit(ENDPOINT_SLICES, "shop", name, theirs)

        await world.imported("shop", "web", {"10.1.0.7"})
