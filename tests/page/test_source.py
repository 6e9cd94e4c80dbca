"""What the page reads of an agent's stores is what `explain` reads of the API servers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mcs_controller.api.resources import (
    MEMBER_CLUSTERS,
    NAMESPACES,
)
from mcs_controller.clusterset.explain.explaining import explain
from mcs_controller.clusterset.explain.explanation import Explanation
from mcs_controller.clusterset.membership.limits import Limits
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.syntax import seconds_of_time
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.page.source import Held, held_by
from tests.controllers.bulking import bulk, public, relabel, with_bulk_export
from tests.controllers.explaining import WEB, explained
from tests.controllers.policing import import_policy, with_import_policies
from tests.support.agents import LoopClock
from tests.support.cluster import Cluster
from tests.support.clusterset import Clusterset
from tests.support.objects import IMPORTS, import_by_hand

pytestmark = pytest.mark.looptime

API = ServiceKey("shop", "api")
NO_EAST = import_policy("no-east", "Forbid", sourceClusters=["east"])
TIMEOUT_SECONDS = 30.0


def held(world: Clusterset, name: str) -> Held:
    """What the agent of a cluster holds."""
    cluster = world[name]
    config = AgentConfig(**{"cluster_id": name, **cluster.settings})
    found = held_by(config, cluster.agent.agent)
    assert found is not None
    return found


def shown(world: Clusterset, name: str, key: ServiceKey = WEB) -> Explanation:
    """The service, as the page of a cluster explains it."""
    return explain(held(world, name).picture(key, LoopClock().now().timestamp()))


def essence(explanation: Explanation) -> dict[str, Any]:
    """All but times and what only the API server knows."""
    here = explanation.here
    assert here is not None
    return {
        "verdict": explanation.verdict,
        "findings": sorted((one.id, one.severity, one.cluster, one.what) for one in explanation.findings),
        "exporters": [
            (one.cluster, one.rank, one.owns_name, one.why_not, one.ports, set(one.endpoints))
            for one in explanation.exporters
        ],
        "decisions": explanation.decisions,
        "here": (here.namespace, here.place, here.ips, here.derived_service, here.missing, here.left_over),
    }


def _heartbeats(explanation: Explanation) -> list[float]:
    return [seconds_of_time(one.heartbeat_at) or 0.0 for one in explanation.exporters]


async def exported(world: Clusterset) -> None:
    await world.exported_by("east", "west")


async def owned(world: Clusterset) -> None:
    await exported(world)
    await world.broker_api.patch(
        MEMBER_CLUSTERS, "west", {"spec": {"owns": ["shop/web"]}}, namespace="mcs-member-west"
    )


async def refused(world: Clusterset) -> None:
    await exported(world)
    await world["east"].kill()
    spec = {"spec": {"namespaces": ["other"]}}
    await world.broker_api.patch(MEMBER_CLUSTERS, "east", spec, namespace="mcs-member-east")


async def dead(world: Clusterset) -> None:
    await exported(world)
    await world["west"].kill()
    await asyncio.sleep(3 * TIMEOUT_SECONDS)


async def without_namespace(world: Clusterset) -> None:
    for name in ("east", "west"):
        await world[name].namespace("shop")
    await world["east"].deploy("shop", "web")


async def by_hand(world: Clusterset) -> None:
    await world.everywhere("shop")
    await world["north"].api.create(IMPORTS, import_by_hand("shop", "web"))
    await world["east"].deploy("shop", "web")


async def kept_out(world: Clusterset) -> None:
    await with_import_policies(world["north"], import_policy("all"), NO_EAST)
    await world.everywhere("shop")
    for name in ("east", "west"):
        await world[name].deploy("shop", "web")


SITUATIONS: dict[str, tuple[Callable[[Clusterset], Awaitable[None]], str]] = {
    "all is well": (exported, "works"),
    "an owner": (owned, "works"),
    "an export that is not admitted": (refused, "works in part"),
    "a dead member": (dead, "works in part"),
    "no namespace": (without_namespace, "does not work"),
    "an import by hand": (by_hand, "does not work"),
    "a source that policies keep out": (kept_out, "works"),
}


@pytest.mark.parametrize(("happens", "state"), SITUATIONS.values(), ids=SITUATIONS)
async def test_the_page_of_each_cluster_says_what_explain_says(
    happens: Callable[[Clusterset], Awaitable[None]], state: str
) -> None:
    async with Clusterset(member_timeout_seconds=TIMEOUT_SECONDS) as world:
        await happens(world)
        await world.settle()
        assert shown(world, "north").verdict.state == state
        for cluster in world:
            if cluster.process is not None:
                told, ours = await explained(world, cluster.name), shown(world, cluster.name)
                assert essence(ours) == essence(told)
                # The agent knows of silence up to its own last heartbeat, and begins it as late as it may be.
                assert _heartbeats(ours) == pytest.approx(_heartbeats(told), abs=25.0)


async def test_the_page_says_which_policy_made_an_export_as_explain_does() -> None:
    async with Clusterset("east", "west", member_timeout_seconds=TIMEOUT_SECONDS) as world:
        await world.everywhere("shop")
        east = world["east"]
        await with_bulk_export(east, bulk())
        east.settings = {"service_export_policies": True}
        await public(east, "web")
        await east.endpoints("shop", "web", "10.1.0.1")
        await world.settle()
        found = shown(world, "east")
        assert [one.id for one in found.findings] == ["MCS-WHY-18"]
        assert essence(found) == essence(await explained(world, "east"))
        assert held(world, "east").asks_export_policies()
        assert not held(world, "west").asks_export_policies()

        async def is_about_to_go() -> bool:
            return [one.id for one in shown(world, "east").findings] == ["MCS-WHY-19"]

        await relabel(east, "web", public=None)
        await world.until(is_about_to_go)


async def test_the_page_says_who_exports_more_than_is_taken() -> None:
    async with Clusterset("east", "west") as world:
        await world["west"].restart(limits=Limits(services=1))
        world["west"].settings = {"limits": Limits(services=1)}
        await world.exported_by("east")
        await world["east"].deploy("shop", "api")
        await world.settle()
        (told,) = {
            (one.severity, one.cluster, one.why)
            for key in (WEB, API)
            for one in shown(world, "west", key).findings
            if one.id == "MCS-WHY-06"
        }
        assert told[:2] == ("note", "east")
        assert told[2].startswith("the agent here leaves out 1 ")


async def test_the_page_knows_the_limits_and_the_patience_of_its_own_agent() -> None:
    """What no object shows, so that `explain` has to assume it."""
    async with Clusterset() as world:
        await world["north"].restart(limits=Limits(imports=1), member_timeout_seconds=600.0)
        world["north"].settings = {"limits": Limits(imports=1), "member_timeout_seconds": 600.0}
        # What it exports itself takes no place.
        await world.exported_by("east", "north", name="shared")
        await world["east"].deploy("shop", "api")
        await world.settle()
        await world["east"].deploy("shop", "web")
        await world.settle()
        looked_at = held(world, "north").picture(WEB, 0.0).here
        assert looked_at is not None
        assert looked_at.imports_of == (("east", 1),)
        here = shown(world, "north").here
        assert here is not None
        assert here.place == "no-room"
        await world["east"].kill()
        await asyncio.sleep(120)
        assert [one.id for one in shown(world, "north", API).findings] == []


async def test_what_a_line_of_the_list_is_made_of() -> None:
    async with Clusterset() as world:
        await refused(world)
        await world["west"].deploy("shop", "api")
        await world["north"].deploy("shop", "api")
        others = [ServiceKey("shop", name) for name in ("zeta", "kappa", "beta")]
        for key in others:
            await world["west"].deploy(*key)
        await world.settle()
        north = held(world, "north")
        assert north.services() == sorted([API, WEB, *others])
        facts = north.facts(WEB)
        assert facts is not None
        assert ([one.cluster for one in facts.records], facts.refused) == (["west"], ("east",))
        assert (facts.kept_out, facts.owners, facts.namespace_is_there) == ((), frozenset(), True)
        assert north.facts(ServiceKey("shop", "nothing")) is None
        # Its own, those on the broker, and those that are imported: an explanation looks at all of them.
        assert north.size(API).endpoints == 8

        await world["west"].unexport("shop", "web")
        await world.until(lambda: _imports_nothing(world["north"]))
        only_refused = north.facts(WEB)
        assert only_refused is not None
        assert (only_refused.records, only_refused.refused) == ((), ("east",))


async def test_owners_and_sources_that_are_kept_out_are_named() -> None:
    async with Clusterset() as world:
        await kept_out(world)
        await world.broker_api.patch(
            MEMBER_CLUSTERS, "west", {"spec": {"owns": ["shop"]}}, namespace="mcs-member-west"
        )
        await world.settle()
        facts = held(world, "north").facts(WEB)
        assert facts is not None
        assert (facts.owners, facts.kept_out) == (frozenset({"west"}), ("east",))


async def test_members_stand_by_name_with_what_is_known_of_each() -> None:
    async with Clusterset(member_timeout_seconds=TIMEOUT_SECONDS) as world:
        await world["west"].kill()
        await asyncio.sleep(3 * TIMEOUT_SECONDS)
        members = held(world, "north").members()
        assert [(one.member.cluster, one.is_own, one.is_dead, one.is_held) for one in members] == [
            ("east", False, False, False),
            ("north", True, False, False),
            ("west", False, True, False),
        ]
        silent_seconds = {one.member.cluster: one.silent_seconds or 0.0 for one in members}
        assert silent_seconds["west"] > TIMEOUT_SECONDS > max(silent_seconds["east"], silent_seconds["north"])


async def test_before_the_broker_was_read_nothing_is_said_of_it() -> None:
    async with Clusterset() as world:
        await exported(world)
        await world["north"].kill()
        world.broker.faults.fail(503)
        world["north"].start()
        await asyncio.sleep(30)
        told = shown(world, "north")
        assert [one.id for one in told.findings] == ["MCS-WHY-60"]
        assert told.is_recorded
        assert told.verdict.state == "works in part"


async def test_a_namespace_that_ends_is_not_called_missing() -> None:
    async with Clusterset() as world:
        await exported(world)
        north = world["north"]
        await north.api.patch(NAMESPACES, "shop", {"metadata": {"finalizers": ["example.com/wait"]}})
        await north.api.delete(NAMESPACES, "shop")
        await world.settle()
        here = shown(world, "north").here
        assert here is not None
        assert here.namespace == "ending"


async def _imports_nothing(cluster: Cluster) -> bool:
    return await cluster.import_of("shop", "web") is None
