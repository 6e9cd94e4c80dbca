"""The story of a multi-cluster service, from export to unexport, as users of three clusters see it."""

from __future__ import annotations

import asyncio

import pytest

from mcs_controller.api.resources import SERVICES
from tests.integration.conftest import World
from tests.integration.sites import EAST, WEST, Backend, StorySite

DB = (Backend("db-0", "10.1.1.1", "db-0"), Backend("db-1", "10.1.1.2", "db-1"))


def tcp_42(number: int = 42) -> list[dict[str, object]]:
    return [{"name": "tcp", "port": number, "targetPort": 8042, "protocol": "TCP"}]


async def vip(site: StorySite, namespace: str, name: str, *exporters: str) -> str:
    """The one clusterset IP of an import, once it is ready."""
    imported = await site.ready_import(namespace, name, exporters)
    (ip,) = imported["spec"]["ips"]
    return str(ip)


@pytest.mark.requirement(
    "MCS-IMP-01", "MCS-DNS-04", "MCS-DNS-05", "MCS-DNS-09", "MCS-DNS-18", "MCS-EPS-01", "MCS-RBAC-03"
)
async def test_an_exported_service_has_an_ip_endpoints_and_a_name_in_every_cluster(world: World) -> None:
    namespace, east = world.namespace, world["east"]
    await east.service(namespace, "web", *EAST)
    await east.export(namespace, "web")

    for site in world:
        ip = await vip(site, namespace, "web", "east")
        await site.has_addresses(namespace, "web", "10.1.0.1", "10.1.0.2")
        for tcp in (False, True):
            await site.answers(f"web.{namespace}", "A", ip, tcp=tcp)
        target = f"web.{namespace}.svc.clusterset.local."
        answer = await site.lookup(f"_http._tcp.web.{namespace}", "SRV")
        assert [record.split()[2:] for record in answer.data] == [["80", target]]
    await east.is_told(namespace, "web", "Ready", "True", "Exported")


@pytest.mark.requirement("MCS-DNS-06", "MCS-DNS-07", "MCS-DNS-10", "MCS-EPS-07", "MCS-IMP-11")
async def test_a_headless_service_is_resolved_to_its_pods_and_each_by_its_name(world: World) -> None:
    namespace, east = world.namespace, world["east"]
    await east.service(namespace, "db", *DB, clusterIP="None")
    await east.export(namespace, "db")

    for site in world:
        await site.answers(f"db.{namespace}", "A", "10.1.1.1", "10.1.1.2")
        await site.answers(f"db.{namespace}", "A", "10.1.1.1", "10.1.1.2", tcp=True)
        await site.answers(f"db-0.east.db.{namespace}", "A", "10.1.1.1")
        await site.answers(f"db-1.east.db.{namespace}", "A", "10.1.1.2")
        answer = await site.lookup(f"_http._tcp.db.{namespace}", "SRV")
        targets = {tuple(record.split()[2:]) for record in answer.data}
        suffix = f"east.db.{namespace}.svc.clusterset.local."
        assert targets == {("8080", f"db-0.{suffix}"), ("8080", f"db-1.{suffix}")}
        imported = await site.ready_import(namespace, "db", ["east"])
        assert "ips" not in imported["spec"]


@pytest.mark.requirement("MCS-LIFE-10", "MCS-EXP-16")
async def test_backends_that_come_and_go_are_followed_in_the_other_clusters(world: World) -> None:
    namespace, east, west = world.namespace, world["east"], world["west"]
    await east.service(namespace, "db", *DB, clusterIP="None")
    await east.export(namespace, "db")
    await west.answers(f"db.{namespace}", "A", "10.1.1.1", "10.1.1.2")

    await east.start_backend(namespace, "db", Backend("db-2", "10.1.1.3", "db-2"))
    await west.answers(f"db.{namespace}", "A", "10.1.1.1", "10.1.1.2", "10.1.1.3")

    await east.stop_backend(namespace, "db", "db-0")
    await west.answers(f"db.{namespace}", "A", "10.1.1.2", "10.1.1.3")
    await west.knows_nothing_of(f"db-0.east.db.{namespace}")


@pytest.mark.requirement("MCS-CON-03", "MCS-CON-09", "MCS-EXP-03", "MCS-IMP-21")
async def test_two_exports_that_disagree_are_merged_and_both_users_are_told(world: World) -> None:
    namespace, east, west, north = world.namespace, world["east"], world["west"], world["north"]
    await east.service(namespace, "cart", Backend("cart-1", "10.1.2.1"), ports=tcp_42())
    await east.export(namespace, "cart")
    await vip(north, namespace, "cart", "east")
    # Precedence has a granularity of a second.
    await asyncio.sleep(1.1)
    await west.service(namespace, "cart", Backend("cart-1", "10.2.2.1"), ports=tcp_42(43))
    await west.export(namespace, "cart")

    imported = await north.ready_import(namespace, "cart", ["east", "west"])
    assert [one["port"] for one in imported["spec"]["ports"]] == [42]
    for site in (east, west):
        await site.is_told(namespace, "cart", "Conflict", "True", "PortConflict")

    await west.api.patch(SERVICES, "cart", {"spec": {"ports": tcp_42()}}, namespace=namespace)
    for site in (east, west):
        await site.is_told(namespace, "cart", "Conflict", "False", "NoConflicts")


@pytest.mark.requirement("MCS-LIFE-01", "MCS-LIFE-02", "MCS-EXP-13", "MCS-IMP-03")
async def test_unexports_take_endpoints_away_one_by_one_and_the_last_one_everything(world: World) -> None:
    namespace, east, west, north = world.namespace, world["east"], world["west"], world["north"]
    await east.service(namespace, "web", *EAST)
    await west.service(namespace, "web", *WEST)
    await east.export(namespace, "web")
    await west.export(namespace, "web")
    ip = await vip(north, namespace, "web", "east", "west")
    await north.has_addresses(namespace, "web", "10.1.0.1", "10.1.0.2", "10.2.0.1")

    await east.unexport(namespace, "web")
    assert await vip(north, namespace, "web", "west") == ip
    await north.has_addresses(namespace, "web", "10.2.0.1")

    await west.unexport(namespace, "web")
    for site in world:
        await site.no_import(namespace, "web")
        await site.has_addresses(namespace, "web")
        await site.knows_nothing_of(f"web.{namespace}")
    assert await east.held(SERVICES, namespace, "web") is not None


@pytest.mark.requirement("MCS-LIFE-08", "MCS-IMP-08")
async def test_a_restarted_agent_leaves_the_ip_and_goes_on(world: World) -> None:
    namespace, east, west = world.namespace, world["east"], world["west"]
    await east.service(namespace, "web", *EAST)
    await east.export(namespace, "web")
    before = await west.ready_import(namespace, "web", ["east"])

    await west.restart_agent()
    await east.start_backend(namespace, "web", Backend("web-3", "10.1.0.3"))

    await west.has_addresses(namespace, "web", "10.1.0.1", "10.1.0.2", "10.1.0.3")
    after = await west.ready_import(namespace, "web", ["east"])
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["spec"] == before["spec"]


@pytest.mark.requirement("MCS-LIFE-03", "MCS-LIFE-05")
async def test_a_dead_clusters_endpoints_go_and_come_back_with_it(world: World) -> None:
    namespace, east, west, north = world.namespace, world["east"], world["west"], world["north"]
    await east.service(namespace, "web", *EAST)
    await west.service(namespace, "web", *WEST)
    await east.export(namespace, "web")
    await west.export(namespace, "web")
    ip = await vip(north, namespace, "web", "east", "west")
    await north.has_addresses(namespace, "web", "10.1.0.1", "10.1.0.2", "10.2.0.1")

    await east.stop_agent()
    await north.has_addresses(namespace, "web", "10.2.0.1")
    assert await vip(north, namespace, "web", "east", "west") == ip

    await east.start_agent()
    await north.has_addresses(namespace, "web", "10.1.0.1", "10.1.0.2", "10.2.0.1")


@pytest.mark.requirement("MCS-LIFE-07")
async def test_an_api_server_may_be_away_and_dns_goes_on_answering(world: World) -> None:
    namespace, east, west = world.namespace, world["east"], world["west"]
    await east.service(namespace, "db", *DB, clusterIP="None")
    await east.export(namespace, "db")
    await west.answers(f"db.{namespace}", "A", "10.1.1.1", "10.1.1.2")

    await west.take_api_server_away()
    await east.stop_backend(namespace, "db", "db-1")
    await world["north"].has_addresses(namespace, "db", "10.1.1.1")
    assert (await west.lookup(f"db.{namespace}")).data == ("10.1.1.1", "10.1.1.2")

    await west.bring_api_server_back()
    await west.answers(f"db.{namespace}", "A", "10.1.1.1")
