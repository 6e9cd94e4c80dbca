"""Local objects as their API server gives them."""

from typing import Any

import pytest

from mcs_controller.clusterset.conditions import decode_conditions
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.model import (
    AffinityConfig,
    Condition,
    ImportSpec,
    LocalExport,
    LocalImport,
    LocalService,
    ServicePort,
)
from mcs_controller.clusterset.namespaces import namespace_active
from mcs_controller.clusterset.services import decode
from tests.clusterset.builders import WEB


def raw_service(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "web", "namespace": "shop", "uid": "u1"},
        "spec": {
            "type": "ClusterIP",
            "clusterIP": "10.96.0.7",
            "clusterIPs": ["10.96.0.7"],
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 8080, "nodePort": 30080}],
            "selector": {"app": "web"},
            "sessionAffinity": "None",
            "internalTrafficPolicy": "Cluster",
        }
        | spec,
    }


def test_a_service_is_read() -> None:
    assert decode.service(raw_service()) == LocalService(
        service=WEB,
        uid="u1",
        type="ClusterIP",
        headless=False,
        ports=(ServicePort(80, "http"),),
        affinity=AffinityConfig(),
        internal_traffic_policy="Cluster",
        traffic_distribution=None,
        ip_families=("IPv4",),
        cluster_ips=("10.96.0.7",),
        has_selector=True,
        ip_family_policy="SingleStack",
    )


@pytest.mark.parametrize(
    ("odd", "says"),
    [
        ({"ports": [{"name": f"p{n}", "port": n} for n in range(1, 102)]}, "ports has 101 items"),
        ({"ports": [{"name": "NOT a label", "port": 80}]}, "port name is 'NOT a label'"),
        ({"sessionAffinity": "Sometimes"}, "sessionAffinity is 'Sometimes'"),
        ({"internalTrafficPolicy": "Elsewhere"}, "internalTrafficPolicy is 'Elsewhere'"),
        ({"trafficDistribution": "a b"}, "trafficDistribution is 'a b'"),
        ({"ipFamilies": ["IPv5"]}, "ipFamilies is 'IPv5'"),
    ],
)
def test_a_service_that_does_not_fit_says_so_and_is_known_all_the_same(
    odd: dict[str, Any], says: str
) -> None:
    found = decode.service(raw_service(**odd))
    assert says in found.unreadable
    assert (found.service, found.uid, found.type, found.has_selector) == (WEB, "u1", "ClusterIP", True)
    assert (found.cluster_ips, found.ip_families, found.ports) == (("10.96.0.7",), ("IPv4",), ())


@pytest.mark.requirement("MCS-EXP-04")
def test_a_service_without_cluster_ip_is_headless() -> None:
    service = decode.service(raw_service(clusterIP="None", clusterIPs=["None"]))
    assert service.headless
    assert service.cluster_ips == ()


@pytest.mark.requirement("MCS-CON-13")
def test_what_a_service_leaves_out_is_read_as_its_default() -> None:
    service = decode.service(
        {
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"clusterIPs": ["fd00::7"], "ports": [{"port": 80}], "sessionAffinity": "ClientIP"},
        }
    )
    assert service.type == "ClusterIP"
    assert service.ports == (ServicePort(80, "", "TCP", None),)
    assert service.affinity == AffinityConfig("ClientIP", 10_800)
    assert service.internal_traffic_policy == "Cluster"
    assert service.traffic_distribution is None
    assert service.ip_families == ("IPv6",)


@pytest.mark.requirement("MCS-IMP-06")
def test_an_empty_application_protocol_is_none() -> None:
    service = decode.service(raw_service(ports=[{"port": 80, "appProtocol": ""}]))
    assert service.ports == (ServicePort(80, app_protocol=None),)


def test_a_derived_service_is_known_by_its_marker_and_owner() -> None:
    raw = raw_service()
    raw["metadata"] |= {
        "labels": {
            "mcs-controller.io/managed-by": "mcs-controller.io",
            "multicluster.kubernetes.io/service-name": "web",
        },
        "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x", "uid": "other"},
            {
                "apiVersion": "multicluster.x-k8s.io/v1beta1",
                "kind": "ServiceImport",
                "name": "web",
                "uid": "si",
            },
        ],
    }
    service = decode.service(raw)
    assert service.managed
    assert (service.import_name, service.owner_uid) == ("web", "si")


def test_a_service_that_only_carries_the_api_label_serves_no_import_of_ours() -> None:
    raw = raw_service()
    raw["metadata"]["labels"] = {"multicluster.kubernetes.io/service-name": "web"}
    service = decode.service(raw)
    assert not service.managed
    assert service.import_name == ""


@pytest.mark.requirement("MCS-EXP-11", "MCS-API-07")
def test_a_service_export_is_read_from_its_spec_and_never_from_its_own_labels() -> None:
    export = decode.service_export(
        {
            "metadata": {
                "name": "web",
                "namespace": "shop",
                "uid": "u2",
                "generation": 4,
                "creationTimestamp": "2026-01-01T00:00:05Z",
                "labels": {"private": "yes"},
                "annotations": {"private": "yes"},
            },
            "spec": {"exportedLabels": {"b": "2", "a": "1"}, "exportedAnnotations": {"note": "x"}},
            "status": {
                "conditions": [
                    {
                        "type": "Valid",
                        "status": "True",
                        "reason": "Valid",
                        "message": "",
                        "observedGeneration": 4,
                        "lastTransitionTime": "2026-01-01T00:00:06Z",
                    }
                ]
            },
        }
    )
    assert export == LocalExport(
        service=WEB,
        uid="u2",
        generation=4,
        created_at="2026-01-01T00:00:05Z",
        labels=(("a", "1"), ("b", "2")),
        annotations=(("note", "x"),),
        conditions=(Condition("Valid", "True", "Valid", "", 4, "2026-01-01T00:00:06Z"),),
    )


def test_an_object_that_is_being_deleted_says_so() -> None:
    metadata = {"name": "web", "namespace": "shop", "deletionTimestamp": "2026-01-01T00:00:05Z"}
    assert decode.service_export({"metadata": metadata}).deleting
    assert decode.service({"metadata": metadata, "spec": {}}).deleting
    assert decode.service_import({"metadata": metadata}).deleting


def raw_import(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "uid": "si",
            "generation": 2,
            "labels": {"mcs-controller.io/managed-by": "mcs-controller.io", "tier": "web"},
            "annotations": {"note": "x"},
        },
        "spec": {
            "type": "ClusterSetIP",
            "ports": [{"name": "http", "protocol": "TCP", "port": 80}],
            "ips": ["10.96.0.9"],
            "ipFamilies": ["IPv4"],
            "sessionAffinity": "ClientIP",
            "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10}},
            "internalTrafficPolicy": "Cluster",
            "trafficDistribution": "PreferClose",
        }
        | spec,
        "status": {"clusters": [{"cluster": "east"}, {"cluster": "west"}], "endpointSliceObjects": "Present"},
    }


@pytest.mark.requirement("MCS-API-09", "MCS-API-10", "MCS-API-11")
def test_a_service_import_is_read() -> None:
    assert decode.service_import(raw_import()) == LocalImport(
        service=WEB,
        uid="si",
        generation=2,
        spec=ImportSpec(
            type="ClusterSetIP",
            ports=(ServicePort(80, "http"),),
            ips=("10.96.0.9",),
            ip_families=("IPv4",),
            affinity=AffinityConfig("ClientIP", 10),
            internal_traffic_policy="Cluster",
            traffic_distribution="PreferClose",
        ),
        labels=(("mcs-controller.io/managed-by", "mcs-controller.io"), ("tier", "web")),
        annotations=(("note", "x"),),
        clusters=("east", "west"),
        slice_objects="Present",
        managed=True,
    )


@pytest.mark.requirement("MCS-IMP-04")
def test_an_import_without_our_marker_is_not_ours_even_with_nothing_in_it() -> None:
    found = decode.service_import({"metadata": {"name": "web", "namespace": "shop", "uid": "si"}})
    assert not found.managed
    assert found.spec == ImportSpec(type="ClusterSetIP", ports=())


@pytest.mark.parametrize(
    "edit",
    [
        {"ips": ["not-an-ip"]},
        {"ips": ["10.96.0.9", "x"]},
        {"ipFamilies": ["IPv5"]},
        {"ports": [{"name": "http", "port": 80}, {"name": "NOT a label", "port": 81}]},
        {"ports": [{"port": 99999}]},
        {"sessionAffinity": "Sometimes"},
        {"internalTrafficPolicy": "whatever"},
        {"trafficDistribution": "a b"},
    ],
)
def test_an_import_of_ours_that_somebody_broke_is_read_and_differs_from_what_it_was(
    edit: dict[str, Any],
) -> None:
    broken = decode.service_import(raw_import(**edit))
    assert broken.managed
    assert broken.spec != decode.service_import(raw_import()).spec


def test_an_import_says_whether_its_ports_could_be_read() -> None:
    many = [{"name": f"p{number}", "port": number} for number in range(1, 1001)]
    found = decode.service_import(raw_import(ports=many))
    assert found.readable
    assert len(found.spec.ports) == 1000
    for ports in ([*many, {"port": 1001}], [{"port": 0}]):
        found = decode.service_import(raw_import(ports=ports))
        assert not found.readable
        assert found.spec.ports == ()


@pytest.mark.requirement("MCS-NS-02", "MCS-LIFE-09")
@pytest.mark.parametrize(
    ("raw", "active"),
    [
        ({"metadata": {"name": "shop"}, "status": {"phase": "Active"}}, True),
        ({"metadata": {"name": "shop"}}, True),
        ({"metadata": {"name": "shop"}, "status": {"phase": "Terminating"}}, False),
        ({"metadata": {"name": "shop", "deletionTimestamp": "2026-01-01T00:00:00Z"}}, False),
    ],
)
def test_a_namespace_is_active_until_it_is_being_deleted(raw: dict[str, Any], active: bool) -> None:
    assert namespace_active(raw) is active


def test_conditions_of_no_list_are_none() -> None:
    assert decode_conditions(None) == ()


def test_a_condition_with_an_impossible_status_is_malformed() -> None:
    with pytest.raises(MalformedObject, match="condition status is 'Perhaps'"):
        decode_conditions([{"type": "Ready", "status": "Perhaps"}])


@pytest.mark.parametrize("kind", ["NodePort", "ExternalName"])
def test_the_type_of_a_service_is_read_as_it_is(kind: str) -> None:
    assert decode.service(raw_service(type=kind)).type == kind


def test_a_service_is_followed_by_what_it_prefers() -> None:
    assert (
        decode.service(raw_service(trafficDistribution="PreferClose")).traffic_distribution == "PreferClose"
    )


@pytest.mark.parametrize(
    ("spec", "ips"),
    [
        ({"clusterIPs": None}, ("10.96.0.7",)),
        ({"clusterIPs": None, "clusterIP": ""}, ()),
        ({"clusterIPs": ["10.96.0.7", "fd00::7"]}, ("10.96.0.7", "fd00::7")),
    ],
)
def test_an_older_api_server_gives_the_one_cluster_ip_only(
    spec: dict[str, Any], ips: tuple[str, ...]
) -> None:
    assert decode.service(raw_service(**spec)).cluster_ips == ips


def test_more_than_two_addresses_are_none_that_an_api_server_gives() -> None:
    with pytest.raises(MalformedObject, match="clusterIPs has 3 items, more than 2"):
        decode.service(raw_service(clusterIPs=["10.96.0.7"] * 3))
    for field in ("ips", "ipFamilies"):
        with pytest.raises(MalformedObject, match=f"{field} has 3 items, more than 2"):
            decode.service_import({"metadata": {}, "spec": {field: ["x"] * 3}})


def plain_import(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"ports": [], **spec}}


def test_type_affinity_and_conditions_of_an_import_are_read() -> None:
    assert decode.service_import(plain_import(type="Headless")).spec.type == "Headless"
    assert decode.service_import(plain_import(type="ClusterSetIP")).spec.type == "ClusterSetIP"
    assert decode.service_import(plain_import(sessionAffinity="None")).spec.affinity == AffinityConfig()
    unused = plain_import(sessionAffinity="None", sessionAffinityConfig={"clientIP": {"timeoutSeconds": 10}})
    assert decode.service_import(unused).spec.affinity == AffinityConfig()
    ready = {"type": "Ready", "status": "True", "reason": "Ready", "message": ""}
    found = decode.service_import({**plain_import(), "status": {"conditions": [ready]}})
    assert [(one.type, one.status) for one in found.conditions] == [("Ready", "True")]


@pytest.mark.parametrize(
    "spec",
    [
        {"ips": ["10.96.0.7"], "ipFamilies": ["IPX"]},
        {"ips": ["10.96.0.7", "nowhere"], "ipFamilies": ["IPv4"]},
    ],
)
def test_an_import_with_an_odd_ip_or_family_has_the_ips_that_are_sound_and_no_family(
    spec: dict[str, Any],
) -> None:
    found = decode.service_import(plain_import(**spec)).spec
    assert (found.ips, found.ip_families) == (("10.96.0.7",), ())


def test_an_object_that_was_never_changed_may_lack_a_generation() -> None:
    assert decode.service_export({"metadata": {"name": "web", "namespace": "shop"}}).generation == 0
    assert decode.service_import(plain_import()).generation == 0


@pytest.mark.parametrize(
    ("owner", "uid"),
    [
        ({"kind": "ServiceImport", "apiVersion": "multicluster.x-k8s.io/v1alpha1"}, "u"),
        ({"kind": "ServiceExport", "apiVersion": "multicluster.x-k8s.io/v1alpha1"}, ""),
        ({"kind": "ServiceImport", "apiVersion": "example.com/v1"}, ""),
        ({"kind": "ServiceImport", "apiVersion": "multicluster.x-k8s.io.example.com/v1"}, ""),
    ],
)
def test_only_a_service_import_of_the_mcs_api_counts_as_owner(owner: dict[str, str], uid: str) -> None:
    raw = raw_service()
    raw["metadata"]["ownerReferences"] = [{"uid": "u", "name": "web", **owner}]
    assert decode.service(raw).owner_uid == uid
