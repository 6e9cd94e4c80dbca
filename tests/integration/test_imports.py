"""Imports, derived Services and slices as the MCS API promises them, on simulated and on real API servers.

The product is whole here: agents and DNS servers, on the real servers as processes with the rights that we
ship. What needs virtual time or faults is in tests/controllers.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

import pytest

from mcs_controller.api.resources import ENDPOINT_SLICES, NAMESPACES, SERVICES
from mcs_controller.kube.errors import NotFound
from tests.integration.conftest import World
from tests.integration.real_site import RealSite
from tests.integration.sites import EAST, WEST, StorySite, new_namespace, port
from tests.support.objects import IMPORTS, Object
from tests.support.site import SERVICE_NAME, SOURCE_CLUSTER
from tests.support.waiting import eventually

pytestmark = pytest.mark.slow


@pytest.mark.requirement(
    "MCS-API-13", "MCS-API-15", "MCS-IMP-05", "MCS-IMP-06", "MCS-IMP-08", "MCS-IMP-09", "MCS-IMP-10",
    "MCS-IMP-13", "MCS-IMP-14", "MCS-IMP-15", "MCS-IMP-18", "MCS-IMP-22", "MCS-EPS-01",
    "MCS-EPS-02", "MCS-EPS-03", "MCS-EPS-04", "MCS-EPS-05", "MCS-EPS-07", "MCS-EPS-08", "MCS-EPS-09",
    "MCS-EPS-11", "MCS-EPS-12", "MCS-EPS-15", "MCS-NS-01",
)  # fmt: skip
async def test_import_derived_service_and_slices_are_what_the_api_says_in_every_cluster(world: World) -> None:
    namespace, east = world.namespace, world["east"]
    await east.service(
        namespace, "web", *EAST, ports=[port("http", 80, appProtocol="http"), port("dns", 53, "UDP")]
    )
    await east.export(namespace, "web")

    for site in world:
        imported = await site.ready_import(namespace, "web", ["east"])
        await site.has_addresses(namespace, "web", "10.1.0.1", "10.1.0.2")
        spec, metadata = imported["spec"], imported["metadata"]
        assert (metadata["name"], metadata["namespace"]) == ("web", namespace)
        assert spec["type"] == "ClusterSetIP"
        assert sorted(spec["ports"], key=lambda one: one["name"]) == [
            {"name": "dns", "port": 53, "protocol": "UDP"},
            {"name": "http", "port": 80, "protocol": "TCP", "appProtocol": "http"},
        ]
        assert spec["ipFamilies"] == ["IPv4"]
        assert len(spec["ips"]) == 1
        assert imported["status"]["clusters"] == [{"cluster": "east"}]

        derived = await site.derived_from(namespace, imported)
        assert derived["spec"]["clusterIPs"] == spec["ips"]
        assert derived["spec"]["type"] == "ClusterIP"
        assert "selector" not in derived["spec"]
        (owner,) = derived["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"]) == ("ServiceImport", metadata["uid"])

        found = await site.slices_of(namespace, "web")
        assert found
        for one in found:
            labels = one["metadata"]["labels"]
            assert labels[SERVICE_NAME] == "web"
            assert labels[SOURCE_CLUSTER] == "east"
            assert labels["kubernetes.io/service-name"] == derived["metadata"]["name"]
            assert labels["endpointslice.kubernetes.io/managed-by"] == "mcs-controller.io"
            assert "service.kubernetes.io/headless" not in labels
            assert one["addressType"] == "IPv4"
            (owner,) = one["metadata"]["ownerReferences"]
            assert (owner["kind"], owner["uid"]) == ("ServiceImport", metadata["uid"])
            assert {entry["name"]: entry["port"] for entry in one["ports"]} == {"http": 8080, "dns": 8053}
            for endpoint in one["endpoints"]:
                assert endpoint["conditions"]["ready"] is True
                assert "targetRef" not in endpoint
                assert ("nodeName" in endpoint) is (site is east and isinstance(east, RealSite))
        present = await eventually(
            partial(site.import_of, namespace, "web"),
            lambda seen: seen is not None and seen["status"].get("endpointSliceObjects") == "Present",
        )
        assert present is not None


@pytest.mark.requirement(
    "MCS-EXP-01", "MCS-EXP-02", "MCS-EXP-03", "MCS-EXP-12", "MCS-EXP-17", "MCS-NS-01", "MCS-DNS-03"
)
async def test_a_service_of_the_same_name_without_an_export_stays_out_everywhere(world: World) -> None:
    namespace = world.namespace
    east, west = world["east"], world["west"]
    await east.service(namespace, "web", *EAST)
    await west.service(namespace, "web", *WEST)
    before = await west.api.get(SERVICES, "web", namespace)
    await east.export(namespace, "web")
    for site in world:
        await site.has_addresses(namespace, "web", "10.1.0.1", "10.1.0.2")

    await asyncio.sleep(1)

    for site in world:
        await site.has_addresses(namespace, "web", "10.1.0.1", "10.1.0.2")
    after = await west.api.get(SERVICES, "web", namespace)
    assert (after["spec"], after["metadata"]["resourceVersion"]) == (
        before["spec"],
        before["metadata"]["resourceVersion"],
    )
    own = await west.api.list(
        ENDPOINT_SLICES, namespace=namespace, label_selector="kubernetes.io/service-name=web"
    )
    assert {
        address for one in own.items for endpoint in one["endpoints"] for address in endpoint["addresses"]
    } == {"10.2.0.1"}

    # Only with an export of its own does it join.
    await west.export(namespace, "web")
    for site in world:
        await site.has_addresses(namespace, "web", "10.1.0.1", "10.1.0.2", "10.2.0.1")


@pytest.mark.requirement("MCS-IMP-12")
@pytest.mark.parametrize(
    ("spec", "wanted"), [({}, "ClusterSetIP"), ({"clusterIP": "None"}, "Headless")], ids=["vip", "headless"]
)
async def test_no_version_of_an_import_is_without_its_type_and_ports(
    world: World, spec: Object, wanted: str
) -> None:
    """Nor of one that is made anew: whoever watches reads the type once."""
    namespace, east = world.namespace, world["east"]
    began = {site.name: await site.api.list(IMPORTS, namespace=namespace) for site in world}
    await east.service(namespace, "web", *EAST, ports=[port("http", 80), port("dns", 53, "UDP")], **spec)
    await east.export(namespace, "web")
    for site in world:
        first = await site.ready_import(namespace, "web", ["east"])
        await site.api.delete(IMPORTS, "web", namespace=namespace)
        await eventually(
            partial(site.import_of, namespace, "web"),
            lambda seen, first=first: (  # type: ignore[misc]
                seen is not None and seen["metadata"]["uid"] != first["metadata"]["uid"]
            ),
        )
    for site in world:
        last = await site.ready_import(namespace, "web", ["east"])
        versions = await versions_until(site, namespace, began[site.name].resource_version, last)
        assert [one["type"] for one in versions] == [wanted] * len(versions)
        for one in versions:
            assert {(each["name"], each["port"], each["protocol"]) for each in one["ports"]} == {
                ("http", 80, "TCP"),
                ("dns", 53, "UDP"),
            }


async def versions_until(site: StorySite, namespace: str, version: str, last: Object) -> list[Object]:
    """Every spec that a watcher of the imports is told, up to a version that is known."""
    specs = []
    async with await site.api.watch(IMPORTS, namespace=namespace, resource_version=version) as events:
        async for kind, body in events:
            if kind not in ("ADDED", "MODIFIED") or not isinstance(body, dict):
                continue
            specs.append(body["spec"])
            if body["metadata"]["resourceVersion"] == last["metadata"]["resourceVersion"]:
                return specs
    raise AssertionError(
        f"the watch of {site.name} ended before version {last['metadata']['resourceVersion']}"
    )


@pytest.mark.requirement("MCS-IMP-04", "MCS-LIFE-12", "MCS-RBAC-01")
async def test_what_others_delete_or_own_is_restored_or_left_alone(world: World) -> None:
    namespace, east, west = world.namespace, world["east"], world["west"]
    by_hand = {
        "apiVersion": IMPORTS.api_version,
        "kind": IMPORTS.kind,
        "metadata": {"name": "by-hand", "namespace": namespace},
        "spec": {"type": "ClusterSetIP", "ports": []},
    }
    created = await west.api.create(IMPORTS, by_hand)
    await east.service(namespace, "web", *EAST)
    await east.export(namespace, "web")
    imported = await west.ready_import(namespace, "web", ["east"])
    derived = await west.derived_from(namespace, imported)

    await west.api.delete(SERVICES, derived["metadata"]["name"], namespace=namespace)

    restored = await eventually(
        lambda: west.held(SERVICES, namespace, derived["metadata"]["name"]),
        lambda seen: seen is not None and seen["metadata"]["uid"] != derived["metadata"]["uid"],
    )
    assert restored is not None
    assert restored["spec"]["clusterIPs"] == derived["spec"]["clusterIPs"]
    left = await west.import_of(namespace, "by-hand")
    assert left is not None
    assert left["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"]


@pytest.mark.requirement("MCS-EPS-14", "MCS-EPS-06")
async def test_slices_are_mirrored_one_to_one_and_follow_their_sources(world: World) -> None:
    namespace, east = world.namespace, world["east"]
    await east.service(namespace, "web", *EAST)
    extra = {
        "metadata": {
            "name": "web-by-hand",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": "web"},
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": [{"addresses": ["10.1.9.9"], "conditions": {"ready": True}}],
    }
    await east.api.create(ENDPOINT_SLICES, extra)
    await east.export(namespace, "web")
    for site in world:
        await site.has_addresses(namespace, "web", "10.1.0.1", "10.1.0.2", "10.1.9.9")
        assert len(await site.slices_of(namespace, "web")) == 2
    await east.api.delete(ENDPOINT_SLICES, "web-by-hand", namespace=namespace)
    for site in world:
        await eventually(partial(site.slices_of, namespace, "web"), lambda found: len(found) == 1)


@pytest.mark.requirement("MCS-NS-02", "MCS-NS-03", "MCS-IMP-02", "MCS-LIFE-09")
async def test_an_import_is_where_its_namespace_is_and_no_namespace_is_made_for_it(world: World) -> None:
    namespace, east, north = f"{world.namespace}-late", world["east"], world["north"]
    try:
        for site in (east, world["west"]):
            await new_namespace([site], namespace)
        await east.service(namespace, "web", *EAST)
        await east.export(namespace, "web")
        await world["west"].ready_import(namespace, "web", ["east"])
        await asyncio.sleep(1)
        assert await north.held(NAMESPACES, "", namespace) is None

        await new_namespace([north], namespace)
        await north.ready_import(namespace, "web", ["east"])
        await east.unexport(namespace, "web")
        for site in world:
            await site.no_import(namespace, "web")
    finally:
        for site in world:
            with contextlib.suppress(NotFound):
                await site.api.delete(NAMESPACES, namespace)
