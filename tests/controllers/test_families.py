"""IP families: what exports and importing clusters can and cannot serve of each other."""

import pytest

from mcs_controller.api.resources import SERVICES
from tests.support.cluster import Cluster
from tests.support.clusterset import Clusterset
from tests.support.objects import Object
from tests.support.waiting import settle

pytestmark = pytest.mark.looptime

V4, V6 = "10.{}.0.0/16", "fd00:{}::/112"
DUAL = {"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv4", "IPv6"]}


def cidrs(**stacks: str) -> dict[str, list[str]]:
    """By cluster: `4`, `6`, `46` or `64`."""
    return {
        name: [(V4 if family == "4" else V6).format(100 + number) for family in families]
        for number, (name, families) in enumerate(stacks.items())
    }


async def deploy(cluster: Cluster, *families: str, **spec: object) -> None:
    await cluster.service("shop", "web", **spec)
    if "IPv4" in families:
        await cluster.endpoints("shop", "web", f"10.{cluster.number}.0.1", name="web-4")
    if "IPv6" in families:
        await cluster.endpoints("shop", "web", f"fd01:{cluster.number}::1", name="web-6")
    await cluster.export("shop", "web")


async def settled_import(cluster: Cluster) -> Object:
    await settle()
    imported = await cluster.import_of("shop", "web")
    assert imported is not None
    return imported


def families_of(imported: Object) -> list[str]:
    """Those of the IPs themselves, which have to agree with the field."""
    spec = imported["spec"]
    found = ["IPv6" if ":" in ip else "IPv4" for ip in spec.get("ips", ())]
    if found:
        assert spec["ipFamilies"] == found
    return found


@pytest.mark.requirement("MCS-IMP-08", "MCS-IMP-09", "MCS-EPS-05", "MCS-CON-12")
async def test_a_dual_stack_service_has_an_ip_and_slices_of_each_family_in_a_dual_stack_cluster() -> None:
    async with Clusterset("east", "west", service_cidrs=cidrs(east="46", west="46")) as world:
        await world.everywhere("shop")
        await deploy(world["east"], "IPv4", "IPv6", **DUAL)

        imported = await settled_import(world["west"])

        assert families_of(imported) == ["IPv4", "IPv6"]
        slices = await world["west"].slices_of("shop", "web")
        assert {one["addressType"] for one in slices} == {"IPv4", "IPv6"}


@pytest.mark.requirement("MCS-IMP-10", "MCS-IMP-08")
async def test_a_dual_stack_importer_offers_no_family_that_the_export_lacks() -> None:
    async with Clusterset("east", "west", service_cidrs=cidrs(east="4", west="64")) as world:
        await world.everywhere("shop")
        await deploy(world["east"], "IPv4")

        assert families_of(await settled_import(world["west"])) == ["IPv4"]


@pytest.mark.requirement("MCS-IMP-14", "MCS-IMP-08")
async def test_a_single_stack_importer_offers_its_family_of_a_dual_stack_service_and_says_so() -> None:
    async with Clusterset("east", "west", service_cidrs=cidrs(east="46", west="4")) as world:
        await world.everywhere("shop")
        await deploy(world["east"], "IPv4", "IPv6", **DUAL)

        imported = await settled_import(world["west"])

        assert families_of(imported) == ["IPv4"]
        (ready,) = imported["status"]["conditions"]
        assert (ready["status"], ready["reason"]) == ("True", "Ready")
        assert "IPv6 is not served" in ready["message"]


@pytest.mark.requirement("MCS-IMP-14", "MCS-IMP-10")
async def test_an_importer_that_serves_no_family_of_the_service_says_so_and_does_not_insist() -> None:
    async with Clusterset("east", "west", service_cidrs=cidrs(east="6", west="4")) as world:
        await world.everywhere("shop")
        await deploy(world["east"], "IPv6")

        imported = await settled_import(world["west"])

        assert "ips" not in imported["spec"]
        assert imported["spec"]["ipFamilies"] == ["IPv6"]
        assert await world["west"].import_conditions("shop", "web") == {
            "Ready": ("False", "IPFamilyNotSupported")
        }
        writes = len(world["west"].agent.wire.writes)
        await world["east"].endpoints("shop", "web", "fd01:1::2", name="web-6")
        await world.settle()
        assert len(world["west"].agent.wire.writes) == writes + 1
        assert await world["west"].addresses_of("shop", "web") == {"fd01:1::2"}


@pytest.mark.requirement("MCS-CON-12", "MCS-CON-05", "MCS-CON-06")
async def test_a_younger_export_of_one_family_takes_the_other_from_nobody_and_is_named() -> None:
    async with Clusterset(
        "east", "west", "north", service_cidrs=cidrs(east="46", west="46", north="64")
    ) as world:
        await world.everywhere("shop")
        await deploy(world["east"], "IPv4", "IPv6", **DUAL)
        before = await settled_import(world["north"])
        assert families_of(before) == ["IPv6", "IPv4"]

        await deploy(world["west"], "IPv6", ipFamilies=["IPv6"])

        after = await settled_import(world["north"])
        assert after["spec"] == before["spec"]
        assert await world["north"].addresses_of("shop", "web") == {"10.1.0.1", "fd01:1::1", "fd01:2::1"}
        for name in ("east", "west"):
            assert (await world[name].conditions("shop", "web"))["Conflict"] == ("True", "IPFamilyConflict")
            export = await world[name].export_of("shop", "web")
            assert export is not None
            (conflict,) = (one for one in export["status"]["conditions"] if one["type"] == "Conflict")
            assert conflict["message"].partition("; this ends")[0].endswith("1 of 2 clusters disagree: west")


@pytest.mark.requirement("MCS-CON-12", "MCS-CON-06")
async def test_a_younger_export_draws_no_client_away_with_a_family_that_the_oldest_lacks() -> None:
    async with Clusterset("east", "west", service_cidrs=cidrs(east="46", west="46")) as world:
        await world.everywhere("shop")
        await deploy(world["east"], "IPv4", clusterIP="None", ipFamilies=["IPv4"])
        before = await settled_import(world["west"])

        await deploy(world["west"], "IPv4", "IPv6", clusterIP="None", **DUAL)

        assert (await settled_import(world["west"]))["spec"] == before["spec"]
        assert await world["east"].addresses_of("shop", "web") == {"10.1.0.1", "10.2.0.1"}


@pytest.mark.requirement("MCS-IMP-19", "MCS-IMP-08")
async def test_a_service_that_becomes_dual_stack_keeps_its_ip_and_gets_another() -> None:
    async with Clusterset("east", "west", service_cidrs=cidrs(east="46", west="46")) as world:
        await world.everywhere("shop")
        await deploy(world["east"], "IPv4")
        before = await settled_import(world["west"])
        assert families_of(before) == ["IPv4"]

        await world["east"].edit(SERVICES, "shop", "web", {"spec": {"ipFamilyPolicy": "PreferDualStack"}})
        await world["east"].endpoints("shop", "web", "fd01:1::1", name="web-6")

        after = await settled_import(world["west"])
        assert families_of(after) == ["IPv4", "IPv6"]
        assert after["spec"]["ips"][0] == before["spec"]["ips"][0]


@pytest.mark.requirement("MCS-IMP-10", "MCS-CON-12", "MCS-EPS-05")
async def test_a_headless_service_names_and_mirrors_all_its_families_in_every_cluster() -> None:
    async with Clusterset("east", "west", service_cidrs=cidrs(east="64", west="4")) as world:
        await world.everywhere("shop")
        headless = {"clusterIP": "None", "ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv6", "IPv4"]}
        await deploy(world["east"], "IPv4", "IPv6", **headless)

        imported = await settled_import(world["west"])

        assert imported["spec"]["ipFamilies"] == ["IPv6", "IPv4"]
        slices = await world["west"].slices_of("shop", "web")
        assert {one["addressType"] for one in slices} == {"IPv4", "IPv6"}
        assert (await world["west"].import_conditions("shop", "web"))["Ready"] == ("True", "Ready")
