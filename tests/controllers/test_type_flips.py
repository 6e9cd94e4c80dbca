"""A service that becomes headless gives its clusterset IP up, but not at once: types flip back."""

import asyncio

import pytest

from mcs_controller.api.names import ANNOTATION_IDLE_SINCE
from mcs_controller.api.resources import SERVICES
from tests.support.cluster import Cluster
from tests.support.clusterset import EAST, WEST, Clusterset
from tests.support.objects import IMPORTS, Object

pytestmark = pytest.mark.looptime

HOUR_SECONDS = 3600


def flipping() -> Clusterset:
    """West's exports are older than east's; hours pass, so heartbeats are few."""
    return Clusterset(
        "east",
        "west",
        skew_seconds={"west": -1000.0},
        heartbeat_interval_seconds=120.0,
        member_timeout_seconds=600.0,
    )


async def exported(world: Clusterset) -> dict[str, Object]:
    """East exports shop/web; the imports that all have."""
    await world.exported_by("east")
    return await imports(world)


async def imports(world: Clusterset) -> dict[str, Object]:
    found = {one.name: await one.import_of("shop", "web") for one in world}
    return {name: imported for name, imported in found.items() if imported is not None}


async def becomes(world: Clusterset, kind: str) -> None:
    """An older headless export of west's comes or goes; returns when all imports follow."""
    west = world["west"]
    if kind == "Headless":
        await west.deploy("shop", "web", clusterIP="None")
    else:
        await west.unexport("shop", "web")
        await west.api.delete(SERVICES, "web", namespace="shop")

    async def follows() -> bool:
        found = await imports(world)
        return len(found) == len(world.clusters) and all(
            one["spec"]["type"] == kind and bool(one["spec"].get("ips")) == (kind == "ClusterSetIP")
            for one in found.values()
        )

    await world.until(follows)
    await world.imported("shop", "web", EAST | WEST if kind == "Headless" else EAST)


async def derived_services(*clusters: Cluster) -> list[Object]:
    selector = "mcs-controller.io/managed-by=mcs-controller.io"
    return [one for cluster in clusters for one in await cluster.all_of(SERVICES, "shop", selector)]


@pytest.mark.requirement("MCS-LIFE-11", "MCS-IMP-11", "MCS-EPS-04")
async def test_a_headless_import_has_no_ip_and_nothing_leads_to_the_ip_that_is_kept() -> None:
    async with flipping() as world:
        await exported(world)

        await becomes(world, "Headless")

        for cluster in world:
            for slice_ in await cluster.slices_of("shop", "web"):
                assert "kubernetes.io/service-name" not in slice_["metadata"]["labels"]
            imported = await cluster.import_of("shop", "web")
            assert imported is not None
            assert "multicluster.kubernetes.io/derived-service" not in imported["metadata"].get(
                "annotations", {}
            )
            assert (await cluster.import_conditions("shop", "web"))["Ready"] == ("True", "Ready")


@pytest.mark.requirement("MCS-LIFE-11", "MCS-IMP-08")
@pytest.mark.parametrize("restart", [False, True], ids=["one agent", "another agent in between"])
async def test_a_type_that_flips_back_within_the_hour_finds_its_ip(restart: bool) -> None:
    async with flipping() as world:
        before = await exported(world)
        await becomes(world, "Headless")
        await asyncio.sleep(HOUR_SECONDS / 2)
        if restart:
            for cluster in world:
                await cluster.restart()
                await cluster.ready()
        await asyncio.sleep(HOUR_SECONDS / 2 - 60)

        await becomes(world, "ClusterSetIP")

        for name, imported in (await imports(world)).items():
            assert imported["metadata"]["uid"] == before[name]["metadata"]["uid"]
            assert imported["spec"] == before[name]["spec"]
        for service in await derived_services(*world):
            assert ANNOTATION_IDLE_SINCE not in service["metadata"].get("annotations", {})
        # What was idle once is not removed for it later.
        await asyncio.sleep(2 * HOUR_SECONDS)
        assert {n: one["spec"] for n, one in (await imports(world)).items()} == {
            name: one["spec"] for name, one in before.items()
        }


@pytest.mark.requirement("MCS-LIFE-11")
@pytest.mark.parametrize("restart", [False, True], ids=["one agent", "another agent in between"])
async def test_after_the_hour_the_derived_service_is_gone(restart: bool) -> None:
    async with flipping() as world:
        await exported(world)
        await becomes(world, "Headless")
        await asyncio.sleep(HOUR_SECONDS - 120)
        if restart:
            for cluster in world:
                await cluster.restart()
                await cluster.ready()
        assert len(await derived_services(*world)) == 2

        await asyncio.sleep(180)

        assert await derived_services(*world) == []
        assert len(await imports(world)) == 2
        await world.imported("shop", "web", EAST | WEST)


@pytest.mark.requirement("MCS-LIFE-01", "MCS-LIFE-11")
async def test_an_idle_derived_service_goes_with_its_import() -> None:
    async with flipping() as world:
        await exported(world)
        await becomes(world, "Headless")

        for cluster in world:
            await cluster.unexport("shop", "web")

        await world.gone("shop", "web")
        assert await derived_services(*world) == []


@pytest.mark.requirement("MCS-LIFE-11", "MCS-LIFE-12")
@pytest.mark.parametrize("mark", ["yesterday", "2999-01-01T00:00:00Z", None], ids=str)
async def test_whatever_somebody_writes_there_an_idle_service_is_kept_for_an_hour_and_no_longer(
    mark: str | None,
) -> None:
    async with flipping() as world:
        await exported(world)
        west = world["west"]
        await becomes(world, "Headless")
        (derived,) = await derived_services(west)
        patch = {"metadata": {"annotations": {ANNOTATION_IDLE_SINCE: mark}}}
        await west.edit(SERVICES, "shop", derived["metadata"]["name"], patch)

        await asyncio.sleep(HOUR_SECONDS - 60)
        assert len(await derived_services(west)) == 1
        await asyncio.sleep(120)
        assert await derived_services(west) == []


@pytest.mark.requirement("MCS-LIFE-11", "MCS-IMP-03")
async def test_an_idle_service_belongs_to_the_import_that_there_is() -> None:
    async with flipping() as world:
        await exported(world)
        west = world["west"]
        await becomes(world, "Headless")
        await west.api.delete(IMPORTS, "web", namespace="shop", propagation="Orphan")
        await world.imported("shop", "web", EAST | WEST)
        await world.settle()

        (derived,) = await derived_services(west)
        imported = await west.import_of("shop", "web")
        assert imported is not None
        (owner,) = derived["metadata"]["ownerReferences"]
        assert owner["uid"] == imported["metadata"]["uid"]
