"""A namespace is made anew while the agent cannot reach its API server, and imports are read last of all."""

import asyncio

import pytest

from mcs_controller.api.resources import ENDPOINT_SLICES, NAMESPACES, SERVICES
from tests.support.cluster import Cluster
from tests.support.clusterset import EAST, Clusterset
from tests.support.objects import namespace_body

pytestmark = pytest.mark.looptime


def made(cluster: Cluster) -> int:
    """Services and slices that anybody asked the cluster to make."""
    return sum(cluster.sim.requests["create", kind.plural] for kind in (SERVICES, ENDPOINT_SLICES))


async def is_gone(cluster: Cluster) -> bool:
    return await cluster.held(NAMESPACES, "", "shop") is None


async def test_what_is_made_for_an_import_that_went_with_its_namespace_is_not_made_again_and_again() -> None:
    """The garbage collector would delete it at once: some fifty times a second, until imports are read."""
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        await world.imported("shop", "web", EAST)
        west = world["west"]
        away = west.sim.faults.refuse_connections(users=("agent",))
        await west.api.delete(NAMESPACES, "shop")
        await world.until(lambda: is_gone(west))
        await west.api.create(NAMESPACES, namespace_body("shop"))
        west.sim.faults.fail(503, verbs=("list",), resources=("serviceimports",), users=("agent",))
        made_before = made(west)
        away.lift()
        await world.imported("shop", "web", EAST)
        held = await west.import_of("shop", "web")
        await asyncio.sleep(20)
        assert made(west) - made_before <= 4
        assert await west.import_of("shop", "web") == held
        assert await west.addresses_of("shop", "web") == EAST
