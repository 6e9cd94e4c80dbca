"""Faults of the links between a member's agent and the broker: slow, thin, broken, dead."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from tests.faults.fault import Fault
from tests.faults.ways import way_of_agent
from tests.faults.world import World
from tests.support.links import Link, Links, Weather
from tests.support.waiting import eventually

BAD_SECONDS: Final = 25.0
DEAD_SECONDS: Final = 120.0
CUT_SECONDS: Final = 15.0
SHORT_OF_TIMEOUT_SECONDS: Final = 10.0
"""The last heartbeat may be 11 s old by then, and the next one comes as late as requests that were lost."""
ALL_STREAMS: Final = 4
"""At least so many connections an agent keeps to the broker, when it watches everything."""


async def broker_link(world: World, member: str) -> Link:
    """All that the member's agent and the broker tell each other passes here."""
    links = Links()
    world.afterwards.callback(links.stop)
    link = links.start().to(world.broker.plane.url)
    way = await way_of_agent(world, world[member], "broker")
    way.change(cluster={"server": link.url})

    async def in_use() -> bool:
        return link.counts().connections >= ALL_STREAMS

    await eventually(in_use, within_seconds=60)
    return link


async def _bad_weather(world: World, *, weather: Weather, seconds: float = BAD_SECONDS) -> None:
    link = await broker_link(world, "west")
    link.set(weather)
    await asyncio.sleep(seconds)
    link.set(Weather())


async def _restarted_on_a_thin_link(world: World) -> None:
    link = await broker_link(world, "west")
    link.set(Weather(bytes_per_second=50_000))
    await asyncio.sleep(BAD_SECONDS / 2)
    await world["west"].kill_agents()
    world["west"].start_agents()
    await asyncio.sleep(BAD_SECONDS)
    link.set(Weather())


async def _dead_for_long(world: World, *, weather: Weather) -> None:
    """Longer than the others' timeout: they withdraw the member's endpoints, it keeps theirs."""
    link = await broker_link(world, "west")
    world.expected.excused(exporter="west")
    link.set(weather)
    await asyncio.sleep(DEAD_SECONDS)
    link.set(Weather())
    world.expected.expected_again(exporter="west")


FAULTS: Final = (
    Fault(
        "broker-link-slow",
        "a member's link to the broker takes 500 ms each way",
        partial(_bad_weather, weather=Weather(delay_seconds=0.5)),
    ),
    Fault(
        "broker-link-resets",
        "each connection of a member to the broker is reset, after one second on average",
        partial(_bad_weather, weather=Weather(life_seconds=1.0)),
        short=True,
    ),
    Fault(
        "broker-link-thin",
        "a member's link to the broker carries 50 kB/s; its agent is killed and started meanwhile",
        _restarted_on_a_thin_link,
    ),
    Fault(
        "broker-link-cut",
        "a member's link to the broker is cut for 15 s",
        partial(_bad_weather, weather=Weather(cut=True), seconds=CUT_SECONDS),
    ),
    Fault(
        "broker-link-forgotten",
        "what a member and the broker send is lost for 10 s, and the connections of that time stay dead",
        partial(_bad_weather, weather=Weather(swallowing=True), seconds=SHORT_OF_TIMEOUT_SECONDS),
    ),
    Fault(
        "broker-link-black-hole",
        "a black hole for 120 s between a member and the broker: all is lost, nothing is closed",
        partial(_dead_for_long, weather=Weather(swallowing=True)),
    ),
    Fault(
        "broker-link-stalled",
        "nothing arrives between a member and the broker for 120 s, then all of it, old writes too",
        partial(_dead_for_long, weather=Weather(stalled=True)),
    ),
)
