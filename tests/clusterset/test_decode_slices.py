"""EndpointSlices: whose they are, and what they say."""

from typing import Any

import pytest

from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.model import Endpoint, SliceContent, SlicePort
from mcs_controller.clusterset.services import decode
from tests.clusterset.builders import WEB, raw_slice


def labelled(**labels: str) -> dict[str, Any]:
    metadata = {"name": "web-abc", "namespace": "shop", "labels": labels}
    return raw_slice(metadata=metadata)


@pytest.mark.requirement("MCS-EPS-07", "MCS-EXP-17")
def test_a_local_slice_is_read_with_hostname_conditions_zone_and_node() -> None:
    found = decode.source_slice(raw_slice(), "east")
    assert found is not None
    assert (found.cluster, found.service, found.name) == ("east", WEB, "web-abc")
    assert found.content == SliceContent(
        "IPv4",
        (SlicePort(8080, "http"),),
        (Endpoint(("10.1.0.1",), True, True, False, "web-0", "z1", "n1"),),
    )


@pytest.mark.requirement("MCS-EXP-17")
@pytest.mark.parametrize(
    "raw",
    [
        raw_slice(addressType="FQDN", endpoints=[{"addresses": ["example.com"]}]),
        raw_slice(metadata={"name": "web-abc", "namespace": "shop"}),
        labelled(app="web"),
        labelled(
            **{
                "kubernetes.io/service-name": "derived-x",
                "multicluster.kubernetes.io/service-name": "web",
            }
        ),
    ],
    ids=["FQDN", "no labels", "no service", "imported"],
)
def test_what_is_no_source_of_endpoints_is_passed_over(raw: dict[str, Any]) -> None:
    assert decode.source_slice(raw, "east") is None


@pytest.mark.requirement("MCS-EXP-17")
def test_an_endpoint_of_no_use_elsewhere_is_left_out_of_a_local_slice_and_refused_in_anothers() -> None:
    sound = {"addresses": ["10.1.0.1"]}
    for odd in (["239.1.1.1"], ["10.1.0.2", "0.0.0.0"], []):
        raw = raw_slice(endpoints=[sound, {"addresses": odd}, sound])
        found = decode.source_slice(raw, "east")
        assert found is not None
        assert [one.addresses for one in found.content.endpoints] == [("10.1.0.1",)] * 2
        with pytest.raises(MalformedObject):
            decode.slice_content(raw)
    with pytest.raises(MalformedObject, match="two ports"):
        decode.source_slice(raw_slice(ports=[{"name": "a", "port": 1}, {"name": "a", "port": 2}]), "east")


@pytest.mark.requirement("MCS-EPS-07")
def test_a_condition_that_is_left_out_stays_left_out() -> None:
    content = decode.slice_content(raw_slice(endpoints=[{"addresses": ["10.1.0.1"]}]))
    (endpoint,) = content.endpoints
    assert (endpoint.ready, endpoint.serving, endpoint.terminating) == (None, None, None)


def test_a_port_for_all_numbers_is_left_out_and_an_unnamed_one_kept() -> None:
    content = decode.slice_content(
        raw_slice(ports=[{"name": "all", "port": None}, {"port": 53, "protocol": "UDP"}])
    )
    assert content.ports == (SlicePort(53, "", "UDP"),)


def test_a_slice_without_ports_and_endpoints_is_one() -> None:
    content = decode.slice_content(raw_slice(ports=None, endpoints=None))
    assert content == SliceContent("IPv4", (), ())


def test_addresses_are_canonical_whatever_an_older_api_server_let_through() -> None:
    content = decode.slice_content(
        raw_slice(addressType="IPv6", endpoints=[{"addresses": ["FD00:0::1", "fd00::2"]}])
    )
    assert content.endpoints[0].addresses == ("fd00::1", "fd00::2")


def test_a_zone_that_could_not_be_a_hint_is_forgotten() -> None:
    content = decode.slice_content(raw_slice(endpoints=[{"addresses": ["10.1.0.1"], "zone": "no zone!"}]))
    assert content.endpoints[0].zone == ""


def imported(**labels: str) -> dict[str, Any]:
    return labelled(
        **{
            "multicluster.kubernetes.io/service-name": "web",
            "multicluster.kubernetes.io/source-cluster": "east",
            "kubernetes.io/service-name": "derived-x",
            "endpointslice.kubernetes.io/managed-by": "mcs-controller.io",
        }
        | labels
    )


def test_when_the_source_of_an_imported_slice_changed_is_read_unless_it_could_not_be_written_again() -> None:
    for time, seconds in (("2026-01-01T00:00:01Z", 1_767_225_601.0), ("9999-12-31T23:59:59.999999Z", 0.0)):
        raw = imported()
        raw["metadata"]["annotations"] = {"mcs-controller.io/source-changed-at": time}
        found = decode.imported_slice(raw)
        assert found is not None
        assert found.changed_at_seconds == seconds


@pytest.mark.requirement("MCS-EPS-02", "MCS-EPS-08")
def test_an_imported_slice_of_ours_is_read() -> None:
    raw = imported()
    raw["metadata"]["ownerReferences"] = [
        {"apiVersion": "multicluster.x-k8s.io/v1beta1", "kind": "ServiceImport", "name": "web", "uid": "si"}
    ]
    raw["endpoints"][0]["hints"] = {"forZones": [{"name": "z1"}, {"name": "z2"}]}
    found = decode.imported_slice(raw)
    assert found is not None
    assert (found.service, found.name, found.source_cluster) == (WEB, "web-abc", "east")
    assert (found.derived_service, found.owner_uid) == ("derived-x", "si")
    assert found.content.endpoints[0].hint_zones == ("z1", "z2")


@pytest.mark.requirement("MCS-EPS-03")
def test_an_imported_slice_of_another_manager_is_not_ours_but_the_dns_server_reads_it() -> None:
    raw = imported(**{"endpointslice.kubernetes.io/managed-by": "someone-else"})
    assert decode.imported_slice(raw) is None
    found = decode.imported_slice_any_manager(raw)
    assert found is not None
    assert found.source_cluster == "east"


def test_a_local_slice_is_no_imported_one() -> None:
    assert decode.imported_slice(raw_slice()) is None
    assert decode.imported_slice_any_manager(raw_slice()) is None


@pytest.mark.parametrize(
    "broken",
    [
        {"addressType": "IPv5"},
        {"addressType": None},
        {"addressType": ["IPv4"]},
        {"ports": {"port": 80}},
        {"ports": [80]},
        {"ports": [{"port": 0}]},
        {"ports": [{"port": 65_536}]},
        {"ports": [{"port": True}]},
        {"ports": [{"port": "80"}]},
        {"ports": [{"port": 80, "protocol": "ICMP"}]},
        {"ports": [{"port": 80, "name": "Not A Label"}]},
        {"ports": [{"port": 80, "appProtocol": "a b"}]},
        {"ports": [{"port": 80}, {"port": 81}]},
        {"ports": [{"port": number, "name": f"p{number}"} for number in range(1, 102)]},
        {"endpoints": "10.1.0.1"},
        {"endpoints": [None]},
        {"endpoints": [{}]},
        {"endpoints": [{"addresses": []}]},
        {"endpoints": [{"addresses": "10.1.0.1"}]},
        {"endpoints": [{"addresses": [1]}]},
        {"endpoints": [{"addresses": ["fd00::1"]}]},
        {"endpoints": [{"addresses": ["127.0.0.1"]}]},
        {"endpoints": [{"addresses": ["10.1.0.1"] * 101}]},
        {"endpoints": [{"addresses": ["10.1.0.1"]}] * 1001},
        {"endpoints": [{"addresses": ["10.1.0.1"], "conditions": {"ready": "yes"}}]},
        {"endpoints": [{"addresses": ["10.1.0.1"], "conditions": {"ready": 1}}]},
        {"endpoints": [{"addresses": ["10.1.0.1"], "conditions": []}]},
        {"endpoints": [{"addresses": ["10.1.0.1"], "hostname": "a.b"}]},
        {"endpoints": [{"addresses": ["10.1.0.1"], "hostname": 7}]},
        {"endpoints": [{"addresses": ["10.1.0.1"], "zone": 7}]},
        {"endpoints": [{"addresses": ["10.1.0.1"], "hints": {"forZones": [{"name": "z"}] * 9}}]},
    ],
)
def test_a_slice_that_no_api_server_would_take_is_malformed(broken: dict[str, Any]) -> None:
    with pytest.raises(MalformedObject):
        decode.slice_content(raw_slice(**broken))


def test_a_thousand_endpoints_of_a_hundred_addresses_and_a_hundred_ports_are_taken() -> None:
    content = decode.slice_content(
        raw_slice(
            ports=[{"port": number, "name": f"p{number}"} for number in range(1, 101)],
            endpoints=[{"addresses": [f"10.1.0.{number}" for number in range(100)]}] * 1000,
        )
    )
    assert len(content.ports) == 100
    assert len(content.endpoints) == 1000


def test_an_error_never_repeats_a_huge_text() -> None:
    with pytest.raises(MalformedObject) as caught:
        decode.slice_content(raw_slice(addressType="x" * 1_000_000))
    assert len(str(caught.value)) <= 256


def test_an_imported_slice_of_names_is_passed_over_whoever_wrote_it() -> None:
    labels = {"multicluster.kubernetes.io/service-name": "web"}
    metadata = {"name": "web-abc", "namespace": "shop", "labels": labels}
    names = raw_slice(metadata=metadata, addressType="FQDN", endpoints=[{"addresses": ["example.com"]}])
    assert decode.imported_slice_any_manager(names) is None
    assert decode.imported_slice_any_manager(raw_slice(metadata=metadata)) is not None


@pytest.mark.parametrize(("zone", "kept"), [("z" * 63, "z" * 63), ("z" * 64, ""), ("a zone", ""), ("", "")])
def test_a_zone_is_kept_when_it_can_be_a_label_value(zone: str, kept: str) -> None:
    found = decode.slice_content(raw_slice(endpoints=[{"addresses": ["10.1.0.1"], "zone": zone}]))
    assert found.endpoints[0].zone == kept


def test_the_longest_spelling_of_an_address_is_read() -> None:
    """RFC 4291, section 2.2: groups in full, the last two as an IPv4 address."""
    spelt = "2001:0db8:1234:5678:9abc:def0:255.255.255.255"
    assert len(spelt) == 45
    found = decode.slice_content(raw_slice(addressType="IPv6", endpoints=[{"addresses": [spelt]}]))
    assert found.endpoints[0].addresses == ("2001:db8:1234:5678:9abc:def0:ffff:ffff",)


def test_an_endpoint_that_comes_again_is_the_very_same_and_anything_else_about_it_is_not() -> None:
    usual: dict[str, Any] = {
        "addresses": ["10.1.0.1"],
        "conditions": {"ready": True, "serving": True, "terminating": False},
        "zone": "z1",
        "nodeName": "n1",
    }

    def read(**fields: object) -> Endpoint:
        (endpoint,) = decode.slice_content(raw_slice(endpoints=[{**usual, **fields}])).endpoints
        return endpoint

    assert read() is read(targetRef={"name": "another"})
    others = [
        read(addresses=["10.1.0.2"]),
        read(addresses=["10.1.0.1", "10.1.0.2"]),
        read(conditions={"ready": False, "serving": True, "terminating": False}),
        read(conditions={"ready": True, "serving": True, "terminating": True}),
        read(conditions={"ready": True, "serving": True}),
        read(conditions=None),
        read(hostname="web-0"),
        read(zone="z2"),
        read(nodeName="n2"),
        read(hints={"forZones": [{"name": "z1"}]}),
        read(),
    ]
    assert len(set(others)) == len(others)


@pytest.mark.parametrize(
    "fields",
    [
        {"conditions": {"ready": 1, "serving": True, "terminating": False}},
        {"conditions": {"ready": 1.0, "serving": True, "terminating": False}},
        {"conditions": {"ready": True, "serving": True, "terminating": 0}},
        {"conditions": {"ready": {}}},
        {"conditions": []},
        {"conditions": 0},
        {"addresses": ["10.1.0.300"]},
        {"addresses": [10]},
        {"addresses": ["fd00::1"]},
        {"hostname": ["web"]},
        {"hostname": "Web!"},
        {"zone": {"a": 1}},
        {"nodeName": 7},
    ],
    ids=str,
)
def test_what_is_refused_is_refused_however_often_its_like_was_read(fields: dict[str, Any]) -> None:
    usual = {
        "addresses": ["10.1.0.1"],
        "conditions": {"ready": True, "serving": True, "terminating": False},
    }
    for _ in range(2):
        decode.slice_content(raw_slice(endpoints=[usual]))
        with pytest.raises(MalformedObject):
            decode.slice_content(raw_slice(endpoints=[{**usual, **fields}]))


def test_the_same_text_is_an_address_of_one_family_only() -> None:
    endpoints = [{"addresses": ["10.1.0.1"]}]
    decode.slice_content(raw_slice(endpoints=endpoints))
    with pytest.raises(MalformedObject):
        decode.slice_content(raw_slice(addressType="IPv6", endpoints=endpoints))
