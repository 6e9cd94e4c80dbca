"""An agent that dies, wherever it is, and the next one that takes over with nothing but two API servers."""

import asyncio

import pytest

from mcs_controller.api.resources import ENDPOINT_SLICES, EXPORTED_SERVICES, SERVICES
from tests.support.clusterset import EAST, WEST, Clusterset
from tests.support.objects import Object

pytestmark = pytest.mark.looptime

TCP = [{"name": "tcp", "port": 42}]


async def deployed(world: Clusterset) -> None:
    """One of everything: a conflict, a headless service, an invalid export."""
    await world.everywhere("shop")
    await world["east"].deploy("shop", "web")
    await world["west"].deploy("shop", "web")
    await world["east"].service("shop", "cart", ports=TCP)
    await world["east"].export("shop", "cart")
    await world["west"].service("shop", "cart", ports=[{"name": "tcp", "port": 43}])
    await world["west"].export("shop", "cart")
    await world["east"].deploy("shop", "db", clusterIP="None")
    await world["east"].export("shop", "nothing")
    await world.imported("shop", "web", EAST | WEST)


@pytest.mark.requirement("MCS-LIFE-08", "MCS-EXP-15")
@pytest.mark.parametrize("which", ["east", "west", "north"])
async def test_a_restart_writes_nothing_when_nothing_differs(which: str) -> None:
    async with Clusterset() as world:
        await deployed(world)
        before = await world.settled()

        await world[which].kill()
        process = world[which].start()
        await world[which].ready()

        assert await world.settled() == before
        assert process.wire.writes == []


@pytest.mark.requirement("MCS-LIFE-08")
async def test_a_restart_keeps_the_slices_of_an_import_that_waits_for_its_first_endpoint() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await world["east"].service("shop", "web")
        await world["east"].endpoints("shop", "web")
        await world["east"].export("shop", "web")
        before = await world.settled()
        await world["east"].restart()
        assert await world.settled() == before
        assert world["east"].agent.wire.writes == []


@pytest.mark.requirement("MCS-LIFE-07", "MCS-LIFE-08")
async def test_after_a_start_endpoints_that_a_restored_broker_does_not_know_yet_stay() -> None:
    """East comes back later, and until then the broker has its slice from before."""
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        backup = world.broker.snapshot()
        await world["east"].endpoints("shop", "web", *EAST, "10.1.0.3")
        now = EAST | WEST | {"10.1.0.3"}
        await world.imported("shop", "web", now)
        for cluster in world:
            await cluster.kill()
        world.broker.restore(backup)
        world["north"].start()
        await world["north"].ready()

        async def has_all() -> bool:
            return await world["north"].addresses_of("shop", "web") == now

        await world.always(has_all, for_seconds=30)
        await world["east"].endpoints("shop", "web", *EAST)
        world["east"].start()
        world["west"].start()
        await world.imported("shop", "web", EAST | WEST)


@pytest.mark.requirement("MCS-LIFE-08")
async def test_endpoints_of_a_restored_broker_are_taken_once_their_member_states_them() -> None:
    """East's clock was set back, so that what it writes looks older than what is there."""
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        for cluster in world:
            await cluster.kill()
        world.broker.restore(world.empty_broker)
        for name in world.names:
            await world.admit(name)
        await world["east"].endpoints("shop", "web", "10.1.0.3")
        world["east"].clock.skew_seconds = -3600.0
        for cluster in world:
            cluster.start()
        await world.imported("shop", "web", WEST | {"10.1.0.3"}, within_seconds=60)


async def test_changes_while_the_agent_was_away_are_made_up_for() -> None:
    async with Clusterset() as world:
        await deployed(world)
        await world["east"].kill()

        await world["east"].endpoints("shop", "web", "10.1.0.9")
        await world["east"].unexport("shop", "db")
        await world["east"].deploy("shop", "new")
        await world["west"].unexport("shop", "web")
        await world.settle()
        world["east"].start()

        await world.imported("shop", "web", {"10.1.0.9"})
        await world.imported("shop", "new", EAST)
        await world.gone("shop", "db")
        assert not any("db" in name for name in await world.records())


@pytest.mark.requirement("MCS-LIFE-08", "MCS-LIFE-07")
async def test_leftovers_go_only_when_their_exporter_has_spoken() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        await world["west"].kill()
        await world["east"].unexport("shop", "web")
        await world.until(lambda: _broker_is_empty(world))

        silenced = world.broker.faults.refuse_connections(users=["member-east"])
        world["west"].start()
        await world["west"].ready()

        await world.always(lambda: world["west"].import_of("shop", "web"), for_seconds=30)
        silenced.lift()
        await world.gone("shop", "web")


@pytest.mark.requirement("MCS-LIFE-08", "MCS-LIFE-07")
async def test_an_export_deleted_meanwhile_leaves_the_broker_only_after_a_second_complete_list() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        await world["east"].kill()
        await world["east"].unexport("shop", "web")

        world["east"].start(confirm_delay_seconds=10.0)
        await world["east"].ready()

        await world.always(world.records, for_seconds=9)
        await world.gone("shop", "web")
        assert await world.records() == {}


@pytest.mark.requirement("MCS-LIFE-08", "MCS-LIFE-07")
async def test_the_second_list_waits_until_it_can_be_read() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        await world["west"].kill()
        await world["east"].unexport("shop", "web")
        await world.until(lambda: _broker_is_empty(world))
        world["west"].start(confirm_delay_seconds=5.0)
        await world["west"].ready()

        away = world.broker.faults.refuse_connections(users=["member-west"])
        await world.always(lambda: world["west"].import_of("shop", "web"), for_seconds=60)
        away.lift()

        await world.gone("shop", "web", within_seconds=60)


@pytest.mark.requirement("MCS-LIFE-07")
async def test_own_endpoints_stay_fresh_when_the_broker_is_away_at_the_start() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east", "west")
        before = await world.settled()
        await world["east"].kill()
        world.broker.faults.refuse_connections(users=["member-east"])

        process = world["east"].start()
        await world.settle()
        assert await world["east"].contents() == before["east"]
        assert process.wire.writes == []

        await world["east"].endpoints("shop", "web", "10.1.0.9")

        async def follows() -> bool:
            found = await world["east"].addresses_of("shop", "web")
            return found == {"10.1.0.9", "10.2.0.1", "10.2.0.2"}

        await world.until(follows, within_seconds=1)


@pytest.mark.requirement("MCS-LIFE-07")
async def test_own_endpoints_stay_fresh_while_what_is_gone_is_not_proven() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east", "west")
        await world["east"].kill()
        await world["west"].unexport("shop", "web")
        await world.settle()
        world["east"].start(confirm_delay_seconds=60.0)
        await world["east"].ready()

        await world["east"].endpoints("shop", "web", "10.1.0.9")

        async def follows() -> bool:
            found = await world["east"].addresses_of("shop", "web")
            return found == {"10.1.0.9", "10.2.0.1", "10.2.0.2"}

        await world.until(follows, within_seconds=1)


async def test_how_long_changes_take_is_measured_for_others_changes_since_the_start() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east", "west")
        await world["west"].kill()
        await world["east"].endpoints("shop", "web", "10.1.0.9")
        await asyncio.sleep(60)
        registry = world["west"].start().registry
        await world.imported("shop", "web", {"10.1.0.9", "10.2.0.1", "10.2.0.2"})
        assert registry.get_sample_value("mcs_export_to_import_seconds_count") == 0

        await world["east"].endpoints("shop", "web", "10.1.0.8")
        await world["west"].endpoints("shop", "web", "10.2.0.8")
        await world.imported("shop", "web", {"10.1.0.8", "10.2.0.8"})
        assert registry.get_sample_value("mcs_export_to_import_seconds_count") == 1
        waited_seconds = registry.get_sample_value("mcs_export_to_import_seconds_sum")
        assert waited_seconds is not None
        assert waited_seconds < 1


async def scenario(world: Clusterset) -> None:
    """Some of everything that makes east's agent write: come, change, go."""
    east, west = world["east"], world["west"]
    await world.everywhere("shop")
    await east.deploy("shop", "web")
    await west.deploy("shop", "web")
    await east.deploy("shop", "old")
    await world.settle()
    await east.endpoints("shop", "web", "10.1.0.5")
    await east.edit(SERVICES, "shop", "web", {"spec": {"sessionAffinity": "ClientIP"}})
    await east.unexport("shop", "old")
    await world.settle()
    await east.api.delete(ENDPOINT_SLICES, "web-abc", namespace="shop")
    await world.settle()


async def outcome(kill_after_writes: int | None) -> tuple[Object, int]:
    """What the world holds in the end, and how often east's first agent wrote."""
    async with Clusterset("east", "west", start=False, confirm_delay_seconds=2.0) as world:
        first = world["east"].start()
        first.wire.cut_after_writes = kill_after_writes
        world["west"].start()

        async def replace_the_dead() -> None:
            await first.wire.cut.wait()
            await world["east"].restart()

        undertaker = asyncio.create_task(replace_the_dead())
        await scenario(world)
        contents = await world.settled()
        undertaker.cancel()
        return contents, len(first.wire.writes)


@pytest.mark.slow
@pytest.mark.requirement("MCS-LIFE-08")
async def test_killed_between_any_two_writes_the_end_is_the_same() -> None:
    undisturbed, writes = await outcome(None)
    assert writes > 10

    for number in range(1, writes + 1):
        disturbed, _ = await outcome(number)
        assert disturbed == undisturbed, f"killed after write {number}"


async def _broker_is_empty(world: Clusterset) -> bool:
    return not (await world.broker_api.list(EXPORTED_SERVICES)).items
