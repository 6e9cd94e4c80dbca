"""What a cluster has installed: late, older, or without a field that we would like to write."""

import asyncio

import pytest

from mcs_controller.api.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    MEMBER_CLUSTERS,
    service_exports,
    service_imports,
)
from tests.support.clusterset import EAST, WEST, Clusterset
from tests.support.crds import BROKER_CRDS, MCS_CRDS
from tests.support.objects import Object, member_cluster

pytestmark = pytest.mark.looptime


def only_v1alpha1(crd: Object) -> None:
    for version in crd["spec"]["versions"]:
        version["served"] = version["storage"] = version["name"] == "v1alpha1"


def without_slice_objects(crd: Object) -> None:
    """As the upstream release has it (MCS-API-11)."""
    for version in crd["spec"]["versions"]:
        status = version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
        status.pop("endpointSliceObjects", None)


@pytest.mark.requirement("MCS-API-14")
async def test_crds_that_are_installed_late_are_waited_for() -> None:
    async with Clusterset("east", "west", start=False, installed=("east",)) as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web")
        world["east"].start()
        agent = world["west"].start()
        await asyncio.sleep(60)

        assert not agent.task.done()
        problems = agent.agent.problems()
        problem = problems["local: serviceexports"]
        assert "CRD not installed: the API server does not serve serviceexports." in problem
        assert "apply the CRDs" in problems["local: serviceimports"]

        await world["west"].install()
        await world["west"].ready()
        await world.imported("shop", "web", EAST)


async def test_the_brokers_crds_that_are_installed_late_are_waited_for() -> None:
    async with Clusterset("east", "west", start=False) as world:
        await world.everywhere("shop")
        for name in BROKER_CRDS:
            await world.broker_api.delete(CUSTOM_RESOURCE_DEFINITIONS, name)
        for cluster in world:
            cluster.start()
        await world["east"].deploy("shop", "web")
        await asyncio.sleep(60)
        assert "CRD not installed" in world["east"].agent.agent.problems()["broker: exportedservices"]

        await world.install_broker()
        for name in world.names:
            await world.broker_api.create(MEMBER_CLUSTERS, member_cluster(name))

        for cluster in world:
            await cluster.ready()
        await world.imported("shop", "web", EAST)


@pytest.mark.requirement("MCS-API-14", "MCS-API-03")
async def test_a_cluster_that_serves_only_v1alpha1_takes_part() -> None:
    async with Clusterset("east", "west", start=False, installed=("east",)) as world:
        west = world["west"]
        await west.install(edit=only_v1alpha1)
        west.mcs_version = "v1alpha1"
        for cluster in world:
            cluster.start()
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web")
        await west.deploy("shop", "web")

        await world.imported("shop", "web", EAST | WEST)

        imported = await west.held(service_imports("v1alpha1"), "shop", "web")
        assert imported is not None
        export = await west.held(service_exports("v1alpha1"), "shop", "web")
        assert export is not None
        (slice_,) = await west.slices_of("shop", "web", "east")
        assert slice_["metadata"]["ownerReferences"][0]["apiVersion"] == "multicluster.x-k8s.io/v1alpha1"


@pytest.mark.requirement("MCS-API-14")
async def test_a_newer_version_that_is_installed_while_the_agent_runs_is_taken_up() -> None:
    async with Clusterset("east", "west", start=False, installed=("east",)) as world:
        west = world["west"]
        await west.install(edit=only_v1alpha1)
        for cluster in world:
            cluster.start()
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web")
        await world.settle()

        for name in MCS_CRDS:
            held = await west.api.get(CUSTOM_RESOURCE_DEFINITIONS, name)
            for version in held["spec"]["versions"]:
                version["served"] = True
                version["storage"] = version["name"] == "v1beta1"
            await west.api.update(CUSTOM_RESOURCE_DEFINITIONS, held)
        await world.settle()
        await world["east"].endpoints("shop", "web", "10.1.0.9")

        await world.imported("shop", "web", {"10.1.0.9"})


@pytest.mark.requirement("MCS-API-11", "MCS-IMP-15")
async def test_a_status_field_that_the_installed_schema_drops_is_not_written_for_ever() -> None:
    async with Clusterset("east", "west", start=False, installed=("east",)) as world:
        west = world["west"]
        await west.install(edit=without_slice_objects)
        for cluster in world:
            cluster.start()
        await world.everywhere("shop")
        for number in range(5):
            await world["east"].deploy("shop", f"web-{number}")
        await world.settle()
        for number in range(5):
            imported = await west.import_of("shop", f"web-{number}")
            assert imported is not None
            assert "endpointSliceObjects" not in imported["status"]
        writes = len(west.agent.wire.writes)

        for number in range(5):
            await world["east"].endpoints("shop", f"web-{number}", f"10.1.0.{number + 50}")
        await world.settle()

        # One slice each, and no status.
        assert len(west.agent.wire.writes) == writes + 5


async def test_a_member_cluster_that_this_version_cannot_read_is_told_and_waited_out() -> None:
    """A newer broker's schema may allow what an older agent does not know."""
    async with Clusterset("east", "west", start=False) as world:
        name = "memberclusters.broker.mcs-controller.io"
        crd = await world.broker_api.get(CUSTOM_RESOURCE_DEFINITIONS, name)
        spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
        spec["properties"]["owns"] = {
            "description": "Of another kind than here.",
            "type": "array",
            "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        }
        await world.broker_api.update(CUSTOM_RESOURCE_DEFINITIONS, crd)
        owned = {"spec": {"owns": [{"namespace": "shop"}]}}
        await world.broker_api.patch(MEMBER_CLUSTERS, "east", owned, namespace="mcs-member-east")
        east = world["east"]
        east.start()

        async def told() -> bool:
            assert not east.agent.task.done()
            return "owns" in east.agent.agent.problems().get("membership", "")

        await world.until(told)
        await world.broker_api.patch(
            MEMBER_CLUSTERS, "east", {"spec": {"owns": None}}, namespace="mcs-member-east"
        )
        await east.ready()
