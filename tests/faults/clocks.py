"""Faults of clocks: agents whose time of day is wrong, or jumps while they run, as when NTP sets it."""

from __future__ import annotations

import asyncio
from typing import Final

from tests.faults.fault import Fault
from tests.faults.member import Member
from tests.faults.ways import leads_again
from tests.faults.world import World
from tests.support.wrong_clock import WrongClock

HOUR_SECONDS: Final = 3600.0
WRONG_FOR_SECONDS: Final = 15.0
JUMPS_APART_SECONDS: Final = 4.0
ENDS_WITHIN_SECONDS: Final = 20.0
JUMPS_SECONDS: Final = (HOUR_SECONDS, -HOUR_SECONDS, 0.0, -24 * HOUR_SECONDS, 24 * HOUR_SECONDS, 60.0, -60.0)
"""A day behind, no certificate of an API server is valid yet."""


async def _with_clock(world: World, name: str, offset_seconds: float) -> WrongClock:
    """The member's only agent has this clock until the fault has been judged."""
    member = world[name]
    clock = WrongClock(world.work_dir / f"clock-{name}", offset_seconds)
    usual = list(member.agents)
    wrong = await member.new_agent(around=clock.around)
    await wrong.wait_ready()
    for agent in usual:
        # In order, so that it gives its Lease back.
        await asyncio.to_thread(agent.process.end, ENDS_WITHIN_SECONDS)
        member.agents.remove(agent)
    await leads_again(member)

    async def with_usual_clock() -> None:
        await asyncio.to_thread(wrong.process.end, ENDS_WITHIN_SECONDS)
        member.agents[:] = usual
        member.start_agents()
        await member.wait_ready()

    world.afterwards.push_async_callback(with_usual_clock)
    return clock


async def _apart(world: World) -> None:
    """Both are killed and started in the middle, so that what they wrote is read by a clock that is wrong."""
    wrong = {"east": HOUR_SECONDS, "north": -HOUR_SECONDS}
    for name, offset_seconds in wrong.items():
        await _with_clock(world, name, offset_seconds)
    await asyncio.sleep(WRONG_FOR_SECONDS)
    for name in wrong:
        await world[name].kill_agents()
        world[name].start_agents()
    await asyncio.sleep(WRONG_FOR_SECONDS)


async def _jumping(world: World) -> None:
    clock = await _with_clock(world, "west", 0.0)
    for offset_seconds in JUMPS_SECONDS:
        clock.jump(offset_seconds)
        await asyncio.sleep(JUMPS_APART_SECONDS)
    clock.jump(0.0)


async def _replicas_apart(world: World) -> None:
    """A second replica an hour ahead finds every Lease expired, if it believes its clock."""
    west: Member = world["west"]
    clock = WrongClock(world.work_dir / "clock-west-second", HOUR_SECONDS)
    second = await west.new_agent(around=clock.around)
    await second.wait_ready()
    for offset_seconds in (HOUR_SECONDS, -HOUR_SECONDS, HOUR_SECONDS):
        clock.jump(offset_seconds)
        await asyncio.sleep(WRONG_FOR_SECONDS / 2)
        assert "mcs_agent_leading 0.0" in await second.metrics()
    await west.drop_agent(second)


FAULTS: Final = (
    Fault(
        "clocks-apart",
        "one agent's clock is an hour ahead, another's an hour behind; both are killed and started",
        _apart,
    ),
    Fault(
        "clock-jumps",
        "the clock of an agent jumps while it runs: by an hour, a day and a minute, ahead and behind",
        _jumping,
    ),
    Fault(
        "replicas-clocks-apart",
        "a second replica waits for the Lease with a clock an hour ahead and an hour behind",
        _replicas_apart,
    ),
)
