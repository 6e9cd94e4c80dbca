"""Before the second look: what this process saw come and go needs no further proof, and nothing else goes."""

from dataclasses import replace

import pytest
from pydantic_core import from_json, to_json

from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES, SERVICES
from mcs_controller.kube.connection.transport import Request, Response, Transport
from tests.controllers.mars import record, slice_
from tests.support.clusterset import EAST, Clusterset
from tests.support.objects import IMPORTS, import_by_hand
from tests.support.transports import PassingTransport

pytestmark = pytest.mark.looptime

LONG = 3600.0


@pytest.mark.requirement("MCS-LIFE-01", "MCS-LIFE-07")
async def test_an_export_that_came_and_went_since_the_start_is_withdrawn_at_once() -> None:
    async with Clusterset("east", "west", confirm_delay_seconds=LONG) as world:
        await world.exported_by("east")

        await world["east"].unexport("shop", "web")

        await world.gone("shop", "web", within_seconds=2)
        assert await world.records() == {}


@pytest.mark.requirement("MCS-EXP-06", "MCS-LIFE-07")
async def test_a_service_that_came_and_went_since_the_start_is_withdrawn_at_once() -> None:
    async with Clusterset("east", "west", confirm_delay_seconds=LONG) as world:
        await world.exported_by("east")

        await world["east"].api.delete(SERVICES, "web", namespace="shop")

        await world.gone("shop", "web", within_seconds=2)


@pytest.mark.requirement("MCS-RBAC-06", "MCS-NS-05")
async def test_nothing_is_published_before_the_cluster_id_is_proven_ours() -> None:
    async with Clusterset("east", start=False) as world:
        await world.everywhere("shop")
        east = world["east"]
        await east.deploy("shop", "web")
        stranger = {**record(), "exportedAt": "2020-01-01T00:00:00Z"}
        await world.publish("east", EXPORTED_SERVICES, "shop.old", **{**stranger, "serviceName": "old"})
        await world.publish("east", EXPORTED_ENDPOINT_SLICES, "shop.old-x", **slice_("old"))
        before = await world.records()
        failing = world.broker.faults.fail(500, verbs=["patch"], resources=["memberclusters"])

        east.start()
        await world.settle()
        assert await world.records() == before

        failing.lift()
        await east.ready()
        await world.imported("shop", "web", EAST)
        await world.settle()
        assert {name.split("shop.")[1] for name in await world.records()} == {"web", "web-abc"}


@pytest.mark.requirement("MCS-LIFE-08", "MCS-EXP-15")
async def test_after_a_restart_nothing_is_written_before_it_is_known_what_is_there() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        before = await world.settled()
        world.broker.faults.delay(7.0, verbs=["list"], users=["member-east"])

        process = await world["east"].restart()

        assert await world.settled() == before
        assert process.wire.writes == []


@pytest.mark.requirement("MCS-LIFE-01", "MCS-IMP-04")
async def test_an_export_is_withdrawn_at_once_also_where_somebody_elses_import_stands() -> None:
    async with Clusterset("east", "west", confirm_delay_seconds=LONG) as world:
        await world.everywhere("shop")
        east = world["east"]
        await east.api.create(IMPORTS, import_by_hand("shop", "web"))
        await east.deploy("shop", "web")
        await world.until(lambda: world["west"].import_of("shop", "web"))

        await east.unexport("shop", "web")

        await world.until(lambda: _none_left(world), within_seconds=2)


async def _none_left(world: Clusterset) -> bool:
    return not await world.records() and await world["west"].import_of("shop", "web") is None


@pytest.mark.requirement("MCS-LIFE-03", "MCS-LIFE-08")
async def test_endpoints_that_come_after_their_record_are_not_taken_for_a_dead_members() -> None:
    """A just started agent has not heard of the member yet, and has itself named it in the import."""
    async with Clusterset() as world:
        await world.everywhere("shop")
        world.broker.faults.delay(0.5, resources=["exportedendpointslices"], users=["member-east"])
        await world["north"].restart()
        await world["north"].ready()
        await world["east"].deploy("shop", "web")

        async def is_named() -> bool:
            imported = await world["north"].import_of("shop", "web")
            return bool(((imported or {}).get("status") or {}).get("clusters"))

        await world.until(is_named, within_seconds=1)
        await world.imported("shop", "web", EAST, within_seconds=1.5)


class FirstListLacks(PassingTransport):
    """A way to an API server that leaves an object out of the first lists of its kind."""

    def __init__(self, transport: Transport, plural: str, name: str, lists: int) -> None:
        super().__init__(transport)
        self.lists_to_go = lists
        self._plural = plural
        self._name = name

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        response = await super().request(request, timeout_seconds=timeout_seconds)
        if request.method != "GET" or not request.path.endswith(f"/{self._plural}"):
            return response
        body = from_json(response.body)
        kept = [one for one in body["items"] if one["metadata"]["name"] != self._name]
        if kept == body["items"] or not self.lists_to_go:
            return response
        self.lists_to_go -= 1
        body["items"] = kept
        return replace(response, body=to_json(body))


@pytest.mark.requirement("MCS-LIFE-07", "MCS-LIFE-08")
@pytest.mark.parametrize(
    ("restarted", "plural", "name", "lists"),
    [
        ("east", "serviceexports", "web", 1),
        ("west", "exportedservices", "shop.web", 1),
        # The first look at the members takes two: one of the cache, and one that is consistent.
        ("west", "memberclusters", "east", 2),
    ],
)
async def test_what_the_first_list_lacks_and_the_second_has_is_not_gone(
    restarted: str, plural: str, name: str, lists: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        before = await world.settled()
        await world[restarted].kill()
        server = world[restarted].sim if plural == "serviceexports" else world.broker
        user = "agent" if plural == "serviceexports" else f"member-{restarted}"
        lacking = FirstListLacks(server.transport(user), plural, name, lists)
        monkeypatch.setattr(server, "transport", lambda user: lacking)

        process = world[restarted].start()
        await world.settle()

        assert lacking.lists_to_go == 0
        assert await world.contents() == before
        assert [one for one in process.wire.writes if one.startswith("DELETE")] == []
