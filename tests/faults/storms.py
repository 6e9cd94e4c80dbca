"""Faults of API servers that refuse, are slow, or whose answers are lost, at any request, for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

from tests.faults.agents import dns_answers, snapshots_are_fresh
from tests.faults.fault import Fault
from tests.faults.ways import SERVERS, Server, Way, way_of_agent, way_of_dns
from tests.faults.world import World
from tests.support.storms import READS, WRITES, Front, Storm, Storms
from tests.support.waiting import eventually

STORM_SECONDS: Final = 25.0
WATCH: Final = ("watch",)

REFUSING: Final = (
    Storm(share=0.3, status=429, retry_after_seconds=1),
    Storm(share=0.3, status=429),
    Storm(share=0.5, verbs=WATCH, status=429, retry_after_seconds=1),
)
CONFLICTING: Final = (Storm(share=0.6, verbs=WRITES, status=409),)
FAILING: Final = (
    Storm(share=0.3, status=500),
    Storm(share=0.3, status=503, retry_after_seconds=1),
    Storm(share=0.5, verbs=WATCH, status=500),
)
SLOW_SECONDS: Final = 3.0
SLOW: Final = (Storm(share=1.0, verbs=(*READS, *WRITES, *WATCH), delay_seconds=SLOW_SECONDS),)
LOSING: Final = (Storm(share=0.4, verbs=WRITES, lost=True), Storm(share=0.2, verbs=READS, lost=True))


async def front_of(world: World, way: Way) -> Front:
    """A proxy in this way, with fair weather; it is in use."""
    front = await front_before(world, way)
    await in_use(front)
    return front


async def front_before(world: World, way: Way) -> Front:
    """The same for a program that is yet to be started."""
    storms = Storms()
    world.afterwards.callback(storms.stop)
    front = storms.start().before(way.plane.url, way.plane.ca_file)
    way.change(cluster={"server": front.url})
    return front


async def in_use(front: Front) -> None:
    """Wait until requests pass there; afterwards there is no storm."""
    struck_before = front.struck().total()
    front.set(Storm(share=1.0, verbs=(*READS, *WRITES, *WATCH)))

    async def struck() -> bool:
        return front.struck().total() > struck_before

    await eventually(struck, within_seconds=60)
    front.set()


async def _storm(world: World, *, server: Server, storms: Sequence[Storm]) -> None:
    front = await front_of(world, await way_of_agent(world, world["west"], server))
    struck_before = front.struck().total()
    front.set(*storms)
    await asyncio.sleep(STORM_SECONDS)
    assert front.struck().total() > struck_before, "no request met the storm"
    front.set()


async def _dns_behind_a_slow_server(world: World) -> None:
    """It is started with its snapshot, and killed and started again meanwhile.

    Until it has read its API server, it knows nothing of what changes, and users wait.
    """
    west = world["west"]
    assert west.dns is not None
    front = await front_before(world, await way_of_dns(world, west))
    front.set(*SLOW)
    for _ in range(2):
        async with snapshots_are_fresh(world, late_seconds=SLOW_SECONDS):
            world.observer.dns_down("west")
            await west.kill_dns()
            west.start_dns()
            await dns_answers(world, west)
            await eventually(west.dns.metrics, _is_read, within_seconds=60)
        await asyncio.sleep(STORM_SECONDS / 2)
    assert front.struck().total() > 0
    front.set()


def _is_read(metrics: str) -> bool:
    return "mcs_dns_zone_synced 1.0" in metrics


WHOSE: Final[dict[Server, str]] = {
    "broker": "the broker's API server, as a member's agent sees it,",
    "local": "a member's own API server, as its agent sees it,",
}
KINDS: Final = (
    ("429", "refuses most requests with 429, half of them with Retry-After, watches too", REFUSING),
    ("409", "answers six of ten writes with 409", CONFLICTING),
    ("500", "answers most requests with 500 or 503, watches too", FAILING),
    ("slow", "takes three seconds more for everything", SLOW),
    ("lost", "does what it is asked, and its answers are lost: 4 of 10 to writes, 2 of 10 to reads", LOSING),
)

FAULTS: Final = (
    *(
        Fault(
            f"{server}-storm-{name}",
            f"{WHOSE[server]} {what}, for {STORM_SECONDS:g} s",
            partial(_storm, server=server, storms=storms),
        )
        for server in SERVERS
        for name, what, storms in KINDS
    ),
    Fault(
        "dns-api-server-slow",
        "the API server takes three seconds more for all that a DNS server asks; that is killed and started",
        _dns_behind_a_slow_server,
    ),
)
