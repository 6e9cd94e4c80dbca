"""Several clusters export one service: what they agree on, what they dispute, and who is told."""

from typing import Any

import pytest

from mcs_controller.api.resources import SERVICES
from tests.support.cluster import Cluster
from tests.support.clusterset import EAST, WEST, Clusterset

pytestmark = pytest.mark.looptime

TCP = {"name": "tcp", "port": 42, "protocol": "TCP"}
UDP = {"name": "udp", "port": 42, "protocol": "UDP"}


def slice_ports(*ports: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    return tuple({**port, "port": port["port"] + 8000} for port in ports)


async def deploy(cluster: Cluster, *ports: dict[str, Any], namespace: str = "shop", **export: Any) -> None:
    await cluster.service(
        namespace, "web", ports=[{**one, "targetPort": one["port"] + 8000} for one in ports]
    )
    await cluster.endpoints(namespace, "web", *cluster.addresses(), ports=slice_ports(*ports))
    await cluster.export(namespace, "web", **export)


async def east_before_west(world: Clusterset, east: tuple[Any, ...], west: tuple[Any, ...]) -> None:
    """East's export is the older one by more than a second."""
    await world.everywhere("shop")
    await deploy(world["east"], *east)
    await world.imported("shop", "web", EAST)
    await world.settle()
    await deploy(world["west"], *west)
    await world.imported("shop", "web", EAST | WEST)


async def conflict_is(world: Clusterset, *clusters: str, status: str, reason: str) -> None:
    async def everywhere() -> bool:
        found = [(await world[one].conditions("shop", "web")).get("Conflict") for one in clusters]
        return found == [(status, reason)] * len(clusters)

    await world.until(everywhere)


async def ports_of(cluster: Cluster) -> list[tuple[str, int]]:
    imported = await cluster.import_of("shop", "web")
    assert imported is not None
    return [(one["name"], one["port"]) for one in imported["spec"]["ports"]]


@pytest.mark.requirement("MCS-EXP-03", "MCS-IMP-13", "MCS-IMP-21")
async def test_two_exporters_become_one_import_with_the_endpoints_of_both() -> None:
    async with Clusterset() as world:
        await east_before_west(world, (TCP,), (TCP,))

        for cluster in world:
            imported = await cluster.import_of("shop", "web")
            assert imported is not None
            assert imported["status"]["clusters"] == [{"cluster": "east"}, {"cluster": "west"}]
            assert await cluster.addresses_of("shop", "web", "east") == EAST
            assert await cluster.addresses_of("shop", "web", "west") == WEST
        await conflict_is(world, "east", "west", status="False", reason="NoConflicts")


@pytest.mark.requirement("MCS-EXP-01", "MCS-EXP-02")
async def test_a_service_without_an_export_of_its_own_takes_no_part() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await world["west"].service("shop", "web")
        await world["west"].endpoints("shop", "web", "10.2.0.1")
        await world["east"].deploy("shop", "web")

        await world.imported("shop", "web", EAST)
        await world.settle()
        assert await world["west"].addresses_of("shop", "web", "west") == set()


@pytest.mark.requirement("MCS-CON-09", "MCS-CON-03", "MCS-EPS-10", "MCS-CON-11", "MCS-EPS-09")
async def test_ports_are_the_union_and_each_slice_keeps_what_its_cluster_declares() -> None:
    async with Clusterset() as world:
        sctp = {"name": "stcp", "port": 142, "protocol": "SCTP"}
        await east_before_west(world, (TCP, UDP), (TCP, sctp))

        await conflict_is(world, "east", "west", status="True", reason="PortConflict")
        for cluster in world:
            assert await ports_of(cluster) == [("tcp", 42), ("udp", 42), ("stcp", 142)]
            derived = await cluster.derived_of("shop", "web")
            assert derived is not None
            assert [one["name"] for one in derived["spec"]["ports"]] == ["tcp", "udp", "stcp"]
            (east,) = await cluster.slices_of("shop", "web", "east")
            (west,) = await cluster.slices_of("shop", "web", "west")
            assert [(one["name"], one["port"]) for one in east["ports"]] == [("tcp", 8042), ("udp", 8042)]
            assert [(one["name"], one["port"]) for one in west["ports"]] == [("tcp", 8042), ("stcp", 8142)]


@pytest.mark.requirement("MCS-CON-01", "MCS-CON-03", "MCS-CON-11", "MCS-CON-06")
async def test_the_oldest_export_wins_a_port_and_the_loser_gets_no_traffic_there() -> None:
    async with Clusterset() as world:
        await east_before_west(world, (TCP, UDP), ({**TCP, "port": 43},))

        await conflict_is(world, "east", "west", status="True", reason="PortConflict")
        for cluster in world:
            assert await ports_of(cluster) == [("tcp", 42), ("udp", 42)]
            (west,) = await cluster.slices_of("shop", "web", "west")
            assert not west.get("ports")
        assert ("ServiceExport", "web", "Warning", "PortConflict") in world["west"].agent.told.events


@pytest.mark.requirement("MCS-CON-01")
async def test_of_two_exports_of_one_second_the_first_by_cluster_id_wins() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await deploy(world["west"], {**TCP, "port": 43})
        await deploy(world["east"], TCP)

        await world.imported("shop", "web", EAST | WEST)

        for cluster in world:
            assert await ports_of(cluster) == [("tcp", 42)]


@pytest.mark.requirement("MCS-CON-02")
async def test_precedence_follows_the_members_export_and_not_its_copy_on_the_broker() -> None:
    """West's export is older but reaches the broker last."""
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        away = world.broker.faults.refuse_connections(users=["member-west"])
        await deploy(world["west"], {**TCP, "port": 43})
        await world.settle()
        await deploy(world["east"], TCP)
        await world.until(lambda: world["east"].import_of("shop", "web"))
        away.lift()

        await world.imported("shop", "web", EAST | WEST)

        for cluster in world:
            assert await ports_of(cluster) == [("tcp", 43)]
        await conflict_is(world, "east", "west", status="True", reason="PortConflict")


@pytest.mark.requirement("MCS-CON-03", "MCS-CON-05")
async def test_a_conflict_that_is_mended_is_cleared_on_all_exports() -> None:
    async with Clusterset() as world:
        await east_before_west(world, (TCP,), ({**TCP, "port": 43},))
        await conflict_is(world, "east", "west", status="True", reason="PortConflict")

        await world["west"].edit(SERVICES, "shop", "web", {"spec": {"ports": [TCP]}})

        await conflict_is(world, "east", "west", status="False", reason="NoConflicts")
        for cluster in world:
            (west,) = await cluster.slices_of("shop", "web", "west")
            assert [one["name"] for one in west["ports"]] == ["tcp"]


@pytest.mark.requirement("MCS-CON-07", "MCS-LIFE-02")
async def test_when_the_winner_goes_the_next_oldest_defines_the_import_and_the_ip_stays() -> None:
    async with Clusterset() as world:
        await east_before_west(world, (TCP,), ({**TCP, "port": 43},))
        before = {one.name: await one.import_of("shop", "web") for one in world}

        await world["east"].unexport("shop", "web")

        await world.imported("shop", "web", WEST)
        for cluster in world:
            after = await cluster.import_of("shop", "web")
            held = before[cluster.name]
            assert after is not None
            assert held is not None
            assert after["metadata"]["uid"] == held["metadata"]["uid"]
            assert after["spec"]["ips"] == held["spec"]["ips"]
            assert await ports_of(cluster) == [("tcp", 43)]
        await conflict_is(world, "west", status="False", reason="NoConflicts")


@pytest.mark.requirement("MCS-CON-03", "MCS-LIFE-11")
async def test_headless_against_clusterset_ip_is_a_conflict_and_the_oldest_decides() -> None:
    async with Clusterset() as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web", clusterIP="None")
        await world.imported("shop", "web", EAST)
        await world.settle()
        await world["west"].deploy("shop", "web")
        await world.imported("shop", "web", EAST | WEST)

        await conflict_is(world, "east", "west", status="True", reason="TypeConflict")
        for cluster in world:
            imported = await cluster.import_of("shop", "web")
            assert imported is not None
            assert imported["spec"]["type"] == "Headless"

        await world["east"].unexport("shop", "web")

        async def has_an_ip() -> bool:
            imported = [await one.import_of("shop", "web") for one in world]
            return all(
                one and one["spec"]["type"] == "ClusterSetIP" and one["spec"].get("ips") for one in imported
            )

        await world.until(has_an_ip)
        await world["west"].unexport("shop", "web")
        await world.gone("shop", "web")


@pytest.mark.requirement("MCS-CON-05", "MCS-IMP-16")
async def test_exported_labels_are_the_winners_as_a_whole_and_a_difference_is_a_conflict() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await deploy(world["east"], TCP, exportedLabels={"a": "1"}, exportedAnnotations={"x": "1"})
        await world.imported("shop", "web", EAST)
        await world.settle()
        await deploy(world["west"], TCP, exportedLabels={"b": "2"}, exportedAnnotations={"y": "2"})
        await world.imported("shop", "web", EAST | WEST)

        await conflict_is(world, "east", "west", status="True", reason="LabelsConflict,AnnotationsConflict")
        for cluster in world:
            imported = await cluster.import_of("shop", "web")
            assert imported is not None
            assert imported["metadata"]["labels"].get("a") == "1"
            assert "b" not in imported["metadata"]["labels"]
            assert "y" not in imported["metadata"]["annotations"]


@pytest.mark.requirement("MCS-CON-04")
async def test_the_conflict_message_says_what_is_in_use_and_who_decided() -> None:
    async with Clusterset("east", "west") as world:
        await east_before_west(world, (TCP,), ({**TCP, "port": 43},))
        await conflict_is(world, "east", "west", status="True", reason="PortConflict")

        messages = set()
        for cluster in world:
            export = await cluster.export_of("shop", "web")
            assert export is not None
            messages |= {
                one["message"] for one in export["status"]["conditions"] if one["type"] == "Conflict"
            }

        (message,) = messages
        assert "cluster east" in message
        assert "42/TCP" in message
        assert "1 of 2 clusters" in message


@pytest.mark.requirement("MCS-CON-08")
async def test_an_invalid_export_never_wins_however_old() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await world["east"].service("shop", "web", type="ExternalName", externalName="example.com", ports=[])
        await world["east"].export("shop", "web")
        await world.settle()
        await deploy(world["west"], TCP)

        await world.imported("shop", "web", WEST)
        await conflict_is(world, "west", status="False", reason="NoConflicts")


@pytest.mark.requirement("MCS-NS-09")
async def test_all_clusters_compute_the_same_import_whatever_the_order_of_news() -> None:
    async with Clusterset("east", "west", "north", "south") as world:
        for name in world.names:
            world.broker.faults.delay(0.0, 2.0, users=[f"member-{name}"])
        await world.everywhere("shop")
        for cluster in world:
            number = world.names.index(cluster.name)
            await deploy(cluster, {**TCP, "port": 42 + number % 2}, exportedLabels={"from": cluster.name})
        await world.settle()

        specs = []
        for cluster in world:
            imported = await cluster.import_of("shop", "web")
            assert imported is not None
            spec = {key: value for key, value in imported["spec"].items() if key != "ips"}
            specs.append((spec, imported["metadata"]["labels"], imported["status"]["clusters"]))
        assert specs == [specs[0]] * 4
