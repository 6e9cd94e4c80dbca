"""An export that ends: what goes, what stays, and how soon."""

import pytest

from mcs_controller.api.resources import ENDPOINT_SLICES, NAMESPACES, SERVICES
from tests.support.clusterset import EAST, WEST, Clusterset

pytestmark = pytest.mark.looptime


@pytest.mark.requirement("MCS-EXP-13", "MCS-LIFE-01", "MCS-EPS-06", "MCS-IMP-02")
async def test_the_last_unexport_takes_import_slices_and_derived_service_away_everywhere() -> None:
    async with Clusterset() as world:
        await world.exported_by("east")

        await world["east"].unexport("shop", "web")

        await world.gone("shop", "web", within_seconds=1)
        assert await world.records() == {}
        local = await world["east"].all_of(ENDPOINT_SLICES, "shop")
        assert [one["metadata"]["name"] for one in local] == ["web-abc"]
        assert await world["east"].held(SERVICES, "shop", "web") is not None


async def test_an_export_deleted_before_a_write_of_its_status_is_answered_is_gone_everywhere() -> None:
    async with Clusterset() as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web")
        # The watch tells of the deletion before the answer to what was written comes.
        world["east"].agent.wire.answer_delay_seconds = 0.5

        async def is_told() -> bool:
            return (await world["east"].conditions("shop", "web")).get("Ready") == ("True", "Exported")

        await world.until(is_told)
        await world["east"].unexport("shop", "web")

        await world.gone("shop", "web")


@pytest.mark.requirement("MCS-LIFE-02", "MCS-IMP-03")
async def test_one_of_two_exports_takes_its_endpoints_along_and_import_and_ip_stay() -> None:
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        before = {one.name: await one.import_of("shop", "web") for one in world}

        await world["east"].unexport("shop", "web")

        async def is_the_same() -> bool:
            for cluster in world:
                after, held = await cluster.import_of("shop", "web"), before[cluster.name]
                if after is None or held is None or after["metadata"]["uid"] != held["metadata"]["uid"]:
                    return False
                if after["spec"]["ips"] != held["spec"]["ips"]:
                    return False
            return True

        await world.always(is_the_same, for_seconds=5)
        await world.imported("shop", "web", WEST, within_seconds=1)
        for cluster in world:
            imported = await cluster.import_of("shop", "web")
            assert imported is not None
            assert imported["status"]["clusters"] == [{"cluster": "west"}]


@pytest.mark.requirement("MCS-IMP-02", "MCS-LIFE-01")
async def test_an_export_that_moves_to_another_cluster_at_once_is_imported_from_there() -> None:
    async with Clusterset() as world:
        await world.exported_by("east")

        await world["east"].unexport("shop", "web")
        await world["west"].deploy("shop", "web")

        await world.imported("shop", "web", WEST, within_seconds=2)


@pytest.mark.requirement("MCS-EXP-16", "MCS-IMP-03")
async def test_the_import_never_vanishes_when_the_next_cluster_exported_in_time() -> None:
    """As the conformance suite has it: the first exporter leaves a moment after the second came."""
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        uids = {one.name: (await one.import_of("shop", "web") or {})["metadata"]["uid"] for one in world}
        await world["east"].unexport("shop", "web")

        async def none_vanished() -> bool:
            found = {one.name: await one.import_of("shop", "web") for one in world}
            return {name: body and body["metadata"]["uid"] for name, body in found.items()} == uids

        await world.always(none_vanished, for_seconds=5)


@pytest.mark.requirement("MCS-EXP-13")
async def test_an_export_deleted_and_made_again_at_once_ends_up_exported() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")

        for _ in range(3):
            await world["east"].unexport("shop", "web")
            await world["east"].export("shop", "web")

        await world.settle()
        await world.imported("shop", "web", EAST)
        assert len(await world.records()) == 2


@pytest.mark.requirement("MCS-EXP-13")
async def test_an_export_made_again_while_it_is_being_read_is_read_in_full() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        east = world["east"]
        await east.service("shop", "web")
        await east.endpoints("shop", "web", "10.1.0.1")
        slow = east.sim.faults.delay(1.0, verbs=["list"], resources=["endpointslices"], users=["agent"])

        await east.export("shop", "web")
        await world.until(lambda: _is_read(world))
        await east.unexport("shop", "web")
        await east.export("shop", "web")
        await world.settle()
        slow.lift()

        await world.imported("shop", "web", {"10.1.0.1"})
        assert (await east.conditions("shop", "web"))["Valid"] == ("True", "Valid")


async def _is_read(world: Clusterset) -> bool:
    """The agent has begun to read the exported Service."""
    return bool(world["east"].agent.services.stores.local.services)


@pytest.mark.requirement("MCS-LIFE-01", "MCS-LIFE-09")
async def test_the_exporters_namespace_may_go_and_takes_the_export_along() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east", "west")

        await world["east"].api.delete(NAMESPACES, "shop")
        await world.serves("west", WEST)
        assert all("mcs-member-west" in name for name in await world.records())
