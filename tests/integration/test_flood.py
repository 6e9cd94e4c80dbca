"""One member floods, by number, by size and by rate; what the others do arrives all the same.

On real API servers, the agents as processes, the flood with nothing but the member's own credential.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from statistics import median
from uuid import uuid4

import pytest

from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES, LEASES, SERVICES
from tests.integration.conftest import Product, World, real
from tests.integration.flood import Mars, Probe, taken_over, times
from tests.integration.real_site import RealSite
from tests.realkube.plugin import BROKER
from tests.realkube.product import Component
from tests.support.objects import IMPORTS

pytestmark = [pytest.mark.realkube, pytest.mark.alone]

MEMORY_MAX_BYTES = 300 * 1024 * 1024
QUIET_ROUNDS = 5
SMALL_CONSTANT_SECONDS = 1.0
RECORDS = 1500
PLACES = 200
"""What the broker's administrator allows the member of imports; of records, less than it writes."""


@dataclass
class Setting:
    """A clusterset with a member that was taken over, and how long changes take while it is quiet."""

    product: Product
    world: World
    mars: Mars
    probes: tuple[Probe, Probe]
    quiet_seconds: list[float]
    lease: str

    async def check(self, flooded: list[list[float]]) -> None:
        for whose, quiet, seconds in zip(("east", "west"), self.quiet_seconds, flooded, strict=True):
            assert median(seconds) <= 2 * quiet + SMALL_CONSTANT_SECONDS, f"{whose}: {quiet}, {seconds}"
        assert await memory_bytes(self.product.agents["west"]) < MEMORY_MAX_BYTES
        assert await lease_of(self.world) == self.lease
        west = self.world["west"]
        body = {"metadata": {"name": "a-users-own", "namespace": self.world.namespace}}
        await west.api.create(SERVICES, {**body, "spec": {"ports": [{"port": 80}]}})


@pytest.fixture
async def setting(real_product: Product) -> AsyncIterator[Setting]:
    async with real(real_product, f"flood-{uuid4().hex[:8]}") as world, contextlib.AsyncExitStack() as stack:
        mars = await stack.enter_async_context(
            taken_over(
                real_product.clusterset[BROKER],
                world.namespace,
                limits={"imports": PLACES, "services": RECORDS - 500},
            )
        )
        west = world["west"]
        probes = (Probe(world["east"], west, world.namespace), Probe(west, west, world.namespace))
        for probe in probes:
            await probe.start()
        quiet = await times(probes, lambda rounds: rounds >= QUIET_ROUNDS)
        lease = await lease_of(world)
        yield Setting(real_product, world, mars, probes, [median(one) for one in quiet], lease)


async def memory_bytes(agent: Component) -> float:
    metrics = await agent.metrics()
    found = re.search(r"^process_resident_memory_bytes (\S+)$", metrics, re.MULTILINE)
    assert found is not None
    return float(found[1])


async def lease_of(world: World) -> str:
    lease = await world["west"].api.get(LEASES, "mcs-agent", "mcs-system")
    return f"{lease['spec']['holderIdentity']} {lease['spec'].get('leaseTransitions')}"


async def flooded(setting: Setting, flood: asyncio.Task[None], rounds_after: int) -> list[list[float]]:
    """How long changes take while the flood is being written, and for some rounds after."""
    ended: list[int] = []

    def enough(rounds: int) -> bool:
        if flood.done() and not ended:
            ended.append(rounds)
        return bool(ended) and rounds >= ended[0] + rounds_after

    try:
        return await times(setting.probes, enough)
    finally:
        flood.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await flood


async def test_a_flood_of_records_delays_nobody_and_takes_no_more_than_its_places(setting: Setting) -> None:
    names = [f"n{number:04}" for number in range(RECORDS)]
    flood = asyncio.create_task(
        setting.mars.publish(EXPORTED_SERVICES, setting.mars.records(names)), name="flood"
    )
    await setting.check(await flooded(setting, flood, 5))

    west = setting.world["west"]
    assert len((await west.api.list(IMPORTS, namespace=setting.world.namespace)).items) <= PLACES + 2
    derived = (await west.api.list(SERVICES, namespace=setting.world.namespace)).items
    assert sum(one["metadata"]["name"].startswith("derived-") for one in derived) == 2


async def test_a_flood_of_large_objects_delays_nobody_and_costs_no_memory(setting: Setting) -> None:
    notes = {f"example.com/note{number}": "x" * 16_000 for number in range(62)}
    names = [f"r{number}" for number in range(60)]
    records = setting.mars.records(names, exportedAnnotations=notes)
    slices = setting.mars.large_slices(names[:20])

    async def write() -> None:
        await setting.mars.publish(EXPORTED_SERVICES, records)
        await setting.mars.publish(EXPORTED_ENDPOINT_SLICES, slices)

    await setting.check(await flooded(setting, asyncio.create_task(write(), name="flood"), 5))

    west = setting.world["west"]
    assert isinstance(west, RealSite)
    await west.restart_agent()
    await times(setting.probes, lambda rounds: rounds >= 1)
    assert west.agent is not None
    assert await memory_bytes(west.agent) < MEMORY_MAX_BYTES


async def test_a_member_that_rewrites_its_records_all_the_time_delays_nobody(setting: Setting) -> None:
    mars = setting.mars
    names = [f"i{number:03}" for number in range(900)]
    await mars.publish(EXPORTED_SERVICES, mars.records(names))
    rewriting = [f"{setting.world.namespace}.{name}" for name in names[:100]]
    flood = asyncio.create_task(mars.keep_rewriting(rewriting, 100.0), name="flood")
    loop = asyncio.get_running_loop()
    until_seconds = loop.time() + 15.0
    found = await times(setting.probes, lambda rounds: loop.time() > until_seconds)
    assert not flood.done(), flood
    flood.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await flood
    await setting.check(found)
