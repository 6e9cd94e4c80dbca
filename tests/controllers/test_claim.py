"""Whose a cluster id is, before an agent has used it, in virtual time."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from mcs_controller.api.resources import MEMBER_CLUSTERS, NAMESPACES
from mcs_controller.clusterset.model import Member
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.membership.claim import check_owner, claim, give_back
from mcs_controller.controllers.membership.errors import ClusterIdTaken
from mcs_controller.controllers.membership.presence import Presence
from tests.support.agents import LoopClock
from tests.support.clusterset import Clusterset

pytestmark = pytest.mark.looptime

PLACE = "mcs-member-east"


async def status(world: Clusterset) -> dict[str, Any]:
    """What the MemberCluster of east says."""
    return dict((await world.broker_api.get(MEMBER_CLUSTERS, "east", PLACE)).get("status") or {})


async def heartbeat(world: Clusterset) -> None:
    """An agent of east speaks."""
    local, broker = world["east"].api, world.broker.client("member-east")
    presence = Presence(AgentConfig(cluster_id="east"), local, broker, clock=LoopClock(), random=Random(1))
    await presence.step()
    assert presence.verified


async def uid_of(world: Clusterset, cluster: str) -> str:
    return str((await world[cluster].api.get(NAMESPACES, "kube-system"))["metadata"]["uid"])


def test_an_id_is_nobodys_or_ours_or_anothers() -> None:
    check_owner(Member("east"), "our-uid")
    check_owner(Member("east", cluster_uid="our-uid"), "our-uid")
    with pytest.raises(ClusterIdTaken, match=r"east belongs to another cluster .* run `leave` there"):
        check_owner(Member("east", cluster_uid="their-uid"), "our-uid")


@pytest.mark.requirement("MCS-NS-06")
async def test_who_has_claimed_an_id_has_it_and_its_agent_finds_it() -> None:
    async with Clusterset("east", "west", start=False) as world:
        broker, east, west = world.broker_api, await uid_of(world, "east"), await uid_of(world, "west")
        await claim(broker, "east", east)
        assert await status(world) == {"clusterUID": east}
        before = world.broker.snapshot()
        await claim(broker, "east", east)
        with pytest.raises(ClusterIdTaken):
            await claim(broker, "east", west)
        with pytest.raises(ClusterIdTaken):
            await give_back(broker, "east", west)
        assert world.broker.snapshot() == before
        await heartbeat(world)
        assert (await status(world))["clusterUID"] == east


async def test_of_two_that_claim_an_id_at_once_one_has_it() -> None:
    async with Clusterset("east", "west", start=False) as world:
        ended = await asyncio.gather(
            *(claim(world.broker_api, "east", uid) for uid in ("uid-1", "uid-2")), return_exceptions=True
        )
        (refused,) = (one for one in ended if one is not None)
        assert isinstance(refused, ClusterIdTaken)
        assert (await status(world))["clusterUID"] in ("uid-1", "uid-2")


async def test_an_id_is_given_back_only_as_long_as_no_agent_has_spoken() -> None:
    async with Clusterset("east", "west", start=False) as world:
        uid = await uid_of(world, "east")
        await claim(world.broker_api, "east", uid)
        assert await give_back(world.broker_api, "east", uid)
        assert await status(world) == {}
        await heartbeat(world)
        assert not await give_back(world.broker_api, "east", uid)
        assert (await status(world))["clusterUID"] == uid
