"""Bodies on the wire: what is in them, and that they say what they were made from."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.api.broker import ExportedEndpointSlice, ExportedService
from mcs_controller.clusterset.conditions import decode_conditions, encode_conditions
from mcs_controller.clusterset.model import (
    AffinityConfig,
    Condition,
    Endpoint,
    ExportRecord,
    ImportedSlice,
    ImportSpec,
    ServiceKey,
    ServicePort,
    SliceContent,
    SlicePort,
)
from mcs_controller.clusterset.services import decode, encode
from mcs_controller.clusterset.services.desired import DerivedService, DesiredImport, ImportMetadata
from mcs_controller.clusterset.services.export import published_slice
from mcs_controller.clusterset.syntax import micro_time
from tests.clusterset.builders import HTTP, WEB, record, source_slice
from tests.clusterset.strategies import records_of

NOW_SECONDS = 1_767_225_601.5


@given(records_of("east"))
def test_a_record_survives_the_broker(original: ExportRecord) -> None:
    body = encode.exported_service(original, NOW_SECONDS)
    assert decode.exported_service(body) == original
    assert decode.exported_service(body).changed_at_seconds == NOW_SECONDS
    ExportedService.model_validate(body)


@pytest.mark.requirement("MCS-RBAC-06")
def test_a_record_lies_in_its_members_namespace_under_the_services_name() -> None:
    body = encode.exported_service(record())
    assert body["metadata"] == {"name": "shop.web", "namespace": "mcs-member-east"}
    assert "changedAt" not in body["spec"]


@pytest.mark.requirement("MCS-EPS-11")
def test_a_slice_survives_the_broker_without_its_nodes() -> None:
    endpoints = (
        Endpoint(("fd00::1",), ready=False, serving=True, terminating=True, node_name="n1"),
        Endpoint(("fd00::2", "fd00::3"), hostname="web-0", zone="z1"),
    )
    ports = (SlicePort(8080, "http", "TCP", "h2c"), SlicePort(53, "", "UDP"))
    original = source_slice(endpoints=endpoints, ports=ports, family="IPv6")
    body = encode.exported_slice(original, NOW_SECONDS)
    assert decode.exported_slice(body) == published_slice(original)
    assert decode.exported_slice(body).changed_at_seconds == NOW_SECONDS
    assert "n1" not in str(body)
    ExportedEndpointSlice.model_validate(body)


@pytest.mark.requirement("MCS-API-08", "MCS-IMP-11")
def test_a_headless_import_has_an_empty_port_list_and_no_ips() -> None:
    spec = ImportSpec(type="Headless", ports=(), ip_families=("IPv4",), internal_traffic_policy="Cluster")
    body = encode.service_import(DesiredImport(WEB, spec, ImportMetadata((), ())))
    assert body["spec"] == {
        "type": "Headless",
        "ports": [],
        "ipFamilies": ["IPv4"],
        "sessionAffinity": "None",
        "internalTrafficPolicy": "Cluster",
    }


@pytest.mark.requirement("MCS-IMP-06", "MCS-IMP-07", "MCS-API-14")
def test_an_import_is_written_in_the_version_that_the_cluster_serves_and_reads_back_the_same() -> None:
    spec = ImportSpec(
        type="ClusterSetIP",
        ports=(ServicePort(80, "http", "TCP", "h2c"), ServicePort(53, "", "UDP")),
        ips=("10.96.0.9", "fd00::9"),
        ip_families=("IPv4", "IPv6"),
        affinity=AffinityConfig("ClientIP", 10),
        internal_traffic_policy="Local",
        traffic_distribution="PreferClose",
    )
    metadata = ImportMetadata((("mcs-controller.io/managed-by", "mcs-controller.io"),), (("note", "x"),))
    body = encode.service_import(DesiredImport(WEB, spec, metadata), "multicluster.x-k8s.io/v1alpha1")
    assert body["apiVersion"] == "multicluster.x-k8s.io/v1alpha1"
    assert "appProtocol" not in body["spec"]["ports"][1]
    assert "name" not in body["spec"]["ports"][1]
    found = decode.service_import(body)
    assert found.spec == spec
    assert (found.labels, found.annotations, found.managed) == (metadata.labels, metadata.annotations, True)


def derived(**fields: Any) -> DerivedService:
    values: dict[str, Any] = {
        "service": ServiceKey("shop", "derived-x"),
        "import_name": "web",
        "owner_uid": "si",
        "ports": (HTTP,),
        "affinity": AffinityConfig("ClientIP", 10),
        "internal_traffic_policy": "Cluster",
        "traffic_distribution": "PreferClose",
        "dual_stack": False,
        "ip_families": ("IPv4",),
    }
    return DerivedService(**values | fields)


@pytest.mark.requirement("MCS-IMP-18", "MCS-IMP-19")
def test_the_derived_service_has_no_selector_and_one_owner() -> None:
    body = encode.derived_service(derived(), "multicluster.x-k8s.io/v1alpha1")
    assert body["metadata"] == {
        "name": "derived-x",
        "namespace": "shop",
        "labels": {
            "mcs-controller.io/managed-by": "mcs-controller.io",
            "multicluster.kubernetes.io/service-name": "web",
        },
        "ownerReferences": [
            {
                "apiVersion": "multicluster.x-k8s.io/v1alpha1",
                "kind": "ServiceImport",
                "name": "web",
                "uid": "si",
                "controller": False,
            }
        ],
    }
    assert body["spec"] == {
        "type": "ClusterIP",
        "ports": [{"name": "http", "protocol": "TCP", "port": 80}],
        "sessionAffinity": "ClientIP",
        "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10}},
        "internalTrafficPolicy": "Cluster",
        "trafficDistribution": "PreferClose",
        "ipFamilyPolicy": "SingleStack",
        "ipFamilies": ["IPv4"],
    }


@pytest.mark.requirement("MCS-LIFE-12")
def test_a_lost_derived_service_is_asked_for_with_its_old_ips() -> None:
    wanted = derived(dual_stack=True, ip_families=("IPv6", "IPv4"), cluster_ips=("fd00::9", "10.96.0.9"))
    spec = encode.derived_service(wanted)["spec"]
    assert spec["ipFamilyPolicy"] == "PreferDualStack"
    assert spec["ipFamilies"] == ["IPv6", "IPv4"]
    assert (spec["clusterIP"], spec["clusterIPs"]) == ("fd00::9", ["fd00::9", "10.96.0.9"])


def test_families_that_are_left_to_the_cluster_are_left_out() -> None:
    assert "ipFamilies" not in encode.derived_service(derived(dual_stack=True, ip_families=()))["spec"]


imported_endpoints = st.builds(
    Endpoint,
    addresses=st.just(("10.1.0.1",)),
    ready=st.sampled_from([None, True, False]),
    serving=st.sampled_from([None, True, False]),
    terminating=st.sampled_from([None, True, False]),
    hostname=st.sampled_from(["", "web-0"]),
    zone=st.sampled_from(["", "z1"]),
    node_name=st.sampled_from(["", "n1"]),
    hint_zones=st.sampled_from([(), ("z1",)]),
)


@pytest.mark.requirement("MCS-EPS-02", "MCS-EPS-03", "MCS-EPS-07", "MCS-EPS-08")
@given(
    endpoints=st.lists(imported_endpoints, max_size=3).map(tuple),
    derived_service=st.sampled_from(["", "derived-x"]),
    owner_uid=st.sampled_from(["", "si"]),
)
def test_an_imported_slice_reads_back_the_same(
    endpoints: tuple[Endpoint, ...], derived_service: str, owner_uid: str
) -> None:
    content = SliceContent("IPv4", (SlicePort(8080, "http"),), endpoints)
    wanted = ImportedSlice(WEB, "web-east-x", "east", content, derived_service, owner_uid)
    assert decode.imported_slice(encode.imported_slice(wanted)) == wanted


@pytest.mark.requirement("MCS-EPS-04", "MCS-EPS-12")
def test_a_headless_imported_slice_carries_three_labels_and_no_kubernetes_service_name() -> None:
    content = SliceContent("IPv4", (), ())
    body = encode.imported_slice(ImportedSlice(WEB, "web-east-x", "east", content, "", "si"))
    assert body["metadata"]["labels"] == {
        "multicluster.kubernetes.io/service-name": "web",
        "multicluster.kubernetes.io/source-cluster": "east",
        "endpointslice.kubernetes.io/managed-by": "mcs-controller.io",
    }
    assert body["ports"] == []
    assert body["endpoints"] == []


@pytest.mark.requirement("MCS-API-12")
def test_conditions_read_back_the_same_and_an_empty_message_is_written() -> None:
    values = (
        Condition("Valid", "True", "Valid", "", 3, micro_time(0.0)),
        Condition("Ready", "Unknown", "Pending", "why", None, micro_time(1.0)),
    )
    body = encode_conditions(values)
    assert body[0]["message"] == ""
    assert "observedGeneration" not in body[1]
    assert decode_conditions(body) == values


def test_every_body_says_what_it_is_and_where_it_belongs() -> None:
    def head(body: dict[str, Any]) -> tuple[Any, ...]:
        metadata = body["metadata"]
        return body["apiVersion"], body["kind"], metadata["namespace"], metadata["name"]

    member, broker = "mcs-member-east", "broker.mcs-controller.io/v1alpha1"
    assert head(encode.exported_service(record())) == (broker, "ExportedService", member, "shop.web")
    slice_ = source_slice()
    assert head(encode.exported_slice(slice_)) == (broker, "ExportedEndpointSlice", member, "shop.web-abc")
    spec = ImportSpec("Headless", ())
    desired = DesiredImport(WEB, spec, ImportMetadata((), ()))
    served = "multicluster.x-k8s.io/v1beta1"
    assert head(encode.service_import(desired)) == (served, "ServiceImport", "shop", "web")
    imported = ImportedSlice(WEB, "web-east-x", "east", slice_.content, "", "import-uid")
    body = encode.imported_slice(imported)
    assert head(body) == ("discovery.k8s.io/v1", "EndpointSlice", "shop", "web-east-x")
    owner = {
        "apiVersion": served,
        "kind": "ServiceImport",
        "name": "web",
        "uid": "import-uid",
        "controller": False,
    }
    assert body["metadata"]["ownerReferences"] == [owner]


def test_what_is_not_known_is_not_written() -> None:
    assert "changedAt" not in encode.exported_service(record())["spec"]
    assert "changedAt" not in encode.exported_slice(source_slice())["spec"]
    content = SliceContent("IPv4", (), (Endpoint(("10.1.0.1",)),))
    body = encode.imported_slice(ImportedSlice(WEB, "web-east-x", "east", content, "", ""))
    assert body["endpoints"] == [{"addresses": ["10.1.0.1"], "conditions": {}}]


def test_an_export_that_is_being_taken_back_says_so_and_any_other_says_nothing() -> None:
    assert encode.exported_service(record(withdrawn=True))["spec"]["withdrawn"] is True
    assert "withdrawn" not in encode.exported_service(record())["spec"]
