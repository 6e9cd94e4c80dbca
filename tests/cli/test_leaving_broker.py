"""`mcs-controller leave`, where the broker refuses, forgets, or knows another cluster by the id."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from mcs_controller.api.resources import (
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    MEMBER_CLUSTERS,
    NAMESPACES,
    Resource,
)
from mcs_controller.cli.errors import CliError
from mcs_controller.controllers.membership.claim import claim
from mcs_controller.controllers.membership.farewell import SPEAK_SECONDS
from tests.cli.leaving import agent_stopped, installed, leave, told
from tests.support.clusterset import Clusterset
from tests.support.crds import without_farewell
from tests.support.objects import body

pytestmark = pytest.mark.looptime


async def member_of(world: Clusterset) -> dict[str, Any]:
    """The status of the MemberCluster of east."""
    found = await world.broker_api.get(MEMBER_CLUSTERS, "east", "mcs-member-east")
    return dict(found.get("status") or {})


async def test_a_cluster_that_never_was_the_member_leaves_its_id_free(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As one that was given the credential of another by mistake."""
    async with Clusterset("east", "west", start=False) as world:
        await installed(world)
        await leave(world)
        objects, members, said = told(capsys)
        assert objects == {"Secret mcs-system/mcs-broker": "deleted"}
        assert members == {}
        assert "no agent has ever joined as east: it stays free" in said
        assert await member_of(world) == {}


async def test_an_id_that_a_cluster_only_joined_with_is_free_again_when_it_leaves(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with Clusterset("east", "west", start=False) as world:
        await installed(world)
        # It joined by mistake.
        uid = (await world["east"].api.get(NAMESPACES, "kube-system"))["metadata"]["uid"]
        await claim(world.broker_api, "east", uid)
        await leave(world)
        assert "no agent has ever joined as east: it stays free" in told(capsys)[2]
        assert await member_of(world) == {}


@pytest.mark.parametrize("kind", [EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES], ids=lambda kind: kind.kind)
async def test_what_is_exported_under_an_id_that_was_given_anew_is_withdrawn(
    capsys: pytest.CaptureFixture[str], kind: Resource
) -> None:
    """Also when there are only objects of the other kind."""
    async with agent_stopped("east", "west") as world:
        for one in (await world.broker_api.list(kind)).items:
            await world.broker_api.delete(kind, one["metadata"]["name"], namespace="mcs-member-east")
        nobodys = {"status": {"clusterUID": None}}
        await world.broker_api.patch(
            MEMBER_CLUSTERS, "east", nobodys, namespace="mcs-member-east", subresource="status"
        )
        await leave(world)
        assert told(capsys)[1] == {"west": "let go"}
        for either in (EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES):
            assert (await world.broker_api.list(either)).items == []
        assert (await member_of(world))["leaving"]


async def test_who_is_not_the_member_or_cannot_ask_changes_nothing_and_is_told_the_way_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with agent_stopped("east", "west") as world:
        await asyncio.sleep(20)
        faults = world.broker.faults
        east = world["east"].sim
        before = east.snapshot()
        for strike, message in (
            (partial(faults.fail, 401), "refuses the credential as that of east; nothing was changed"),
            (partial(faults.fail, 403), "refuses the credential as that of east; nothing was changed"),
            (faults.refuse_connections, "cannot be reached; nothing was changed"),
        ):
            fault = strike()
            for dry_run in (False, True):
                with pytest.raises(CliError, match=rf"{message}.* `mcs leave --local-only` cleans up"):
                    await leave(world, output="table", dry_run=dry_run)
                assert capsys.readouterr().out == ""
            fault.lift()
        others = {"status": {"clusterUID": "another"}}
        await world.broker_api.patch(
            MEMBER_CLUSTERS, "east", others, namespace="mcs-member-east", subresource="status"
        )
        with pytest.raises(CliError, match=r"member east is another cluster .*; nothing .*--local-only"):
            await leave(world)
        # Programs get a document all the same.
        assert told(capsys)[0] == {}
        assert east.snapshot() == before
        assert len((await world.broker_api.list(EXPORTED_SERVICES)).items) == 1


async def test_a_broker_that_refuses_to_hear_it_for_a_while_is_told_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with agent_stopped("east", "west") as world:
        patches: dict[str, Any] = {"verbs": ("patch",), "resources": ("memberclusters",)}
        fault = world.broker.faults.fail(500, users=("member-east",), **patches)
        began = asyncio.get_running_loop().time()
        leaving = asyncio.create_task(leave(world))
        await asyncio.sleep(40)
        assert not leaving.done()
        fault.lift()
        await leaving
        assert asyncio.get_running_loop().time() - began < 70
        _, members, said = told(capsys)
        assert members == {"west": "let go"}
        assert "cannot renew the membership: 500" in said
        assert "older than this program" not in said


async def test_it_is_said_again_where_a_restore_of_the_broker_took_it_back(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with agent_stopped("east", "west") as world:
        held = world["west"].sim.faults.fail(403, verbs=("delete", "update"), resources=("serviceimports",))
        leaving = asyncio.create_task(leave(world))
        await asyncio.sleep(20)
        taken_back = {"status": {"leaving": None}}
        await world.broker_api.patch(
            MEMBER_CLUSTERS, "east", taken_back, namespace="mcs-member-east", subresource="status"
        )
        await asyncio.sleep(SPEAK_SECONDS + 2)
        assert (await member_of(world))["leaving"]
        held.lift()
        await leaving
        assert told(capsys)[1] == {"west": "let go"}


async def test_what_is_no_member_is_not_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    async with agent_stopped("east", "west") as world:
        stray = body(MEMBER_CLUSTERS, "stray", "mcs-member-west")
        await world.broker_api.create(MEMBER_CLUSTERS, stray)
        began = asyncio.get_running_loop().time()
        await leave(world)
        assert asyncio.get_running_loop().time() - began < 25
        assert told(capsys)[1] == {"west": "let go"}


async def test_a_broker_of_older_definitions_is_said_to_be_the_reason_that_nobody_answers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with agent_stopped("east", "west", edit_broker_crds=without_farewell) as world:
        await leave(world)
        _, members, said = told(capsys)
        assert members == {"west": "mute"}
        assert "warning: the broker's definitions are older than this program" in said


async def test_even_who_waits_for_nobody_hears_whether_an_agent_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with agent_stopped("east", "west") as world:
        await leave(world, wait_seconds=0.0)
        assert "still renews its heartbeat" not in told(capsys)[2]


async def test_who_is_removed_meanwhile_waits_no_longer(capsys: pytest.CaptureFixture[str]) -> None:
    async with agent_stopped("east", "west") as world:
        world["west"].sim.faults.fail(403, verbs=("delete", "update"), resources=("serviceimports",))
        leaving = asyncio.create_task(leave(world, ignore_importers=True))
        await asyncio.sleep(20)
        assert not leaving.done()
        await world.broker_api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
        await asyncio.wait_for(leaving, 10)
        assert "broker remove-member east" in told(capsys)[2]
