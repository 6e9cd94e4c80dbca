"""Planted faults in simulated clusters: each is found, with its time; and agents at work make none."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from mcs_controller.api.resources import ENDPOINT_SLICES, SERVICES
from tests.support.clusterset import Clusterset
from tests.support.objects import IMPORTS, Object
from tests.support.observer.expected import Expected
from tests.support.observer.observer import Observer
from tests.support.observer.sim_feed import SimFeed

pytestmark = pytest.mark.looptime

ONE, TWO = "10.1.0.1", "10.1.0.2"
WEB = "shop/web"


class Planted:
    """East exports shop/web, and both import it."""

    def __init__(self, world: Clusterset) -> None:
        self.world = world
        self.expected = Expected()
        self.observer = Observer(self.expected, asyncio.get_running_loop().time)
        self.feed = SimFeed(self.observer, {cluster.name: cluster.sim for cluster in world})

    async def open(self) -> None:
        for cluster in self.world:
            self.expected.namespace(cluster.name, "shop")
        self.expected.exported("east", WEB, [ONE, TWO])
        await self.world.everywhere("shop")
        await self.world["east"].deploy("shop", "web")
        await self.right()

    async def right(self) -> None:
        async def wrong() -> bool:
            return not self.observer.wrong()

        await self.world.until(wrong, what=self.observer.wrong)

    async def slice(self) -> Object:
        [found] = await self.world["west"].slices_of("shop", "web")
        return found

    async def put(self, body: Object) -> None:
        body["metadata"].pop("resourceVersion", None)
        body["metadata"].pop("uid", None)
        await self.world["west"].put(ENDPOINT_SLICES, body)

    def found(self) -> list[tuple[str, str, float | None]]:
        return [
            (one.place, one.kind, None if one.ended_seconds is None else round(one.seconds(0), 6))
            for one in self.observer.findings
        ]


@contextlib.asynccontextmanager
async def planted() -> AsyncIterator[Planted]:
    """Nobody mends west: its agent is killed once all is right."""
    async with Clusterset("east", "west") as world:
        found = Planted(world)
        await found.open()
        await world["west"].kill()
        yield found


async def test_nothing_is_found_while_agents_work_and_users_change_things() -> None:
    async with Clusterset("east", "west", fuse_share=1.0) as world:
        found = Planted(world)
        await found.open()
        found.expected.endpoints("east", WEB, [ONE])
        await world["east"].endpoints("shop", "web", ONE)
        await found.right()
        await world["west"].restart()
        await world["west"].deploy("shop", "web", "10.2.0.1")
        found.expected.exported("west", WEB, ["10.2.0.1"])
        await found.right()
        found.expected.unexported("east", WEB)
        await world["east"].unexport("shop", "web")
        await found.right()
        found.expected.unexported("west", WEB)
        await world["west"].unexport("shop", "web")
        await found.right()
        await asyncio.sleep(100)
        assert found.found() == []
        assert found.observer.looks > 10


async def test_a_hole_of_a_tenth_of_a_second_is_found() -> None:
    async with planted() as world:
        whole = await world.slice()
        began = asyncio.get_running_loop().time()
        await world.put(
            {**whole, "endpoints": [one for one in whole["endpoints"] if one["addresses"] != [TWO]]}
        )
        await asyncio.sleep(0.1)
        await world.put(whole)
        assert world.found() == [("west", "hole", 0.1)]
        assert world.observer.findings[0].began_seconds == pytest.approx(began, abs=0.001)
        assert TWO in world.observer.findings[0].what


@pytest.mark.parametrize(
    "conditions", [{"ready": False}, {"ready": False, "serving": True, "terminating": True}]
)
async def test_an_endpoint_that_is_not_ready_is_missing(conditions: Object) -> None:
    async with planted() as world:
        body = await world.slice()
        body["endpoints"][0]["conditions"] = conditions
        await world.put(body)
        assert world.found() == [("west", "hole", None)]


@pytest.mark.parametrize("conditions", [{}, {"ready": True}])
async def test_an_endpoint_that_says_nothing_of_it_is_ready(conditions: Object) -> None:
    async with planted() as world:
        body = await world.slice()
        for endpoint in body["endpoints"]:
            endpoint["conditions"] = conditions
        await world.put(body)
        assert world.found() == []


@pytest.mark.parametrize(
    "label",
    [
        "multicluster.kubernetes.io/service-name",
        "multicluster.kubernetes.io/source-cluster",
        "kubernetes.io/service-name",
    ],
)
async def test_a_slice_without_its_labels_serves_nobody(label: str) -> None:
    async with planted() as world:
        body = await world.slice()
        del body["metadata"]["labels"][label]
        await world.put(body)
        assert world.found() == [("west", "hole", None)] * 2


async def test_a_slice_that_is_deleted_and_remade_is_found() -> None:
    async with planted() as world:
        body = await world.slice()
        await world.world["west"].api.delete(ENDPOINT_SLICES, body["metadata"]["name"], namespace="shop")
        await asyncio.sleep(0.001)
        await world.put(body)
        assert world.found() == [("west", "hole", 0.001)] * 2


async def test_without_the_derived_service_nothing_is_reached() -> None:
    async with planted() as world:
        derived = await world.world["west"].derived_of("shop", "web")
        assert derived is not None
        await world.world["west"].api.delete(SERVICES, derived["metadata"]["name"], namespace="shop")
        assert world.found() == [("west", "hole", None)] * 2


async def test_a_changed_ip_is_found() -> None:
    async with planted() as world:
        await world.world["west"].edit(IMPORTS, "shop", "web", {"spec": {"ips": ["10.97.9.9"]}})
        assert ("west", "ip changed", 0) in world.found()
        assert ("west", "hole", None) in world.found(), "the derived Service has another IP"


async def test_an_import_that_is_deleted_and_remade_is_found() -> None:
    async with planted() as world:
        body = await world.world["west"].import_of("shop", "web")
        assert body is not None
        await world.world["west"].api.delete(IMPORTS, "web", namespace="shop")
        await asyncio.sleep(0.01)
        del body["metadata"]["resourceVersion"], body["metadata"]["uid"]
        await world.world["west"].api.create(IMPORTS, body)
        assert ("west", "import gone", 0.01) in world.found()


async def test_a_leftover_is_found() -> None:
    async with planted() as world:
        world.expected.unexported("east", WEB)
        await world.world["east"].unexport("shop", "web")
        await asyncio.sleep(29)
        assert world.found() == []
        await asyncio.sleep(2)
        kinds = [kind for _, kind, _ in world.found()]
        assert sorted(kinds) == ["clusters", *["leftover"] * 3], "the import, its addresses, the name"
        assert f"west: {WEB} has an import" in world.observer.wrong()


async def test_an_endpoint_of_nobody_is_found() -> None:
    async with planted() as world:
        body = await world.slice()
        body["endpoints"].append({"addresses": ["10.6.6.6"], "conditions": {"ready": True}})
        await world.put(body)
        assert world.found() == [("west", "stranger", None)]


async def test_a_restore_of_the_cluster_is_seen_once_the_feed_looks_again() -> None:
    async with planted() as world:
        backup = world.world["west"].sim.snapshot()
        body = await world.slice()
        await world.put({**body, "endpoints": []})
        world.world["west"].sim.restore(backup)
        world.feed.look_again("west")
        assert world.found() == [("west", "hole", 0)] * 2
