"""A leader is stopped right before a write, for longer than its lease: the write is never sent.

Another one leads meanwhile, and users go on. When the first one goes on, whatever it was about to write is
older than what is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest

from mcs_controller.api.resources import SERVICES
from mcs_controller.kube.fence import LeaseFence
from tests.controllers.stopping import Limbo, Stop
from tests.support.agents import AgentProcess, LoopClock
from tests.support.clusterset import Clusterset
from tests.support.objects import IMPORTS

pytestmark = pytest.mark.looptime

RENEW_DEADLINE_SECONDS = 10.0
LEASE_SECONDS = 15.0

Act = Callable[[Clusterset], Awaitable[object]]


async def exports_another(world: Clusterset) -> None:
    await world["east"].deploy("shop", "other", "10.1.7.1")


async def takes_the_other_back(world: Clusterset) -> None:
    await world["east"].unexport("shop", "other")


async def unexports(world: Clusterset) -> None:
    await world["east"].unexport("shop", "web")


async def exports_again(world: Clusterset) -> None:
    await world["east"].export("shop", "web")


async def moves_its_pods(world: Clusterset) -> None:
    await world["east"].endpoints("shop", "web", "10.1.0.8")


async def moves_them_back(world: Clusterset) -> None:
    await world["east"].endpoints("shop", "web", *world["east"].addresses())


async def changes_its_ports(world: Clusterset) -> None:
    await world["east"].edit(SERVICES, "shop", "web", _ports(8443))


async def changes_them_back(world: Clusterset) -> None:
    await world["east"].edit(SERVICES, "shop", "web", _ports(80))


async def adds_a_slice(world: Clusterset) -> None:
    await world["east"].endpoints("shop", "web", "10.1.5.1", name="web-more")


async def waits(world: Clusterset) -> None:
    await asyncio.sleep(1)


def _ports(port: int) -> dict[str, object]:
    return {"spec": {"ports": [{"name": "http", "port": port, "protocol": "TCP", "targetPort": 8080}]}}


class Case(NamedTuple):
    """Whose leader is stopped, what a user did, before which write, and what a user does meanwhile."""

    cluster: str
    act: Act
    at: str
    meanwhile: Act

    def __str__(self) -> str:
        return f"{self.cluster}: {self.at}"


CASES = [
    Case("west", exports_another, "POST .*/serviceimports", takes_the_other_back),
    Case("west", exports_another, "POST .*/services$", takes_the_other_back),
    Case("west", exports_another, "POST .*/endpointslices", takes_the_other_back),
    Case("west", exports_another, "PATCH .*/serviceimports/other/status", takes_the_other_back),
    Case("west", changes_its_ports, "PUT .*/serviceimports/", changes_them_back),
    Case("west", changes_its_ports, "PUT .*/services/", changes_them_back),
    Case("west", moves_its_pods, "PUT .*/endpointslices/", moves_them_back),
    Case("west", unexports, "PUT .*/serviceimports/", exports_again),
    Case("west", unexports, "DELETE .*/serviceimports/", exports_again),
    Case("west", unexports, "DELETE .*/endpointslices/", exports_again),
    Case("west", unexports, "DELETE .*/services/", exports_again),
    Case("east", exports_another, "POST .*/exportedservices", takes_the_other_back),
    Case("east", exports_another, "POST .*/exportedendpointslices", takes_the_other_back),
    Case("east", exports_another, "PATCH .*/serviceexports/other/status", takes_the_other_back),
    Case("east", exports_another, "PATCH .*/memberclusters/", takes_the_other_back),
    Case("east", changes_its_ports, "PUT .*/exportedservices/", changes_them_back),
    Case("east", moves_its_pods, "PUT .*/exportedendpointslices/", moves_them_back),
    Case("east", unexports, "PUT .*/exportedservices/", exports_again),
    Case("east", unexports, "DELETE .*/exportedservices/", exports_again),
    Case("east", unexports, "DELETE .*/exportedendpointslices/", exports_again),
]


@asynccontextmanager
async def one_led_by(stop: Stop | Limbo, cluster: str, fence: LeaseFence) -> AsyncIterator[Clusterset]:
    """East exports shop/web to west; the agent of `cluster` can be stopped."""
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        await world[cluster].kill()
        fence.prove(float("inf"), fence.offset_seconds())
        world[cluster].start(through=stop.wrap, fence=fence)
        await world[cluster].ready()
        await world.settle()
        yield world


@asynccontextmanager
async def another_leads(world: Clusterset, cluster: str) -> AsyncIterator[AgentProcess]:
    """The first leader, of which nothing is heard any more."""
    first, world[cluster].process = world[cluster].agent, None
    world[cluster].start()
    try:
        await world[cluster].ready()
        yield first
    finally:
        await first.kill()


@pytest.mark.requirement("MCS-LIFE-01")
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_what_a_stopped_leader_was_about_to_write_is_never_sent(case: Case) -> None:
    stop, fence = Stop(), LeaseFence(LoopClock())
    async with one_led_by(stop, case.cluster, fence) as world:
        stop.at = case.at
        await case.act(world)
        await asyncio.wait_for(stop.reached.wait(), 30)
        fence.prove(asyncio.get_running_loop().time() + RENEW_DEADLINE_SECONDS, fence.offset_seconds())
        await asyncio.sleep(LEASE_SECONDS)
        async with another_leads(world, case.cluster):
            await case.meanwhile(world)
            wanted = await world.settled()
            uids = await identities(world)
            stop.resume()
            await asyncio.sleep(0.05)
            assert await world.contents() == wanted
            assert await world.settled() == wanted
            assert await identities(world) == uids
            assert stop.sent == []


async def identities(world: Clusterset) -> dict[str, str]:
    """The UIDs of all imports and derived Services of west."""
    held = await world["west"].all_of(IMPORTS) + await world["west"].all_of(SERVICES)
    return {f"{one.get('kind')} {one['metadata']['name']}": one["metadata"]["uid"] for one in held}


LATE = [
    Case("west", unexports, "DELETE .*/serviceimports/", exports_again),
    Case("west", unexports, "DELETE .*/services/", exports_again),
    Case("east", unexports, "DELETE .*/exportedservices/", exports_again),
    Case("east", unexports, "PUT .*/exportedservices/", exports_again),
]


@pytest.mark.requirement("MCS-LIFE-01", "MCS-IMP-03")
@pytest.mark.parametrize("case", LATE, ids=str)
async def test_a_withdrawal_that_is_carried_out_late_takes_nothing_that_is_exported_again(case: Case) -> None:
    """The request left in time, and its sender is dead; a proxy or a busy server had it for a minute."""
    limbo, fence = Limbo(case.at), LeaseFence(LoopClock())
    async with one_led_by(limbo, case.cluster, fence) as world:
        await case.act(world)
        await asyncio.wait_for(limbo.holds.wait(), 30)
        await world[case.cluster].kill()
        await case.meanwhile(world)
        world[case.cluster].start()
        await world.imported("shop", "web", set(world["east"].addresses()), within_seconds=60)
        wanted, uids = await world.settled(), await identities(world)

        await limbo.carry_out()

        assert limbo.status == 409
        assert await world.contents() == wanted
        assert await world.settled() == wanted
        assert await identities(world) == uids


REPAIRED = [
    Case("west", unexports, "PUT .*/serviceimports/", exports_again),
    Case("west", moves_its_pods, "PUT .*/endpointslices/", moves_them_back),
    Case("west", exports_another, "POST .*/serviceimports", takes_the_other_back),
    Case("west", exports_another, "POST .*/endpointslices", takes_the_other_back),
    Case("west", exports_another, "POST .*/services$", takes_the_other_back),
    Case("east", moves_its_pods, "PUT .*/exportedendpointslices/", moves_them_back),
    Case("east", exports_another, "POST .*/exportedservices", takes_the_other_back),
    Case("east", exports_another, "POST .*/exportedendpointslices", takes_the_other_back),
    Case("east", unexports, "DELETE .*/exportedendpointslices/", exports_again),
]


@pytest.mark.parametrize("case", REPAIRED, ids=str)
async def test_what_is_carried_out_late_and_fits_is_put_right_within_a_second(case: Case) -> None:
    limbo, fence = Limbo(case.at), LeaseFence(LoopClock())
    async with one_led_by(limbo, case.cluster, fence) as world:
        await case.act(world)
        await asyncio.wait_for(limbo.holds.wait(), 30)
        await world[case.cluster].kill()
        await case.meanwhile(world)
        world[case.cluster].start()
        await world[case.cluster].ready()
        wanted, uids = await world.settled(), await identities(world)

        await limbo.carry_out()

        async def is_right() -> bool:
            return bool(await world.contents() == wanted)

        await asyncio.sleep(0.2)
        await world.until(is_right, within_seconds=1)
        assert await world.settled() == wanted
        assert await identities(world) == uids
