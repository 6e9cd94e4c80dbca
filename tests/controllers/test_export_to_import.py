"""One export becomes one import in every cluster that has the namespace, and looks as the export says."""

import json
from typing import Any

import pytest

from mcs_controller.api.resources import ENDPOINT_SLICES, NAMESPACES, SERVICES, Resource
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.services.naming import derived_service_name
from tests.support.cluster import Cluster
from tests.support.clusterset import EAST, WEST, Clusterset
from tests.support.objects import EXPORTS, IMPORTS

pytestmark = pytest.mark.looptime

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
MCS_SERVICE = "multicluster.kubernetes.io/service-name"
MCS_SOURCE = "multicluster.kubernetes.io/source-cluster"
K8S_SERVICE = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"


async def import_history(cluster: Cluster, count: int) -> list[dict[str, Any]]:
    """The first versions of a ServiceImport, as a watcher sees them."""
    seen: list[dict[str, Any]] = []
    async with await cluster.api.watch(IMPORTS, resource_version="1") as events:
        async for kind, body in events:
            if kind != "BOOKMARK" and isinstance(body, dict):
                seen.append(body)
            if len(seen) == count:
                break
    return seen


@pytest.mark.requirement("MCS-IMP-01", "MCS-EPS-01", "MCS-EPS-15", "MCS-EXP-03", "MCS-NS-09")
async def test_an_export_is_imported_by_every_cluster_the_exporter_included() -> None:
    async with Clusterset() as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web")

        await world.imported("shop", "web", EAST, within_seconds=2)


@pytest.mark.requirement("MCS-EXP-16")
async def test_an_export_reaches_the_others_within_a_second() -> None:
    async with Clusterset() as world:
        await world.everywhere("shop")
        await world["east"].service("shop", "web")
        await world["east"].endpoints("shop", "web", "10.1.0.1")
        await world["east"].export("shop", "web")

        await world.imported("shop", "web", {"10.1.0.1"}, within_seconds=1)


@pytest.mark.requirement("MCS-IMP-12", "MCS-IMP-09", "MCS-IMP-08")
async def test_the_first_version_has_type_and_ports_and_ips_come_with_their_families_in_one_write() -> None:
    async with Clusterset("east", "west", service_cidrs={"west": ("10.97.0.0/16", "fd00:97::/112")}) as world:
        await world.exported_by("east")

        history = await import_history(world["west"], 3)

        assert [one["spec"]["type"] for one in history] == ["ClusterSetIP"] * 3
        assert all(
            one["spec"]["ports"] == [{"name": "http", "protocol": "TCP", "port": 80}] for one in history
        )
        assert ["ips" in one["spec"] for one in history] == [False, True, True]
        assert ["ipFamilies" in one["spec"] for one in history] == [False, True, True]
        assert history[-1]["spec"]["ipFamilies"] == ["IPv4"]


@pytest.mark.requirement("MCS-IMP-20")
async def test_no_status_is_ever_written_to_a_derived_service() -> None:
    """API servers from 1.29 on drop what the reference implementation writes: their state proves nothing."""
    async with Clusterset() as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web")
        await world["west"].deploy("shop", "web", ports=[{"name": "http", "port": 81, "targetPort": 8080}])
        await world.imported("shop", "web", EAST | WEST)
        await world["east"].edit(SERVICES, "shop", "web", {"spec": {"sessionAffinity": "ClientIP"}})
        await world.settle()

        for cluster in world:
            wire = cluster.agent.wire
            written = [
                (line, json.loads(body))
                for line, body in zip(wire.writes, wire.bodies, strict=True)
                if "/services" in line and body
            ]
            assert {line.split()[0] for line, _ in written} == {"POST", "PUT"}
            assert [line for line, body in written if line.endswith("/status") or "status" in body] == []


@pytest.mark.requirement("MCS-IMP-05", "MCS-IMP-06", "MCS-IMP-07", "MCS-IMP-13", "MCS-IMP-14", "MCS-IMP-15")
async def test_the_import_says_what_the_exported_service_says() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await world["east"].deploy(
            "shop",
            "web",
            ports=[
                {"name": "http", "port": 80, "targetPort": 8080, "appProtocol": "http"},
                {"name": "dns", "port": 53, "protocol": "UDP"},
            ],
            sessionAffinity="ClientIP",
            sessionAffinityConfig={"clientIP": {"timeoutSeconds": 10}},
            internalTrafficPolicy="Local",
            trafficDistribution="PreferClose",
        )
        await world.imported("shop", "web", EAST)

        imported = await world["west"].import_of("shop", "web")

        assert imported is not None
        spec = imported["spec"]
        assert spec["ports"] == [
            {"name": "http", "port": 80, "protocol": "TCP", "appProtocol": "http"},
            {"name": "dns", "port": 53, "protocol": "UDP"},
        ]
        assert spec["sessionAffinity"] == "ClientIP"
        assert spec["sessionAffinityConfig"] == {"clientIP": {"timeoutSeconds": 10}}
        assert spec["internalTrafficPolicy"] == "Local"
        assert spec["trafficDistribution"] == "PreferClose"
        assert imported["status"]["clusters"] == [{"cluster": "east"}]
        assert imported["status"]["endpointSliceObjects"] == "Present"


@pytest.mark.requirement("MCS-IMP-18", "MCS-IMP-19", "MCS-API-15")
async def test_the_derived_service_carries_the_clusterset_ip_and_does_what_the_import_promises() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await world["east"].deploy(
            "shop",
            "web",
            sessionAffinity="ClientIP",
            sessionAffinityConfig={"clientIP": {"timeoutSeconds": 10}},
            internalTrafficPolicy="Local",
            trafficDistribution="PreferClose",
        )
        await world.imported("shop", "web", EAST)

        imported = await world["west"].import_of("shop", "web")
        derived = await world["west"].derived_of("shop", "web")

        assert imported is not None
        assert derived is not None
        assert derived["metadata"]["name"] == derived_service_name(ServiceKey("shop", "web"))
        assert [(one["kind"], one["uid"]) for one in derived["metadata"]["ownerReferences"]] == [
            ("ServiceImport", imported["metadata"]["uid"])
        ]
        spec = derived["spec"]
        assert spec["type"] == "ClusterIP"
        assert "selector" not in spec
        assert [(one["name"], one["port"], one["protocol"]) for one in spec["ports"]] == [("http", 80, "TCP")]
        assert spec["clusterIPs"] == imported["spec"]["ips"]
        assert spec["sessionAffinity"] == "ClientIP"
        assert spec["sessionAffinityConfig"] == {"clientIP": {"timeoutSeconds": 10}}
        assert spec["internalTrafficPolicy"] == "Local"
        assert spec["trafficDistribution"] == "PreferClose"


@pytest.mark.requirement("MCS-IMP-19", "MCS-IMP-07", "MCS-IMP-08")
async def test_what_changes_on_the_exported_service_changes_on_import_and_derived_service() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        before = await world["west"].derived_of("shop", "web")

        await world["east"].edit(
            SERVICES,
            "shop",
            "web",
            {"spec": {"sessionAffinity": "ClientIP", "ports": [{"name": "https", "port": 443}]}},
        )

        async def followed() -> bool:
            imported = await world["west"].import_of("shop", "web")
            derived = await world["west"].derived_of("shop", "web")
            assert imported is not None
            assert derived is not None
            return all(
                one["spec"]["sessionAffinity"] == "ClientIP" and one["spec"]["ports"][0]["port"] == 443
                for one in (imported, derived)
            )

        await world.until(followed)
        after = await world["west"].derived_of("shop", "web")
        assert before is not None
        assert after is not None
        assert after["metadata"]["uid"] == before["metadata"]["uid"]
        assert after["spec"]["clusterIPs"] == before["spec"]["clusterIPs"]


@pytest.mark.requirement("MCS-EPS-02", "MCS-EPS-03", "MCS-EPS-04", "MCS-EPS-08", "MCS-EPS-11", "MCS-EPS-12")
async def test_an_imported_slice_has_our_labels_and_owner_and_no_foreign_nodes() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await world["east"].service("shop", "web")
        await world["east"].endpoints(
            "shop", "web", "10.1.0.1", labels={"service.kubernetes.io/headless": ""}, zone="zone-a"
        )
        await world["east"].export("shop", "web")
        await world.imported("shop", "web", {"10.1.0.1"})

        imported = await world["west"].import_of("shop", "web")
        derived = await world["west"].derived_of("shop", "web")
        (abroad,) = await world["west"].slices_of("shop", "web")
        (at_home,) = await world["east"].slices_of("shop", "web")

        assert imported is not None
        assert derived is not None
        assert abroad["metadata"]["labels"] == {
            MCS_SERVICE: "web",
            MCS_SOURCE: "east",
            K8S_SERVICE: derived["metadata"]["name"],
            MANAGED_BY: "mcs-controller.io",
        }
        (owner,) = abroad["metadata"]["ownerReferences"]
        assert owner["uid"] == imported["metadata"]["uid"]
        assert abroad["endpoints"] == [
            {
                "addresses": ["10.1.0.1"],
                "conditions": {"ready": True, "serving": True, "terminating": False},
                "zone": "zone-a",
            }
        ]
        assert at_home["endpoints"][0]["nodeName"] == "east-node"
        assert "targetRef" not in at_home["endpoints"][0]


@pytest.mark.requirement("MCS-EXP-12", "MCS-EXP-17")
async def test_the_exported_service_and_its_own_slices_are_left_as_they_are() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        service = await world["east"].service("shop", "web")
        slice_ = await world["east"].endpoints("shop", "web", "10.1.0.1")
        await world["east"].export("shop", "web")
        await world.imported("shop", "web", {"10.1.0.1"})
        await world.settle()

        assert await world["east"].held(SERVICES, "shop", "web") == service
        local = [
            one
            for one in await world["east"].all_of(ENDPOINT_SLICES, "shop")
            if one["metadata"]["labels"].get(K8S_SERVICE) == "web"
        ]
        assert [one["metadata"] for one in local] == [slice_["metadata"]]


@pytest.mark.requirement("MCS-IMP-11", "MCS-EPS-04", "MCS-EPS-07", "MCS-IMP-10")
async def test_a_headless_service_has_no_ip_and_keeps_the_names_of_its_endpoints() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        east = world["east"]
        await east.service("shop", "db", clusterIP="None")
        await east.endpoints("shop", "db", "10.1.0.7", hostname="db-0")
        await east.export("shop", "db")
        await world.imported("shop", "db", {"10.1.0.7"})

        imported = await world["west"].import_of("shop", "db")
        (slice_,) = await world["west"].slices_of("shop", "db")

        assert imported is not None
        assert imported["spec"]["type"] == "Headless"
        assert "ips" not in imported["spec"]
        assert imported["spec"]["ipFamilies"] == ["IPv4"]
        assert "annotations" not in imported["metadata"]
        assert K8S_SERVICE not in slice_["metadata"]["labels"]
        assert slice_["endpoints"][0]["hostname"] == "db-0"
        assert not await world["west"].all_of(SERVICES, "shop")


@pytest.mark.requirement("MCS-EPS-06", "MCS-LIFE-10", "MCS-EPS-07")
async def test_endpoints_that_come_go_or_are_no_longer_ready_are_followed_everywhere() -> None:
    async with Clusterset() as world:
        await world.everywhere("shop")
        east = world["east"]
        await east.deploy("shop", "web")
        await world.imported("shop", "web", EAST)

        await east.endpoints("shop", "web", "10.1.0.2", "10.1.0.3")
        await world.imported("shop", "web", {"10.1.0.2", "10.1.0.3"}, within_seconds=1)

        await east.endpoints("shop", "web", "10.1.0.9", name="web-second")
        await world.imported("shop", "web", {"10.1.0.2", "10.1.0.3", "10.1.0.9"}, within_seconds=1)

        await east.api.delete(ENDPOINT_SLICES, "web-abc", namespace="shop")
        await world.imported("shop", "web", {"10.1.0.9"}, within_seconds=1)

        await east.endpoints("shop", "web", "10.1.0.9", name="web-second", conditions={"ready": False})

        async def not_ready() -> bool:
            (slice_,) = await world["west"].slices_of("shop", "web")
            return bool(slice_["endpoints"][0]["conditions"] == {"ready": False})

        await world.until(not_ready, within_seconds=1)


@pytest.mark.requirement("MCS-EXP-11", "MCS-IMP-16", "MCS-IMP-17")
async def test_only_exported_labels_and_annotations_are_on_the_import_and_they_are_followed() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        east = world["east"]
        await east.service("shop", "web")
        await east.edit(SERVICES, "shop", "web", {"metadata": {"labels": {"private": "yes"}}})
        await east.export("shop", "web", exportedLabels={"team": "a"}, exportedAnnotations={"note": "x"})

        async def has_both() -> bool:
            metadata = (await world["west"].import_of("shop", "web") or {}).get("metadata", {})
            return "team" in metadata.get("labels", {})

        await world.until(has_both)
        imported = await world["west"].import_of("shop", "web")
        assert imported is not None
        assert "private" not in imported["metadata"]["labels"]
        assert imported["metadata"]["annotations"]["note"] == "x"

        await east.edit(EXPORTS, "shop", "web", {"spec": {"exportedLabels": {"team": None, "tier": "1"}}})

        async def replaced() -> bool:
            labels = (await world["west"].import_of("shop", "web") or {})["metadata"]["labels"]
            return "team" not in labels and labels.get("tier") == "1"

        await world.until(replaced)


@pytest.mark.requirement("MCS-NS-02", "MCS-NS-03", "MCS-LIFE-09")
async def test_a_namespace_that_appears_gets_its_imports_and_one_that_goes_takes_them_along() -> None:
    async with Clusterset("east", "west") as world:
        await world["east"].namespace("shop")
        await world["east"].deploy("shop", "web")
        await world.settle()
        assert await world["west"].held(NAMESPACES, "", "shop") is None

        await world["west"].namespace("shop")
        await world.imported("shop", "web", EAST, within_seconds=1)

        await world["west"].api.delete(NAMESPACES, "shop")

        async def namespace_gone() -> bool:
            return await world["west"].held(NAMESPACES, "", "shop") is None

        await world.until(namespace_gone)
        await world["west"].namespace("shop")
        await world.imported("shop", "web", EAST, within_seconds=1)


@pytest.mark.requirement("MCS-LIFE-09")
async def test_a_namespace_that_is_held_while_terminating_is_left_in_peace() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        holder = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "holder", "namespace": "shop", "finalizers": ["example.com/wait"]},
        }
        await world["west"].api.create(CONFIG_MAPS, holder)

        await world["west"].api.delete(NAMESPACES, "shop")
        await world.settle()
        writes_before = len(world["west"].agent.wire.writes)
        await world["east"].endpoints("shop", "web", "10.1.0.5")
        await world.settle()

        assert await world["west"].import_of("shop", "web") is None
        assert len(world["west"].agent.wire.writes) == writes_before
