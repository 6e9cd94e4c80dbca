"""API servers that are away, forget, stall or lie: nothing is lost, and all is made up for afterwards."""

import asyncio

import pytest

from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES
from mcs_controller.simcluster.cluster import SimCluster
from mcs_controller.simcluster.faults import Fault
from tests.support.clusterset import EAST, WEST, Clusterset

pytestmark = pytest.mark.looptime

WRITING = ("create", "update", "patch", "delete")
ALL_VERBS = (*WRITING, "get", "list", "watch")


async def uids(world: Clusterset) -> list[str]:
    """Of the imports: each is the same one for as long as its uid is."""
    return [(await one.import_of("shop", "web") or {})["metadata"]["uid"] for one in world]


@pytest.mark.requirement("MCS-LIFE-07", "MCS-LIFE-05")
async def test_a_broker_outage_changes_nothing_but_what_the_own_cluster_says() -> None:
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        before = await world.settled()
        away = world.broker.faults.refuse_connections(users=_agents(world))

        await asyncio.sleep(300)
        assert await world.contents() == before

        await world["east"].endpoints("shop", "web", "10.1.0.9")
        moved = {"10.1.0.9", "10.2.0.1", "10.2.0.2"}
        await world.serves("east", moved, within_seconds=1)
        assert await world["west"].addresses_of("shop", "web") == EAST | WEST

        await asyncio.sleep(300)
        away.lift()
        await world.imported("shop", "web", moved, within_seconds=30)
        ready = (await world["east"].conditions("shop", "web"))["Ready"]
        assert ready == ("True", "Exported")


@pytest.mark.requirement("MCS-LIFE-07", "MCS-EXP-08")
async def test_an_export_made_during_an_outage_says_that_it_is_not_out_and_goes_out_afterwards() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        away = world.broker.faults.refuse_connections(users=_agents(world))
        await world["east"].deploy("shop", "web")

        async def failed() -> bool:
            return (await world["east"].conditions("shop", "web")).get("Ready") == ("False", "Failed")

        await world.until(failed)
        # The own cluster needs no broker to import its own service.
        assert await world["east"].addresses_of("shop", "web") == EAST
        await asyncio.sleep(600)
        away.lift()

        await world.imported("shop", "web", EAST, within_seconds=15)


@pytest.mark.requirement("MCS-LIFE-07")
@pytest.mark.parametrize("away", ["own", "broker"])
async def test_what_could_not_be_written_is_written_within_seconds_once_the_server_is_back(away: str) -> None:
    """Each of many services has been tried for ten minutes; none waits for its own backoff to be over."""
    names = [f"web{number}" for number in range(12)]
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        for name in names:
            await world["east"].deploy("shop", name)
            await world.imported("shop", name, EAST)
        await asyncio.sleep(60)  # After a start everything is looked at once more.
        server, user = (world["west"].sim, "agent") if away == "own" else (world.broker, "member-east")
        fault = server.faults.refuse_connections(users=[user])
        for name in names:
            await world["east"].endpoints("shop", name, "10.1.0.9")
        await asyncio.sleep(600)
        failing = world[("west" if away == "own" else "east")].agent.services
        assert (failing.imports if away == "own" else failing.exports).failing >= len(names)
        fault.lift()

        async def all_follow() -> bool:
            found = [await world["west"].addresses_of("shop", name) == {"10.1.0.9"} for name in names]
            return all(found)

        await world.until(all_follow, within_seconds=13)


@pytest.mark.requirement("MCS-LIFE-05", "MCS-LIFE-07")
async def test_nobody_counts_as_dead_because_the_broker_was_away() -> None:
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        away = world.broker.faults.refuse_connections(users=_agents(world))
        await asyncio.sleep(600)
        away.lift()

        async def all_there() -> bool:
            return all([await one.addresses_of("shop", "web") == EAST | WEST for one in world])

        await world.always(all_there, for_seconds=90)


@pytest.mark.requirement("MCS-LIFE-05", "MCS-LIFE-07")
@pytest.mark.parametrize("verbs", [ALL_VERBS, WRITING], ids=["hangs", "takes no writes"])
async def test_a_broker_that_is_out_of_order_makes_the_only_other_cluster_not_dead(
    verbs: tuple[str, ...],
) -> None:
    """A broker without its etcd answers from its watch cache, for as long as that lasts."""
    async with Clusterset("east", "west", member_timeout_seconds=30.0) as world:
        await world.exported_by("east", "west")

        async def all_there() -> bool:
            return all([await one.addresses_of("shop", "web") == EAST | WEST for one in world])

        for lasts_seconds in (14, 35, 300):
            fault = world.broker.faults.hang(verbs=verbs, users=_agents(world))
            await world.always(all_there, for_seconds=lasts_seconds)
            fault.lift()
            await world.always(all_there, for_seconds=90)


@pytest.mark.requirement("MCS-LIFE-07")
@pytest.mark.parametrize("where", ["broker", "local"])
async def test_compaction_and_broken_watches_lose_nothing(where: str) -> None:
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        before = await uids(world)
        sims = [world.broker] if where == "broker" else [one.sim for one in world]
        away = [sim.faults.refuse_connections(users=_agents(world)) for sim in sims]

        await world["east"].endpoints("shop", "web", "10.1.0.9")
        await world["west"].unexport("shop", "web")
        await asyncio.sleep(5)
        for sim in sims:
            sim.faults.compact()
        for fault in away:
            fault.lift()

        await world.imported("shop", "web", {"10.1.0.9"}, within_seconds=60)
        assert await uids(world) == before


@pytest.mark.requirement("MCS-LIFE-07")
@pytest.mark.parametrize("in_order", [True, False], ids=["closed", "cut"])
async def test_a_watch_that_ends_is_resumed_at_once(in_order: bool) -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east", "west")
        await world.settle()

        for sim in _all(world):
            assert sim.faults.cut_watches(in_order=in_order)
        await world["east"].endpoints("shop", "web", "10.1.0.9")

        await world.imported("shop", "web", {"10.1.0.9", "10.2.0.1", "10.2.0.2"}, within_seconds=2)


@pytest.mark.requirement("MCS-LIFE-07")
async def test_a_watch_that_stalls_is_given_up_and_made_up_for() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east", "west")
        stalls = [sim.faults.stall_watches() for sim in _all(world)]
        await world["east"].endpoints("shop", "web", "10.1.0.9")
        await asyncio.sleep(1)
        assert await world["west"].addresses_of("shop", "web") == EAST | WEST

        await asyncio.sleep(120)
        _lift(stalls)

        await world.imported("shop", "web", {"10.1.0.9", "10.2.0.1", "10.2.0.2"}, within_seconds=60)


@pytest.mark.requirement("MCS-LIFE-07")
async def test_a_server_that_fails_every_other_request_delays_and_nothing_else() -> None:
    async with Clusterset() as world:
        faults = [sim.faults.fail(500, share=0.5, users=_agents(world)) for sim in _all(world)]
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web")
        await world["west"].deploy("shop", "web")

        await world.imported("shop", "web", EAST | WEST, within_seconds=120)

        await world["east"].unexport("shop", "web")
        await world["west"].unexport("shop", "web")
        await world.gone("shop", "web", within_seconds=240)
        _lift(faults)
        await world.settle()
        assert await world.records() == {}


@pytest.mark.requirement("MCS-LIFE-07")
async def test_answers_that_get_lost_lead_to_the_same_end() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east", "west")
        before = await world.settled()
        await world["east"].unexport("shop", "web")
        await world["west"].unexport("shop", "web")
        await world.gone("shop", "web")

        faults = [sim.faults.lose_answers(share=0.3, users=_agents(world)) for sim in _all(world)]
        for name in ("east", "west"):
            await world[name].export("shop", "web")
        await world.imported("shop", "web", EAST | WEST, within_seconds=120)
        _lift(faults)

        after = await world.settled()
        assert after["broker"] == before["broker"]
        assert set(after["west"]) == set(before["west"])


@pytest.mark.requirement("MCS-LIFE-07")
async def test_lists_of_the_broker_that_fail_in_the_middle_remove_nothing() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east", "west")
        before = await world.settled()
        failing = world.broker.faults.fail(500, verbs=["list"], users=["member-west"])
        await world["west"].restart()

        await asyncio.sleep(120)

        assert await world.contents() == before
        failing.lift()
        await world["west"].ready()
        assert await world.settled() == before


@pytest.mark.requirement("MCS-LIFE-07")
async def test_an_empty_broker_at_the_start_removes_nothing_before_it_is_confirmed() -> None:
    """As after a broker was restored without its data: what the members hold comes back from them."""
    async with Clusterset("east", "west") as world:
        await world.exported_by("east", "west")
        before = await world.settled()
        await world["east"].kill()
        await world["west"].kill()
        for kind in (EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES):
            for body in (await world.broker_api.list(kind)).items:
                metadata = body["metadata"]
                await world.broker_api.delete(kind, metadata["name"], namespace=metadata["namespace"])

        world["west"].start()
        await asyncio.sleep(2)
        assert (await world.contents())["west"] == before["west"]
        world["east"].start()

        assert await world.settled() == before


@pytest.mark.requirement("MCS-LIFE-07")
async def test_the_local_api_server_may_be_away_and_come_back() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east", "west")
        away = world["west"].sim.faults.refuse_connections(users=["agent"])
        await world["east"].endpoints("shop", "web", "10.1.0.9")
        await asyncio.sleep(300)
        assert await world["west"].addresses_of("shop", "web") == EAST | WEST
        away.lift()

        await world.imported("shop", "web", {"10.1.0.9", "10.2.0.1", "10.2.0.2"}, within_seconds=60)


def _all(world: Clusterset) -> list[SimCluster]:
    return [world.broker, *(one.sim for one in world)]


def _agents(world: Clusterset) -> list[str]:
    return ["agent", *(f"member-{name}" for name in world.names)]


def _lift(faults: list[Fault]) -> None:
    for fault in faults:
        fault.lift()
