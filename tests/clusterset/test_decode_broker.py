"""What other clusters say through the broker."""

from collections.abc import Callable
from typing import Any

import pytest

from mcs_controller.api.names import ANNOTATION_WITHDRAW, WITHDRAW_ALLOWED
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.membership.limits import ADDRESSES_PER_ENDPOINT_MAX
from mcs_controller.clusterset.membership.member import decode_member
from mcs_controller.clusterset.model import AffinityConfig, ExportRecord, Member, ServicePort, Statement
from mcs_controller.clusterset.services import decode
from mcs_controller.clusterset.services.naming import exported_slice_name
from tests.clusterset.builders import WEB, raw_exported_service, raw_exported_slice


@pytest.mark.requirement("MCS-CON-02")
def test_an_exported_service_is_read_with_the_exports_own_age() -> None:
    found = decode.exported_service(
        raw_exported_service(
            changedAt="2026-01-01T00:00:01.500000Z",
            sessionAffinity="ClientIP",
            sessionAffinityConfig={"clientIP": {"timeoutSeconds": 10}},
            internalTrafficPolicy="Local",
            trafficDistribution="PreferClose",
            ipFamilies=["IPv6", "IPv4"],
            exportedLabels={"tier": "web"},
            exportedAnnotations={"note": "x"},
            inventedLater={"by": "a newer version"},
        )
        | {"status": {"also": "unknown"}}
    )
    assert found == ExportRecord(
        cluster="east",
        service=WEB,
        exported_at="2026-01-01T00:00:00Z",
        type="ClusterSetIP",
        ports=(ServicePort(80, "http"),),
        affinity=AffinityConfig("ClientIP", 10),
        internal_traffic_policy="Local",
        traffic_distribution="PreferClose",
        ip_families=("IPv6", "IPv4"),
        labels=(("tier", "web"),),
        annotations=(("note", "x"),),
    )
    assert found.changed_at_seconds == 1_767_225_601.5


@pytest.mark.requirement("MCS-RBAC-06")
def test_the_source_cluster_is_the_namespace_whatever_the_payload_claims() -> None:
    service = raw_exported_service(cluster="west", sourceCluster="west")
    service["metadata"]["labels"] = {"multicluster.kubernetes.io/source-cluster": "west"}
    assert decode.exported_service(service).cluster == "east"
    slice_ = raw_exported_slice(cluster="west", sourceCluster="west")
    slice_["metadata"]["labels"] = {"multicluster.kubernetes.io/source-cluster": "west"}
    assert decode.exported_slice(slice_).cluster == "east"


@pytest.mark.requirement("MCS-RBAC-06")
@pytest.mark.parametrize("namespace", ["default", "mcs-member-", "mcs-member-UP", "", None])
def test_an_object_outside_a_members_namespace_is_malformed(namespace: str | None) -> None:
    readers: list[tuple[dict[str, Any], Callable[[dict[str, Any]], object]]] = [
        (raw_exported_service(), decode.exported_service),
        (raw_exported_slice(), decode.exported_slice),
        ({"metadata": {}}, decode_member),
    ]
    for raw, read in readers:
        raw["metadata"]["namespace"] = namespace
        with pytest.raises(MalformedObject, match="not a member's"):
            read(raw)


@pytest.mark.requirement("MCS-RBAC-06")
def test_a_member_can_tell_no_two_stories_about_one_service() -> None:
    second = raw_exported_service()
    second["metadata"]["name"] = "shop.web-again"
    with pytest.raises(MalformedObject, match="which its content requires"):
        decode.exported_service(second)
    copied = raw_exported_slice()
    copied["metadata"]["name"] = "copy"
    with pytest.raises(MalformedObject, match="which its content requires"):
        decode.exported_slice(copied)


@pytest.mark.requirement("MCS-IMP-17")
def test_an_invalid_exported_label_is_dropped_and_not_the_record() -> None:
    found = decode.exported_service(
        raw_exported_service(
            exportedLabels={"ok": "1", "not ok": "1", "value": "not ok"},
            exportedAnnotations={"ok": "any text", "not ok": "1", "mcs-controller.io/x": "1"},
        )
    )
    assert found.labels == (("ok", "1"),)
    assert found.annotations == (("ok", "any text"),)


@pytest.mark.parametrize(
    "broken",
    [
        {"serviceNamespace": "Shop"},
        {"serviceName": "a.b"},
        {"serviceName": None},
        {"exportedAt": None},
        {"exportedAt": "yesterday"},
        {"exportedAt": "2026-01-01T00:00:00.5Z"},
        {"exportedAt": "2026-01-01T00:00:00+00:00"},
        {"exportedAt": "2026-02-30T00:00:00Z"},
        {"exportedAt": "0000-01-01T00:00:00Z"},
        {"changedAt": "soon"},
        {"type": "ExternalName"},
        {"type": ["Headless"]},
        {"ports": []},
        {"ports": [{"port": -1}]},
        {"sessionAffinity": "Sticky"},
        {"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 0}}},
        {"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 86_401}}},
        {"internalTrafficPolicy": "Elsewhere"},
        {"trafficDistribution": "not a name"},
        {"ipFamilies": []},
        {"ipFamilies": ["IPv4", "IPv4"]},
        {"ipFamilies": ["IPv7"]},
        {"ipFamilies": ["IPv4", "IPv6", "IPv4"]},
        {"exportedLabels": ["a"]},
        {"exportedLabels": {"a": 1}},
    ],
)
def test_a_record_that_cannot_be_merged_is_malformed(broken: dict[str, Any]) -> None:
    with pytest.raises(MalformedObject):
        decode.exported_service(raw_exported_service(**broken))


def test_a_headless_service_needs_no_ports() -> None:
    assert decode.exported_service(raw_exported_service(type="Headless", ports=[])).ports == ()


@pytest.mark.requirement("MCS-EPS-11")
def test_an_exported_slice_is_read_without_nodes_and_hints_whatever_it_holds() -> None:
    raw = raw_exported_slice(changedAt="2026-01-01T00:00:01.500000Z")
    raw["spec"]["endpoints"][0]["hints"] = {"forZones": [{"name": "z9"}]}
    found = decode.exported_slice(raw)
    assert (found.service, found.name) == (WEB, "web-abc")
    assert found.changed_at_seconds == 1_767_225_601.5
    (endpoint,) = found.content.endpoints
    assert (endpoint.node_name, endpoint.hint_zones) == ("", ())
    assert (endpoint.hostname, endpoint.zone, endpoint.ready) == ("web-0", "z1", True)


def test_the_slice_name_is_recovered_where_the_objects_name_was_shortened() -> None:
    slice_name = "w" * 250
    raw = raw_exported_slice(sliceName=slice_name)
    raw["metadata"]["name"] = exported_slice_name("shop", slice_name)
    assert decode.exported_slice(raw).name == slice_name


def test_a_member_is_read() -> None:
    found = decode_member(
        {
            "metadata": {"name": "east", "namespace": "mcs-member-east"},
            "spec": {
                "podCIDRs": ["10.1.0.0/16", "nonsense"],
                "namespaces": ["shop"],
                "limits": {"endpointSlices": 20, "imports": -3, "services": None},
            },
            "status": {"clusterUID": "uid", "version": "1.2.3", "heartbeat": "2026-01-01T00:00:00.000000Z"},
        }
    )
    assert found == Member(
        cluster="east",
        cluster_uid="uid",
        version="1.2.3",
        heartbeat="2026-01-01T00:00:00.000000Z",
        allowed_cidrs=("10.1.0.0/16", "nonsense"),
        allowed_namespaces=("shop",),
        limits=(("endpoint_slices", 20), ("imports", 0)),
    )


NOON = "2026-01-01T12:00:00.000000Z"
STATED = {"at": NOON, "services": 3, "endpointSlices": 0, "digest": "0f4b03380ad15a8c"}


def stated(said: dict[str, Any]) -> Statement | None:
    metadata = {"name": "east", "namespace": "mcs-member-east"}
    return decode_member({"metadata": metadata, "status": {"exported": said}}).exported


def test_what_a_member_states_of_itself_is_read() -> None:
    assert stated(STATED) == Statement(NOON, 3, 0, "0f4b03380ad15a8c")
    assert stated({**STATED, "services": 0, "endpointSlices": 7, "inventedLater": 1}) == Statement(
        NOON, 0, 7, "0f4b03380ad15a8c"
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"services": None},
        {"endpointSlices": None},
        {"at": ""},
        {"at": "2026-01-01T12:00:00Z"},
        {"at": f"{NOON}Z"},
    ],
    ids=str,
)
def test_what_is_no_whole_statement_is_none(changed: dict[str, Any]) -> None:
    """The time has to be comparable as text."""
    assert stated(STATED | changed) is None
    without = {field: value for field, value in STATED.items() if field not in changed}
    assert stated(without) is None


def test_where_a_member_lies_is_what_its_administrator_wrote() -> None:
    metadata = {"namespace": "mcs-member-east", "name": "east"}
    location = {"region": "eu", "zone": "eu-1"}
    found = decode_member({"metadata": metadata, "spec": {"location": location}, "status": {"location": {}}})
    assert (found.region, found.zone) == ("eu", "eu-1")
    said_by_itself = decode_member({"metadata": metadata, "status": {"location": location}})
    assert (said_by_itself.region, said_by_itself.zone) == ("", "")


def test_a_member_owns_what_the_broker_s_administrator_says() -> None:
    metadata = {"name": "east", "namespace": "mcs-member-east"}
    found = decode_member({"metadata": metadata, "spec": {"owns": ["shop", "bank/web"]}})
    assert found.owns == {"shop", "bank/web"}


def test_a_members_release_is_one_annotation_and_no_other() -> None:
    metadata = {"name": "east", "namespace": "mcs-member-east"}
    for said, release in (({ANNOTATION_WITHDRAW: WITHDRAW_ALLOWED}, "allowed"), ({"note": "x"}, "")):
        assert decode_member({"metadata": {**metadata, "annotations": said}}).release == release


@pytest.mark.parametrize(
    "time", ["9999-12-31T23:59:59.999999Z", "2242-03-16T12:56:32.000001Z", "0001-01-01T00:00:00Z"]
)
def test_a_time_of_change_that_could_not_be_written_again_is_unknown(time: str) -> None:
    assert decode.exported_service(raw_exported_service(changedAt=time)).changed_at_seconds == 0.0
    assert decode.exported_slice(raw_exported_slice(changedAt=time)).changed_at_seconds == 0.0


def test_what_does_not_say_when_it_changed_changed_at_no_time() -> None:
    assert decode.exported_service(raw_exported_service()).changed_at_seconds == 0.0
    assert decode.exported_slice(raw_exported_slice()).changed_at_seconds == 0.0


def test_of_an_endpoints_addresses_no_more_are_read_than_are_published() -> None:
    addresses = [f"10.1.0.{number}" for number in range(1, 101)]
    raw = raw_exported_slice()
    raw["spec"]["endpoints"] = [{"addresses": [*addresses[:-1], "nonsense"]}]
    (endpoint,) = decode.exported_slice(raw).content.endpoints
    assert endpoint.addresses == tuple(addresses[:ADDRESSES_PER_ENDPOINT_MAX])


def test_a_member_that_has_not_yet_reported_is_read() -> None:
    raw = {"metadata": {"name": "east", "namespace": "mcs-member-east"}}
    assert decode_member(raw) == Member("east")


@pytest.mark.requirement("MCS-RBAC-06")
def test_a_second_membercluster_in_a_members_namespace_means_nothing() -> None:
    with pytest.raises(MalformedObject, match="which its content requires"):
        decode_member({"metadata": {"name": "unlimited", "namespace": "mcs-member-east"}})


@pytest.mark.parametrize(
    ("said", "withdrawn"), [({"withdrawn": True}, True), ({"withdrawn": False}, False), ({}, False)], ids=str
)
def test_an_export_that_is_being_taken_back_says_so(said: dict[str, Any], withdrawn: bool) -> None:
    assert decode.exported_service(raw_exported_service(**said)).withdrawn is withdrawn
