"""What the MCS API promises, held to the same words on simulated and on real API servers.

The product is whole here: agents and DNS servers, on the real servers as processes with the rights that we
ship. What needs virtual time or faults is in tests/controllers.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import Any

import pytest

from mcs_controller.api.resources import ENDPOINT_SLICES, EVENTS, NAMESPACES, SERVICES
from mcs_controller.kube.errors import NotFound
from tests.integration.conftest import World
from tests.integration.sites import (
    EXPORTS,
    IMPORTS,
    Backend,
    Object,
    RealSite,
    Site,
    eventually,
    new_namespace,
)
from tests.support.users import write_status

pytestmark = pytest.mark.slow

EAST = (Backend("web-1", "10.1.0.1"), Backend("web-2", "10.1.0.2"))
WEST = (Backend("web-1", "10.2.0.1"),)
SERVICE_NAME = "multicluster.kubernetes.io/service-name"
SOURCE_CLUSTER = "multicluster.kubernetes.io/source-cluster"
DERIVED = "multicluster.kubernetes.io/derived-service"


def port(name: str, number: int, protocol: str = "TCP", **more: Any) -> Object:
    return {"name": name, "port": number, "targetPort": 8000 + number, "protocol": protocol, **more}


async def slices_of(site: Site, namespace: str, name: str, source: str = "") -> list[Object]:
    selector = f"{SERVICE_NAME}={name},{SOURCE_CLUSTER}" + (f"={source}" if source else "")
    return (await site.api.list(ENDPOINT_SLICES, namespace=namespace, label_selector=selector)).items


async def derived_of(site: Site, namespace: str, imported: Object) -> Object:
    return await site.api.get(SERVICES, imported["metadata"]["annotations"][DERIVED], namespace)


async def sees(site: Site, namespace: str, name: str, *addresses: str) -> None:
    await eventually(lambda: site.imported_addresses(namespace, name), lambda found: found == set(addresses))


async def is_told(site: Site, namespace: str, name: str, kind: str, *wanted: str) -> None:
    await eventually(lambda: site.condition(namespace, name, kind), lambda found: found == wanted)


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
        await sees(site, namespace, "web", "10.1.0.1", "10.1.0.2")
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

        derived = await derived_of(site, namespace, imported)
        assert derived["spec"]["clusterIPs"] == spec["ips"]
        assert derived["spec"]["type"] == "ClusterIP"
        assert "selector" not in derived["spec"]
        (owner,) = derived["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"]) == ("ServiceImport", metadata["uid"])

        found = await slices_of(site, namespace, "web")
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
        await sees(site, namespace, "web", "10.1.0.1", "10.1.0.2")

    await asyncio.sleep(1)

    for site in world:
        await sees(site, namespace, "web", "10.1.0.1", "10.1.0.2")
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
        await sees(site, namespace, "web", "10.1.0.1", "10.1.0.2", "10.2.0.1")


@pytest.mark.requirement("MCS-EXP-04", "MCS-EXP-07", "MCS-EXP-08", "MCS-EXP-09", "MCS-EXP-13", "MCS-LIFE-01")
async def test_every_kind_of_service_that_has_endpoints_can_be_exported(world: World) -> None:
    namespace, east = world.namespace, world["east"]
    kinds: dict[str, Object] = {
        "cluster-ip": {},
        "node-port": {"type": "NodePort"},
        "load-balancer": {"type": "LoadBalancer"},
        "headless": {"clusterIP": "None"},
    }
    for number, (name, spec) in enumerate(kinds.items()):
        await east.service(namespace, name, Backend(f"{name}-1", f"10.1.7.{number + 1}"), **spec)
        await east.export(namespace, name)
    for name in kinds:
        imported = await world["west"].ready_import(namespace, name, ["east"])
        assert imported["spec"]["type"] == ("Headless" if name == "headless" else "ClusterSetIP")
        await is_told(east, namespace, name, "Valid", "True", "Valid")
        await is_told(east, namespace, name, "Ready", "True", "Exported")
        await is_told(east, namespace, name, "Conflict", "False", "NoConflicts")
        await east.unexport(namespace, name)
    for site in world:
        for name in kinds:
            await site.no_import(namespace, name)
            await eventually(partial(slices_of, site, namespace, name), lambda x: not x)


@pytest.mark.requirement("MCS-EXP-05", "MCS-EXP-06", "MCS-CON-08")
async def test_what_cannot_be_exported_says_why_and_is_never_imported(world: World) -> None:
    namespace, east = world.namespace, world["east"]
    body = {"metadata": {"name": "elsewhere", "namespace": namespace}}
    await east.api.create(SERVICES, {**body, "spec": {"type": "ExternalName", "externalName": "example.com"}})
    for name in ("elsewhere", "missing"):
        await east.export(namespace, name)
    await is_told(east, namespace, "elsewhere", "Valid", "False", "InvalidServiceType")
    await is_told(east, namespace, "missing", "Valid", "False", "NoService")
    await asyncio.sleep(1)
    for site in world:
        for name in ("elsewhere", "missing"):
            assert await site.import_of(namespace, name) is None

    await east.service(namespace, "missing", *EAST)
    await is_told(east, namespace, "missing", "Valid", "True", "Valid")
    await world["west"].ready_import(namespace, "missing", ["east"])
    await east.api.delete(SERVICES, "missing", namespace=namespace)
    await is_told(east, namespace, "missing", "Valid", "False", "NoService")
    for site in world:
        await site.no_import(namespace, "missing")


@pytest.mark.requirement("MCS-EXP-11", "MCS-IMP-16", "MCS-IMP-17", "MCS-EXP-10")
async def test_only_what_the_exports_spec_names_is_on_the_import_and_goes_when_it_is_taken_back(
    world: World,
) -> None:
    namespace, east, west = world.namespace, world["east"], world["west"]
    await east.service(namespace, "web", *EAST)
    await east.api.patch(SERVICES, "web", {"metadata": {"labels": {"own": "service"}}}, namespace=namespace)
    await east.export(
        namespace, "web", exportedLabels={"team": "shop"}, exportedAnnotations={"example.com/note": "hello"}
    )
    imported = await west.ready_import(namespace, "web", ["east"])
    labels, annotations = imported["metadata"]["labels"], imported["metadata"]["annotations"]
    assert labels["team"] == "shop"
    assert annotations["example.com/note"] == "hello"
    assert "own" not in labels

    await east.api.patch(EXPORTS, "web", {"spec": {"exportedLabels": None}}, namespace=namespace)
    await eventually(
        lambda: west.import_of(namespace, "web"),
        lambda seen: seen is not None and "team" not in seen["metadata"]["labels"],
    )


@pytest.mark.requirement(
    "MCS-CON-01", "MCS-CON-02", "MCS-CON-03", "MCS-CON-04", "MCS-CON-05", "MCS-CON-06", "MCS-CON-09",
    "MCS-CON-11", "MCS-EPS-10", "MCS-EXP-14", "MCS-IMP-03", "MCS-IMP-07", "MCS-IMP-19", "MCS-LIFE-02",
    "MCS-NS-09", "MCS-API-12",
)  # fmt: skip
async def test_the_oldest_export_decides_and_everybody_is_told_until_the_conflict_ends(world: World) -> None:
    namespace, east, west = world.namespace, world["east"], world["west"]
    affinity: Object = {
        "sessionAffinity": "ClientIP",
        "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10}},
    }
    await east.service(namespace, "web", *EAST, ports=[port("http", 80)], **affinity)
    await east.export(namespace, "web")
    first = {site.name: await site.ready_import(namespace, "web", ["east"]) for site in world}
    await asyncio.sleep(1.1)
    await west.service(namespace, "web", *WEST, ports=[port("http", 81), port("admin", 9000)])
    await west.export(namespace, "web")

    for site in (east, west):
        await is_told(
            site, namespace, "web", "Conflict", "True",
            "PortConflict,SessionAffinityConflict",
        )  # fmt: skip
        export = await site.held(EXPORTS, namespace, "web")
        assert export is not None
        (conflict,) = (one for one in export["status"]["conditions"] if one["type"] == "Conflict")
        assert "east" in conflict["message"]
        assert "1 of 2" in conflict["message"]
    for site in world:
        imported = await site.ready_import(namespace, "web", ["east", "west"])
        assert imported["metadata"]["uid"] == first[site.name]["metadata"]["uid"]
        assert imported["spec"]["ips"] == first[site.name]["spec"]["ips"]
        assert {(one["name"], one["port"]) for one in imported["spec"]["ports"]} == {
            ("http", 80),
            ("admin", 9000),
        }
        assert imported["spec"]["sessionAffinity"] == "ClientIP"
        derived = await derived_of(site, namespace, imported)
        assert derived["spec"]["sessionAffinityConfig"] == affinity["sessionAffinityConfig"]
        assert {(one["name"], one["port"]) for one in derived["spec"]["ports"]} == {
            ("http", 80),
            ("admin", 9000),
        }
        (foreign,) = await eventually(
            partial(slices_of, site, namespace, "web", "west"), lambda found: len(found) == 1
        )
        assert [one["name"] for one in foreign["ports"]] == ["admin"]
    if isinstance(west, RealSite):
        events = await eventually(
            lambda: west.api.list(EVENTS, namespace=namespace),
            lambda found: any("PortConflict" in one["reason"] for one in found.items),
        )
        assert any(one["regarding"]["kind"] == "ServiceExport" for one in events.items)

    await west.unexport(namespace, "web")
    await is_told(east, namespace, "web", "Conflict", "False", "NoConflicts")
    for site in world:
        imported = await site.ready_import(namespace, "web", ["east"])
        assert imported["spec"] == first[site.name]["spec"]
        await sees(site, namespace, "web", "10.1.0.1", "10.1.0.2")


@pytest.mark.requirement("MCS-CON-05", "MCS-LIFE-11", "MCS-IMP-11", "MCS-IMP-12")
async def test_the_type_follows_the_oldest_export_that_is_left(world: World) -> None:
    namespace, east, west = world.namespace, world["east"], world["west"]
    await east.service(namespace, "web", *EAST, clusterIP="None")
    await east.export(namespace, "web")
    headless = await world["north"].ready_import(namespace, "web", ["east"])
    assert headless["spec"]["type"] == "Headless"
    assert not headless["spec"].get("ips")
    await asyncio.sleep(1.1)
    await west.service(namespace, "web", *WEST)
    await west.export(namespace, "web")
    for site in (east, west):
        await eventually(
            partial(site.condition, namespace, "web", "Conflict"),
            lambda found: found is not None and "TypeConflict" in found[1],
        )

    await east.unexport(namespace, "web")

    for site in world:
        imported = await eventually(
            partial(site.import_of, namespace, "web"),
            lambda seen: (
                seen is not None and seen["spec"]["type"] == "ClusterSetIP" and seen["spec"].get("ips")
            ),
        )
        assert imported is not None
        derived = await derived_of(site, namespace, imported)
        assert derived["spec"]["clusterIPs"] == imported["spec"]["ips"]


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


async def versions_until(site: Site, namespace: str, version: str, last: Object) -> list[Object]:
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
    derived = await derived_of(west, namespace, imported)

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


@pytest.mark.requirement("MCS-API-12", "MCS-EXP-15", "MCS-API-07")
async def test_conditions_of_other_controllers_are_kept(world: World) -> None:
    namespace, east = world.namespace, world["east"]
    await east.export(namespace, "web")
    await is_told(east, namespace, "web", "Valid", "False", "NoService")
    foreign = {
        "type": "example.com/Audited",
        "status": "True",
        "reason": "Seen",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }

    async def add() -> bool:
        export = await east.api.get(EXPORTS, "web", namespace)
        export["status"]["conditions"].append(foreign)
        await write_status(east.api, EXPORTS, export)
        return True

    await add()
    await east.service(namespace, "web", *EAST)
    await is_told(east, namespace, "web", "Valid", "True", "Valid")
    await is_told(east, namespace, "web", "example.com/Audited", "True", "Seen")


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
        await sees(site, namespace, "web", "10.1.0.1", "10.1.0.2", "10.1.9.9")
        assert len(await slices_of(site, namespace, "web")) == 2
    await east.api.delete(ENDPOINT_SLICES, "web-by-hand", namespace=namespace)
    for site in world:
        await eventually(partial(slices_of, site, namespace, "web"), lambda found: len(found) == 1)


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


@pytest.mark.requirement("MCS-CON-13", "MCS-CON-14", "MCS-EXP-09")
async def test_what_one_spells_out_and_the_other_leaves_to_defaults_is_no_conflict(world: World) -> None:
    namespace, east, west = world.namespace, world["east"], world["west"]
    await east.service(
        namespace, "web", *EAST, ports=[{"name": "http", "port": 80}, {"name": "b", "port": 81}]
    )
    await east.export(namespace, "web")
    await west.service(
        namespace,
        "web",
        *WEST,
        ports=[port("b", 81), port("http", 80)],
        sessionAffinity="None",
        internalTrafficPolicy="Cluster",
        type="NodePort",
    )
    await west.export(namespace, "web", exportedLabels={})
    for site in world:
        await site.ready_import(namespace, "web", ["east", "west"])
    for site in (east, west):
        await is_told(site, namespace, "web", "Conflict", "False", "NoConflicts")


@pytest.mark.requirement("MCS-CON-12", "MCS-CON-05", "MCS-IMP-10")
@pytest.mark.parametrize("kind", [pytest.param("real", marks=pytest.mark.realkube)], indirect=True)
async def test_families_are_the_oldest_exports_and_another_is_a_conflict(world: World) -> None:
    namespace, east, west = world.namespace, world["east"], world["west"]
    await east.service(namespace, "db", *EAST, clusterIP="None", ipFamilies=["IPv4"])
    await east.export(namespace, "db")
    await asyncio.sleep(1.1)
    six = Backend("db-6", "fd00:10:2::1")
    await west.service(namespace, "db", six, clusterIP="None", ipFamilies=["IPv6"])
    await west.export(namespace, "db")
    for site in world:
        imported = await site.ready_import(namespace, "db", ["east", "west"])
        assert imported["spec"]["ipFamilies"] == ["IPv4"]
        await sees(site, namespace, "db", "10.1.0.1", "10.1.0.2")
    for site in (east, west):
        await is_told(site, namespace, "db", "Conflict", "True", "IPFamilyConflict")


@pytest.mark.requirement("MCS-EXP-18")
async def test_a_derived_service_cannot_be_exported_again(world: World) -> None:
    namespace, east = world.namespace, world["east"]
    await east.service(namespace, "web", *EAST)
    await east.export(namespace, "web")
    imported = await east.ready_import(namespace, "web", ["east"])
    derived = imported["metadata"]["annotations"][DERIVED]
    await east.export(namespace, derived)
    await eventually(
        lambda: east.condition(namespace, derived, "Valid"),
        lambda found: found is not None and found[0] == "False",
    )
    await asyncio.sleep(1)
    for site in world:
        assert await site.import_of(namespace, derived) is None
