"""Services of more ports than one import can hold, and derived Services that somebody gave too many."""

from typing import Any

import pytest

from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES, SERVICES
from tests.support.cluster import Cluster
from tests.support.clusterset import EAST, WEST, Clusterset
from tests.support.objects import Object

pytestmark = pytest.mark.looptime


def ports(first: int, count: int) -> list[Object]:
    return [
        {"name": f"p{number}", "port": number, "protocol": "TCP"} for number in range(first, first + count)
    ]


async def deploy(cluster: Cluster, *declared: Object) -> None:
    await cluster.service("shop", "web", ports=list(declared))
    await cluster.endpoints("shop", "web", *cluster.addresses(), ports=declared)
    await cluster.export("shop", "web")


async def message_of(cluster: Cluster, kind: str) -> str:
    export = await cluster.export_of("shop", "web")
    assert export is not None
    (message,) = (one["message"] for one in export["status"]["conditions"] if one["type"] == kind)
    return str(message)


async def port_names(cluster: Cluster) -> list[str]:
    imported, derived = await cluster.import_of("shop", "web"), await cluster.derived_of("shop", "web")
    assert imported is not None
    assert derived is not None
    names = [one["name"] for one in imported["spec"]["ports"]]
    assert [one["name"] for one in derived["spec"]["ports"]] == names
    return names


@pytest.mark.requirement("MCS-CON-09", "MCS-CON-04", "MCS-CON-06")
async def test_two_clusters_with_sixty_ports_each_share_the_hundred_that_there_are() -> None:
    async with Clusterset() as world:
        await world.everywhere("shop")
        await deploy(world["east"], *ports(1, 60))
        await world.imported("shop", "web", EAST)
        await world.settle()
        await deploy(world["west"], *ports(101, 60))
        await world.imported("shop", "web", EAST | WEST)

        for cluster in world:
            assert await port_names(cluster) == [one["name"] for one in (*ports(1, 60), *ports(101, 40))], (
                cluster.name
            )
            (west,) = await cluster.slices_of("shop", "web", "west")
            assert [one["name"] for one in west["ports"]] == [one["name"] for one in ports(101, 40)]
        for name in ("east", "west"):
            assert (await world[name].conditions("shop", "web"))["Conflict"] == ("True", "PortConflict")
            assert "no more than 100: 20 of west;" in await message_of(world[name], "Conflict")

        await world["east"].endpoints("shop", "web", "10.1.0.9", ports=ports(1, 60))
        await world["west"].kill()
        world["west"].start()
        await world.imported("shop", "web", {"10.1.0.9", *WEST})


@pytest.mark.requirement("MCS-RBAC-06", "MCS-CON-06")
async def test_a_record_of_a_hundred_ports_stops_nobody() -> None:
    async with Clusterset("east", "west") as world:
        await world.admit("mars")
        await world.everywhere("shop")
        await deploy(world["east"], *ports(1, 1))
        await world.imported("shop", "web", EAST)
        of_web = {"serviceNamespace": "shop", "serviceName": "web"}
        await world.publish(
            "mars",
            EXPORTED_SERVICES,
            "shop.web",
            **of_web,
            exportedAt="2027-01-01T00:00:00Z",
            type="ClusterSetIP",
            ports=ports(1001, 100),
            ipFamilies=["IPv4"],
        )
        await world.publish(
            "mars",
            EXPORTED_ENDPOINT_SLICES,
            "shop.web-x",
            **of_web,
            sliceName="web-x",
            addressType="IPv4",
            ports=ports(1001, 100),
            endpoints=[{"addresses": ["10.9.0.1"]}],
        )
        await world.imported("shop", "web", EAST | {"10.9.0.1"})

        await world["east"].endpoints("shop", "web", "10.1.0.9", ports=ports(1, 1))

        await world.imported("shop", "web", {"10.1.0.9", "10.9.0.1"})
        assert await port_names(world["west"]) == ["p1", *(one["name"] for one in ports(1001, 99))]
        assert "no more than 100: 1 of mars;" in await message_of(world["east"], "Conflict")


@pytest.mark.requirement("MCS-IMP-19", "MCS-IMP-08")
@pytest.mark.parametrize("while_away", [False, True], ids=["while the agent runs", "while it is away"])
async def test_a_derived_service_with_more_ports_than_any_import_is_put_right_and_keeps_its_ip(
    while_away: bool,
) -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        west = world["west"]
        await deploy(world["east"], *ports(1, 2))
        await world.imported("shop", "web", EAST)
        before = await west.derived_of("shop", "web")
        assert before is not None
        if while_away:
            await west.kill()

        await west.edit(SERVICES, "shop", before["metadata"]["name"], {"spec": {"ports": ports(1, 120)}})
        if while_away:
            west.start()

        async def right() -> bool:
            after = await west.derived_of("shop", "web")
            return after is not None and after["spec"] == before["spec"]

        await world.until(right)
        await world.imported("shop", "web", EAST)


@pytest.mark.requirement("MCS-EXP-07")
async def test_a_service_of_too_many_ports_is_told_so_and_exported_once_it_has_fewer() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        east = world["east"]
        await deploy(east, *ports(1, 101))

        async def is_(status: str, reason: str) -> Any:
            async def it_is() -> bool:
                return (await east.conditions("shop", "web")).get("Valid") == (status, reason)

            return await world.until(it_is)

        await is_("False", "InvalidService")
        assert await message_of(east, "Valid") == (
            "Service shop/web cannot be exported: ports has 101 items, more than 100; change that in the "
            "Service"
        )
        assert ("ServiceExport", "web", "Warning", "InvalidService") in east.agent.told.events
        await world.settle()
        assert await world["west"].import_of("shop", "web") is None

        await east.edit(SERVICES, "shop", "web", {"spec": {"ports": ports(1, 100)}})
        await east.endpoints("shop", "web", *east.addresses(), ports=ports(1, 100))
        await world.imported("shop", "web", EAST)

        await east.edit(SERVICES, "shop", "web", {"spec": {"ports": ports(1, 101)}})
        await is_("False", "InvalidService")
        await world.gone("shop", "web")


@pytest.mark.requirement("MCS-EXP-17")
async def test_an_endpoint_that_no_cluster_would_take_costs_its_slice_no_other() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await world["east"].service("shop", "web")
        await world["east"].endpoints("shop", "web", "10.1.0.1", "239.1.1.1", "10.1.0.2")
        await world["east"].export("shop", "web")

        await world.imported("shop", "web", EAST)
