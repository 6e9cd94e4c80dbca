"""`mcs-controller leave` among running agents, in virtual time."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from mcs_controller.api.resources import (
    EXPORTED_SERVICES,
    LEASES,
    MEMBER_CLUSTERS,
    NAMESPACES,
    SERVICES,
)
from mcs_controller.cli.errors import CliError
from mcs_controller.kube.leader import LeaderElector
from tests.cli.leaving import agent_stopped, agents_things, installed, leave, left, told
from tests.support.agents import LoopClock
from tests.support.clusterset import EAST, WEST, Clusterset
from tests.support.objects import IMPORTS, import_by_hand
from tests.support.waiting import eventually

pytestmark = pytest.mark.looptime


@pytest.mark.requirement("MCS-LIFE-06", "MCS-IMP-04")
async def test_a_cluster_leaves_once_all_have_let_go_and_takes_nothing_that_is_not_ours(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with Clusterset() as world:
        await installed(world)
        await world.exported_by("east", "west")
        east = world["east"]
        await east.api.create(IMPORTS, import_by_hand("shop", "by-hand"))
        await east.service("shop", "other")
        assert await east.conditions("shop", "web")
        await east.kill()

        before = await world.contents()
        await leave(world, dry_run=True)
        planned, _, _ = told(capsys)
        assert (await world.contents(), await agents_things(world)) == (before, ["mcs-broker"])
        await leave(world)

        objects, members, said = told(capsys)
        assert members == {"west": "let go", "north": "let go"}
        assert set(objects.values()) == {"deleted", "conditions removed"}
        assert planned.keys() == objects.keys()
        kinds = [name.split()[0] for name in objects]
        assert kinds == [
            *("ExportedService", "ExportedEndpointSlice"),
            *("ServiceImport", "EndpointSlice", "EndpointSlice", "Service"),
            *("ServiceExport", "Secret"),
        ]
        assert "broker remove-member east" in said
        assert await left(world) == {
            "ServiceExport shop/web",
            "ServiceImport shop/by-hand",
            "Service shop/other",
            "Service shop/web",
            "EndpointSlice shop/web-abc",
        }
        assert await east.conditions("shop", "web") == {}
        assert await agents_things(world) == []
        for name in ("west", "north"):
            assert await world[name].addresses_of("shop", "web") == WEST
        held = await world.broker_api.list(EXPORTED_SERVICES, namespace="mcs-member-east")
        assert held.items == []

        await leave(world)
        objects, members, _ = told(capsys)
        assert objects == {}
        assert members == {"west": "let go", "north": "let go"}


async def test_while_a_member_uses_what_was_exported_nothing_is_cleaned_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with agent_stopped() as world:
        world["west"].sim.faults.fail(403, verbs=("delete", "update"), resources=("serviceimports",))
        with pytest.raises(CliError, match=r"^west: still using what east exported") as refused:
            await leave(world, wait_seconds=60.0)
        assert "fuse release --member east" in str(refused.value)
        assert "Until then east exports nothing, and the broker knows that it leaves" in str(refused.value)
        assert "its ClusterProperty clusterset.k8s.io and its credential are still here" in str(refused.value)
        assert "leave --local-only` takes them away" in str(refused.value)
        objects, members, said = told(capsys)
        assert members == {"west": "holds", "north": "let go"}
        assert {name.split()[0] for name in objects} == {"ExportedService", "ExportedEndpointSlice"}
        assert "still in use by west" in said
        assert await agents_things(world) == ["mcs-agent", "mcs-broker"]
        assert await world["east"].import_of("shop", "web")

        await leave(world, wait_seconds=30.0, ignore_importers=True)
        objects, members, said = told(capsys)
        assert members["west"] == "holds"
        assert "warning: west may still use what east exported" in said
        assert await world["east"].import_of("shop", "web") is None
        assert await agents_things(world) == []


async def test_who_leaves_in_vain_goes_on_as_a_member(capsys: pytest.CaptureFixture[str]) -> None:
    async with agent_stopped("east", "west") as world:
        fault = world["west"].sim.faults.fail(403, verbs=("delete", "update"), resources=("serviceimports",))
        with pytest.raises(CliError):
            await leave(world, wait_seconds=20.0)
        fault.lift()
        world["east"].start()
        await world.imported("shop", "web", EAST)
        member = await world.broker_api.get(MEMBER_CLUSTERS, "east", "mcs-member-east")
        assert "leaving" not in member["status"]


async def test_silent_members_are_named_and_not_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    async with agent_stopped() as world:
        await world["west"].kill()
        began = asyncio.get_running_loop().time()
        await leave(world)
        assert asyncio.get_running_loop().time() - began < 45
        _, members, said = told(capsys)
        assert members == {"west": "silent", "north": "let go"}
        assert "warning: member west does not renew its heartbeat" in said


class Agent:
    """An agent that holds the Lease of east until it is ended."""

    def __init__(self, world: Clusterset) -> None:
        self.elector = LeaderElector(
            world["east"].sim.client(),
            "mcs-system",
            "mcs-agent",
            "agent-1",
            clock=LoopClock(),
            random=Random(3),
        )
        self.task = asyncio.create_task(self.elector.run(asyncio.Event().wait))  # type: ignore[arg-type]

    async def leads(self) -> None:
        async def leading() -> bool:
            return self.elector.leading

        await eventually(leading)

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.wait({self.task})


async def test_an_agent_that_leads_is_waited_for_and_then_nothing_was_removed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with Clusterset("east", "west") as world:
        await installed(world)
        await world.exported_by("east")
        agent = Agent(world)
        await agent.leads()
        before = await world.contents()
        with pytest.raises(CliError, match=r"runs, as agent-1 .*; nothing was removed: stop it"):
            await leave(world)
        assert told(capsys)[0] == {}
        assert await world.contents() == before

        leaving = asyncio.create_task(leave(world))
        await asyncio.sleep(15)
        await agent.end()
        await world["east"].kill()
        await leaving
        assert await world["east"].import_of("shop", "web") is None
        said = told(capsys)[2]
        # Whether whoever the Lease names still runs is known only when it renews it.
        assert (
            "Lease mcs-system/mcs-agent names agent-1 as its holder, an agent of this cluster: waiting"
            in said
        )
        assert "runs, as" not in said


async def test_the_lease_may_lie_in_a_namespace_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    async with agent_stopped("east", "west", exports=("west",)) as world:
        api = world["east"].api
        await api.create(NAMESPACES, {"metadata": {"name": "leases"}})
        metadata = {"name": "mcs-agent", "namespace": "leases"}
        await api.create(LEASES, {"metadata": metadata, "spec": {}})
        await leave(world, lease_namespace="leases")
        assert told(capsys)[0]["Lease leases/mcs-agent"] == "deleted"
        assert await world["east"].all_of(LEASES, "leases") == []


async def test_an_agent_that_has_no_lease_is_noticed_by_its_heartbeats(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with Clusterset("east", "west") as world:
        await installed(world)
        await world.exported_by("west")
        with pytest.raises(CliError, match="an agent of east still renews its heartbeat"):
            await leave(world, wait_seconds=40.0)
        assert "an agent of this cluster may still run" in told(capsys)[2]
        assert await world["east"].import_of("shop", "web")
        assert await agents_things(world) == ["mcs-agent", "mcs-broker"]


async def test_a_member_that_was_removed_cleans_up_its_own_cluster(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with agent_stopped("east", "west", exports=("west",)) as world:
        await world.broker_api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
        await leave(world)
        objects, members, said = told(capsys)
        assert "it was removed, and nobody is waited for" in said
        assert members == {}
        assert "ServiceImport shop/web" in objects
        assert await agents_things(world) == []


async def test_without_the_broker_only_this_cluster_is_cleaned_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with agent_stopped("east", "west", exports=("east", "west")) as world:
        records = await world.records()
        await leave(world, broker=False, local_only=True)
        assert await world.records() == records
        assert await left(world) == {
            "ServiceExport shop/web",
            "Service shop/web",
            "EndpointSlice shop/web-abc",
        }
        assert "remove-member" not in told(capsys)[2]


async def test_in_a_cluster_without_the_agents_namespace_nothing_is_made(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with Clusterset("east", "west", start=False) as world:
        await leave(world)
        assert told(capsys)[0] == {}
        assert await world["east"].all_of(LEASES) == []


async def test_a_table_says_when_there_is_nothing_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    async with Clusterset("east", "west", start=False) as world:
        await leave(world, output="table", dry_run=True)
        assert capsys.readouterr().out == "nothing to remove\n"


async def test_many_objects_are_told_as_they_go(capsys: pytest.CaptureFixture[str]) -> None:
    async with Clusterset("east", start=False) as world:
        await world["east"].namespace("shop")
        for number in range(501):
            await world["east"].service("shop", f"s{number}")
            labels = {"metadata": {"labels": {"mcs-controller.io/managed-by": "mcs-controller.io"}}}
            await world["east"].edit(SERVICES, "shop", f"s{number}", labels)
        await leave(world, broker=False, local_only=True)
        objects, _, said = told(capsys)
        assert len(objects) == 501
        assert "500 objects removed ..." in said
