"""What people do to objects: ours are put right, theirs are left alone."""

import asyncio

import pytest

from mcs_controller.api.resources import (
    ENDPOINT_SLICES,
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    SERVICES,
    Resource,
)
from tests.support.cluster import Cluster
from tests.support.clusterset import EAST, Clusterset
from tests.support.objects import EXPORTS, IMPORTS, Object, import_by_hand

pytestmark = pytest.mark.looptime


async def exported(world: Clusterset) -> Object:
    """East exports; what all then have."""
    await world.exported_by("east")
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
        {"endpoints": [{"addresses": ["239.1.1.1"], "conditions": {}}]},
        {"ports": []},
        {"ports": [{"name": f"p{number}", "port": number} for number in range(1, 3000)]},
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


BROKER_EDITS: list[tuple[Resource, Object]] = [
    (EXPORTED_SERVICES, {"type": "Headless"}),
    (EXPORTED_SERVICES, {"exportedAt": "2020-01-01T00:00:00Z"}),
    (EXPORTED_SERVICES, {"exportedAt": "2020-01-01T00:00:00.5Z"}),
    (EXPORTED_SERVICES, {"serviceName": "api"}),
    (EXPORTED_SERVICES, {"serviceNamespace": "bank"}),
    (EXPORTED_SERVICES, {"sessionAffinity": "Nonsense"}),
    (EXPORTED_SERVICES, {"ports": []}),
    (EXPORTED_ENDPOINT_SLICES, {"endpoints": []}),
    (EXPORTED_ENDPOINT_SLICES, {"endpoints": [{"addresses": ["127.0.0.1"]}]}),
    (EXPORTED_ENDPOINT_SLICES, {"addressType": "IPv6"}),
    (EXPORTED_ENDPOINT_SLICES, {"serviceName": "api"}),
    (EXPORTED_ENDPOINT_SLICES, {"serviceNamespace": "bank"}),
    (EXPORTED_ENDPOINT_SLICES, {"serviceNamespace": "bank", "sliceName": "api-abc"}),
    (EXPORTED_ENDPOINT_SLICES, {"sliceName": "other"}),
]


@pytest.mark.requirement("MCS-EXP-08", "MCS-LIFE-08")
@pytest.mark.parametrize("while_away", [False, True], ids=["while the agent runs", "while it is away"])
@pytest.mark.parametrize(
    ("resource", "edit"), BROKER_EDITS, ids=[f"{kind.kind} {edit}" for kind, edit in BROKER_EDITS]
)
async def test_what_somebody_made_of_our_own_on_the_broker_is_put_right_within_seconds(
    resource: Resource, edit: Object, while_away: bool
) -> None:
    async with Clusterset("east", "west") as world:
        before = await exported(world)
        name = "shop.web" if resource is EXPORTED_SERVICES else "shop.web-abc"
        if while_away:
            await world["east"].kill()

        await world.broker_api.patch(resource, name, {"spec": edit}, namespace="mcs-member-east")

        if while_away:
            world["east"].start()
            await world["east"].ready()

        async def as_before() -> bool:
            return bool(await world.records() == before["broker"])

        await world.until(as_before, within_seconds=10 if while_away else 3)
        assert (await world.settled())["broker"] == before["broker"]
        await world["east"].endpoints("shop", "web", "10.1.0.9")
        await world.imported("shop", "web", {"10.1.0.9"}, within_seconds=3)
        assert (await world["east"].conditions("shop", "web"))["Ready"] == ("True", "Exported")


@pytest.mark.requirement("MCS-LIFE-08")
async def test_what_is_left_of_our_own_and_cannot_be_read_is_removed_with_the_export() -> None:
    async with Clusterset("east", "west") as world:
        await exported(world)
        await world["east"].kill()
        edits: list[tuple[Resource, str, Object]] = [
            (EXPORTED_SERVICES, "shop.web", {"ports": []}),
            (EXPORTED_ENDPOINT_SLICES, "shop.web-abc", {"sliceName": "other"}),
        ]
        for resource, name, edit in edits:
            await world.broker_api.patch(resource, name, {"spec": edit}, namespace="mcs-member-east")
        await world["east"].unexport("shop", "web")
        world["east"].start()

        async def nothing_left() -> bool:
            return await world.records() == {}

        await world.until(nothing_left)


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


@pytest.mark.requirement("MCS-IMP-04", "MCS-IMP-08")
async def test_an_import_that_is_being_deleted_is_not_written_and_comes_back_with_its_ip() -> None:
    async with Clusterset("east", "west") as world:
        await exported(world)
        west = world["west"]
        await west.edit(IMPORTS, "shop", "web", {"metadata": {"finalizers": ["example.com/wait"]}})
        await world.settle()
        before = await must_have(west)
        await west.api.delete(IMPORTS, "web", namespace="shop")
        deleting = await must_have(west)

        await world["east"].edit(EXPORTS, "shop", "web", {"spec": {"exportedLabels": {"tier": "1"}}})
        await world.settle()
        assert await must_have(west) == deleting

        await west.edit(IMPORTS, "shop", "web", {"metadata": {"finalizers": None}})
        await world.imported("shop", "web", EAST)
        after = await must_have(west)
        assert after["metadata"]["uid"] != before["metadata"]["uid"]
        assert after["metadata"]["labels"]["tier"] == "1"
        assert after["spec"]["ips"] == before["spec"]["ips"]


@pytest.mark.requirement("MCS-LIFE-12", "MCS-IMP-08")
async def test_a_derived_service_that_is_being_deleted_is_not_written_and_comes_back_with_its_ip() -> None:
    async with Clusterset("east", "west") as world:
        await exported(world)
        west = world["west"]
        before, imported = await west.derived_of("shop", "web"), await must_have(west)
        assert before is not None
        name = before["metadata"]["name"]
        await west.edit(SERVICES, "shop", name, {"metadata": {"finalizers": ["example.com/wait"]}})
        await world.settle()
        await west.api.delete(SERVICES, name, namespace="shop")
        deleting = await west.held(SERVICES, "shop", name)

        await world["east"].edit(SERVICES, "shop", "web", {"spec": {"sessionAffinity": "ClientIP"}})
        await world.settle()
        assert await west.held(SERVICES, "shop", name) == deleting
        assert (await must_have(west))["spec"]["ips"] == imported["spec"]["ips"]

        await west.edit(SERVICES, "shop", name, {"metadata": {"finalizers": None}})
        await world.settle()
        after = await west.derived_of("shop", "web")
        assert after is not None
        assert after["metadata"]["uid"] != before["metadata"]["uid"]
        assert after["spec"]["sessionAffinity"] == "ClientIP"
        assert after["spec"]["clusterIPs"] == before["spec"]["clusterIPs"]
