"""What the exporting user is told: Valid, Ready and Conflict, and what never gets a ServiceImport."""

import pytest

from mcs_controller.api.resources import SERVICES
from tests.support.cluster import Cluster
from tests.support.clusterset import EAST, Clusterset
from tests.support.objects import EXPORTS
from tests.support.users import write_status
from tests.support.waiting import eventually

pytestmark = pytest.mark.looptime


async def conditions_are(cluster: Cluster, **wanted: tuple[str, str]) -> None:
    async def they_are() -> bool:
        found = await cluster.conditions("shop", "web")
        return all(found.get(kind) == value for kind, value in wanted.items())

    await eventually(they_are)


async def is_imported_nowhere(world: Clusterset) -> None:
    async def nowhere() -> bool:
        return not any([await one.import_of("shop", "web") for one in world])

    await world.always(nowhere, for_seconds=10)


@pytest.mark.requirement("MCS-EXP-07", "MCS-EXP-08", "MCS-EXP-09")
async def test_a_good_export_is_valid_ready_and_without_conflict() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web")

        await conditions_are(
            world["east"],
            Valid=("True", "Valid"),
            Ready=("True", "Exported"),
            Conflict=("False", "NoConflicts"),
        )


@pytest.mark.requirement("MCS-EXP-06")
async def test_an_export_without_a_service_is_not_valid_until_the_service_comes() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        east = world["east"]
        await east.export("shop", "web")
        await conditions_are(
            east,
            Valid=("False", "NoService"),
            Ready=("False", "Pending"),
            Conflict=("False", "NoConflicts"),
        )
        await is_imported_nowhere(world)

        await east.service("shop", "web")
        await east.endpoints("shop", "web", "10.1.0.1")

        await world.imported("shop", "web", {"10.1.0.1"})
        await conditions_are(east, Valid=("True", "Valid"), Ready=("True", "Exported"))


@pytest.mark.requirement("MCS-EXP-06")
async def test_when_the_service_is_deleted_the_export_is_withdrawn_and_says_so() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")

        await world["east"].api.delete(SERVICES, "web", namespace="shop")

        await conditions_are(world["east"], Valid=("False", "NoService"), Ready=("False", "Pending"))
        await world.gone("shop", "web")
        assert await world.records() == {}


@pytest.mark.requirement("MCS-EXP-05")
async def test_an_external_name_is_refused_and_never_imported() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await world["east"].service("shop", "web", type="ExternalName", externalName="example.com", ports=[])
        await world["east"].export("shop", "web")

        await is_imported_nowhere(world)
        await conditions_are(world["east"], Valid=("False", "InvalidServiceType"))
        assert await world.records() == {}


@pytest.mark.requirement("MCS-EXP-04")
@pytest.mark.parametrize("kind", ["NodePort", "LoadBalancer"])
async def test_node_ports_and_load_balancers_are_exported_as_clusterset_ip(kind: str) -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web", type=kind)

        await world.imported("shop", "web", EAST)

        imported = await world["west"].import_of("shop", "web")
        assert imported is not None
        assert imported["spec"]["type"] == "ClusterSetIP"
        assert all("nodePort" not in port for port in imported["spec"]["ports"])


@pytest.mark.requirement("MCS-EXP-18")
async def test_a_derived_service_cannot_be_exported_in_turn() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        derived = await world["west"].derived_of("shop", "web")
        assert derived is not None
        name = derived["metadata"]["name"]

        await world["west"].export("shop", name)

        async def refused() -> bool:
            found = await world["west"].conditions("shop", name)
            return found.get("Valid") == ("False", "InvalidServiceType")

        await world.until(refused)
        await world.settle()
        assert await world["east"].import_of("shop", name) is None


@pytest.mark.requirement("MCS-EXP-15")
async def test_conditions_carry_the_generation_and_change_their_time_only_with_their_status() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        east = world["east"]
        await east.deploy("shop", "web")
        await conditions_are(east, Ready=("True", "Exported"), Conflict=("False", "NoConflicts"))
        before = await east.export_of("shop", "web")
        await world.settle()

        await east.edit(EXPORTS, "shop", "web", {"spec": {"exportedLabels": {"a": "1"}}})
        await world.settle()

        after = await east.export_of("shop", "web")
        assert before is not None
        assert after is not None
        assert [one["observedGeneration"] for one in after["status"]["conditions"]] == [2, 2, 2]
        assert [one["lastTransitionTime"] for one in after["status"]["conditions"]] == [
            one["lastTransitionTime"] for one in before["status"]["conditions"]
        ]


@pytest.mark.requirement("MCS-EXP-15", "MCS-API-12")
async def test_conditions_of_other_controllers_survive() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        east = world["east"]
        await east.service("shop", "web")
        await east.export("shop", "web")
        await conditions_are(east, Ready=("True", "Exported"))
        other = {
            "type": "example.com/Audited",
            "status": "True",
            "reason": "Audited",
            "message": "by hand",
            "lastTransitionTime": "2025-12-31T00:00:00Z",
        }
        held = await east.export_of("shop", "web")
        assert held is not None
        held["status"]["conditions"].append(other)
        await write_status(east.api, EXPORTS, held)

        await east.api.delete(SERVICES, "web", namespace="shop")

        await conditions_are(east, Valid=("False", "NoService"))
        export = await east.export_of("shop", "web")
        assert export is not None
        assert other in export["status"]["conditions"]


@pytest.mark.requirement("MCS-EXP-14", "MCS-EXP-08")
async def test_the_user_is_told_by_an_event_when_the_export_is_ready_and_when_it_is_refused() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        east = world["east"]
        await east.deploy("shop", "web")
        await conditions_are(east, Ready=("True", "Exported"))
        assert east.agent.told.events == [("ServiceExport", "web", "Normal", "Exported")]

        await east.api.delete(SERVICES, "web", namespace="shop")

        await conditions_are(east, Valid=("False", "NoService"))
        assert east.agent.told.events[1:] == [("ServiceExport", "web", "Warning", "NoService")]


@pytest.mark.requirement("MCS-EXP-08")
async def test_an_export_that_the_broker_refuses_says_why() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        refusing = world.broker.faults.fail(403, resources=["exportedservices"], verbs=["create"])
        await world["east"].deploy("shop", "web")

        await conditions_are(world["east"], Valid=("True", "Valid"), Ready=("False", "Failed"))

        refusing.lift()
        await conditions_are(world["east"], Ready=("True", "Exported"))
        await world.imported("shop", "web", EAST)
