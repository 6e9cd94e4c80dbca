"""What one member writes on the broker, by mistake or on purpose, and the others have to live with."""

import pytest

from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES
from tests.controllers.mars import HTTP, east_exports, record, slice_
from tests.support.clusterset import EAST, Clusterset
from tests.support.objects import Object

pytestmark = pytest.mark.looptime


@pytest.mark.requirement("MCS-RBAC-06", "MCS-IMP-17")
@pytest.mark.parametrize(
    ("name", "spec"),
    [
        pytest.param("bank.web", record(), id="another name"),
        pytest.param("shop.web", record(exportedAt="1970-01-01T00:00:00.000Z"), id="odd time"),
        pytest.param("shop.web", record(sessionAffinity="Nonsense"), id="unknown affinity"),
        pytest.param("shop.web", record(ports=[]), id="no ports"),
        pytest.param("shop.web", record(ports=[{**HTTP, "name": "Not A Label"}]), id="bad port name"),
        pytest.param("shop.web", record(ports=[{**HTTP, "appProtocol": "://"}]), id="bad protocol"),
        pytest.param("shop.web", record(internalTrafficPolicy="Everywhere"), id="unknown policy"),
        pytest.param("shop.web", record(trafficDistribution="no name\\n"), id="bad distribution"),
    ],
)
async def test_a_record_that_cannot_be_used_changes_nothing_for_anybody(name: str, spec: Object) -> None:
    async with Clusterset("east", "west") as world:
        await east_exports(world)
        before = await world.settled()

        await world.publish("mars", EXPORTED_SERVICES, name, **spec)

        after = await world.settled()
        assert (after["east"], after["west"]) == (before["east"], before["west"])


@pytest.mark.requirement("MCS-IMP-17")
async def test_labels_that_no_api_server_takes_are_left_out_and_the_rest_is_imported() -> None:
    async with Clusterset("east", "west") as world:
        await east_exports(world)

        await world.publish(
            "mars",
            EXPORTED_SERVICES,
            "shop.api",
            **record(
                "api",
                exportedLabels={"good": "yes", "bad key!": "x", "mcs-controller.io/managed-by": "me"},
                exportedAnnotations={"multicluster.kubernetes.io/derived-service": "kube-dns", "note": "ok"},
            ),
        )
        await world.publish("mars", EXPORTED_ENDPOINT_SLICES, "shop.api-x", **slice_("api"))

        await world.imported("shop", "api", {"10.9.0.1"})
        imported = await world["west"].import_of("shop", "api")
        derived = await world["west"].derived_of("shop", "api")
        assert imported is not None
        assert derived is not None
        assert imported["metadata"]["labels"] == {
            "good": "yes",
            "mcs-controller.io/managed-by": "mcs-controller.io",
        }
        assert imported["metadata"]["annotations"]["note"] == "ok"
        assert derived["metadata"]["name"].startswith("derived-")


@pytest.mark.requirement("MCS-RBAC-06")
@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "0.0.0.1",
        "239.1.2.3",
        "240.0.0.1",
        "255.255.255.255",
        "fe80::1",
        "ff0e::1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "nonsense",
    ],
)
async def test_addresses_of_the_node_itself_or_of_no_single_host_are_never_imported(address: str) -> None:
    async with Clusterset("east", "west") as world:
        await east_exports(world)
        before = await world.settled()
        await world.publish("mars", EXPORTED_SERVICES, "shop.web", **record())
        await world.publish(
            "mars",
            EXPORTED_ENDPOINT_SLICES,
            "shop.web-x",
            **slice_(endpoints=[{"addresses": [address]}], addressType="IPv6" if ":" in address else "IPv4"),
        )

        await world.settle()

        for cluster in world:
            assert await cluster.addresses_of("shop", "web") == EAST
            assert await cluster.addresses_of("shop", "web", "mars") == set()
        assert before["east"].keys() == (await world["east"].contents()).keys()


@pytest.mark.requirement("MCS-IMP-19")
async def test_a_traffic_distribution_that_the_api_server_refuses_stays_on_the_import_only() -> None:
    async with Clusterset("east", "west") as world:
        await east_exports(world)

        await world.publish(
            "mars", EXPORTED_SERVICES, "shop.api", **record("api", trafficDistribution="PreferTomorrow")
        )
        await world.publish("mars", EXPORTED_ENDPOINT_SLICES, "shop.api-x", **slice_("api"))

        await world.imported("shop", "api", {"10.9.0.1"})
        imported = await world["west"].import_of("shop", "api")
        derived = await world["west"].derived_of("shop", "api")
        assert imported is not None
        assert derived is not None
        assert imported["spec"]["trafficDistribution"] == "PreferTomorrow"
        assert "trafficDistribution" not in derived["spec"]
        await world.settle()
        writes = len(world["west"].agent.wire.writes)
        fresh = {"spec": {"endpoints": [{"addresses": ["10.9.0.2"]}]}}
        await world.broker_api.patch(
            EXPORTED_ENDPOINT_SLICES, "shop.api-x", fresh, namespace="mcs-member-mars"
        )
        await world.imported("shop", "api", {"10.9.0.2"})
        await world.settle()
        written = [one.split("/")[-2] for one in world["west"].agent.wire.writes[writes:]]
        assert written == ["endpointslices"], "it is not tried again with the Service"


@pytest.mark.requirement("MCS-RBAC-06")
async def test_a_slice_that_the_api_server_refuses_holds_no_other_slice_up() -> None:
    async with Clusterset("east", "west") as world:
        await east_exports(world)
        await world.publish("mars", EXPORTED_SERVICES, "shop.web", **record())
        # The same endpoint port twice under two names is fine on the broker, and here.
        world["west"].sim.faults.fail(422, resources=["endpointslices"], verbs=["create"], users=["agent"])
        await world.publish("mars", EXPORTED_ENDPOINT_SLICES, "shop.web-x", **slice_())
        await world.settle()

        await world["east"].endpoints("shop", "web", "10.1.0.9")

        async def follows() -> bool:
            return await world["west"].addresses_of("shop", "web", "east") == {"10.1.0.9"}

        await world.until(follows, within_seconds=1)
        assert (await world["west"].import_conditions("shop", "web"))["Ready"] == ("False", "Pending")


@pytest.mark.requirement("MCS-EXP-03")
async def test_slices_of_a_member_that_does_not_export_the_service_are_not_imported() -> None:
    async with Clusterset("east", "west") as world:
        await east_exports(world)
        before = await world.settled()

        await world.publish("mars", EXPORTED_ENDPOINT_SLICES, "shop.web-x", **slice_())

        after = await world.settled()
        assert (after["east"], after["west"]) == (before["east"], before["west"])
