"""What `explain --what-if` foretells is what happens once somebody really does it."""

from __future__ import annotations

import asyncio

import pytest

from mcs_controller.api.names import ANNOTATION_WITHDRAW
from mcs_controller.cli.explaining.manifests import Manifest, changes_of
from mcs_controller.clusterset.explain.what_if import what_if
from mcs_controller.clusterset.syntax import micro_time
from mcs_controller.controllers.services.policies.known import DOUBT_SECONDS
from tests.controllers.explaining import explained, picture
from tests.controllers.foretelling import Case, do, essence, foretold
from tests.controllers.policing import import_policy, policy, with_import_policies, with_policies
from tests.support.clusterset import EAST, Clusterset
from tests.support.objects import (
    endpoint,
    export_body,
    member_cluster,
    namespace_body,
    service_body,
    slice_body,
)

pytestmark = pytest.mark.looptime

GRPC = {"name": "http", "port": 9000, "targetPort": 9000}
CASES = {
    "an export": Case(
        "north",
        export_body("web", "shop"),
        {
            "exported by": "east, west -> east, north, west",
            "endpoints of north in use": " -> 10.3.0.1, 10.3.0.2",
        },
    ),
    "an export less": Case(
        "west",
        export_body("web", "shop"),
        {"exported by": "east, west -> east", "endpoints of west in use": "10.2.0.1, 10.2.0.2 -> "},
        deleted=True,
    ),
    "the oldest export less": Case(
        "east", export_body("web", "shop"), {"decided by": "east -> west"}, deleted=True
    ),
    "other ports": Case(
        "west",
        service_body("web", "shop", ports=[GRPC]),
        {
            "endpoints of west in use": "10.2.0.1, 10.2.0.2 -> ",
            "condition Conflict of every export": "False, NoConflicts -> True, PortConflict",
        },
    ),
    "no Service any more": Case(
        "west", service_body("web", "shop"), {"exported by": "east, west -> east"}, deleted=True
    ),
    "another endpoint": Case(
        "west",
        slice_body("web", [endpoint("10.2.0.1"), endpoint("10.2.0.9")], "shop"),
        {"endpoints of west in use": "10.2.0.1, 10.2.0.2 -> 10.2.0.1, 10.2.0.9"},
    ),
    "a namespace less": Case(
        "north",
        namespace_body("shop"),
        {"namespace": "active -> missing", "ServiceImport": "ready -> "},
        deleted=True,
    ),
    "networks that do not fit": Case(
        "north",
        member_cluster("west", {"podCIDRs": ["10.2.0.1/32"]}),
        {"endpoints of west in use": "10.2.0.1, 10.2.0.2 -> 10.2.0.1"},
    ),
    "a namespace that is not allowed": Case(
        "north",
        member_cluster("east", {"namespaces": ["other"]}),
        {"exported by": "east, west -> west", "decided by": "east -> west"},
    ),
    "an owner": Case("north", member_cluster("west", {"owns": ["shop"]}), {"decided by": "east -> west"}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_what_was_foretold_is_what_happens(case: Case) -> None:
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        await world["north"].service("shop", "web")
        await world["north"].endpoints("shop", "web", *world["north"].addresses())
        await world.settle()
        told = await foretold(world, case)
        shown = {one.what: f"{one.before} -> {one.after}" for one in told.effects}
        assert {what: shown.get(what) for what in case.effects} == case.effects

        api = world.broker_api if case.body["kind"] == "MemberCluster" else world[case.cluster].api
        await do(api, case)
        await world.settle()
        now = await explained(world, case.cluster)
        assert essence(told.after) == essence(now)
        # What is asked again changes nothing any more.
        assert (await foretold(world, case)).effects == ()


POLICIES = {
    "an ExportPolicy that forbids": Case(
        "west",
        policy("no-shop", "Forbid", namespaces=["shop"]),
        {"exported by": "east, west -> east", "endpoints of west in use": "10.2.0.1, 10.2.0.2 -> "},
    ),
    "the only ExportPolicy less, which ends nothing": Case("west", policy("all"), {}, deleted=True),
    "an ImportPolicy that leaves a source out": Case(
        "west",
        import_policy("no-east", "Forbid", sourceClusters=["east"]),
        {"kept out by its policies": " -> east", "exported by": None},
    ),
    "an ImportPolicy that leaves nobody": Case(
        "west",
        import_policy("no-shop", "Forbid", namespaces=["shop"]),
        {"kept out by its policies": " -> east, west", "ServiceImport": "ready -> "},
    ),
}


@pytest.mark.parametrize("case", POLICIES.values(), ids=POLICIES.keys())
async def test_what_was_foretold_of_a_policy_is_what_happens(case: Case) -> None:
    async with Clusterset("east", "west") as world:
        west = world["west"]
        await with_policies(west, policy("all"))
        await with_import_policies(west, import_policy("all"), export_policies=True)
        await world.exported_by("east", "west")
        await world.settle()
        told = await foretold(world, case)
        shown = {one.what: f"{one.before} -> {one.after}" for one in told.effects}
        assert {what: shown.get(what) for what in case.effects} == case.effects
        assert told.assumed == ("the agents' --fuse-share and --fuse-minimum are the defaults",)

        await do(west.api, case)
        # One that is deleted counts for a while.
        await asyncio.sleep(DOUBT_SECONDS + 1)
        await world.settle()
        assert essence(told.after) == essence(await explained(world, "west"))
        assert (await foretold(world, case)).effects == ()


async def test_a_policy_that_would_end_too_much_is_told_to_be_held_and_so_it_is() -> None:
    async with Clusterset("east", "west") as world:
        east = world["east"]
        await with_policies(east, policy("all"))
        await world.everywhere("shop")
        for name in ("web", *(f"web-{number}" for number in range(10))):
            await east.deploy("shop", name)
        await world.settle()
        case = Case("east", policy("nothing", "Forbid"), {})
        told = await foretold(world, case)
        (ending,) = told.endings
        assert (ending.cluster, ending.kind, ending.refused, ending.live) == ("east", "ExportPolicy", 11, 11)
        assert "mcs-controller.io/withdraw" in ending.held
        assert told.effects == ()

        await do(east.api, case)
        await world.settle()
        assert await east.addresses_of("shop", "web") == EAST
        # Confirmed in the same write, it is not held.
        confirmed = policy("nothing", "Forbid")
        until = (await picture(world, "east")).now_seconds + 3600
        confirmed["metadata"]["annotations"] = {ANNOTATION_WITHDRAW: f"{micro_time(until)[:19]}Z"}
        told = await foretold(world, Case("east", confirmed, {}))
        assert [one.held for one in told.endings] == [""]
        assert {one.what: one.after for one in told.effects}["exported by"] == ""


async def test_where_no_agent_asks_policies_it_is_said_that_one_is_assumed_to() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        told = await foretold(world, Case("east", policy("nothing", "Forbid"), {}))
        assert any("no ExportPolicy there has the condition Accepted" in text for text in told.assumed)
        assert {one.what: one.after for one in told.effects}["exported by"] == ""


async def test_a_new_export_is_foretold_as_the_policies_say_and_its_labels() -> None:
    async with Clusterset("east", "west") as world:
        east = world["east"]
        public = {"matchLabels": {"public": "yes"}}
        await with_policies(east, policy("public", serviceSelector=public))
        await world.everywhere("shop")
        await east.service("shop", "web")
        await east.endpoints("shop", "web", "10.1.0.1")
        await world.settle()
        told = await foretold(world, Case("east", export_body("web", "shop"), {}))
        assert told.effects == ()
        assert "MCS-WHY-09" in [one.id for one in told.begun]

        labelled = service_body("web", "shop")
        labelled["metadata"]["labels"] = {"public": "yes"}
        seen = await picture(world, "east")
        both = [Manifest(labelled, False), Manifest(export_body("web", "shop"), False)]
        told = what_if(seen, changes_of(both, seen))
        assert {one.what: one.after for one in told.effects}["exported by"] == "east"


async def test_nothing_is_written() -> None:
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        before = await world.settled()
        for case in CASES.values():
            await foretold(world, case)
        assert await world.settled() == before


async def test_a_first_export_gives_every_cluster_an_import_and_an_ip() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await world["east"].service("shop", "web")
        await world["east"].endpoints("shop", "web", "10.1.0.1")
        told = await foretold(world, Case("east", export_body("web", "shop"), {}))
        assert {one.what: one.after for one in told.effects if one.cluster == "east"} == {
            "ServiceImport": "ready",
            "clusterset IP": "a new one",
        }
        assert [one.id for one in told.ended] == ["MCS-WHY-01"]
        assert (told.before.verdict.state, told.after.verdict.state) == ("does not work", "works")
