"""A real kube-apiserver takes what the rules want, keeps it, and refuses what the rules refuse.

Owners are left out of the bodies: there is no ServiceImport behind these, and the garbage collector would
take them away.
"""

from typing import Any

import pytest

from mcs_controller.api.resources import ENDPOINT_SLICES, SERVICES
from mcs_controller.clusterset.model import (
    AddressFamily,
    AffinityConfig,
    Endpoint,
    ImportedSlice,
    LocalService,
    ServiceKey,
    ServicePort,
    SliceContent,
    SlicePort,
)
from mcs_controller.clusterset.services import decode, encode
from mcs_controller.clusterset.services.desired import DerivedService, derived_service, differs
from mcs_controller.clusterset.services.merge import merge
from mcs_controller.clusterset.syntax import (
    endpoint_address,
    family_of,
    is_label_value,
    is_qualified_name,
    valid_annotations,
)
from tests.clusterset.builders import HTTP, record
from tests.realkube.clusterset import RealClusterset
from tests.realkube.controlplane import ControlPlane
from tests.realkube.rest import Response

pytestmark = pytest.mark.realkube

BOTH: tuple[AddressFamily, ...] = ("IPv4", "IPv6")


def wanted(
    namespace: str, observed: LocalService | None = None, ips: tuple[str, ...] = (), **fields: Any
) -> DerivedService:
    key = ServiceKey(namespace, "web")
    found = derived_service(
        merge([record(service=key, **fields)]), owner_uid="", observed=observed, requested_ips=ips
    )
    assert found is not None
    return found


def unowned(body: encode.Body) -> encode.Body:
    body["metadata"].pop("ownerReferences", None)
    return body


async def create(plane: ControlPlane, service: DerivedService) -> Response:
    path = SERVICES.path(service.service.namespace)
    return await plane.request("POST", path, unowned(encode.derived_service(service)))


async def created(plane: ControlPlane, service: DerivedService) -> LocalService:
    answer = await create(plane, service)
    assert answer.status == 201, answer.body
    return decode.service(answer.body)


async def replaced(plane: ControlPlane, service: DerivedService) -> LocalService:
    path = SERVICES.path(*service.service)
    body = unowned(encode.derived_service(service))
    body["metadata"]["resourceVersion"] = (await plane.call("GET", path))["metadata"]["resourceVersion"]
    return decode.service(await plane.call("PUT", path, body))


@pytest.mark.requirement("MCS-IMP-08", "MCS-IMP-18", "MCS-IMP-19")
@pytest.mark.parametrize(("cluster", "served"), [("east", BOTH), ("north", ("IPv4",))])
async def test_a_dual_stack_service_gets_an_ip_of_each_family_that_the_cluster_serves(
    real_clusterset: RealClusterset, real_namespace: str, cluster: str, served: tuple[AddressFamily, ...]
) -> None:
    service = wanted(real_namespace, ip_families=BOTH)
    held = await created(real_clusterset[cluster], service)
    assert tuple(map(family_of, held.cluster_ips)) == held.ip_families
    assert set(held.ip_families) == set(served)
    assert not differs(held, wanted(real_namespace, held, ip_families=BOTH))


@pytest.mark.requirement("MCS-IMP-08")
@pytest.mark.parametrize(("cluster", "served"), [("east", BOTH), ("north", ("IPv4",))])
async def test_a_family_that_is_exported_later_adds_an_ip_and_keeps_the_first(
    real_clusterset: RealClusterset, real_namespace: str, cluster: str, served: tuple[AddressFamily, ...]
) -> None:
    plane = real_clusterset[cluster]
    before = await created(plane, wanted(real_namespace, ip_families=("IPv4",)))
    service = wanted(real_namespace, before, ip_families=BOTH)
    assert differs(before, service)
    after = await replaced(plane, service)
    assert after.cluster_ips[0] == before.cluster_ips[0]
    assert after.ip_families == served
    assert not differs(after, wanted(real_namespace, after, ip_families=BOTH))
    again_one = wanted(real_namespace, after, ip_families=("IPv4",))
    assert (await replaced(plane, again_one)).cluster_ips == after.cluster_ips


@pytest.mark.requirement("MCS-IMP-14")
async def test_a_family_that_the_cluster_does_not_serve_is_refused_by_name(
    real_clusterset: RealClusterset, real_namespace: str
) -> None:
    answer = await create(real_clusterset["north"], wanted(real_namespace, ip_families=("IPv6",)))
    assert answer.status == 422
    fields = [cause["field"] for cause in answer.body["details"]["causes"]]
    assert any(field.startswith("spec.ipFamilies") for field in fields)


@pytest.mark.requirement("MCS-LIFE-12")
async def test_a_derived_service_deleted_by_hand_comes_back_with_its_ips(
    real_cluster: ControlPlane, real_namespace: str
) -> None:
    service = wanted(real_namespace, ip_families=("IPv6", "IPv4"))
    before = await created(real_cluster, service)
    await real_cluster.call("DELETE", SERVICES.path(*service.service))
    after = await created(
        real_cluster, wanted(real_namespace, ips=before.cluster_ips, ip_families=("IPv6", "IPv4"))
    )
    assert after.cluster_ips == before.cluster_ips


@pytest.mark.requirement("MCS-IMP-19", "MCS-EPS-09")
async def test_everything_that_the_winner_sets_is_followed_and_the_ip_stays(
    real_cluster: ControlPlane, real_namespace: str
) -> None:
    before = await created(real_cluster, wanted(real_namespace))
    fields: dict[str, Any] = {
        "ports": (ServicePort(80), ServicePort(53, "dns", "UDP"), ServicePort(443, "tls", "TCP", "https")),
        "affinity": AffinityConfig("ClientIP", 10),
        "internal_traffic_policy": "Local",
        "traffic_distribution": "PreferClose",
    }
    service = wanted(real_namespace, before, **fields)
    assert differs(before, service)
    after = await replaced(real_cluster, service)
    assert not differs(after, service)
    assert after.cluster_ips == before.cluster_ips
    back = await replaced(real_cluster, wanted(real_namespace, after))
    assert (back.affinity, back.traffic_distribution, back.ports) == (AffinityConfig(), None, (HTTP,))


@pytest.mark.requirement("MCS-EPS-07", "MCS-EPS-09", "MCS-EPS-11", "MCS-EPS-13")
@pytest.mark.parametrize("derived", ["derived-x", ""])
async def test_an_imported_slice_is_kept_as_it_was_wanted(
    real_cluster: ControlPlane, real_namespace: str, derived: str
) -> None:
    endpoints = (
        Endpoint(("10.1.0.1",)),
        Endpoint(("10.1.0.2",), True, True, False, "web-0", "z1", "node-1", ("z1",)),
        Endpoint(("10.1.0.3",), False, True, True),
    )
    # An unnamed port is there under the derived Service's name for it, too.
    ports = (
        SlicePort(8080, "http", "TCP", "h2c"),
        SlicePort(53, "udp-53", "UDP"),
        SlicePort(53, "", "UDP"),
    )
    slice_ = ImportedSlice(
        ServiceKey(real_namespace, "web"),
        "web-east-x",
        "east",
        SliceContent("IPv4", ports, endpoints),
        derived,
    )
    path = ENDPOINT_SLICES.path(real_namespace)
    answer = await real_cluster.call("POST", path, encode.imported_slice(slice_))
    assert decode.imported_slice(answer) == slice_
    empty = ImportedSlice(slice_.service, "web-east-y", "east", SliceContent("IPv6", (), ()), derived)
    assert decode.imported_slice(await real_cluster.call("POST", path, encode.imported_slice(empty))) == empty


@pytest.mark.requirement("MCS-RBAC-06")
@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "1.0.0.0",
        "223.255.255.255",
        "255.255.255.255",
        "0.0.0.0",
        "127.0.0.1",
        "127.255.0.1",
        "169.254.1.1",
        "224.0.0.1",
        "10.0.0.256",
        "10.0.0",
        "fd00::1",
        "2001:DB8::1",
        "64:ff9b::a00:1",
        "2002:a00:1::1",
        "::ffff:0:a00:1",
        "fec0::1",
        "ff05::1",
        "::",
        "::1",
        "fe80::1",
        "ff02::1",
        "ff12::1",
        "::ffff:10.0.0.1",
        "fd00::1%eth0",
        "fd00::1/64",
    ],
)
async def test_the_api_server_takes_every_address_that_the_rules_take(
    real_cluster: ControlPlane, real_namespace: str, address: str
) -> None:
    family = family_of(address)
    content = SliceContent(family, (), (Endpoint((address,)),))
    slice_ = ImportedSlice(ServiceKey(real_namespace, "web"), "web-east-x", "east", content)
    path = ENDPOINT_SLICES.path(real_namespace) + "?dryRun=All"
    answer = await real_cluster.request("POST", path, encode.imported_slice(slice_))
    assert answer.status in (201, 422)
    if endpoint_address(address, family) == address:
        assert answer.status == 201, answer.body


@pytest.mark.requirement("MCS-IMP-17")
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("a", ""),
        ("A_b.c-d", "A_b.c-d"),
        ("example.com/a", "v" * 63),
        ("a" * 63, "x"),
        ("a.b/" + "c" * 63, "x"),
        (f"{'p' * 253}/a", "x"),
        ("a", "v" * 64),
        ("a", "-v"),
        ("a", "v v"),
        ("a", "ä"),
        ("a", "v\n"),
        ("a" * 64, "x"),
        ("/a", "x"),
        ("a/", "x"),
        ("a/b/c", "x"),
        ("Example.com/a", "x"),
        ("-a", "x"),
        (f"{'p' * 254}/a", "x"),
        ("ex_ample.com/a", "x"),
    ],
)
async def test_the_rules_take_the_same_labels_and_annotations_as_the_api_server(
    real_cluster: ControlPlane, real_namespace: str, key: str, value: str
) -> None:
    async def taken(field: str) -> bool:
        metadata = {"name": "probe", field: {key: value}}
        path = f"/api/v1/namespaces/{real_namespace}/configmaps?dryRun=All"
        answer = await real_cluster.request("POST", path, {"metadata": metadata})
        assert answer.status in (201, 422)
        return answer.status == 201

    assert (is_qualified_name(key) and is_label_value(value)) == await taken("labels")
    assert bool(valid_annotations(((key, value),))) == await taken("annotations")
