"""One look at an export after the other: what is written and taken back, and what is said."""

from __future__ import annotations

import asyncio

import pytest

from mcs_controller.clusterset.model import Endpoint
from mcs_controller.clusterset.services.export import NOT_VALID
from mcs_controller.clusterset.services.merge import merge
from mcs_controller.controllers.services.stores.own_limits import LOOK_AGAIN_SECONDS
from mcs_controller.kube.errors import ServerError
from tests.clusterset.builders import WEB, record, source_slice
from tests.controllers.exporting import API, NAMES, east, exported

pytestmark = pytest.mark.looptime

READY = ("True", "Exported", "")


# What is written


async def test_slices_are_written_before_the_record_and_nothing_is_written_twice() -> None:
    async with east() as one:
        assert await one.look() is None
        assert one.writes() == ["POST exportedendpointslices"] * 2 + ["POST exportedservices"]
        assert one.said()["Ready"] == READY
        assert await one.look() is None
        assert one.writes() == []


async def test_what_changed_is_written_and_nothing_else() -> None:
    async with exported() as one:
        one.export(headless=True)
        await one.look()
        assert one.writes() == ["PUT shop.web"]

        one.slices[1] = source_slice("east", "web-def", endpoints=())
        await one.look()
        assert one.writes() == ["PUT shop.web-def"]

        del one.slices[0]
        await one.look()
        # Emptied, so that importers can tell it from a loss.
        assert one.writes() == ["PUT shop.web-abc", "DELETE shop.web-abc"]
        await one.look()
        assert one.writes() == []


async def test_slices_of_an_export_that_is_made_anew_while_something_is_written_stay_until_it_is_read() -> (
    None
):
    async with exported() as one:
        one.export(headless=True)
        one.wire.answer_delay_seconds = 1.0

        def anew() -> None:
            one.is_loaded = False
            one.slices.clear()

        asyncio.get_running_loop().call_later(0.5, anew)
        await one.look()
        assert not one.is_loaded
        assert one.writes() == ["PUT shop.web"]
        assert await one.there() == NAMES


async def test_a_slice_that_somebody_made_another_services_is_written_as_it_was() -> None:
    async with exported() as one:
        held = one.broker.own_slices.get("mcs-member-east", "shop.web-abc")
        assert held is not None
        await one.mirror.slices.patch(held, {"spec": {"serviceName": "api"}})
        one.writes()
        await one.look()
        assert one.writes() == ["PUT shop.web-abc"]
        assert one.broker.own_slices.indexed(API) == ()


# What is too much


async def test_a_slice_that_is_too_much_is_taken_back_and_the_others_are_written() -> None:
    async with exported() as one:
        one.limits.slices["web-abc"] = "too many endpoints"
        one.slices = [source_slice("east", name, endpoints=()) for name in ("web-abc", "web-def")]

        assert await one.look() == LOOK_AGAIN_SECONDS

        assert one.writes() == ["PUT shop.web-def", "PUT shop.web-abc", "DELETE shop.web-abc"]
        assert one.said()["Ready"] == ("False", "Failed", "too many endpoints")
        assert one.exporter.written() == (NAMES[0], frozenset({"shop.web-def"}))


async def test_a_new_slice_that_is_too_much_is_not_written_and_the_others_and_the_record_are() -> None:
    async with east() as one:
        one.limits.slices["web-abc"] = "too many endpoints"
        assert await one.look() == LOOK_AGAIN_SECONDS
        assert await one.there() == (NAMES[0], frozenset({"shop.web-def"}))
        assert one.said()["Ready"] == ("False", "Failed", "too many endpoints")

        one.limits.slices.clear()
        assert await one.look() is None
        assert await one.there() == NAMES
        assert one.said()["Ready"] == READY


async def test_a_record_that_is_too_much_is_taken_back_with_its_slices() -> None:
    async with exported() as one:
        one.limits.records[WEB] = "too many services"
        assert await one.look() == LOOK_AGAIN_SECONDS
        assert await one.there() == (frozenset(), frozenset())
        assert one.said()["Ready"] == ("False", "Failed", "too many services")
        assert one.exporter.written() == (frozenset(), frozenset())
        assert await one.look() == LOOK_AGAIN_SECONDS
        assert await one.there() == (frozenset(), frozenset())


async def test_an_export_that_may_have_to_wait_is_exported_and_says_so() -> None:
    async with east() as one:
        one.limits.has_to_wait = "this one may have to wait"
        assert await one.look() is None
        assert one.said()["Ready"] == ("True", "Exported", "this one may have to wait")


async def test_an_export_without_a_ready_endpoint_says_so_until_there_is_one() -> None:
    async with exported() as one:
        good = one.slices[:]
        one.slices[:] = []
        await one.look()
        status, reason, message = one.said()["Ready"]
        assert (status, reason) == ("True", "Exported")
        assert "Service shop/web has no endpoint" in message

        one.slices[:] = [source_slice("east", endpoints=(Endpoint(("10.1.0.1",), ready=False),))]
        await one.look()
        assert "no endpoint of Service shop/web is ready (1 is not)" in one.said()["Ready"][2]

        one.slices[:] = good
        await one.look()
        assert one.said()["Ready"] == READY


# What is taken back

HOWS = ("gone", "not valid", "refused", "too much")


async def test_what_is_exported_no_longer_goes_record_first_and_is_forgotten() -> None:
    async with exported() as one:
        one.unexport()
        assert await one.look() is None
        assert one.writes() == [
            *("PUT shop.web", "DELETE shop.web"),
            *("DELETE shop.web-abc", "DELETE shop.web-def"),
        ]
        assert one.limits.forgotten == [WEB]
        assert await one.look() is None
        assert one.writes() == []


# Of a valid export it is proven by itself that it was there.
@pytest.mark.parametrize(
    ("how", "lacks"),
    [
        *((how, lacks) for how in HOWS for lacks in ("broker", "member", "local")),
        *((how, "proof") for how in HOWS[:2]),
    ],
)
async def test_nothing_is_taken_back_before_it_is_known_and_proven(how: str, lacks: str) -> None:
    async with exported() as one:
        if lacks == "broker":
            one.broker_synced = False
        elif lacks == "member":
            one.members.verified = False
        elif lacks == "local":
            one.local_synced = False
        else:
            one.evidence.confirmed = False
        if how == "gone":
            one.unexport()
        elif how == "not valid":
            one.export(type="ExternalName")
        elif how == "refused":
            one.refusal = "may not"
        else:
            one.limits.records[WEB] = "too much"
        await one.look()
        assert one.writes() == []
        assert await one.there() == NAMES


async def test_that_a_record_was_seen_proves_later_that_it_is_gone() -> None:
    async with exported() as one:
        one.evidence.confirmed = False
        await one.look()
        one.unexport()
        await one.look()
        assert await one.there() == (frozenset(), frozenset())


async def test_an_export_that_is_not_valid_or_not_allowed_is_taken_back_and_says_so() -> None:
    async with exported() as one:
        one.refusal = "cluster east may not export"
        await one.look()
        assert await one.there() == (frozenset(), frozenset())
        assert one.said()["Ready"] == ("False", "Failed", "cluster east may not export")

        one.refusal = None
        await one.look()
        assert await one.there() == NAMES

        one.export(type="ExternalName")
        await one.look()
        assert await one.there() == (frozenset(), frozenset())
        assert one.said()["Ready"] == ("False", "Pending", NOT_VALID)
        assert one.said()["Valid"][:2] == ("False", "InvalidServiceType")
        assert one.said()["Conflict"] == ("False", "NoConflicts", "")


# What is said


async def test_while_the_broker_does_not_know_us_nothing_is_written_and_its_problem_is_told() -> None:
    async with east() as one:
        one.members.excluded, one.members.problem = True, "the broker has no MemberCluster east"
        await one.look()
        assert one.writes() == []
        assert one.said()["Ready"] == ("False", "Pending", "the broker has no MemberCluster east")
        one.members.problem = None
        await one.look()
        assert one.said()["Ready"] == ("False", "Pending", "")


@pytest.mark.parametrize("lacks", ["broker", "member"])
async def test_before_the_broker_was_read_what_was_said_stays_and_something_is_said(lacks: str) -> None:
    async with east() as one:
        if lacks == "broker":
            one.broker_synced = False
        else:
            one.members.verified = False
        one.has_ready = True
        await one.look()
        assert "Ready" not in one.said()
        assert one.said()["Valid"][:2] == ("True", "Valid")

        one.has_ready = False
        await one.look()
        assert one.said()["Ready"] == (
            "False",
            "Pending",
            "the agent has not heard yet whether the broker has the export",
        )
        assert one.writes() == []


async def test_conflicts_are_told_once_all_members_have_been_read() -> None:
    async with east() as one:
        await one.look()
        assert "Conflict" not in one.said()
        one.merged = merge([record("west", 0, type="Headless"), record("east", 1)], frozenset())
        await one.look()
        assert one.said()["Conflict"][:2] == ("True", "TypeConflict")


async def test_of_an_export_that_is_not_read_yet_nothing_is_said_but_that_it_cannot_be() -> None:
    async with east() as one:
        one.is_loaded = False
        assert await one.look() is None
        assert (one.said(), one.writes()) == ({}, [])

        one.load_problem = "403"
        assert await one.look() is None
        assert one.said() == {
            "Ready": (
                "False",
                "Failed",
                "the agent cannot read the Service and its EndpointSlices, and tries again: 403",
            )
        }
        assert one.writes() == []


async def test_what_the_broker_says_when_it_fails_is_told() -> None:
    async with east() as one:
        fault = one.sim.faults.fail(500, verbs=["create"], resources=["exportedservices"])
        await one.fails(ServerError)
        status, reason, message = one.said()["Ready"]
        assert (status, reason) == ("False", "Failed")
        assert message.startswith("the broker did not take the export; the agent tries again: 500 ")
        fault.lift()
        await one.look()
        assert one.said()["Ready"] == READY
