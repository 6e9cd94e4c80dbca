"""Exports of one name that differ: which one decides, and who is told; simulated and real."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from mcs_controller.api.resources import EVENTS
from tests.integration.conftest import World
from tests.integration.real_site import RealSite
from tests.integration.sites import EAST, WEST, Backend, port
from tests.support.objects import EXPORTS, Object
from tests.support.waiting import eventually

pytestmark = pytest.mark.slow


@pytest.mark.requirement(
    "MCS-CON-01", "MCS-CON-02", "MCS-CON-03", "MCS-CON-04", "MCS-CON-05", "MCS-CON-06", "MCS-CON-09",
    "MCS-CON-11", "MCS-EPS-10", "MCS-EXP-14", "MCS-IMP-03", "MCS-IMP-07", "MCS-IMP-19", "MCS-LIFE-02",
    "MCS-NS-09", "MCS-API-12",
)  # fmt: skip
async def test_the_oldest_export_decides_and_everybody_is_told_until_the_conflict_ends(world: World) -> None:
    namespace, east, west = world.namespace, world["east"], world["west"]
    affinity: Object = {
        "sessionAffinity": "ClientIP",
        "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10}},
    }
    await east.service(namespace, "web", *EAST, ports=[port("http", 80)], **affinity)
    await east.export(namespace, "web")
    first = {site.name: await site.ready_import(namespace, "web", ["east"]) for site in world}
    await asyncio.sleep(1.1)
    await west.service(namespace, "web", *WEST, ports=[port("http", 81), port("admin", 9000)])
    await west.export(namespace, "web")

    for site in (east, west):
        await site.is_told(namespace, "web", "Conflict", "True", "PortConflict,SessionAffinityConflict")
        export = await site.held(EXPORTS, namespace, "web")
        assert export is not None
        (conflict,) = (one for one in export["status"]["conditions"] if one["type"] == "Conflict")
        assert "east" in conflict["message"]
        assert "1 of 2" in conflict["message"]
    for site in world:
        imported = await site.ready_import(namespace, "web", ["east", "west"])
        assert imported["metadata"]["uid"] == first[site.name]["metadata"]["uid"]
        assert imported["spec"]["ips"] == first[site.name]["spec"]["ips"]
        assert {(one["name"], one["port"]) for one in imported["spec"]["ports"]} == {
            ("http", 80),
            ("admin", 9000),
        }
        assert imported["spec"]["sessionAffinity"] == "ClientIP"
        derived = await site.derived_from(namespace, imported)
        assert derived["spec"]["sessionAffinityConfig"] == affinity["sessionAffinityConfig"]
        assert {(one["name"], one["port"]) for one in derived["spec"]["ports"]} == {
            ("http", 80),
            ("admin", 9000),
        }
        (foreign,) = await eventually(
            partial(site.slices_of, namespace, "web", "west"), lambda found: len(found) == 1
        )
        assert [one["name"] for one in foreign["ports"]] == ["admin"]
    if isinstance(west, RealSite):
        events = await eventually(
            lambda: west.api.list(EVENTS, namespace=namespace),
            lambda found: any("PortConflict" in one["reason"] for one in found.items),
        )
        assert any(one["regarding"]["kind"] == "ServiceExport" for one in events.items)

    await west.unexport(namespace, "web")
    await east.is_told(namespace, "web", "Conflict", "False", "NoConflicts")
    for site in world:
        imported = await site.ready_import(namespace, "web", ["east"])
        assert imported["spec"] == first[site.name]["spec"]
        await site.has_addresses(namespace, "web", "10.1.0.1", "10.1.0.2")


@pytest.mark.requirement("MCS-CON-05", "MCS-LIFE-11", "MCS-IMP-11", "MCS-IMP-12")
async def test_the_type_follows_the_oldest_export_that_is_left(world: World) -> None:
    namespace, east, west = world.namespace, world["east"], world["west"]
    await east.service(namespace, "web", *EAST, clusterIP="None")
    await east.export(namespace, "web")
    headless = await world["north"].ready_import(namespace, "web", ["east"])
    assert headless["spec"]["type"] == "Headless"
    assert not headless["spec"].get("ips")
    await asyncio.sleep(1.1)
    await west.service(namespace, "web", *WEST)
    await west.export(namespace, "web")
    for site in (east, west):
        await eventually(
            partial(site.condition, namespace, "web", "Conflict"),
            lambda found: found is not None and "TypeConflict" in found[1],
        )

    await east.unexport(namespace, "web")

    for site in world:
        imported = await eventually(
            partial(site.import_of, namespace, "web"),
            lambda seen: (
                seen is not None and seen["spec"]["type"] == "ClusterSetIP" and seen["spec"].get("ips")
            ),
        )
        assert imported is not None
        derived = await site.derived_from(namespace, imported)
        assert derived["spec"]["clusterIPs"] == imported["spec"]["ips"]


@pytest.mark.requirement("MCS-CON-13", "MCS-CON-14", "MCS-EXP-09")
async def test_what_one_spells_out_and_the_other_leaves_to_defaults_is_no_conflict(world: World) -> None:
    namespace, east, west = world.namespace, world["east"], world["west"]
    await east.service(
        namespace, "web", *EAST, ports=[{"name": "http", "port": 80}, {"name": "b", "port": 81}]
    )
    await east.export(namespace, "web")
    await west.service(
        namespace,
        "web",
        *WEST,
        ports=[port("b", 81), port("http", 80)],
        sessionAffinity="None",
        internalTrafficPolicy="Cluster",
        type="NodePort",
    )
    await west.export(namespace, "web", exportedLabels={})
    for site in world:
        await site.ready_import(namespace, "web", ["east", "west"])
    for site in (east, west):
        await site.is_told(namespace, "web", "Conflict", "False", "NoConflicts")


@pytest.mark.requirement("MCS-CON-12", "MCS-CON-05", "MCS-IMP-10")
@pytest.mark.parametrize("kind", [pytest.param("real", marks=pytest.mark.realkube)], indirect=True)
async def test_families_are_the_oldest_exports_and_another_is_a_conflict(world: World) -> None:
    namespace, east, west = world.namespace, world["east"], world["west"]
    await east.service(namespace, "db", *EAST, clusterIP="None", ipFamilies=["IPv4"])
    await east.export(namespace, "db")
    await asyncio.sleep(1.1)
    six = Backend("db-6", "fd00:10:2::1")
    await west.service(namespace, "db", six, clusterIP="None", ipFamilies=["IPv6"])
    await west.export(namespace, "db")
    for site in world:
        imported = await site.ready_import(namespace, "db", ["east", "west"])
        assert imported["spec"]["ipFamilies"] == ["IPv4"]
        await site.has_addresses(namespace, "db", "10.1.0.1", "10.1.0.2")
    for site in (east, west):
        await site.is_told(namespace, "db", "Conflict", "True", "IPFamilyConflict")
