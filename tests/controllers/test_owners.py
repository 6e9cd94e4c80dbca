"""A namespace is made anew while the agent cannot know it, and imports are read last of all."""

import asyncio
from collections.abc import Callable

import pytest

from mcs_controller.api.resources import ENDPOINT_SLICES, NAMESPACES, SERVICES, service_imports
from mcs_controller.controllers.services.imports.owners import REMEMBERED_SECONDS
from mcs_controller.simcluster.cluster import SimCluster
from mcs_controller.simcluster.faults import Fault
from tests.support.cluster import Cluster
from tests.support.clusterset import EAST, Clusterset
from tests.support.objects import namespace_body

pytestmark = pytest.mark.looptime

IMPORTS, AGENT = (service_imports().plural,), ("agent",)


def made(cluster: Cluster) -> int:
    """Services and slices that anybody asked the cluster to make."""
    return sum(cluster.sim.requests["create", kind.plural] for kind in (SERVICES, ENDPOINT_SLICES))


async def is_gone(cluster: Cluster) -> bool:
    return await cluster.held(NAMESPACES, "", "shop") is None


def refused(sim: SimCluster) -> Fault:
    return sim.faults.fail(503, verbs=("list",), resources=IMPORTS, users=AGENT)


def slow(sim: SimCluster) -> Fault:
    return sim.faults.delay_answers(50, 50, verbs=("list",), resources=IMPORTS, users=AGENT)


def silent(sim: SimCluster) -> Fault:
    return sim.faults.stall_watches(resources=IMPORTS, users=AGENT)


@pytest.mark.parametrize("unread", [refused, slow])
async def test_what_is_made_for_an_import_that_went_with_its_namespace_is_not_made_again_and_again(
    unread: Callable[[SimCluster], Fault],
) -> None:
    """The garbage collector would delete it at once: some fifty times a second, until imports are read."""
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        await world.imported("shop", "web", EAST)
        await asyncio.sleep(REMEMBERED_SECONDS + 1)
        west = world["west"]
        away = west.sim.faults.refuse_connections(users=("agent",))
        await west.api.delete(NAMESPACES, "shop")
        await world.until(lambda: is_gone(west))
        await west.api.create(NAMESPACES, namespace_body("shop"))
        unread(west.sim)
        made_before = made(west)
        away.lift()
        await world.imported("shop", "web", EAST)
        held = await west.import_of("shop", "web")
        await asyncio.sleep(20)
        assert made(west) - made_before == 2
        assert await west.import_of("shop", "web") == held
        assert await west.addresses_of("shop", "web") == EAST


async def test_nor_while_the_watch_of_imports_is_silent_and_nobody_knows() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        await world.imported("shop", "web", EAST)
        west = world["west"]
        silent(west.sim)
        made_before = made(west)
        await west.api.delete(NAMESPACES, "shop")
        await world.until(lambda: is_gone(west))
        await west.api.create(NAMESPACES, namespace_body("shop"))
        await world.imported("shop", "web", EAST)
        await asyncio.sleep(20)
        assert made(west) - made_before <= 4


async def test_an_api_server_that_does_not_know_the_kind_says_nothing_of_an_import() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        await world.imported("shop", "web", EAST)
        west = world["west"]
        held = await west.import_of("shop", "web")
        fault = west.sim.faults.fail(404, verbs=("list", "watch", "get"), resources=IMPORTS, users=AGENT)
        west.sim.faults.cut_watches(resources=IMPORTS, users=AGENT)
        await asyncio.sleep(3)
        for body in await west.all_of(ENDPOINT_SLICES, "shop"):
            await west.api.delete(ENDPOINT_SLICES, body["metadata"]["name"], namespace="shop")
        await world.until(lambda: west.addresses_of("shop", "web"))
        fault.lift()
        await world.imported("shop", "web", EAST)
        assert await west.import_of("shop", "web") == held
