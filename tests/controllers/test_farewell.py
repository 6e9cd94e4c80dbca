"""A cluster says farewell in the place of its agent, and hears who has let go of it."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from mcs_controller.api.resources import EXPORTED_SERVICES, MEMBER_CLUSTERS, NAMESPACES
from mcs_controller.controllers.membership.errors import ClusterIdTaken
from mcs_controller.controllers.membership.farewell import AGENT_SILENT_SECONDS, Farewell
from mcs_controller.kube.errors import Forbidden
from tests.controllers.mars import record
from tests.support.agents import LoopClock
from tests.support.clusterset import WEST, Clusterset
from tests.support.crds import without_farewell

pytestmark = pytest.mark.looptime


def farewell(world: Clusterset, cluster: str = "east") -> Farewell:
    return Farewell(
        cluster,
        world[cluster].api,
        world.broker.client(f"member-{cluster}"),
        clock=LoopClock(),
        random=Random(1),
    )


async def withdraw(one: Farewell) -> list[tuple[str, str]]:
    return [withdrawn async for withdrawn in one.withdraw()]


async def listen(one: Farewell, seconds: float) -> dict[str, str]:
    """The state of each other member after so many seconds."""
    ends_at = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < ends_at:
        await one.listen()
        await asyncio.sleep(1)
    return {name: importer.state for name, importer in one.importers.items()}


@pytest.mark.requirement("MCS-LIFE-06", "MCS-IMP-04")
async def test_all_let_go_and_say_so() -> None:
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        await world["east"].kill()
        one = farewell(world)
        await one.begin()
        assert one.agent_runs()
        assert [kind for kind, _ in await withdraw(one)] == ["ExportedService", "ExportedEndpointSlice"]
        assert await listen(one, 30) == {"west": "let go", "north": "let go"}
        assert (one.problem, one.excluded, one.understood, one.agent_runs()) == (None, False, True, False)
        for name in ("west", "north"):
            assert await world[name].addresses_of("shop", "web") == WEST

        again = farewell(world)
        await again.begin()
        assert await withdraw(again) == []
        assert await listen(again, 1) == {"west": "let go", "north": "let go"}


async def test_what_was_exported_after_a_farewell_that_was_given_up_is_a_new_question() -> None:
    async with Clusterset("east", "west", start=False) as world:
        first = farewell(world)
        await first.begin()
        await withdraw(first)
        asked = await world.broker_api.get(MEMBER_CLUSTERS, "east", "mcs-member-east")
        await asyncio.sleep(1)
        await world.publish("east", EXPORTED_SERVICES, "shop.web", **record("web"))
        second = farewell(world)
        await second.begin()
        assert await withdraw(second) == [("ExportedService", "shop.web")]
        asks = await world.broker_api.get(MEMBER_CLUSTERS, "east", "mcs-member-east")
        assert asks["status"]["leaving"] > asked["status"]["leaving"]


async def test_a_member_that_is_silent_and_one_that_was_never_there_hold_up_nobody() -> None:
    async with Clusterset() as world:
        await world.exported_by("east")
        await world["east"].kill()
        await world["west"].kill()
        await world.admit("south")
        one = farewell(world)
        await one.begin()
        await withdraw(one)
        assert await listen(one, 25) == {"west": "unheard", "north": "let go"}
        assert await listen(one, 10) == {"west": "silent", "north": "let go"}


async def test_a_member_that_never_lets_go_is_named_as_long_as_it_is_heard() -> None:
    async with Clusterset() as world:
        await world.exported_by("east")
        await world["east"].kill()
        world["west"].sim.faults.fail(403, verbs=("delete", "update"), resources=("serviceimports",))
        one = farewell(world)
        await one.begin()
        await withdraw(one)
        assert await listen(one, 60) == {"west": "holds", "north": "let go"}


async def test_an_agent_that_runs_beside_is_noticed() -> None:
    async with Clusterset("east", "west") as world:
        one = farewell(world)
        await one.begin()
        for _ in range(5):
            await listen(one, AGENT_SILENT_SECONDS)
            assert one.agent_runs()
        await world["east"].kill()
        await listen(one, AGENT_SILENT_SECONDS + 2)
        assert not one.agent_runs()


async def test_where_the_broker_knows_no_such_member_nobody_is_asked() -> None:
    async with Clusterset("east", "west", start=False) as world:
        await world.broker_api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
        one = farewell(world)
        await one.begin()
        assert one.excluded
    async with Clusterset("east", "west", start=False) as world:
        one = farewell(world)
        await one.begin()
        await world.broker_api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
        await one.listen()
        assert one.excluded


async def test_the_id_of_another_cluster_is_left_alone() -> None:
    async with Clusterset("east", "west", start=False) as world:
        await world.publish("east", EXPORTED_SERVICES, "shop.web", **record("web"))
        status = {"status": {"clusterUID": "another"}}
        await world.broker_api.patch(
            MEMBER_CLUSTERS, "east", status, namespace="mcs-member-east", subresource="status"
        )
        assert (await world["east"].api.get(NAMESPACES, "kube-system"))["metadata"]["uid"] != "another"
        with pytest.raises(ClusterIdTaken):
            await farewell(world).begin()
        assert set(await world.records()) == {"ExportedService mcs-member-east/shop.web"}


async def test_a_broker_that_refuses_is_no_answer_and_what_was_known_stays() -> None:
    async with Clusterset("east", "west") as world:
        await world["east"].kill()
        one = farewell(world)
        await one.begin()
        await withdraw(one)
        assert await listen(one, 30) == {"west": "let go"}
        fault = world.broker.faults.fail(503, users=("member-east",))
        await one.listen()
        assert (one.problem or "").startswith("cannot read the members: 503")
        assert set(one.importers) == {"west"}
        fault.lift()
        await one.listen()
        await asyncio.sleep(6)
        await one.listen()
        await one.listen()
        assert one.problem is None
        world.broker.faults.fail(403, users=("member-east",))
        with pytest.raises(Forbidden):
            await farewell(world).begin()


async def test_older_definitions_of_the_broker_are_noticed_and_nobody_can_answer() -> None:
    async with Clusterset("east", "west", edit_broker_crds=without_farewell) as world:
        await world["east"].kill()
        one = farewell(world)
        await one.begin()
        await withdraw(one)
        assert await listen(one, 45) == {"west": "mute"}
        assert not one.understood
