"""What one member does, however often, does not delay what the others do, or this cluster itself."""

import asyncio
from functools import partial

import pytest

from mcs_controller.api.resources import EXPORTED_SERVICES
from tests.controllers.test_import_cap import mars_exports, named
from tests.support.cluster import Cluster
from tests.support.clusterset import Clusterset
from tests.support.waiting import POLL_SECONDS

pytestmark = pytest.mark.looptime

WRITE_SECONDS = 0.05
"""How long the API server takes for a request: what a queue is long by, where no step takes time."""


async def _has(cluster: Cluster, name: str, address: str) -> bool:
    return await cluster.addresses_of("shop", name) == {address}


async def travel_seconds(world: Clusterset, source: Cluster, number: int) -> float:
    """How long a change of the source's endpoints takes to be imported in `west`."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    address = f"10.{world.names.index(source.name) + 1}.1.{number}"
    await source.endpoints("shop", f"from-{source.name}", address)
    await world.until(partial(_has, world["west"], f"from-{source.name}", address), within_seconds=300)
    return loop.time() - began


@pytest.mark.parametrize("flooding", ["new records", "rewriting"])
async def test_a_change_arrives_beside_a_members_flood_in_twice_the_time_that_it_takes_without(
    flooding: str,
) -> None:
    async with Clusterset("east", "west", dead_member_policy="keep") as world:
        west = world["west"]
        await world.admit("mars")
        await world.everywhere("shop")
        for cluster in world:
            await cluster.deploy("shop", f"from-{cluster.name}", "10.9.9.9")
        if flooding == "rewriting":
            await mars_exports(world, range(300), endpoints=0)
        await world.settle()
        west.sim.faults.delay(WRITE_SECONDS, WRITE_SECONDS, users=["agent"])
        quiet = [await travel_seconds(world, cluster, 1) for cluster in world]

        async def rewrite() -> None:
            for name in sorted(named(range(300))):
                port = {"name": "http", "port": 81, "protocol": "TCP"}
                await world.broker_api.patch(
                    EXPORTED_SERVICES,
                    f"shop.{name}",
                    {"spec": {"ports": [port]}},
                    namespace="mcs-member-mars",
                )

        await (rewrite() if flooding == "rewriting" else mars_exports(world, range(300)))
        beside = [await travel_seconds(world, cluster, 2) for cluster in world]

        queue = west.agent.registry.get_sample_value("mcs_queue_depth_keys", {"queue": "imports"})
        assert (queue or 0) > 50, "the flood was over before the change came"
        for with_flood, without in zip(beside, quiet, strict=True):
            assert with_flood <= 2 * without + POLL_SECONDS
