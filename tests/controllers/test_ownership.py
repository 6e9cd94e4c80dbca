"""A name that the broker's administrator gave to a member, and another that claims the older export."""

from typing import Any

import pytest

from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES, MEMBER_CLUSTERS
from tests.controllers.mars import HTTP, record, slice_
from tests.support.clusterset import EAST, Clusterset
from tests.support.objects import Object

pytestmark = pytest.mark.looptime

MARS = {"10.9.0.1"}
OLD = "2020-01-01T00:00:00Z"
HOSTILE: Object = {
    "type": "Headless",
    "ports": [{"name": "http", "port": 81, "protocol": "TCP"}],
    "ipFamilies": ["IPv6"],
    "sessionAffinity": "ClientIP",
    "internalTrafficPolicy": "Local",
    "exportedLabels": {"from": "mars"},
}


async def contents(world: Clusterset) -> list[Any]:
    """What every cluster has of shop/web, but for who exports it and what is said of that."""
    found: list[Any] = []
    for cluster in world:
        imported, derived = await cluster.import_of("shop", "web"), await cluster.derived_of("shop", "web")
        assert imported is not None
        assert derived is not None
        found.append((imported["metadata"]["labels"], imported["spec"], derived["spec"]))
        found.append([(one["ports"], one["endpoints"]) for one in await cluster.slices_of("shop", "web")])
    return found


async def own(world: Clusterset, member: str, *names: str) -> None:
    await world.broker_api.patch(
        MEMBER_CLUSTERS, member, {"spec": {"owns": list(names)}}, namespace=f"mcs-member-{member}"
    )


async def conflict_of(world: Clusterset, name: str) -> str:
    export = await world[name].export_of("shop", "web")
    assert export is not None
    (conflict,) = (one for one in export["status"]["conditions"] if one["type"] == "Conflict")
    return f"{conflict['reason']} {conflict['message']}"


@pytest.mark.requirement("MCS-RBAC-06", "MCS-CON-06", "MCS-IMP-08")
@pytest.mark.parametrize("owned", ["shop", "shop/web"])
async def test_an_older_export_of_another_member_changes_nothing_of_an_owned_name(owned: str) -> None:
    async with Clusterset("east", "west", members={"east": {"owns": [owned]}}) as world:
        await world.admit("mars")
        await world.exported_by("east")
        before = await contents(world)

        await world.publish("mars", EXPORTED_SERVICES, "shop.web", **record(exportedAt=OLD, **HOSTILE))
        await world.publish("mars", EXPORTED_ENDPOINT_SLICES, "shop.web-x", **slice_())
        await world.settle()

        assert await contents(world) == before
        told = await conflict_of(world, "east")
        assert told.startswith("PortConflict,TypeConflict,")
        assert "cluster east (the owner of shop/web)" in told
        assert "endpoints left out: mars" in told
        imported = await world["west"].import_of("shop", "web")
        assert imported is not None
        assert imported["status"]["clusters"] == [{"cluster": "east"}, {"cluster": "mars"}]


@pytest.mark.requirement("MCS-CON-11", "MCS-EXP-03")
async def test_another_member_adds_endpoints_to_an_owned_name_on_the_ports_that_it_has_alike() -> None:
    async with Clusterset("east", "west", members={"east": {"owns": ["shop"]}}) as world:
        await world.admit("mars")
        await world.exported_by("east")
        more = {"name": "more", "port": 90, "protocol": "TCP"}
        await world.publish(
            "mars", EXPORTED_SERVICES, "shop.web", **record(exportedAt=OLD, ports=[more, HTTP])
        )
        await world.publish("mars", EXPORTED_ENDPOINT_SLICES, "shop.web-x", **slice_(ports=[more, HTTP]))

        await world.imported("shop", "web", EAST | MARS)
        for cluster in world:
            (theirs,) = await cluster.slices_of("shop", "web", "mars")
            assert [one["name"] for one in theirs["ports"]] == ["http"]
            imported = await cluster.import_of("shop", "web")
            assert imported is not None
            assert [one["name"] for one in imported["spec"]["ports"]] == ["http"]


@pytest.mark.requirement("MCS-CON-01", "MCS-NS-09")
async def test_ownership_takes_effect_and_ends_while_all_run() -> None:
    async with Clusterset("east", "west", "north") as world:
        await world.everywhere("shop")
        await world["west"].deploy("shop", "web", ports=[{"name": "http", "port": 81}])
        await world.settle()
        await world["east"].deploy("shop", "web")
        await world["east"].endpoints("shop", "web", *EAST)
        await world.settle()

        async def port_is(number: int) -> bool:
            found = [await one.import_of("shop", "web") for one in world]
            return all(one and [p["port"] for p in one["spec"]["ports"]] == [number] for one in found)

        assert await port_is(81)
        await own(world, "east", "shop/web")
        await world.until(lambda: port_is(80))
        for name in ("east", "west"):
            assert "cluster east (the owner of shop/web)" in await conflict_of(world, name)
        for cluster in world:
            assert await cluster.addresses_of("shop", "web") == EAST

        await own(world, "west", "shop")
        await world.until(lambda: port_is(81))
        assert "cluster west (one of 2 owners of shop/web, and of these the oldest" in await conflict_of(
            world, "east"
        )

        await own(world, "west")
        await world.until(lambda: port_is(80))
        await own(world, "east")
        await world.until(lambda: port_is(81))
        assert "cluster west (the oldest export" in await conflict_of(world, "east")
