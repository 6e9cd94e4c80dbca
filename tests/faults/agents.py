"""Faults of our own processes: agents killed, stopped and doubled, DNS servers killed."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Final

from mcs_controller.dnscheck.client import QueryFailed, query
from tests.faults.fault import Fault
from tests.faults.member import Member
from tests.faults.world import World
from tests.realkube.product import Component
from tests.support.kubeconfigs import write
from tests.support.links import Link, Links, Weather
from tests.support.waiting import eventually

KILLS: Final = 30
KILLS_APART_SECONDS: Final = (0.5, 3.0)
BROKER_AWAY_SECONDS: Final = 10.0
STOPPED_SECONDS: Final = 22.0
"""Longer than a Lease, 15 s, and than its holder may go on without renewing it."""
AFTER_SECONDS: Final = 3.0
DNS_KILLS: Final = 5
SNAPSHOT_SECONDS: Final = 5.0
"""A change has come to a DNS server by then, and a second later it is in the snapshot."""
ASKED: Final = "svc-02.staff.svc.clusterset.local."
API_AWAY_SECONDS: Final = 10.0


async def _killed_often(world: World) -> None:
    """Without leader election, so that each works from its start on and is killed amid its writes."""
    random = Random(1)
    waiting = {name: member.agents[0] for name, member in world.members.items()}
    for name, member in world.members.items():
        await member.drop_agent(waiting[name])
        await member.new_agent("--no-leader-elect")
    for _ in range(KILLS):
        await asyncio.sleep(random.uniform(*KILLS_APART_SECONDS))
        member = random.choice(list(world.members.values()))
        await member.kill_agents()
        member.start_agents()
    for name, member in world.members.items():
        await member.drop_agent(member.agents[0])
        member.agents.append(waiting[name])
        member.start_agents()
    for member in world.members.values():
        await member.wait_ready()
        # Nobody gave the Lease back.
        await _leader(member)


async def _started_without_broker(world: World) -> None:
    for member in world.members.values():
        await member.kill_agents()
    async with world.broker.api_server_killed():
        for member in world.members.values():
            member.start_agents()
        await asyncio.sleep(BROKER_AWAY_SECONDS)


async def _leader_stopped(world: World) -> None:
    """It resumes with what it knew when it was stopped."""
    west = world["west"]
    second = await west.new_agent()
    await second.wait_ready()
    leader = await _leader(west)
    leader.process.signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(STOPPED_SECONDS)
        assert await _leader(west, besides=leader) is second
    finally:
        leader.process.signal(signal.SIGCONT)
    await asyncio.sleep(AFTER_SECONDS)
    await west.drop_agent(leader)


async def _leader(member: Member, besides: Component | None = None) -> Component:
    """The replica that leads, as soon as one does; one that is stopped cannot be asked."""

    async def look() -> Component | None:
        for agent in member.agents:
            if agent is not besides and "mcs_agent_leading 1.0" in await agent.metrics():
                return agent
        return None

    found = await eventually(look, lambda one: one is not None, 30)
    assert found is not None
    return found


async def _leader_cut_off(world: World) -> None:
    """It reaches the broker all the time; what it sent to its API server arrives when the link is back."""
    west = world["west"]
    other = west.agents[0]
    await west.drop_agent(other)
    with Links() as links:
        link = links.to(west.servers.plane.url)
        cut_off = await west.new_agent(f"--kubeconfig={await _kubeconfig_by(link, world, west)}")
        await cut_off.wait_ready()
        assert await _leader(west) is cut_off
        west.agents.append(other)
        other.process.start()
        await other.wait_ready()
        link.set(Weather(stalled=True))
        await asyncio.sleep(STOPPED_SECONDS)
        assert await _leader(west, besides=cut_off) is other
        link.set(Weather())
        await asyncio.sleep(AFTER_SECONDS)
        await west.drop_agent(cut_off)


async def _kubeconfig_by(link: Link, world: World, member: Member) -> Path:
    """The agent's, with the link in its way."""
    own = await member.servers.plane.service_account_kubeconfig("mcs-system", "mcs-agent")
    config = json.loads(own.read_text())
    config["clusters"][0]["cluster"]["server"] = link.url
    return write(world.work_dir, f"{member.name}-by-link.kubeconfig", config)


async def _dns_killed(world: World) -> None:
    async with snapshots_are_fresh(world):
        for _ in range(DNS_KILLS):
            for member in world.members.values():
                world.observer.dns_down(member.name)
                await member.kill_dns()
                member.start_dns()
                await dns_answers(world, member)


@asynccontextmanager
async def snapshots_are_fresh(world: World, *, late_seconds: float = 0.0) -> AsyncIterator[None]:
    """Nothing changes meanwhile: what a DNS server says from its snapshot has to be right, too.

    A change may come to it so late.
    """
    async with world.users.leaving_alone(*world.users.offers):
        await asyncio.sleep(late_seconds + SNAPSHOT_SECONDS)
        yield


async def _dns_started_without_api_server(world: World) -> None:
    """From its snapshot it answers at once, and goes on to."""
    west = world["west"]
    async with snapshots_are_fresh(world), west.servers.api_server_killed():
        world.observer.dns_down("west")
        await west.kill_dns()
        west.start_dns()
        await dns_answers(world, west)
        await asyncio.sleep(API_AWAY_SECONDS)


async def _dns_started_with_nothing(world: World) -> None:
    """It knows no name, and must not say that there is none."""
    west = world["west"]
    world.observer.dns_down("west")
    async with west.servers.api_server_killed():
        await west.kill_dns()
        west.snapshot.unlink(missing_ok=True)
        west.start_dns()
        await asyncio.sleep(API_AWAY_SECONDS)
    await dns_answers(world, west)


async def dns_answers(world: World, member: Member) -> None:
    """From now on its DNS server has to answer."""

    async def knows() -> bool:
        try:
            answer = await query(member.dns_address, ASKED, "A", timeout_seconds=1)
        except QueryFailed:
            return False
        return answer.rcode == "NOERROR"

    await eventually(knows, within_seconds=30)
    world.observer.dns_up(member.name)


FAULTS: Final = (
    Fault("agents-killed", "agents are killed 30 times amid their work, and started again", _killed_often),
    Fault(
        "agents-started-without-broker",
        "all agents are killed, and started while the broker is away",
        _started_without_broker,
    ),
    Fault(
        "leader-stopped",
        "a leading agent is stopped (SIGSTOP) longer than its Lease, another leads, it resumes",
        _leader_stopped,
        short=True,
    ),
    Fault(
        "leader-cut-off",
        "of two replicas the leader is cut off from its API server for 22 s, not from the broker; it returns",
        _leader_cut_off,
    ),
    Fault("dns-killed", "the DNS servers are killed and started five times", _dns_killed),
    Fault(
        "dns-started-without-api-server",
        "a DNS server is killed, and started with its snapshot while its API server is away",
        _dns_started_without_api_server,
    ),
    Fault(
        "dns-started-with-nothing",
        "the same without a snapshot: it answers nothing until the API server is back",
        _dns_started_with_nothing,
    ),
)
