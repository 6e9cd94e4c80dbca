"""Objects of a member that vanish from the broker are kept until the member or an operator lets them go."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from mcs_controller.api.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    ENDPOINT_SLICES,
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    Resource,
)
from mcs_controller.controllers.services.stores.retained import TELL_AFTER_SECONDS
from tests.controllers.exporters import delete_all_of, has, two_exporters
from tests.support import crds
from tests.support.clusterset import EAST, WEST, Clusterset
from tests.support.objects import IMPORTS, Object

pytestmark = pytest.mark.looptime


HELD = "mcs-controller.io/Held"


@pytest.mark.requirement("MCS-LIFE-07")
@pytest.mark.parametrize("kind", [EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES], ids=lambda kind: kind.plural)
async def test_one_exporter_whose_objects_vanish_keeps_its_endpoints_and_the_import_says_so(
    kind: Resource,
) -> None:
    async with Clusterset(dead_member_policy="keep") as world:
        await two_exporters(world)
        await world["east"].kill()
        await delete_all_of(world, "east", kind)
        await world["west"].endpoints("shop", "web", "10.2.0.9")

        north = world["north"]

        async def follows() -> bool:
            return await north.addresses_of("shop", "web") == EAST | {"10.2.0.9"}

        await world.until(follows, within_seconds=1)
        await world.always(follows, for_seconds=300)
        assert (await north.import_conditions("shop", "web"))[HELD] == ("True", "ExportsMissing")
        assert (await north.import_conditions("shop", "web"))["Ready"] == ("True", "Ready")
        one = "record" if kind is EXPORTED_SERVICES else "slice"
        kept = partial(north.agent.registry.get_sample_value, "mcs_retained_objects")
        assert kept({"kind": one, "reason": "missing"}) == 1

        world["east"].start()
        await world["east"].ready()
        await world.settle()
        assert (await north.import_conditions("shop", "web"))[HELD] == ("False", "NotHeld")
        assert kept({"kind": one, "reason": "missing"}) == 0
        await world.imported("shop", "web", EAST | {"10.2.0.9"})


async def test_an_import_whose_data_is_back_before_its_report_is_written_is_held_no_longer() -> None:
    async with Clusterset(dead_member_policy="keep") as world:
        await two_exporters(world)
        north = world["north"]
        await world["east"].kill()
        north.sim.faults.delay(5.0, verbs=["patch"], resources=["serviceimports"], users=["agent"])
        await delete_all_of(world, "east", EXPORTED_ENDPOINT_SLICES)
        await asyncio.sleep(TELL_AFTER_SECONDS + 1.0)
        world["east"].start()
        await asyncio.sleep(1.0)
        retained = {"kind": "slice", "reason": "missing"}
        assert north.agent.registry.get_sample_value("mcs_retained_objects", retained) == 0
        assert HELD not in await north.import_conditions("shop", "web")

        await asyncio.sleep(10.0)
        await world.settle()
        assert (await north.import_conditions("shop", "web"))[HELD] == ("False", "NotHeld")


@pytest.mark.requirement("MCS-LIFE-07", "MCS-LIFE-08")
@pytest.mark.parametrize("kind", [EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES], ids=lambda kind: kind.plural)
async def test_what_the_first_list_ever_lacks_stays_until_its_exporter_speaks(kind: Resource) -> None:
    async with Clusterset(dead_member_policy="keep") as world:
        await two_exporters(world)
        await world["east"].kill()
        await world["north"].kill()
        await delete_all_of(world, "east", kind)
        world["north"].start()
        await world["west"].endpoints("shop", "web", "10.2.0.9")
        north = world["north"]

        async def follows() -> bool:
            return await north.addresses_of("shop", "web") == EAST | {"10.2.0.9"}

        await world.until(follows, within_seconds=1)
        await world.always(follows, for_seconds=300)
        assert (await north.import_conditions("shop", "web"))[HELD] == ("True", "ExportsMissing")

        # It comes back and has taken its export back meanwhile: that is a word.
        await world["east"].unexport("shop", "web")
        world["east"].start()

        async def without_east() -> bool:
            return await north.addresses_of("shop", "web") == {"10.2.0.9"}

        await world.until(without_east, within_seconds=60)
        await world.settle()
        assert (await north.import_conditions("shop", "web"))[HELD] == ("False", "NotHeld")


@pytest.mark.parametrize("kind", [EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES], ids=lambda kind: kind.plural)
async def test_a_member_that_goes_on_stating_what_the_broker_lost_keeps_its_endpoints(kind: Resource) -> None:
    async with Clusterset() as world:
        await two_exporters(world)
        # So that it cannot know what was lost.
        stalled = world.broker.faults.stall_watches(users=["member-east"])
        await delete_all_of(world, "east", kind)
        await world.always(partial(has, world, EAST | WEST), for_seconds=25)
        stalled.lift()
        await world.settle()
        await world.imported("shop", "web", EAST | WEST)


@pytest.mark.requirement("MCS-IMP-17", "MCS-LIFE-07")
async def test_an_operator_lets_go_what_is_kept_of_a_service_and_nothing_else() -> None:
    async with Clusterset(dead_member_policy="keep") as world:
        await two_exporters(world)
        await world["east"].deploy("shop", "other")
        await world.settle()
        await world["east"].kill()
        await delete_all_of(world, "east", EXPORTED_SERVICES)
        await world.settle()
        allow = {"metadata": {"annotations": {"mcs-controller.io/withdraw": "allowed"}}}
        await world["north"].edit(IMPORTS, "shop", "web", allow)
        await world.serves("north", WEST, within_seconds=1)
        assert await world["north"].addresses_of("shop", "other") == EAST
        assert await world["west"].addresses_of("shop", "web") == EAST | WEST


@pytest.mark.requirement("MCS-LIFE-01", "MCS-EXP-15")
async def test_an_unexport_is_immediate_and_so_is_a_slice_that_goes() -> None:
    async with Clusterset() as world:
        await two_exporters(world)
        await world["east"].unexport("shop", "web")
        await world.serves("north", WEST, within_seconds=0.3)
        await world["west"].api.delete(ENDPOINT_SLICES, "web-abc", namespace="shop")

        async def nothing() -> bool:
            return await world["north"].slices_of("shop", "web") == []

        await world.until(nothing, within_seconds=0.3)
        await world["west"].unexport("shop", "web")
        await world.gone("shop", "web", within_seconds=0.3)


@pytest.mark.requirement("MCS-LIFE-07")
async def test_what_a_broker_with_older_definitions_cannot_state_is_held_until_they_are_updated() -> None:
    def older(crd: Object) -> None:
        for version in crd["spec"]["versions"]:
            fields = version["schema"]["openAPIV3Schema"]["properties"]
            fields["spec"]["properties"].pop("withdrawn", None)
            if "status" in fields:
                fields["status"]["properties"].pop("exported", None)

    async with Clusterset("east", "west", edit_broker_crds=older) as world:
        await world.exported_by("east")
        await world.settle()
        await world["east"].unexport("shop", "web")
        await world.always(lambda: world["west"].import_of("shop", "web"), for_seconds=90)
        for crd in crds.crds(*crds.BROKER_CRDS):
            there = await world.broker_api.get(CUSTOM_RESOURCE_DEFINITIONS, crd["metadata"]["name"])
            await world.broker_api.update(CUSTOM_RESOURCE_DEFINITIONS, {**there, "spec": crd["spec"]})
        await world.gone("shop", "web", within_seconds=40)
        assert world["east"].agent.registry.get_sample_value("mcs_broker_history_breaks_total") == 0
