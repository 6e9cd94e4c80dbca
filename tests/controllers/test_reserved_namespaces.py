"""Into namespaces that exist in every cluster nothing is imported unless the operator allows it."""

import asyncio

import pytest

from mcs_controller.api.resources import CUSTOM_RESOURCE_DEFINITIONS, ENDPOINT_SLICES, NAMESPACES, SERVICES
from mcs_controller.clusterset.services.reserved import RESERVED_NAMESPACES
from mcs_controller.controllers.services.imports.reserved import DOUBT_SECONDS
from tests.support.cluster import Cluster
from tests.support.clusterset import EAST, Clusterset
from tests.support.objects import EXPORTS, IMPORTS, Object
from tests.support.site import SERVICE_NAME

IMPORTS_CRD = "serviceimports.multicluster.x-k8s.io"

pytestmark = pytest.mark.looptime


def refused(cluster: Cluster) -> float | None:
    return cluster.agent.registry.get_sample_value("mcs_imports_refused", {"reason": "reserved_namespace"})


def ready_of(body: Object) -> Object:
    found: Object = next(one for one in body["status"]["conditions"] if one["type"] == "Ready")
    return found


async def nothing_of(cluster: Cluster, namespace: str, name: str) -> bool:
    selector = f"{SERVICE_NAME}={name}"
    return (
        await cluster.import_of(namespace, name) is None
        and not await cluster.all_of(ENDPOINT_SLICES, namespace, selector)
        and not await cluster.all_of(SERVICES, namespace, selector)
    )


async def has(cluster: Cluster, addresses: set[str], name: str = "web") -> bool:
    return await cluster.addresses_of("default", name) == addresses


@pytest.mark.parametrize("namespace", RESERVED_NAMESPACES)
async def test_nothing_is_imported_into_a_reserved_namespace_and_the_exporting_user_is_told(
    namespace: str,
) -> None:
    async with Clusterset("east", "west") as world:
        east, west = world["east"], world["west"]
        if await east.held(NAMESPACES, "", namespace) is None:
            await world.everywhere(namespace)
        await east.deploy(namespace, "web")
        await world.exported_by("east")
        await world.settle()

        for cluster in world:
            assert await nothing_of(cluster, namespace, "web")
            assert refused(cluster) == 1
        held = await east.api.get(EXPORTS, "web", namespace)
        ready = ready_of(held)
        assert (ready["status"], ready["reason"]) == ("True", "Exported")
        assert f"creates no imports in namespace {namespace}" in ready["message"]
        assert f"--import-reserved-namespaces={namespace}" in ready["message"]
        shown = ready_of(await east.api.get(EXPORTS, "web", "shop"))
        assert shown["message"] == ""

        await east.unexport(namespace, "web")
        await world.settle()
        assert refused(west) == 0


async def test_each_cluster_decides_for_itself() -> None:
    async with Clusterset("east", "west", "north") as world:
        west = world["west"]
        await west.restart(import_reserved_namespaces=("default",))
        await west.ready()
        await world["east"].deploy("default", "web")
        await world["east"].deploy("kube-system", "web")

        await world.until(lambda: has(west, EAST))
        await world.settle()

        assert await nothing_of(west, "kube-system", "web")
        assert await nothing_of(world["north"], "default", "web")
        assert await nothing_of(world["east"], "default", "web")
        assert refused(west) == 1
        assert refused(world["north"]) == 2


async def test_what_an_earlier_agent_imported_stays_and_follows_its_exports_until_they_go() -> None:
    async with Clusterset("east", "west", import_reserved_namespaces=("default",)) as world:
        east, west = world["east"], world["west"]
        await east.deploy("default", "web")
        await world.imported("default", "web", EAST)
        before = await west.import_of("default", "web")
        assert before is not None

        await west.restart(import_reserved_namespaces=())
        await west.ready()
        await world.settle()
        await east.endpoints("default", "web", "10.1.0.9")
        await world.until(lambda: has(west, {"10.1.0.9"}))
        await world.settle()

        now = await west.import_of("default", "web")
        assert now is not None
        assert (now["metadata"]["uid"], now["spec"]["ips"]) == (
            before["metadata"]["uid"],
            before["spec"]["ips"],
        )
        ready = ready_of(now)
        assert (ready["status"], ready["reason"]) == ("True", "Ready")
        assert "not created again without --import-reserved-namespaces=default" in ready["message"]
        assert refused(west) == 0

        await east.unexport("default", "web")
        await world.gone("default", "web")
        await east.export("default", "web")
        await world.settle()

        assert await nothing_of(west, "default", "web")
        assert await has(east, {"10.1.0.9"})


async def test_an_operator_ends_an_earlier_import_by_deleting_it() -> None:
    async with Clusterset("east", "west", import_reserved_namespaces=("default",)) as world:
        west = world["west"]
        await _earlier_import(world)

        await west.api.delete(IMPORTS, "web", namespace="default")
        await asyncio.sleep(DOUBT_SECONDS + 1)
        await world.settle()

        assert await nothing_of(west, "default", "web")
        assert refused(west) == 1


async def _earlier_import(world: Clusterset) -> Object:
    """West has an import in default that it would not create any more."""
    west = world["west"]
    await world["east"].deploy("default", "web")
    await world.imported("default", "web", EAST)
    await west.restart(import_reserved_namespaces=())
    await west.ready()
    await world.settle()
    found = await west.import_of("default", "web")
    assert found is not None
    return found


@pytest.mark.parametrize("absent_seconds", [0.1, 40.0], ids=["soon", "later"])
async def test_an_earlier_import_whose_crd_is_remade_is_made_again(absent_seconds: float) -> None:
    async with Clusterset("east", "west", import_reserved_namespaces=("default",)) as world:
        west = world["west"]
        before = await _earlier_import(world)

        await west.api.delete(CUSTOM_RESOURCE_DEFINITIONS, IMPORTS_CRD)
        await asyncio.sleep(absent_seconds)
        await west.install(IMPORTS_CRD)

        await world.imported("default", "web", EAST)
        await world.settle()
        now = await west.import_of("default", "web")
        assert now is not None
        assert now["metadata"]["uid"] != before["metadata"]["uid"]
        assert refused(west) == 0


async def test_what_was_refused_is_imported_once_it_is_allowed() -> None:
    async with Clusterset("east", "west") as world:
        west = world["west"]
        await world["east"].deploy("default", "web")
        await world.settle()
        assert await nothing_of(west, "default", "web")

        await west.restart(import_reserved_namespaces=("default",))
        await west.ready()

        await world.until(lambda: has(west, EAST))
        assert refused(west) == 0


async def test_a_refusal_is_logged_once_for_each_namespace(caplog: pytest.LogCaptureFixture) -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        for name in ("web", "api", "db"):
            await east.deploy("default", name)
        await world.settle()
        for name in ("web", "api", "db"):
            await east.endpoints("default", name, "10.1.0.9")
        await world.settle()

    told = [one.getMessage() for one in caplog.records if "--import-reserved-namespaces" in one.getMessage()]
    assert told == [
        "services exported from namespace default are not imported; "
        "to allow it, start the agent with --import-reserved-namespaces=default"
    ]
