"""What this cluster writes into its own MemberCluster, and what it says before it has."""

from __future__ import annotations

import pytest

from mcs_controller import __version__
from mcs_controller.api.resources import MEMBER_CLUSTERS, NAMESPACES
from mcs_controller.clusterset.membership.statement import statement
from tests.controllers.presence import SOMETHING, East, east_alone
from tests.support.clusterset import Clusterset

pytestmark = pytest.mark.looptime


async def test_a_round_writes_who_we_are_and_which_version_and_leaves_the_rest() -> None:
    async with east_alone() as east:
        condition = {
            "type": "Mine",
            "status": "True",
            "reason": "Told",
            "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        await east.edit(conditions=[condition])
        await east.step()
        namespace = await east.world["east"].api.get(NAMESPACES, "kube-system")
        assert await east.status() == {
            "conditions": [condition],
            "clusterUID": namespace["metadata"]["uid"],
            "version": __version__,
            "heartbeat": "2026-01-01T00:00:01.000000Z",
        }


async def test_what_is_exported_is_stated_when_it_is_known_and_stays_said() -> None:
    async with east_alone() as east:
        east.states(SOMETHING)
        await east.step()
        said = statement("2026-01-01T00:00:01.000000Z", *SOMETHING)
        written = {"at": said.at, "services": 1, "endpointSlices": 0, "digest": said.digest}
        assert (await east.status())["exported"] == written
        east.presence.exported = lambda: None
        await east.step()
        assert (await east.status())["exported"] == written
        assert east.breaks == []


async def test_before_the_first_round_nothing_is_proven_and_that_is_said() -> None:
    async with Clusterset("east", start=False) as world:
        presence = East(world).presence
        assert [presence.verified, presence.excluded, presence.uid] == [False, False, ""]
        assert presence.problem == "the broker has not been asked yet"


async def test_our_uid_is_read_once_and_as_long_as_it_cannot_be_nothing_is_written() -> None:
    async with east_alone() as east:
        local = east.world["east"].sim
        fault = local.faults.fail(503, resources=("namespaces",), users=["agent"])
        await east.step()
        assert await east.status() == {}
        assert "cannot renew the membership" in (east.presence.problem or "")
        before = east.presence.verified
        fault.lift()
        await east.step()
        assert (before, east.presence.verified) == (False, True)
        local.faults.fail(503, resources=("namespaces",), users=["agent"])
        await east.step()
        assert east.presence.problem is None


async def test_only_a_broker_that_refuses_our_credential_makes_us_ask_for_another_one() -> None:
    async with east_alone() as east:
        said: list[str | None] = []
        at_home = east.world["east"].sim.faults.fail(401, resources=("namespaces",), users=["agent"])
        await east.step()
        said.append(east.presence.problem)
        at_home.lift()
        await east.step()
        said.append(east.presence.problem)
        east.world.broker.faults.fail(401, resources=("memberclusters",), users=["member-east"])
        await east.step()
        said.append(east.presence.problem)
        advice = "`broker create-member east --renew`, and `join` brings it here"
        assert [text is not None and advice in text for text in said] == [False, False, True]
        assert said[1] is None


async def test_a_member_cluster_that_is_made_anew_is_a_break_each_time_it_is() -> None:
    async with east_alone() as east:
        await east.step()
        for _ in range(2):
            await east.world.broker_api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
            await east.world.admit("east", with_namespace=False)
            await east.step()
            await east.step()
        assert len(east.breaks) == 2
        assert set(east.breaks) == {"our MemberCluster was created anew"}
