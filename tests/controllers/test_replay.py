"""A run in virtual time depends on its seed alone: not on the machine's speed, nor on hashes of strings."""

from __future__ import annotations

import asyncio
import os
import sys
from random import Random

import pytest

from mcs_controller.api.resources import NAMESPACES
from tests.support.clusterset import Clusterset
from tests.support.virtual_loop import run_virtually
from tests.support.write_trace import WriteTrace

SERVICES = [f"service-{number}" for number in range(12)]
SEED = 7


async def a_bad_day(seed: int) -> WriteTrace:
    """Many services at once, servers that fail by chance, a broker that loses everything, and restarts."""
    random = Random(seed)
    async with Clusterset(seed=seed, fuse_share=1.0) as world:
        trace = WriteTrace(world)
        await world.everywhere("shop")
        for name in SERVICES:
            for cluster in random.sample(world.names, 2):
                await world[cluster].deploy("shop", name)
        world.broker.faults.fail(500, share=0.3, users=("member-east", "member-west"), verbs=("update",))
        world.broker.faults.delay(0.0, 0.2)
        await asyncio.sleep(20.0)
        world.broker.restore(world.empty_broker)
        for name in random.sample(world.names, len(world.names)):
            await asyncio.sleep(random.uniform(0.0, 5.0))
            await world.admit(name)
        await world["north"].restart()
        await world["west"].api.delete(NAMESPACES, "shop")
        await asyncio.sleep(10.0)
        await world["west"].namespace("shop")
        await world.settle()
        return trace


async def a_late_start(seed: int) -> WriteTrace:
    """An agent that has much to write reads its own Services last of all."""
    async with Clusterset("east", "west", seed=seed) as world:
        trace = WriteTrace(world)
        await world.everywhere("shop")
        for name in SERVICES:
            await world["east"].deploy("shop", name)
        await world.settle()
        await world["east"].kill()
        for name in SERVICES:
            await world["east"].endpoints("shop", name, "10.1.0.77")
        world["east"].sim.faults.delay(
            9.0, resources=("services", "endpointslices"), verbs=("list",), users=("agent",)
        )
        world["east"].start()
        await world.settle()
        return trace


STORIES = {"a bad day": a_bad_day, "a late start": a_late_start}


@pytest.mark.parametrize(("story", "writes_at_least"), [("a bad day", 300), ("a late start", 250)])
async def test_a_seed_gives_the_same_writes_at_the_same_times_in_every_process(
    story: str, writes_at_least: int
) -> None:
    """Each in a process of its own, in which strings and so sets of them have another order."""
    runs = await asyncio.gather(*(_in_a_process(story, hash_seed) for hash_seed in ("1", "2")))
    assert len(set(runs)) == 1, runs
    _, writes = runs[0].split()
    assert int(writes) >= writes_at_least


async def _in_a_process(story: str, hash_seed: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        story,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode()


if __name__ == "__main__":
    told = run_virtually(STORIES[sys.argv[1]](SEED))
    sys.stdout.write(f"{told.digest()} {told.writes}\n")
