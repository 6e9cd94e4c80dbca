"""Kinds of trouble in running clustersets: each is found with its cause, and with what to do."""

import asyncio

import pytest

from mcs_controller.api.names import CONDITION_HELD
from mcs_controller.api.resources import (
    ENDPOINT_SLICES,
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    MEMBER_CLUSTERS,
    NAMESPACES,
    SERVICES,
)
from mcs_controller.clusterset.explain.explanation import Explanation
from mcs_controller.clusterset.explain.findings.finding import Finding
from mcs_controller.clusterset.membership.limits import Limits
from mcs_controller.clusterset.model import ServiceKey
from tests.controllers.explaining import explained, finding, problems, taking_traffic
from tests.support.clusterset import EAST, WEST, Clusterset
from tests.support.objects import IMPORTS, endpoint, import_by_hand, slice_body

pytestmark = pytest.mark.looptime

GRPC = {"name": "http", "port": 9000, "targetPort": 9000}


async def test_where_all_is_well_nothing_is_found_and_everything_is_in() -> None:
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        for cluster in world.names:
            seen = await explained(world, cluster)
            assert seen.findings == ()
            assert seen.verdict.state == "works"
            assert seen.verdict.text == f"shop/web works in {cluster}: 4 endpoints of east, west take traffic"
            assert taking_traffic(seen) == EAST | WEST
            assert [(one.cluster, one.rank) for one in seen.exporters] == [("east", 1), ("west", 2)]


@pytest.mark.parametrize(
    ("resources", "unread"),
    [
        (("serviceexports",), ("ServiceExport",)),
        (("serviceimports",), ("ServiceImport",)),
        (("services",), ("Service", "derived Service")),
        (("endpointslices",), ("EndpointSlices", "imported EndpointSlices")),
    ],
)
async def test_what_may_not_be_read_here_is_not_taken_for_missing(
    resources: tuple[str, ...], unread: tuple[str, ...]
) -> None:
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        world["west"].sim.faults.fail(403, verbs=("get", "list"), resources=resources)
        seen = await explained(world, "west")
        assert problems(seen) == []
        assert {one.id for one in seen.findings} == {"MCS-WHY-60"}
        assert (seen.verdict.state, taking_traffic(seen)) == ("works", EAST | WEST)
        assert seen.here is not None
        assert seen.here.unread == unread


async def test_with_neither_the_broker_nor_export_and_import_nothing_is_claimed() -> None:
    async with Clusterset() as world:
        await world.exported_by("east")
        world["west"].sim.faults.fail(403, verbs=("get",), resources=("serviceexports", "serviceimports"))
        world.broker.faults.fail(403, verbs=("list",))
        seen = await explained(world, "west")
        assert problems(seen) == ["60"]
        assert seen.verdict.state == "not known"


async def test_a_namespace_that_is_missing_here() -> None:
    async with Clusterset() as world:
        for name in ("east", "west"):
            await world[name].namespace("shop")
        await world["east"].deploy("shop", "web")
        await world.settle()
        seen = await explained(world, "north")
        assert problems(seen) == ["40"]
        assert "has no namespace shop" in seen.verdict.text
        assert finding(seen, "40").command == "kubectl create namespace shop"
        assert {use.why for one in seen.exporters for use in one.endpoints} == {"namespace-missing"}
        assert problems(await explained(world, "west")) == []

        await world["north"].namespace("shop")
        await world.settle()
        assert (await explained(world, "north")).findings == ()


async def test_a_conflict_over_ports() -> None:
    async with Clusterset() as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web")
        await world["west"].deploy("shop", "web", ports=[GRPC])
        await world.settle()
        seen = await explained(world, "north")
        assert problems(seen) == ["10", "14"]
        assert seen.verdict.state == "works in part"
        assert taking_traffic(seen) == EAST
        assert finding(seen, "14").cluster == "west"
        assert "by precedence of cluster east" in finding(seen, "10").why
        assert "the same ports" in finding(seen, "10").do
        (port,) = seen.ports
        assert (port.port, port.clusters) == ("http 80/TCP", ("east",))
        assert [(one.cluster, one.value) for one in port.otherwise] == [("west", "http 9000/TCP")]


async def test_a_member_that_dies() -> None:
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        await world["west"].kill()
        await world.serves("north", EAST, within_seconds=200)
        seen = await explained(world, "north")
        assert problems(seen) == ["30"]
        found = finding(seen, "30")
        assert (found.cluster, found.severity) == ("west", "warning")
        assert "its last heartbeat on the broker is 1 min old" in found.why
        assert "look at the agent of west" in found.do
        assert taking_traffic(seen) == EAST
        assert [use.why for one in seen.exporters for use in one.endpoints if use.state == "out"] == [
            "member-silent",
            "member-silent",
        ]
        # The same cause is found in the cluster itself.
        assert finding(await explained(world, "west"), "33").severity == "problem"


async def test_the_broker_is_away_for_everybody() -> None:
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        world.broker.faults.refuse_connections()
        await world.settle()
        seen = await explained(world, "north")
        assert problems(seen) == ["60"]
        assert finding(seen, "60").what == (
            "not known: the MemberClusters, on the broker; the ExportedServices, on the broker"
        )
        assert "refused" in seen.findings[0].why
        assert seen.is_recorded
        assert seen.verdict.text.startswith("shop/web works in this cluster, with 1 finding: 4 endpoints")
        assert taking_traffic(seen) == EAST | WEST
        assert [one.cluster for one in seen.exporters] == ["east", "west"]


async def test_the_broker_is_away_for_one_agent() -> None:
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        world.broker.faults.refuse_connections(users=["member-north"])
        await asyncio.sleep(120)
        await world["west"].unexport("shop", "web")
        await world.settle()
        seen = await explained(world, "north")
        assert problems(seen) == ["33", "49"]
        assert "the agent of north is silent" in finding(seen, "33").what
        assert "do its log and /readyz say" in finding(seen, "33").do
        assert finding(seen, "49").what.endswith(
            "2 are here and should not be: 10.2.0.1 of west, 10.2.0.2 of west"
        )
        # East is asked in its own cluster, where all is well.
        assert problems(await explained(world, "east")) == []


async def test_an_export_from_a_namespace_that_the_member_may_not_export() -> None:
    async with Clusterset(members={"east": {"namespaces": ["other"]}}) as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web")
        await world.settle()
        for cluster in ("east",):
            seen = await explained(world, cluster)
            assert problems(seen) == ["01", "05"]
            assert finding(seen, "05").cluster == "east"
            assert finding(seen, "05").why.startswith("cluster east may not export from namespace shop")
            assert "adds shop to spec.namespaces of the MemberCluster east" in finding(seen, "05").do


async def test_endpoints_outside_of_the_networks_that_the_member_may_have() -> None:
    async with Clusterset(members={"east": {"podCIDRs": ["10.1.0.1/32"]}}) as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web")
        await world.settle()
        seen = await explained(world, "north")
        assert problems(seen) == ["22"]
        assert finding(seen, "22").what == (
            "1 endpoint of east is left out, outside of the networks that it may have: 10.1.0.2"
        )
        assert "10.1.0.1/32 (spec.podCIDRs)" in finding(seen, "22").why
        assert taking_traffic(seen) == {"10.1.0.1"}


async def test_an_export_over_a_limit_is_told_where_it_is_made() -> None:
    async with Clusterset("east", "west", limits=Limits(services=1)) as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "first")
        await world.settle()
        await world["east"].deploy("shop", "web")
        await world.settle()
        seen = await explained(world, "east")
        assert problems(seen) == ["01", "06"]
        assert "1 service is not published, over the limit on objects (1)" in _worst(seen, "06").why
        assert "raises spec.limits" in _worst(seen, "06").do
        # Elsewhere nothing shows that it exists; the hint is that east is over its limits.
        other = await explained(world, "west")
        assert problems(other) == ["01"]
        assert finding(other, "06").cluster == "east"


async def test_an_import_that_waits_for_room() -> None:
    async with Clusterset("east", "west", limits=Limits(imports=1)) as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "first")
        await world.settle()
        await world["east"].deploy("shop", "web")
        await world.settle()
        seen = await explained(world, "west")
        # Explain does not know the agents' own limits, only what MemberClusters say.
        assert problems(seen) == ["46"]
        await world.broker_api.patch(
            MEMBER_CLUSTERS, "east", {"spec": {"limits": {"imports": 1}}}, namespace="mcs-member-east"
        )
        seen = await explained(world, "west")
        assert problems(seen) == ["45"]
        assert "raises spec.limits.imports" in finding(seen, "45").do


async def test_a_service_export_without_a_service() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await world["east"].export("shop", "web")
        await world.settle()
        seen = await explained(world, "east")
        assert problems(seen) == ["01", "02"]
        assert finding(seen, "02").what == "east has a ServiceExport shop/web, but no Service of that name"
        assert "create the Service web in namespace shop" in finding(seen, "02").do
        assert seen.verdict.state == "does not work"
        assert problems(await explained(world, "west")) == ["01"]


async def test_a_dispute_over_the_type() -> None:
    async with Clusterset() as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web", clusterIP="None")
        await asyncio.sleep(2)
        await world["west"].deploy("shop", "web")
        await world.settle()
        seen = await explained(world, "north")
        assert problems(seen) == ["11"]
        assert finding(seen, "11").what == (
            "TypeConflict: the service is headless, as east exports it; in west it is not"
        )
        assert "all headless (clusterIP: None) or none" in finding(seen, "11").do
        decision = next(one for one in seen.decisions if one.field == "type")
        assert (decision.value, decision.decided_by) == ("Headless", "east")
        assert decision.why.startswith("the oldest export, of 2026-01-01T")
        assert [(one.cluster, one.value) for one in decision.dissent] == [("west", "ClusterSetIP")]


async def test_an_import_that_somebody_else_wrote() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await world["west"].api.create(IMPORTS, import_by_hand("shop", "web"))
        await world["east"].deploy("shop", "web")
        await world.settle()
        seen = await explained(world, "west")
        assert problems(seen) == ["43"]
        assert finding(seen, "43").command == "kubectl delete serviceimport --namespace shop web"
        await world["west"].api.delete(IMPORTS, "web", namespace="shop")
        await world.settle()
        assert (await explained(world, "west")).findings == ()


async def test_endpoints_that_are_not_ready() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        unready = {"conditions": {"ready": False, "serving": False, "terminating": False}}
        ends = [endpoint("10.1.0.1"), endpoint("10.1.0.2", **unready)]
        await world["east"].put(ENDPOINT_SLICES, slice_body("web", ends, "shop"))
        await world.settle()
        seen = await explained(world, "west")
        assert {one.id: one.severity for one in seen.findings} == {"MCS-WHY-21": "note"}
        assert seen.verdict.state == "works"
        assert finding(seen, "21").what == "1 of 2 endpoints of east are not ready: 10.1.0.2"

        ends = [endpoint(address, **unready) for address in ("10.1.0.1", "10.1.0.2")]
        await world["east"].put(ENDPOINT_SLICES, slice_body("web", ends, "shop"))
        await world.settle()
        seen = await explained(world, "west")
        assert problems(seen) == ["21"]
        assert seen.verdict.state == "does not work"
        assert "readiness probes" in finding(seen, "21").do


async def test_an_export_whose_service_has_no_endpoints() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await world["east"].service("shop", "web")
        await world["east"].export("shop", "web")
        await world.settle()
        seen = await explained(world, "west")
        assert problems(seen) == ["20", "48"]
        assert finding(seen, "20").command == "kubectl get service --namespace shop web -o wide"


async def test_an_import_that_is_held() -> None:
    """East's agent is away and its data on the broker is lost: the others hold what they had of it."""
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        await world["east"].kill()
        for kind, name in ((EXPORTED_SERVICES, "shop.web"), (EXPORTED_ENDPOINT_SLICES, "shop.web-abc")):
            await world.broker_api.delete(kind, name, namespace="mcs-member-east")
        await asyncio.sleep(40)
        assert (await world["west"].import_conditions("shop", "web"))[CONDITION_HELD][0] == "True"
        seen = await explained(world, "west")
        assert problems(seen) == ["47", "01"]
        found = finding(seen, "47")
        assert "is held (ExportsMissing)" in found.what
        assert "look at the agents of east" in found.do
        assert found.command == (
            "kubectl annotate serviceimport --namespace shop web mcs-controller.io/withdraw=allowed"
        )
        assert taking_traffic(seen) == EAST
        assert {use.why for one in seen.exporters for use in one.endpoints} == {"held"}


async def test_a_service_that_nobody_exports() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await world["east"].service("shop", "web")
        for cluster, do in (
            ("east", "create a ServiceExport named web in namespace shop there"),
            ("west", "check the spelling of shop/web"),
        ):
            seen = await explained(world, cluster)
            assert problems(seen) == ["01"]
            assert do in finding(seen, "01").do
            assert seen.verdict.text.endswith("no cluster exports shop/web")


async def test_a_reserved_namespace() -> None:
    async with Clusterset("east", "west") as world:
        await world["east"].deploy("default", "web")
        await world.settle()
        key = ServiceKey("default", "web")
        seen = await explained(world, "west", key)
        assert problems(seen) == ["42"]
        assert "--import-reserved-namespaces=default" in finding(seen, "42").do


async def test_what_users_do_to_the_objects_of_agents_is_found_while_no_agent_mends_it() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        await world["west"].kill()
        derived = await world["west"].derived_of("shop", "web")
        assert derived is not None
        await world["west"].api.delete(SERVICES, derived["metadata"]["name"], namespace="shop")
        seen = await explained(world, "west")
        assert problems(seen) == ["50"]
        assert seen.verdict.state == "does not work"
        await world["west"].api.delete(IMPORTS, "web", namespace="shop")
        assert "46" in problems(await explained(world, "west"))
        await world["west"].api.delete(NAMESPACES, "shop")
        assert problems(await explained(world, "west"))[0] in ("40", "41")


def _worst(seen: Explanation, number: str) -> Finding:
    """The worst of several findings of one id."""
    return next(one for one in seen.findings if one.id == f"MCS-WHY-{number}")
