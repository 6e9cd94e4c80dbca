"""How much is written for what: a change costs what it must, and nothing costs anything twice."""

import asyncio

import pytest

from tests.support.clusterset import EAST, Clusterset

pytestmark = pytest.mark.looptime

ANSWERS = pytest.mark.parametrize("answer_delay_seconds", [0.0, 0.5], ids=["answer first", "echo first"])


def looks(world: Clusterset) -> dict[tuple[str, str], int]:
    """How often each cluster's agent has looked at an export or an import."""
    return {
        (one.name, queue): one.agent.reconciles(queue) for one in world for queue in ("exports", "imports")
    }


@pytest.mark.requirement("MCS-EXP-15")
async def test_an_export_costs_each_cluster_a_handful_of_writes() -> None:
    async with Clusterset() as world:
        await world.everywhere("shop")

        await world["east"].deploy("shop", "web")
        await world.settle()

        # Import, derived Service, IPs, slice, status.
        assert len(world["north"].agent.wire.writes) == 5
        # And record, slice, and at most a condition before and one after.
        assert len(world["east"].agent.wire.writes) <= 5 + 2 + 2


async def test_a_change_of_endpoints_costs_one_write_in_each_cluster_and_one_on_the_broker() -> None:
    async with Clusterset() as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web")
        await world["west"].deploy("shop", "web")
        await world.settle()
        before = {one.name: len(one.agent.wire.writes) for one in world}

        await world["east"].endpoints("shop", "web", "10.1.0.7")
        await world.settle()

        spent = {one.name: len(one.agent.wire.writes) - before[one.name] for one in world}
        assert spent == {"east": 2, "west": 1, "north": 1}


@ANSWERS
async def test_a_change_of_endpoints_costs_one_look_where_it_is_made_and_one_where_it_arrives(
    answer_delay_seconds: float,
) -> None:
    """Whether the answer to a write or its echo comes first: neither is news to who wrote it."""
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web")
        await world.settle()
        before = looks(world)
        for one in world:
            one.agent.wire.answer_delay_seconds = answer_delay_seconds

        await world["east"].endpoints("shop", "web", "10.1.0.7")
        await world.settle()

        assert {name: number - before[name] for name, number in looks(world).items()} == {
            ("east", "exports"): 1,
            ("east", "imports"): 1,
            ("west", "exports"): 0,
            ("west", "imports"): 1,
        }


@ANSWERS
async def test_a_first_export_costs_at_most_two_looks_on_each_side(answer_delay_seconds: float) -> None:
    """One when the export is there, and one when its Service has been read; one where it arrives, or two."""
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await world.settle()
        before = looks(world)
        for one in world:
            one.agent.wire.answer_delay_seconds = answer_delay_seconds

        await world["east"].deploy("shop", "web")
        await world.imported("shop", "web", EAST)
        await world.settle()

        spent = {name: number - before[name] for name, number in looks(world).items()}
        assert spent["west", "exports"] == 0
        assert all(number <= 2 for number in spent.values()), spent


@pytest.mark.requirement("MCS-EXP-15")
async def test_when_nothing_happens_nothing_is_written_for_an_hour() -> None:
    async with Clusterset() as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web")
        await world["west"].deploy("shop", "web", ports=[{"name": "http", "port": 81}])
        await world["west"].export("shop", "nothing")
        await world.settle()
        before = [len(one.agent.wire.writes) for one in world]

        await asyncio.sleep(3600)

        assert [len(one.agent.wire.writes) for one in world] == before


async def test_a_burst_of_changes_ends_in_the_last_and_skips_what_was_in_between() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web")
        await world.settle()
        world["west"].sim.faults.delay(0.5, verbs=["update"], users=["agent"])
        before = len(world["west"].agent.wire.writes)

        for number in range(100):
            await world["east"].endpoints("shop", "web", f"10.1.0.{number + 1}")
            await asyncio.sleep(0.01)

        await world.imported("shop", "web", {"10.1.0.100"})
        assert len(world["west"].agent.wire.writes) - before < 10


async def test_a_service_that_nobody_exports_costs_no_write_and_no_memory() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        before = len(world["east"].agent.wire.writes)

        for number in range(20):
            await world["east"].service("shop", f"private-{number}")
            await world["east"].endpoints("shop", f"private-{number}", f"10.1.1.{number + 1}")
        await world.settle()

        assert len(world["east"].agent.wire.writes) == before
        local = world["east"].agent.services.stores.local
        assert {entry.name for entry in local.source_slices} == {"web-abc"}
        assert {entry.name for entry in local.services if not entry.value.managed} == {"web"}


async def test_what_is_no_longer_exported_is_forgotten() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")

        await world["east"].unexport("shop", "web")
        await world.gone("shop", "web")
        await world.settle()

        for cluster in world:
            local, broker = cluster.agent.services.stores.local, cluster.agent.services.stores.broker
            held = (local.services, local.source_slices, local.imported_slices, local.imports)
            mirrored = (broker.records, broker.slices, broker.own_records, broker.own_slices)
            assert [len(store) for store in held] == [0] * 4
            assert [len(store) for store in mirrored] == [0] * 4


async def test_many_services_at_once_are_all_imported() -> None:
    async with Clusterset() as world:
        await world.everywhere("shop")
        for sim in (world.broker, *(one.sim for one in world)):
            sim.faults.delay(0.0, 0.05)
        async with asyncio.TaskGroup() as tasks:
            for number in range(60):
                name = world.names[number % 3]
                tasks.create_task(world[name].deploy("shop", f"web-{number}", f"10.1.2.{number + 1}"))

        for number in range(60):
            await world.imported("shop", f"web-{number}", {f"10.1.2.{number + 1}"})
