"""Ports that change their names in the derived Service: traffic that runs does not notice."""

import pytest

from mcs_controller.api.resources import ENDPOINT_SLICES, SERVICES
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.services.naming import derived_service_name
from tests.controllers.traffic import Traffic
from tests.support.clusterset import Clusterset
from tests.support.objects import Object

pytestmark = pytest.mark.looptime

DERIVED = derived_service_name(ServiceKey("shop", "web"))
UNNAMED = [{"port": 80, "targetPort": 8080}]
DNS = [{"name": "dns", "port": 53, "protocol": "UDP"}]
EAST = {"10.1.0.1:8080", "10.1.0.2:8080"}
WEST = {"10.2.0.1:8080", "10.2.0.2:8080"}


async def east_exports_an_unnamed_port(world: Clusterset) -> None:
    await world.everywhere("shop")
    east = world["east"]
    await east.service("shop", "web", ports=UNNAMED)
    await east.endpoints("shop", "web", *east.addresses(), ports=[{"port": 8080, "protocol": "TCP"}])
    await east.export("shop", "web")
    await world.imported("shop", "web", set(east.addresses()))
    await world.settle()


async def exports(world: Clusterset, name: str, ports: list[Object]) -> None:
    cluster = world[name]
    await cluster.service("shop", "web", ports=ports)
    offered = [{"name": p["name"], "port": 8000 + p["port"], "protocol": p["protocol"]} for p in ports]
    await cluster.endpoints("shop", "web", *cluster.addresses(), ports=offered)
    await cluster.export("shop", "web")


async def slice_ports(world: Clusterset, source: str) -> list[str]:
    (found,) = await world["north"].slices_of("shop", "web", source)
    return sorted(one.get("name", "") for one in found["ports"])


@pytest.mark.requirement("MCS-CON-06", "MCS-EPS-09")
async def test_a_lone_unnamed_port_keeps_its_endpoints_when_another_cluster_brings_a_second_port() -> None:
    async with Clusterset() as world:
        await east_exports_an_unnamed_port(world)
        before = await world["north"].derived_of("shop", "web")
        traffic = Traffic(world["north"], DERIVED)

        await exports(world, "west", DNS)
        await world.settle()

        assert set(traffic.led_to("TCP", 80)) == {frozenset(EAST)}
        assert traffic.led_to("UDP", 53)[-1] == {"10.2.0.1:8053", "10.2.0.2:8053"}
        after = await world["north"].derived_of("shop", "web")
        assert before is not None
        assert after is not None
        assert after["spec"]["ports"][0] == before["spec"]["ports"][0]


@pytest.mark.requirement("MCS-EPS-09", "MCS-IMP-06")
async def test_an_unnamed_port_stays_unnamed_in_the_import_and_is_found_in_slices_by_either_name() -> None:
    async with Clusterset() as world:
        await east_exports_an_unnamed_port(world)

        imported = await world["north"].import_of("shop", "web")
        assert imported is not None
        assert imported["spec"]["ports"] == [{"port": 80, "protocol": "TCP"}]
        assert await slice_ports(world, "east") == ["", "tcp-80"]


@pytest.mark.requirement("MCS-CON-06")
async def test_an_earlier_releases_derived_service_gets_its_port_name_and_loses_no_traffic() -> None:
    async with Clusterset() as world:
        await east_exports_an_unnamed_port(world)
        north = world["north"]
        await north.kill()
        await north.edit(SERVICES, "shop", DERIVED, {"spec": {"ports": [{"port": 80, "protocol": "TCP"}]}})
        (slice_,) = await north.slices_of("shop", "web")
        unnamed = {"ports": [{"name": "", "port": 8080, "protocol": "TCP"}]}
        await north.edit(ENDPOINT_SLICES, "shop", slice_["metadata"]["name"], unnamed)
        traffic = Traffic(north, DERIVED)

        north.start()
        await world.settle()

        assert len(traffic.moments) > 1
        assert set(traffic.led_to("TCP", 80)) == {frozenset(EAST)}
        derived = await north.derived_of("shop", "web")
        assert derived is not None
        assert [one["name"] for one in derived["spec"]["ports"]] == ["tcp-80"]


@pytest.mark.requirement("MCS-CON-06", "MCS-EPS-09")
async def test_when_the_winner_takes_its_port_name_along_the_number_never_leads_nowhere() -> None:
    async with Clusterset() as world:
        await world.everywhere("shop")
        await exports(world, "east", [{"name": "http", "port": 80, "protocol": "TCP"}])
        await world.settle()
        await exports(world, "west", [{"name": "web", "port": 80, "protocol": "TCP"}])
        await world.settle()
        traffic = Traffic(world["north"], DERIVED)

        await world["east"].unexport("shop", "web")
        await world.settle()

        led_to = traffic.led_to("TCP", 80)
        assert all(led_to)
        assert led_to[-1] == {"10.2.0.1:8080", "10.2.0.2:8080"}
        assert await slice_ports(world, "west") == ["web"]


@pytest.mark.requirement("MCS-EPS-09", "MCS-EPS-10")
async def test_while_the_derived_service_cannot_be_written_slices_keep_the_names_that_it_has() -> None:
    async with Clusterset() as world:
        await world.everywhere("shop")
        await exports(world, "east", [{"name": "http", "port": 80, "protocol": "TCP"}])
        await world.settle()
        await exports(world, "west", [{"name": "web", "port": 80, "protocol": "TCP"}])
        await world.settle()
        north = world["north"]
        refusing = north.sim.faults.fail(500, verbs=["update"], resources=["services"], users=["agent"])
        traffic = Traffic(north, DERIVED)

        await world["east"].edit(
            SERVICES, "shop", "web", {"spec": {"ports": [{"name": "web", "port": 80, "protocol": "TCP"}]}}
        )
        await world["east"].endpoints(
            "shop", "web", "10.1.0.9", ports=[{"name": "web", "port": 8080, "protocol": "TCP"}]
        )
        await world.settle()
        assert all(traffic.led_to("TCP", 80))
        assert await slice_ports(world, "east") == ["http", "web"]

        refusing.lift()
        await world.imported("shop", "web", {"10.1.0.9", "10.2.0.1", "10.2.0.2"}, within_seconds=90)
        assert await slice_ports(world, "east") == ["web"]
        assert await slice_ports(world, "west") == ["web"]
        assert traffic.led_to("TCP", 80)[-1] == {"10.1.0.9:8080", *WEST}
