"""What a member exported is taken off the broker: first said, then done, and nothing else touched."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES
from mcs_controller.controllers.membership.withdrawal import withdraw_exports
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.transport import Request, Response, Transport
from mcs_controller.kube.errors import Conflict, Forbidden
from tests.controllers.mars import record, slice_
from tests.support.clusterset import Clusterset
from tests.support.objects import Object
from tests.support.transports import PassingTransport

pytestmark = pytest.mark.looptime

NAMES = ("a", "b")
RECORDS = [("ExportedService", "shop.a"), ("ExportedService", "shop.b")]
SLICES = [("ExportedEndpointSlice", "shop.a-x"), ("ExportedEndpointSlice", "shop.b-x")]


class Interrupted(PassingTransport):
    """A way to the broker on which something happens before the first request with a method."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.asked: list[str] = []
        self.before: dict[str, Callable[[], Awaitable[object]]] = {}

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        happens = self.before.pop(request.method, None)
        if happens is not None:
            await happens()
        if request.method != "GET":
            self.asked.append(f"{request.method} {request.path.rpartition('/')[2]}")
        return await super().request(request, timeout_seconds=timeout_seconds)


async def both_export(world: Clusterset) -> Interrupted:
    for member in ("east", "west"):
        for name in NAMES:
            await world.publish(member, EXPORTED_SERVICES, f"shop.{name}", **record(name))
            await world.publish(member, EXPORTED_ENDPOINT_SLICES, f"shop.{name}-x", **slice_(name))
    return Interrupted(world.broker.transport("member-east"))


async def withdraw(wire: Interrupted) -> list[tuple[str, str]]:
    return [one async for one in withdraw_exports(Client(wire, name="broker"), "mcs-member-east")]


async def test_every_record_is_marked_before_anything_is_deleted_and_the_slices_go_last() -> None:
    async with Clusterset("east", "west", start=False) as world:
        wire = await both_export(world)
        marked: list[Object] = []

        async def look() -> None:
            marked.extend((await world.broker_api.list(EXPORTED_SERVICES, namespace="mcs-member-east")).items)

        wire.before["DELETE"] = look
        assert await withdraw(wire) == RECORDS + SLICES

        assert wire.asked == [
            *("PUT shop.a", "PUT shop.b"),
            *("DELETE shop.a", "DELETE shop.b"),
            *("DELETE shop.a-x", "DELETE shop.b-x"),
        ]
        for name, one in zip(NAMES, marked, strict=True):
            assert one["spec"] == {**record(name), "withdrawn": True}


async def test_what_others_exported_stays_as_it_is() -> None:
    async with Clusterset("east", "west", start=False) as world:
        wire = await both_export(world)
        await withdraw(wire)
        for kind in (EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES):
            left = (await world.broker_api.list(kind)).items
            assert {one["metadata"]["namespace"] for one in left} == {"mcs-member-west"}
            assert [one["spec"].get("withdrawn", False) for one in left] == [False, False]


async def test_to_withdraw_again_finds_nothing_and_is_no_error() -> None:
    async with Clusterset("east", "west", start=False) as world:
        wire = await both_export(world)
        await withdraw(wire)
        assert await withdraw(wire) == []


async def test_what_goes_meanwhile_by_itself_is_not_counted_and_the_rest_goes_on() -> None:
    for method in ("PUT", "DELETE"):
        async with Clusterset("east", "west", start=False) as world:
            wire = await both_export(world)

            async def goes(world: Clusterset = world) -> None:
                await world.broker_api.delete(EXPORTED_SERVICES, "shop.a", namespace="mcs-member-east")

            wire.before[method] = goes
            assert await withdraw(wire) == RECORDS[1:] + SLICES
            assert wire.asked[:2] == ["PUT shop.a", "PUT shop.b"]
            assert (await world.broker_api.list(EXPORTED_SERVICES, namespace="mcs-member-east")).items == []


async def test_a_record_that_somebody_else_writes_meanwhile_is_neither_overwritten_nor_deleted() -> None:
    async with Clusterset("east", "west", start=False) as world:
        wire = await both_export(world)
        labels = {"metadata": {"labels": {"site": "1"}}}
        wire.before["PUT"] = lambda: world.broker_api.patch(
            EXPORTED_SERVICES, "shop.a", labels, namespace="mcs-member-east"
        )
        with pytest.raises(Conflict):
            await withdraw(wire)
        (first, second) = (await world.broker_api.list(EXPORTED_SERVICES, namespace="mcs-member-east")).items
        assert first["metadata"]["labels"] == {"site": "1"}
        assert "withdrawn" not in first["spec"]
        assert "withdrawn" not in second["spec"]


async def test_an_object_that_was_made_anew_meanwhile_is_not_deleted() -> None:
    async with Clusterset("east", "west", start=False) as world:
        wire = await both_export(world)

        async def anew() -> None:
            await world.broker_api.delete(EXPORTED_SERVICES, "shop.a", namespace="mcs-member-east")
            await world.publish("east", EXPORTED_SERVICES, "shop.a", **record("a"))

        wire.before["DELETE"] = anew
        with pytest.raises(Conflict):
            await withdraw(wire)
        assert (await world.broker_api.get(EXPORTED_SERVICES, "shop.a", "mcs-member-east"))["spec"] == record(
            "a"
        )


async def test_without_the_right_to_mark_nothing_is_deleted() -> None:
    async with Clusterset("east", "west", start=False) as world:
        wire = await both_export(world)
        world.broker.faults.fail(403, verbs=("update",), users=["member-east"])
        with pytest.raises(Forbidden):
            await withdraw(wire)
        assert not [asked for asked in wire.asked if asked.startswith("DELETE")]
