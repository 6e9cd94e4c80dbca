"""Namespaces that come and go: many at once cost little, and one that ends is left in peace."""

from typing import Any

import pytest

from mcs_controller.api.resources import NAMESPACES, SERVICES
from mcs_controller.controllers.services.stores.view import ClustersetView
from tests.controllers.test_export_to_import import CONFIG_MAPS
from tests.support.cluster import Cluster
from tests.support.clusterset import EAST, Clusterset

pytestmark = pytest.mark.looptime


async def hold(cluster: Cluster) -> None:
    """Keep the namespace from ending for good."""
    metadata = {"name": "holder", "namespace": "shop", "finalizers": ["example.com/wait"]}
    await cluster.api.create(CONFIG_MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})


def writes_into(cluster: Cluster, namespace: str) -> list[str]:
    found = [one for one in cluster.agent.wire.writes if f"/namespaces/{namespace}/" in one]
    return [one for one in found if "broker.mcs-controller.io" not in one]


async def test_a_list_of_many_namespaces_costs_one_look_at_all_services(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = 0
    services = ClustersetView.services

    def counted(view: ClustersetView) -> Any:
        nonlocal looks
        looks += 1
        return services(view)

    async with Clusterset("east") as world:
        east = world["east"]
        await world.everywhere("shop")
        await east.deploy("shop", "web")
        await world.imported("shop", "web", EAST)
        for number in range(200):
            await east.namespace(f"another-{number}")
        monkeypatch.setattr(ClustersetView, "services", counted)

        await east.restart()
        await east.ready()
        await world.settle()

        assert 0 < looks < 10


@pytest.mark.requirement("MCS-LIFE-09", "MCS-EXP-06")
@pytest.mark.parametrize("behind", [False, True], ids=["told in order", "its watch is behind"])
async def test_a_service_that_goes_with_its_namespace_is_no_missing_service(behind: bool) -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        east = world["east"]
        await east.deploy("shop", "web")
        await world.imported("shop", "web", EAST)
        await world.settle()
        before, told = len(writes_into(east, "shop")), list(east.agent.told.events)
        if behind:
            east.sim.faults.stall_watches(resources=["namespaces"], users=["agent"])

        # As the namespace's controller does: Services some time before custom resources.
        await east.api.delete(NAMESPACES, "shop")
        await east.api.delete(SERVICES, "web", namespace="shop")
        await world.settle()

        written = writes_into(east, "shop")[before:]
        assert [one for one in written if "serviceexports" in one] == []
        assert east.agent.told.events == told
        assert await world.records() == {}
        assert await world["west"].import_of("shop", "web") is None


@pytest.mark.requirement("MCS-LIFE-09", "MCS-EXP-06")
async def test_a_service_that_goes_alone_is_told_also_after_its_namespace_was_made_anew() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        east = world["east"]
        await east.deploy("shop", "web")
        await east.api.delete(NAMESPACES, "shop")
        await world.settle()
        await east.namespace("shop")
        await east.deploy("shop", "web")
        await world.imported("shop", "web", EAST)

        await east.api.delete(SERVICES, "web", namespace="shop")
        await world.settle()

        assert (await east.conditions("shop", "web"))["Valid"] == ("False", "NoService")
        assert east.agent.told.events[-1] == ("ServiceExport", "web", "Warning", "NoService")


@pytest.mark.requirement("MCS-LIFE-09")
async def test_a_refusal_to_create_in_an_ending_namespace_is_believed_though_its_watch_is_behind() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        west = world["west"]
        await world["east"].deploy("shop", "web")
        await world.imported("shop", "web", EAST)
        await world.settle()
        await hold(west)
        before = len(writes_into(west, "shop"))
        behind = west.sim.faults.stall_watches(resources=["namespaces"], users=["agent"])

        await west.api.delete(NAMESPACES, "shop")
        await world.settle()
        await world["east"].endpoints("shop", "web", "10.1.0.9")
        await world.settle()

        assert len([one for one in writes_into(west, "shop")[before:] if one.startswith("POST")]) == 1
        assert await west.import_of("shop", "web") is None
        assert west.agent.services.imports.failing == 0
        behind.lift()
