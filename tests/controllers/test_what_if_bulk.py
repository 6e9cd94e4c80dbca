"""What `explain` says of ServiceExportPolicies, and what `--what-if` foretells of them, is what happens."""

from __future__ import annotations

import asyncio

import pytest

from mcs_controller.api.names import LABEL_EXPORT
from mcs_controller.api.resources import SERVICE_EXPORT_POLICIES
from mcs_controller.clusterset.services.policies.bulk.plan import REMOVE_AFTER_SECONDS
from tests.controllers.bulking import CRD, bulk, exports_of, public, relabel, with_bulk_export
from tests.controllers.explaining import explained, finding, problems
from tests.controllers.foretelling import Case, do, essence, foretold
from tests.support.cluster import Cluster
from tests.support.clusterset import Clusterset
from tests.support.objects import EXPORTS, Object, export_body, service_body

pytestmark = pytest.mark.looptime

OTHER = bulk("public", {"matchLabels": {"public": "no"}})


async def with_web(world: Clusterset, *policies: Object, more: int = 0) -> Cluster:
    """East has Services that `bulk` selects, and an agent that goes by these policies."""
    east = world["east"]
    await world.everywhere("shop")
    await with_bulk_export(east, *policies)
    await public(east, "web", *(f"web-{number}" for number in range(more)))
    await east.endpoints("shop", "web", "10.1.0.1")
    await world.settle()
    return east


SLEEPING = bulk("other", {"matchLabels": {"other": "yes"}})
CASES = {
    "a policy that selects it": ((SLEEPING,), Case("east", bulk(), {}), " -> east"),
    "a policy that selects it no more": ((bulk(),), Case("east", OTHER, {}), "east -> "),
    "a policy less": ((bulk(), SLEEPING), Case("east", bulk(), {}, deleted=True), "east -> "),
    "a label less": ((bulk(),), Case("east", service_body("web", "shop"), {}), "east -> "),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_what_was_foretold_of_a_bulk_export_is_what_happens(
    case: tuple[tuple[Object, ...], Case, str],
) -> None:
    policies, done, exporters = case
    async with Clusterset("east", "west") as world:
        east = await with_web(world, *policies)
        told = await foretold(world, done)
        assert {one.what: f"{one.before} -> {one.after}" for one in told.effects}["exported by"] == exporters

        if done.body["kind"] == "Service":
            await relabel(east, "web", public=None)
        else:
            await do(east.api, done)
        await asyncio.sleep(REMOVE_AFTER_SECONDS + 1)
        await world.settle()
        assert essence(told.after) == essence(await explained(world, "east"))
        assert (await foretold(world, done)).effects == ()


async def test_of_all_services_it_is_counted_what_is_made_and_removed() -> None:
    async with Clusterset("east", "west") as world:
        east = await with_web(world, bulk(), more=2)
        await east.service("shop", "plain")
        everything = bulk("all", {})
        made = (await foretold(world, Case("east", everything, {}))).making
        assert made is not None
        assert (made.makes, made.removes, made.made, made.held) == (1, 0, 3, ())
        removed = (await foretold(world, Case("east", OTHER, {}))).making
        assert removed is not None
        assert (removed.makes, removed.removes, removed.made, removed.held) == (0, 3, 3, ())


async def test_a_policy_that_would_remove_too_much_is_told_to_be_held_and_so_it_is() -> None:
    async with Clusterset("east", "west") as world:
        east = await with_web(world, bulk(), more=10)
        told = await foretold(world, Case("east", OTHER, {}))
        assert told.making is not None
        assert (told.making.removes, told.making.made, told.making.held) == (11, 11, ("shop/public",))
        assert told.effects == ()

        await do(east.api, Case("east", OTHER, {}))
        await asyncio.sleep(REMOVE_AFTER_SECONDS + 60)
        seen = await explained(world, "east")
        assert problems(seen) == ["19"]
        assert "which is held" in finding(seen, "19").what
        assert "11 of 11 ServiceExports" in finding(seen, "19").why
        assert len(await exports_of(east)) == 11


async def test_one_that_is_deleted_by_hand_is_foretold_to_come_back_and_one_that_is_applied_to_stay() -> None:
    async with Clusterset("east", "west") as world:
        await with_web(world, bulk())
        assert finding(await explained(world, "east"), "18").severity == "note"
        gone = await foretold(world, Case("east", export_body("web", "shop"), {}, deleted=True))
        assert gone.effects == ()
        taken = await foretold(world, Case("east", export_body("web", "shop"), {}))
        assert [one.id for one in taken.ended] == ["MCS-WHY-18"]


async def test_where_no_agent_goes_by_them_explain_says_so() -> None:
    async with Clusterset("east", "west") as world:
        east = world["east"]
        await world.everywhere("shop")
        await east.install(CRD)
        await east.api.create(SERVICE_EXPORT_POLICIES, bulk(), namespace="shop")
        await public(east, "web")
        await world.settle()
        seen = finding(await explained(world, "east"), "19")
        assert "which has no ServiceExport" in seen.what
        assert "--service-export-policies" in seen.do
        told = await foretold(world, Case("east", bulk(), {}))
        assert any("no ServiceExportPolicy there has the condition Accepted" in text for text in told.assumed)
        assert {one.what: one.after for one in told.effects}["exported by"] == "east"


async def test_a_service_that_a_policy_leaves_out_is_told_with_the_reason() -> None:
    async with Clusterset("east", "west") as world:
        east = await with_web(world, bulk())
        await relabel(east, "web", **{LABEL_EXPORT: "never"})
        await asyncio.sleep(REMOVE_AFTER_SECONDS + 1)
        await world.settle()
        assert await east.held(EXPORTS, "shop", "web") is None
        seen = finding(await explained(world, "east"), "19")
        assert (seen.severity, seen.why) == ("note", f"its label {LABEL_EXPORT} is never")
