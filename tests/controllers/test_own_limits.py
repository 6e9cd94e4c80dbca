"""A member that exports more than the others take of one is told so, and publishes no more than that."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES, MEMBER_CLUSTERS
from mcs_controller.clusterset.membership.limits import Limits
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.services.stores.own_limits import OwnLimits
from tests.support.agents import Told
from tests.support.cluster import Cluster
from tests.support.clusterset import SECOND_LOOK_SECONDS, Clusterset
from tests.support.objects import EXPORTS, Object

pytestmark = pytest.mark.looptime

NAMES = [f"s{number}" for number in range(6)]


async def condition(world: Clusterset) -> Object:
    member = await world.broker_api.get(MEMBER_CLUSTERS, "east", "mcs-member-east")
    found: list[Object] = (member.get("status") or {}).get("conditions") or []
    return next((one for one in found if one["type"] == "mcs-controller.io/WithinLimits"), {})


def within(world: Clusterset, status: str) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return (await condition(world)).get("status") == status

    return holds


async def ready(cluster: Cluster, name: str) -> tuple[str, str]:
    """Status and message."""
    found = ((await cluster.export_of("shop", name) or {}).get("status") or {}).get("conditions") or ()
    return next(((one["status"], one["message"]) for one in found if one["type"] == "Ready"), ("", ""))


async def published(world: Clusterset) -> int:
    return len((await world.broker_api.list(EXPORTED_SERVICES)).items)


async def allow(world: Clusterset, **limits: int) -> None:
    await world.broker_api.patch(
        MEMBER_CLUSTERS, "east", {"spec": {"limits": limits}}, namespace="mcs-member-east"
    )


async def deploy(world: Clusterset) -> None:
    await world.everywhere("shop")
    for name in NAMES:
        await world["east"].deploy("shop", name)
    await world.settle()


async def test_a_member_that_is_within_its_limits_says_so() -> None:
    async with Clusterset("east", "west") as world:
        await deploy(world)
        await world.until(within(world, "True"))


async def test_a_member_cluster_that_is_created_anew_says_so_again() -> None:
    async with Clusterset("east", "west") as world:
        await deploy(world)
        await world.until(within(world, "True"))
        member = await world.broker_api.get(MEMBER_CLUSTERS, "east", "mcs-member-east")
        anew = {**member, "metadata": {"name": "east", "namespace": "mcs-member-east"}, "status": {}}
        await world.broker_api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
        await world.broker_api.create(MEMBER_CLUSTERS, anew, namespace="mcs-member-east")
        await world.until(within(world, "True"), within_seconds=60)


async def test_exports_beyond_the_number_that_is_read_wait_for_room_and_say_so() -> None:
    async with Clusterset("east", "west", limits=Limits(services=4)) as world:
        east = world["east"]
        await deploy(world)
        assert await published(world) == 4
        says = [await ready(east, name) for name in NAMES]
        assert [status for status, _ in says] == ["True"] * 4 + ["False"] * 2
        assert says[5][1] == (
            "1 service is not published, over the limit on objects (4); export less, or ask the broker's "
            "administrator for higher spec.limits"
        )
        assert (await condition(world))["status"] == "False"
        assert (await condition(world))["message"].startswith("2 services are not published")

        await east.unexport("shop", "s0")
        await world.until(lambda: _is(_number_ready(east), 4), within_seconds=90)
        assert await published(world) == 4

        await allow(world, services=5)
        await world.until(within(world, "True"), within_seconds=90)
        await world.until(lambda: _is(_number_ready(east), 5), within_seconds=90)


async def test_slices_beyond_the_endpoints_that_are_read_are_not_published_and_the_export_says_so() -> None:
    async with Clusterset("east", "west", limits=Limits(endpoints=5)) as world:
        east = world["east"]
        await deploy(world)
        assert await published(world) == len(NAMES)
        assert len((await world.broker_api.list(EXPORTED_ENDPOINT_SLICES)).items) == 2
        assert (await ready(east, "s1"))[0] == "True"
        status, message = await ready(east, "s2")
        assert (status, message) == (
            "False",
            "1 EndpointSlice is not published, over the limit on endpoints (5); export less, or ask the "
            "broker's administrator for higher spec.limits",
        )
        assert "4 EndpointSlices" in (await condition(world))["message"]


async def test_an_export_that_is_too_large_for_others_to_read_is_not_published() -> None:
    async with Clusterset("east", "west") as world:
        east = world["east"]
        await world.everywhere("shop")
        await east.deploy("shop", "web")
        await world.imported("shop", "web", set(east.addresses()))
        # Each `<` is six bytes in what an API server sends.
        notes = {f"example.com/note{number}": "<" * 15_000 for number in range(6)}
        await east.edit(EXPORTS, "shop", "web", {"spec": {"exportedAnnotations": notes}})
        await world.gone("shop", "web")
        status, message = await ready(east, "web")
        assert status == "False"
        assert "over the limit on object_size" in message


async def test_exports_beyond_the_places_that_importers_have_say_that_they_may_have_to_wait() -> None:
    async with Clusterset("east", "west", limits=Limits(imports=4)) as world:
        east = world["east"]
        await deploy(world)
        says = [await ready(east, name) for name in NAMES]
        assert [status for status, _ in says] == ["True"] * 6
        waiting = (
            "each cluster imports at most 4 services of this cluster, but 6 are exported: "
            "this one may have to wait until others are unexported, or the broker's administrator allows "
            "more (spec.limits.imports)"
        )
        assert [message for _, message in says] == [""] * 4 + [waiting] * 2
        assert (await condition(world))["message"] == (
            "6 services are exported, but each cluster imports at most 4; export less, or ask the broker's "
            "administrator for higher spec.limits"
        )

        await allow(world, imports=6)
        await world.until(within(world, "True"), within_seconds=60)
        await world.until(lambda: _is(ready(east, "s5"), ("True", "")))


async def test_the_place_of_an_export_that_ended_before_it_could_be_written_is_free_again() -> None:
    async with Clusterset("east", "west", limits=Limits(services=1)) as world:
        east = world["east"]
        await world.everywhere("shop")
        refused = world.broker.faults.fail(500, verbs=["create"], resources=["exportedservices"])
        await east.deploy("shop", "s0")
        await asyncio.sleep(2)
        await east.unexport("shop", "s0")
        await world.settle()
        refused.lift()
        assert await published(world) == 0

        await east.deploy("shop", "s1")
        await world.until(lambda: _is(published(world), 1), within_seconds=90)
        await world.until(within(world, "True"), within_seconds=90)


@pytest.mark.parametrize(
    "limits",
    [Limits(services=1), Limits(endpoint_slices=1), Limits(endpoints=1)],
    ids=["services", "slices", "endpoints"],
)
async def test_what_was_published_before_a_limit_fell_is_taken_back_like_all_else(limits: Limits) -> None:
    async with Clusterset("east", "west") as world:
        east = world["east"]
        await deploy(world)
        assert len(await world.records()) == 2 * len(NAMES)
        await east.restart(limits=limits)
        await east.ready()
        await asyncio.sleep(SECOND_LOOK_SECONDS)
        for name in NAMES:
            await east.unexport("shop", name)

        async def nothing_left() -> bool:
            return await world.records() == {}

        await world.until(nothing_left)


async def someone_says(world: Clusterset, *conditions: Object) -> None:
    await world.broker_api.patch(
        MEMBER_CLUSTERS,
        "east",
        {"status": {"conditions": list(conditions)}},
        namespace="mcs-member-east",
        subresource="status",
    )


def another(world: Clusterset) -> OwnLimits:
    """Of the same agent, and the broker's user `limits`; what that one has written it does not know."""
    east = world["east"]
    context = Context.of(
        AgentConfig("east"),
        local=east.api,
        broker=world.broker.client("limits"),
        clock=east.clock,
        random=Random(1),
        registry=CollectorRegistry(),
        events=Told(),
    )
    return OwnLimits(context, east.agent.services.stores.broker, east.agent.membership.members)


async def test_a_condition_is_written_again_if_that_failed_and_nobody_elses_is_lost() -> None:
    other = {
        "type": "example.com/Other",
        "status": "True",
        "reason": "Said",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    async with Clusterset("east", "west") as world:
        await world.until(within(world, "True"))
        await someone_says(world)
        limits = another(world)
        world.broker.faults.delay(0.5, verbs=["patch"], users=["limits"])
        step = asyncio.create_task(limits.step())
        await asyncio.sleep(0.2)
        await someone_says(world, other)
        await step
        assert await condition(world) == {}

        await limits.step()

        assert (await condition(world))["status"] == "True"
        member = await world.broker_api.get(MEMBER_CLUSTERS, "east", "mcs-member-east")
        assert other in member["status"]["conditions"]


async def test_a_condition_that_is_as_it_should_be_is_not_written_and_after_that_not_even_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Clusterset("east", "west") as world:
        await world.until(within(world, "True"))
        caplog.clear()
        limits = another(world)
        told: list[str] = []
        limits.on_change = lambda: told.append("changed")
        world.broker.faults.fail(500, verbs=["patch"], users=["limits"])
        await limits.step()
        world.broker.faults.refuse_connections(users=["limits"])
        await limits.step()

        assert told == ["changed"]
        assert caplog.messages == []


async def _is(found: Awaitable[Any], wanted: Any) -> bool:
    return bool(await found == wanted)


async def _number_ready(cluster: Cluster) -> int:
    return sum([(await ready(cluster, name))[0] == "True" for name in NAMES])
