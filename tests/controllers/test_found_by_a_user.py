"""Something is broken, and a user who reads no code finds cause and remedy in what is shown.

That is `explain` and `status`, and the conditions and Events that `kubectl describe` shows. Each test breaks
one thing, as it breaks in life, and asks for the words by which it is found. That explain finds just that
and nothing else is tested in test_explained_troubles.py.
"""

import asyncio
from dataclasses import replace

import pytest

from mcs_controller.api.resources import ENDPOINT_SLICES, MEMBER_CLUSTERS, NAMESPACES, SERVICES
from mcs_controller.cli.explaining.text import Style, as_text
from mcs_controller.clusterset.explain.explaining import explain
from mcs_controller.clusterset.explain.picture import DnsAnswer, DnsPicture
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.controllers.membership.withdrawal import withdraw_exports
from mcs_controller.install.checks.dns import STUB
from mcs_controller.install.checks.judging import judge
from tests.controllers.explaining import picture
from tests.controllers.seeing import seen
from tests.install.checks.healthy import cluster, corefile
from tests.support.clusterset import EAST, WEST, Clusterset
from tests.support.objects import IMPORTS, endpoint, slice_body

pytestmark = pytest.mark.looptime

OTHER_PORT = {"name": "http", "port": 8080, "targetPort": 8080}


def says(text: str, *pieces: str) -> None:
    """All of them, with the whole text in view if one is missing."""
    assert [piece for piece in pieces if piece not in text] == [], text


async def test_the_namespace_was_deleted_where_the_client_is() -> None:
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        await world["north"].api.delete(NAMESPACES, "shop")
        await world.settle()
        told = await seen(world, "north")
        says(told.explain, "does not work in north: north does not import shop/web: it has no namespace shop")
        says(told.explain, "kubectl create namespace shop")


async def test_the_clusters_have_different_ports() -> None:
    async with Clusterset() as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web")
        await world["west"].deploy("shop", "web", ports=[OTHER_PORT])
        await world.settle()
        told = await seen(world, "west")
        says(told.explain, "PortConflict: west and east export different ports", "give the Services the same")
        says(told.status, "conflict shop/web: PortConflict (east, west)", "explain shop/web")
        says(told.describe, "Conflict True PortConflict", "by precedence of cluster east", "disagree: west")
        says(told.events, "ServiceExport Warning PortConflict: ", "by precedence of cluster east")


async def test_the_agent_of_a_cluster_is_dead() -> None:
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        await world["west"].kill()
        await world.serves("north", EAST, within_seconds=200)
        told = await seen(world, "north")
        says(told.explain, "west is silent: its endpoints are not used", "look at the agent of west")
        says(told.status, "dead west: no heartbeat for", "look at its agent, and its way to the broker")
        says(told.describe, "Ready True Ready", "west")
        says(told.events, "ServiceImport Warning EndpointsWithdrawn: cluster west sends no heartbeats")
        says(told.events, "look at its agent, and whether it reaches the broker")
        world["west"].start()
        await world.serves("north", EAST | WEST, within_seconds=200)
        told = await seen(world, "north")
        says(told.events, "ServiceImport Normal EndpointsBack: cluster west sends heartbeats again")


async def test_the_broker_is_away() -> None:
    async with Clusterset() as world:
        await world.exported_by("east")
        world.broker.faults.refuse_connections()
        await world.settle()
        told = await seen(world, "north")
        says(told.explain, "works in this cluster", "not known: the MemberClusters, on the broker", "refused")
        says(told.explain, "see whether that API server runs", "names and traffic go on as they are")
        says(told.status, "1 problem:", "away the broker: connection refused", "Names and traffic go on")


async def test_one_cluster_does_not_reach_the_broker() -> None:
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        world.broker.faults.refuse_connections(users=["member-north"])
        await asyncio.sleep(120)
        told = await seen(world, "north")
        says(told.explain, "the agent of north is silent", "/readyz")
        says(told.status, "dead north: no heartbeat for")


async def test_the_service_of_an_export_is_not_there() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await world["east"].export("shop", "web")
        await world.settle()
        told = await seen(world, "east")
        says(told.explain, "east has a ServiceExport shop/web, but no Service of that name", "create the")
        says(
            told.status, "export not valid shop/web in east: NoService: there is no Service shop/web: create"
        )
        says(told.describe, "Valid False NoService: there is no Service shop/web: create it, or delete this")
        says(told.events, "ServiceExport Warning NoService: there is no Service shop/web: create it, or")


async def test_an_external_name_is_exported() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await world["east"].service("shop", "web", type="ExternalName", externalName="example.com", ports=[])
        await world["east"].export("shop", "web")
        await world.settle()
        told = await seen(world, "east")
        says(
            told.explain, "InvalidServiceType", "export a Service of type ClusterIP, NodePort or LoadBalancer"
        )
        says(told.status, "export not valid shop/web in east: InvalidServiceType", "change its type")
        says(
            told.describe, "Valid False InvalidServiceType: a Service of type ExternalName cannot be exported"
        )
        says(told.events, "ServiceExport Warning InvalidServiceType: a Service of type", "change its type")


async def test_the_broker_s_administrator_does_not_allow_the_namespace() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        await world.broker_api.patch(
            MEMBER_CLUSTERS, "east", {"spec": {"namespaces": ["other"]}}, namespace="mcs-member-east"
        )
        await world.settle()
        told = await seen(world, "east")
        says(told.explain, "may not export from namespace shop", "adds shop to spec.namespaces of the Member")
        says(told.status, "export not ready shop/web in east: Failed: cluster east may not export from")
        says(told.describe, "Ready False Failed: cluster east may not export from namespace shop")
        says(told.events, "ServiceExport Warning Failed: cluster east may not export from namespace shop")
        # The export is gone from the broker, and yet the importer's user is not left alone.
        told = await seen(world, "west")
        says(
            told.explain, "no cluster exports shop/web", "NOTE MCS-WHY-05: east may not export from namespace"
        )


async def test_no_pod_is_ready_anywhere() -> None:
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        for name in ("east", "west"):
            unready = {"conditions": {"ready": False, "serving": False, "terminating": False}}
            ends = [endpoint(address, **unready) for address in world[name].addresses()]
            await world[name].put(ENDPOINT_SLICES, slice_body("web", ends, "shop"))
        await world.settle()
        told = await seen(world, "north")
        says(told.explain, "shop/web does not work in north: no endpoint of east, west is ready")
        says(told.explain, "look at the pods behind the Service in west", "readiness probes")


async def test_so_much_was_lost_at_once_that_it_is_held() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        for number in range(12):
            await world["east"].deploy("shop", f"web-{number}")
        await world.settle()
        await world["east"].kill()
        async for _ in withdraw_exports(world.broker_api, "mcs-member-east"):
            pass
        await world.settle()
        held = (await world["west"].all_of(IMPORTS, "shop"))[0]["metadata"]["name"]
        told = await seen(world, "west", ServiceKey("shop", held))
        release = f"kubectl annotate serviceimport --namespace shop {held} mcs-controller.io/withdraw=allowed"
        says(told.explain, "is held (MassWithdrawal)", release)
        says(told.status, f"held shop/{held}, ", "in west: MassWithdrawal: ends by itself at")
        says(told.describe, "Held True MassWithdrawal", release)
        says(told.events, "ServiceImport Warning MassWithdrawal: ", release)


async def test_the_derived_service_was_deleted_and_no_agent_runs() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        await world["west"].kill()
        derived = await world["west"].derived_of("shop", "web")
        assert derived is not None
        await world["west"].api.delete(SERVICES, derived["metadata"]["name"], namespace="shop")
        told = await seen(world, "west")
        says(told.explain, "does not work in west", "MCS-WHY-50", "agent")


async def test_one_cluster_is_headless_and_the_other_is_not() -> None:
    async with Clusterset() as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web", clusterIP="None")
        await asyncio.sleep(2)
        await world["west"].deploy("shop", "web")
        await world.settle()
        told = await seen(world, "west")
        says(told.explain, "TypeConflict: the service is headless, as east exports it; in west it is not")
        says(told.explain, "make the Services all headless (clusterIP: None) or none of them")
        says(told.status, "conflict shop/web: TypeConflict (east, west)")
        says(told.describe, "Conflict True TypeConflict")
        says(told.events, "ServiceExport Warning TypeConflict: ")


async def test_a_service_of_a_reserved_namespace() -> None:
    async with Clusterset("east", "west") as world:
        await world["east"].deploy("default", "web")
        await world.settle()
        told = await seen(world, "west", ServiceKey("default", "web"))
        says(told.explain, "reserved", "--import-reserved-namespaces=default")


async def test_an_export_was_withdrawn_and_comes_back() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        await world["east"].unexport("shop", "web")
        await world.gone("shop", "web")
        await world.settle()
        told = await seen(world, "west")
        says(told.explain, "does not work in west: no cluster exports shop/web", "ServiceExport")
        assert told.describe == ""
        # Where the Service is, it is said that it is not exported.
        says(
            (await seen(world, "east")).explain, "no cluster exports shop/web", "a Service, no ServiceExport"
        )
        await world["east"].export("shop", "web")
        await world.imported("shop", "web", EAST)
        await world.settle()
        told = await seen(world, "west")
        says(told.explain, "shop/web works in west: 2 endpoints of east take traffic")
        says(told.explain, "Nothing was found that should be otherwise")
        says(told.describe, "Ready True Ready")


async def test_the_cluster_s_own_dns_does_not_forward_the_zone() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        read = await picture(world, "west")
        assert read.here is not None
        assert read.here.imported is not None
        (ip,) = read.here.imported.spec.ips
        # As an unchanged CoreDNS answers, which is not asked here.
        answer = DnsAnswer("web.shop.svc.clusterset.local.", "A", "no such name", ip, right=False)
        asked = replace(read, dns=DnsPicture("10.96.0.10:53", (answer,)))
        text = " ".join(" ".join(as_text(explain(asked), Style())).split())
        says(text, "shop/web does not work in west: DNS says no such name for web.shop", f"should say {ip}")
        says(text, "its Corefile does not forward the zone to ours", "mcs-controller check", "`dns install`")
        (found,) = (one for one in judge(cluster(config_maps={"coredns": corefile()})) if one.id == STUB.id)
        assert found.outcome.result == "failed"
        says(found.outcome.todo, "dns install")


async def test_the_member_was_removed_from_the_broker() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        await world.broker_api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
        await world.settle()
        told = await seen(world, "east")
        says(told.explain, "MemberCluster", "mcs-controller broker create-member east")
        says(told.describe, "Ready False")
        says(told.events, "ServiceExport Warning ClusterExcluded: the broker has no MemberCluster east")
        says(told.events, "the broker's administrator must create it")
