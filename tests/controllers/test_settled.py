"""When only endpoints change nothing but slices is looked at; whatever else happens is noticed, too."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mcs_controller.api.resources import ENDPOINT_SLICES, SERVICES
from mcs_controller.clusterset.services import desired
from tests.support.clusterset import Clusterset
from tests.support.objects import EXPORTS, IMPORTS, Object

pytestmark = pytest.mark.looptime

HERE = {"10.1.0.7"}
TYPES = pytest.mark.parametrize("spec", [{}, {"clusterIP": "None"}], ids=["with a clusterset IP", "headless"])


@asynccontextmanager
async def settled(*names: str, **spec: Any) -> AsyncIterator[tuple[Clusterset, Object]]:
    """East's service, of which by now only endpoints change, and what all clusters have."""
    async with Clusterset(*(names or ("east", "west"))) as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web", **spec)
        for number in (5, 6, 7):
            await world.settle()
            await world["east"].endpoints("shop", "web", f"10.1.0.{number}")
        await world.imported("shop", "web", HERE)
        yield world, await world.settled()


def assert_same(after: Object, before: Object) -> None:
    for cluster, held in after.items():
        assert held == before[cluster], cluster


async def change(world: Clusterset, address: str) -> None:
    """One more change of endpoints, which has to arrive."""
    await world["east"].endpoints("shop", "web", address)
    await world.imported("shop", "web", {address}, within_seconds=3)


@TYPES
async def test_a_change_of_endpoints_has_nothing_else_looked_at(
    spec: Object, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with settled(**spec) as (world, _):
        looks: list[str] = []
        for rule in ("import_spec", "import_metadata", "import_conditions", "derived_service"):
            monkeypatch.setattr(desired, rule, lambda *_, rule=rule, **__: looks.append(rule))
        await change(world, "10.1.0.8")
        await world.settle()
        assert looks == []


@TYPES
@pytest.mark.parametrize(
    "patch",
    [
        {"spec": {"ports": []}},
        {"spec": {"ips": ["10.9.9.9"], "ipFamilies": ["IPv4"]}},
        {"metadata": {"labels": {"example.com/mine": "yes"}}},
    ],
    ids=str,
)
async def test_an_import_that_is_edited_is_put_right(spec: Object, patch: Object) -> None:
    async with settled(**spec) as (world, before):
        await world["west"].edit(IMPORTS, "shop", "web", patch)
        assert_same(await world.settled(), before)
        await change(world, "10.1.0.8")


@TYPES
async def test_an_import_that_is_edited_while_endpoints_change_is_put_right(spec: Object) -> None:
    async with settled(**spec) as (world, before):
        west = world["west"]
        west.sim.faults.delay(0.5, users=["agent"])
        for number in range(8, 30):
            await world["east"].endpoints("shop", "web", f"10.1.0.{number}")
            if number % 5 == 0:
                await west.edit(IMPORTS, "shop", "web", {"spec": {"ports": []}})
            await asyncio.sleep(0.2)
        west.sim.faults.clear()
        await world.imported("shop", "web", {"10.1.0.29"})
        await change(world, "10.1.0.7")
        assert_same(await world.settled(), before)


@TYPES
async def test_an_import_that_is_deleted_comes_back(spec: Object) -> None:
    async with settled(**spec) as (world, before):
        await world["west"].api.delete(IMPORTS, "web", namespace="shop")
        assert_same(await world.settled(), before)
        await change(world, "10.1.0.8")


async def test_a_status_that_is_edited_is_put_right() -> None:
    async with settled() as (world, _):
        west = world["west"]
        said = await west.import_conditions("shop", "web")
        status = {"status": {"conditions": [], "endpointSliceObjects": "Absent"}}
        await west.api.patch(IMPORTS, "web", status, namespace="shop", subresource="status")
        await world.settle()
        imported = await west.import_of("shop", "web")
        assert imported is not None
        assert imported["status"]["endpointSliceObjects"] == "Present"
        assert await west.import_conditions("shop", "web") == said
        await change(world, "10.1.0.8")


@pytest.mark.parametrize(
    "patch",
    [
        {"spec": {"ports": [{"name": "http", "port": 81, "protocol": "TCP"}]}},
        {"spec": {"selector": {"app": "mine"}}},
        {"metadata": {"ownerReferences": None}},
        {"metadata": {"labels": {"multicluster.kubernetes.io/service-name": "elsewhere"}}},
    ],
    ids=str,
)
async def test_a_derived_service_that_is_edited_is_put_right(patch: Object) -> None:
    async with settled() as (world, before):
        derived = await world["west"].derived_of("shop", "web")
        assert derived is not None
        await world["west"].edit(SERVICES, "shop", derived["metadata"]["name"], patch)
        assert_same(await world.settled(), before)
        await change(world, "10.1.0.8")


async def test_a_derived_service_that_is_deleted_comes_back_with_its_ip() -> None:
    async with settled() as (world, before):
        derived = await world["west"].derived_of("shop", "web")
        assert derived is not None
        await world["west"].api.delete(SERVICES, derived["metadata"]["name"], namespace="shop")
        assert_same(await world.settled(), before)
        await change(world, "10.1.0.8")


@TYPES
@pytest.mark.parametrize(
    "patch",
    [{"endpoints": []}, {"ports": []}, {"metadata": {"ownerReferences": None}}],
    ids=str,
)
async def test_a_slice_that_is_edited_is_put_right(spec: Object, patch: Object) -> None:
    async with settled(**spec) as (world, before):
        (slice_,) = await world["west"].slices_of("shop", "web")
        await world["west"].edit(ENDPOINT_SLICES, "shop", slice_["metadata"]["name"], patch)
        assert_same(await world.settled(), before)


@TYPES
async def test_a_slice_that_is_deleted_comes_back(spec: Object) -> None:
    async with settled(**spec) as (world, before):
        (slice_,) = await world["west"].slices_of("shop", "web")
        await world["west"].api.delete(ENDPOINT_SLICES, slice_["metadata"]["name"], namespace="shop")
        assert_same(await world.settled(), before)


@TYPES
async def test_a_slice_that_is_refused_is_told_and_told_no_more_when_it_is_taken(spec: Object) -> None:
    async with settled(**spec) as (world, before):
        west = world["west"]
        refused = west.sim.faults.fail(422, resources=["endpointslices"], verbs=["update"], users=["agent"])
        await world["east"].endpoints("shop", "web", "10.1.0.8")

        async def is_told() -> bool:
            return (await west.import_conditions("shop", "web"))["Ready"] == ("False", "Pending")

        await world.until(is_told)
        refused.lift()
        await world.imported("shop", "web", {"10.1.0.8"}, within_seconds=90)
        await world["east"].endpoints("shop", "web", *HERE)
        await world.imported("shop", "web", HERE)
        after = await world.settled()
        assert after["west"].keys() == before["west"].keys()


@TYPES
async def test_the_last_slice_and_the_first_are_told(spec: Object) -> None:
    async with settled(**spec) as (world, _):
        west = world["west"]

        async def told() -> str:
            imported = await west.import_of("shop", "web")
            assert imported is not None
            said: str = imported["status"]["endpointSliceObjects"]
            return said

        assert await told() == "Present"
        await world["east"].api.delete(ENDPOINT_SLICES, "web-abc", namespace="shop")
        await world.settle()
        assert await told() == "Absent"
        await change(world, "10.1.0.8")
        await world.settle()
        assert await told() == "Present"


@TYPES
async def test_the_endpoints_of_a_dead_member_go_and_come_back_and_both_are_told(spec: Object) -> None:
    async with settled("east", "west", "north", **spec) as (world, _):
        north = world["north"]
        await world["east"].kill()

        async def has_gone() -> bool:
            return not await north.addresses_of("shop", "web")

        async def is_told() -> bool:
            imported = await north.import_of("shop", "web")
            assert imported is not None
            said = [one["message"] for one in imported["status"]["conditions"]]
            return any("no heartbeat from cluster east" in one for one in said)

        await world.until(has_gone, within_seconds=90)
        await world.until(is_told)
        world["east"].start()
        await world.imported("shop", "web", HERE, within_seconds=15)
        await world.settle()
        assert not await is_told()
        await change(world, "10.1.0.8")


@TYPES
async def test_another_exporter_and_its_going_are_noticed(spec: Object) -> None:
    async with settled(**spec) as (world, before):
        await world["west"].deploy("shop", "web", "10.2.0.1", **spec)
        await world.imported("shop", "web", HERE | {"10.2.0.1"})
        imported = await world["east"].import_of("shop", "web")
        assert imported is not None
        await world["east"].endpoints("shop", "web", "10.1.0.8")
        await world.imported("shop", "web", {"10.1.0.8", "10.2.0.1"})
        await world["west"].unexport("shop", "web")
        await world.imported("shop", "web", {"10.1.0.8"})
        await change(world, *HERE)
        after = await world.settled()
        assert after["east"].keys() == before["east"].keys()


@TYPES
async def test_a_change_of_ports_is_more_than_one_of_endpoints(spec: Object) -> None:
    async with settled(**spec) as (world, _):
        ports = [{"name": "http", "port": 81, "protocol": "TCP"}]
        await world["east"].edit(SERVICES, "shop", "web", {"spec": {"ports": ports}})
        await world.settle()
        imported = await world["west"].import_of("shop", "web")
        assert imported is not None
        assert [one["port"] for one in imported["spec"]["ports"]] == [81]
        derived = await world["west"].derived_of("shop", "web")
        if derived is not None:
            assert [one["port"] for one in derived["spec"]["ports"]] == [81]
        await change(world, "10.1.0.8")


@TYPES
async def test_the_conditions_of_an_export_that_are_edited_are_put_right(spec: Object) -> None:
    async with settled(**spec) as (world, _):
        east = world["east"]
        said = await east.conditions("shop", "web")
        status: Object = {"status": {"conditions": []}}
        await east.api.patch(EXPORTS, "web", status, namespace="shop", subresource="status")
        await world.settle()
        assert await east.conditions("shop", "web") == said
        await change(world, "10.1.0.8")
        assert await east.conditions("shop", "web") == said


@TYPES
async def test_an_export_that_the_broker_refuses_is_told_and_told_no_more_when_it_is_taken(
    spec: Object,
) -> None:
    async with settled(**spec) as (world, _):
        east = world["east"]
        refused = world.broker.faults.fail(422, verbs=["update"], resources=["exportedendpointslices"])
        await east.endpoints("shop", "web", "10.1.0.8")

        async def is_told(words: tuple[str, str]) -> bool:
            return (await east.conditions("shop", "web"))["Ready"] == words

        await world.until(lambda: is_told(("False", "Failed")))
        refused.lift()
        await world.imported("shop", "web", {"10.1.0.8"}, within_seconds=90)
        await world.until(lambda: is_told(("True", "Exported")))
        await change(world, "10.1.0.9")
        await world.settle()
        assert await is_told(("True", "Exported"))


async def test_a_conflict_and_its_end_are_told_between_changes_of_endpoints() -> None:
    async with settled() as (world, _):
        east = world["east"]
        ports = [{"name": "http", "port": 81}]
        await world["west"].deploy("shop", "web", "10.2.0.1", ports=ports)
        await world.settle()
        await east.endpoints("shop", "web", "10.1.0.8")
        await world.settle()
        assert (await east.conditions("shop", "web"))["Conflict"][0] == "True"
        await world["west"].unexport("shop", "web")
        await world.settle()
        assert (await east.conditions("shop", "web"))["Conflict"] == ("False", "NoConflicts")
        await change(world, "10.1.0.9")
