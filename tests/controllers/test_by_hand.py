"""What people do to objects: ours are put right, theirs are left alone."""

import asyncio

import pytest

from mcs_controller.api.resources import (
    ENDPOINT_SLICES,
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    SERVICES,
)
from tests.controllers.clusterset import IMPORTS, Cluster, Clusterset, Object, import_by_hand

pytestmark = pytest.mark.looptime

EAST = {"10.1.0.1", "10.1.0.2"}


async def exported(world: Clusterset) -> Object:
    """East exports; what all then have."""
    await world.everywhere("shop")
    await world["east"].deploy("shop", "web")
    await world.imported("shop", "web", EAST)
    return await world.settled()


async def must_have(cluster: Cluster) -> Object:
    imported = await cluster.import_of("shop", "web")
    assert imported is not None
    return imported


@pytest.mark.requirement("MCS-IMP-04")
async def test_an_import_that_somebody_wrote_is_left_alone() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        west = world["west"]
        theirs = await west.api.create(IMPORTS, import_by_hand("shop", "web", ips=["10.9.9.9"]))

        await world["east"].deploy("shop", "web")
        await world.settle()

        assert await west.import_of("shop", "web") == theirs
        assert await west.slices_of("shop", "web") == []
        assert await world["east"].addresses_of("shop", "web") == EAST

        await west.api.delete(IMPORTS, "web", namespace="shop")
        await world.imported("shop", "web", EAST)


@pytest.mark.requirement("MCS-LIFE-12", "MCS-IMP-08")
async def test_a_derived_service_deleted_by_hand_comes_back_with_its_ip() -> None:
    async with Clusterset("east", "west") as world:
        before = await exported(world)
        derived = await world["west"].derived_of("shop", "web")
        assert derived is not None

        await world["west"].api.delete(SERVICES, derived["metadata"]["name"], namespace="shop")

        assert_same(await world.settled(), before)


@pytest.mark.requirement("MCS-LIFE-12", "MCS-IMP-08")
async def test_a_recorded_ip_that_is_not_free_at_once_is_waited_for() -> None:
    """A busy API server frees a Service's IP a moment after it has told of the Service's deletion."""
    async with Clusterset("east", "west") as world:
        before = await exported(world)
        west = world["west"]
        await west.kill()
        derived = await west.derived_of("shop", "web")
        assert derived is not None
        await west.api.delete(SERVICES, derived["metadata"]["name"], namespace="shop")
        await west.service("shop", "not-yet-free", clusterIP=derived["spec"]["clusterIP"])
        west.start()
        await west.ready()
        await asyncio.sleep(2)
        await west.api.delete(SERVICES, "not-yet-free", namespace="shop")

        assert_same(await world.settled(), before)


@pytest.mark.requirement("MCS-LIFE-12")
async def test_where_the_recorded_ip_was_given_away_a_new_one_is_taken() -> None:
    async with Clusterset("east", "west") as world:
        await exported(world)
        west = world["west"]
        await west.kill()
        derived = await west.derived_of("shop", "web")
        assert derived is not None
        await west.api.delete(SERVICES, derived["metadata"]["name"], namespace="shop")
        await west.service("shop", "thief", clusterIP=derived["spec"]["clusterIP"])
        west.start()
        await west.ready()
        await world.settle()

        await world.imported("shop", "web", EAST)
        imported, fresh = await must_have(west), await west.derived_of("shop", "web")
        assert fresh is not None
        assert imported["spec"]["ips"] == fresh["spec"]["clusterIPs"] != derived["spec"]["clusterIPs"]


@pytest.mark.requirement("MCS-IMP-04", "MCS-IMP-03", "MCS-IMP-08")
async def test_an_import_deleted_by_hand_comes_back_with_its_ip() -> None:
    async with Clusterset("east", "west") as world:
        before = await exported(world)

        await world["west"].api.delete(IMPORTS, "web", namespace="shop")

        assert_same(await world.settled(), before)


@pytest.mark.requirement("MCS-IMP-04")
@pytest.mark.parametrize(
    "patch",
    [
        {"spec": {"ports": []}},
        {"spec": {"type": "Headless"}},
        {"spec": {"ips": ["10.9.9.9"]}},
        {"spec": {"ips": ["nonsense"], "ipFamilies": ["IPv9"]}},
        {"spec": {"sessionAffinity": "ClientIP"}},
        {"spec": {"trafficDistribution": "PreferClose", "internalTrafficPolicy": "Local"}},
        {"metadata": {"labels": {"example.com/mine": "yes"}, "annotations": {"note": "x"}}},
        {"metadata": {"annotations": {"multicluster.kubernetes.io/derived-service": None}}},
    ],
    ids=lambda patch: str(patch),
)
async def test_an_import_edited_by_hand_is_put_right(patch: Object) -> None:
    async with Clusterset("east", "west") as world:
        before = await exported(world)

        await world["west"].edit(IMPORTS, "shop", "web", patch)

        assert_same(await world.settled(), before)


@pytest.mark.requirement("MCS-IMP-19")
@pytest.mark.parametrize(
    "patch",
    [
        {"spec": {"ports": [{"name": "http", "port": 81, "protocol": "TCP"}]}},
        {"spec": {"selector": {"app": "mine"}}},
        {"spec": {"sessionAffinity": "ClientIP"}},
        {"spec": {"internalTrafficPolicy": "Local"}},
        {"spec": {"type": "NodePort"}},
        {"metadata": {"ownerReferences": None}},
        {"metadata": {"labels": {"multicluster.kubernetes.io/service-name": "elsewhere"}}},
    ],
    ids=lambda patch: str(patch),
)
async def test_a_derived_service_edited_by_hand_is_put_right(patch: Object) -> None:
    async with Clusterset("east", "west") as world:
        before = await exported(world)
        derived = await world["west"].derived_of("shop", "web")
        assert derived is not None

        await world["west"].edit(SERVICES, "shop", derived["metadata"]["name"], patch)

        assert_same(await world.settled(), before)


@pytest.mark.requirement("MCS-EPS-01", "MCS-EPS-02")
@pytest.mark.parametrize(
    "patch",
    [
        {"endpoints": []},
        {"ports": []},
        {"metadata": {"labels": {"kubernetes.io/service-name": "web"}}},
        {"metadata": {"labels": {"multicluster.kubernetes.io/source-cluster": "west"}}},
        {"metadata": {"labels": {"multicluster.kubernetes.io/service-name": "elsewhere"}}},
        {"metadata": {"ownerReferences": None}},
    ],
    ids=lambda patch: str(patch),
)
async def test_an_imported_slice_edited_by_hand_is_put_right(patch: Object) -> None:
    async with Clusterset("east", "west") as world:
        before = await exported(world)
        (slice_,) = await world["west"].slices_of("shop", "web")

        await world["west"].edit(ENDPOINT_SLICES, "shop", slice_["metadata"]["name"], patch)

        assert_same(await world.settled(), before)


@pytest.mark.requirement("MCS-EPS-01")
async def test_an_imported_slice_deleted_by_hand_comes_back() -> None:
    async with Clusterset("east", "west") as world:
        before = await exported(world)
        (slice_,) = await world["west"].slices_of("shop", "web")

        await world["west"].api.delete(ENDPOINT_SLICES, slice_["metadata"]["name"], namespace="shop")

        assert_same(await world.settled(), before)


async def test_what_somebody_deletes_or_edits_on_the_broker_is_put_right() -> None:
    async with Clusterset("east", "west") as world:
        before = await exported(world)
        await world.broker_api.delete(EXPORTED_SERVICES, "shop.web", namespace="mcs-member-east")
        await world.broker_api.patch(
            EXPORTED_ENDPOINT_SLICES,
            "shop.web-abc",
            {"spec": {"endpoints": []}},
            namespace="mcs-member-east",
        )

        after = await world.settled()
        assert after["broker"] == before["broker"]
        await world.imported("shop", "web", EAST)


@pytest.mark.requirement("MCS-EPS-04")
async def test_slices_and_services_of_others_are_left_alone() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        west = world["west"]
        foreign = await west.endpoints(
            "shop",
            "web",
            "10.9.9.9",
            name="foreign",
            labels={
                "multicluster.kubernetes.io/service-name": "web",
                "multicluster.kubernetes.io/source-cluster": "mars",
                "endpointslice.kubernetes.io/managed-by": "example.com",
            },
        )
        await exported_here(world)
        await world["east"].unexport("shop", "web")
        await world.settle()

        assert await west.held(ENDPOINT_SLICES, "shop", "foreign") == foreign


async def exported_here(world: Clusterset) -> None:
    await world["east"].deploy("shop", "web")

    async def has_it() -> bool:
        return await world["west"].addresses_of("shop", "web", "east") == EAST

    await world.until(has_it)


def assert_same(after: Object, before: Object) -> None:
    """Everything is as before, whatever identity it has."""
    for cluster, held in after.items():
        assert held == before[cluster], cluster
