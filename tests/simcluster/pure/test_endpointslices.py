"""EndpointSlices: the defaults, and what is refused; compared with kube-apiserver 1.36."""

from __future__ import annotations

from copy import deepcopy

import pytest

from mcs_controller.simcluster.kinds.endpointslices import prepare_endpoint_slice
from mcs_controller.simcluster.status import FieldError
from tests.simcluster.pure.builders import Object, builtin, complaints, context, named

ENDPOINTS = [{"addresses": ["10.1.2.3"]}]


def prepare(old: Object | None = None, **fields: object) -> tuple[Object, list[FieldError]]:
    filled: Object = {"addressType": "IPv4", "endpoints": ENDPOINTS} | fields
    new = named(**deepcopy(filled))
    return new, prepare_endpoint_slice(new, old, context())


def test_ports_get_a_name_and_a_protocol_and_endpoints_their_conditions() -> None:
    stored, errors = prepare(ports=[{"port": 80}])
    assert errors == []
    assert stored["ports"] == [{"port": 80, "name": "", "protocol": "TCP"}]
    assert stored["endpoints"] == [{"addresses": ["10.1.2.3"], "conditions": {}}]


def test_empty_lists_are_shown_as_null() -> None:
    stored, errors = prepare(endpoints=[])
    assert errors == []
    assert (stored["endpoints"], stored["ports"]) == (None, None)


def test_the_deprecated_topology_is_dropped() -> None:
    stored, _ = prepare(
        endpoints=[{"addresses": ["10.1.2.3"], "deprecatedTopology": {"a": "b"}, "zone": "z"}]
    )
    assert stored["endpoints"] == [{"addresses": ["10.1.2.3"], "conditions": {}, "zone": "z"}]


def hint(*zones: str) -> list[Object]:
    return [{"addresses": ["10.1.2.3"], "hints": {"forZones": [{"name": zone} for zone in zones]}}]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"addressType": ""}, [("addressType", "Required")]),
        ({"addressType": "IPv5"}, [("addressType", "NotSupported")]),
        ({"addressType": "IPv6"}, [("endpoints[0].addresses", "Invalid")]),
        ({"endpoints": [{"addresses": []}]}, [("endpoints[0].addresses", "Required")]),
        ({"endpoints": [{"addresses": ["1.2.3.256"]}]}, [("endpoints[0].addresses[0]", "Invalid")]),
        ({"endpoints": [{"addresses": ["127.0.0.1"]}]}, [("endpoints[0].addresses[0]", "Invalid")]),
        ({"endpoints": [{"addresses": ["169.254.1.1"]}]}, [("endpoints[0].addresses[0]", "Invalid")]),
        ({"endpoints": [{"addresses": ["224.0.0.1"]}]}, [("endpoints[0].addresses[0]", "Invalid")]),
        (
            {"addressType": "IPv6", "endpoints": [{"addresses": ["ff02::1"]}]},
            [("endpoints[0].addresses[0]", "Invalid")],
        ),
        (
            {"addressType": "FQDN", "endpoints": [{"addresses": ["example"]}]},
            [("endpoints[0].addresses[0]", "Invalid")],
        ),
        (
            {"endpoints": [{"addresses": [f"10.0.0.{last}" for last in range(101)]}]},
            [("endpoints[0].addresses", "TooMany")],
        ),
        ({"endpoints": ENDPOINTS * 1001}, [("endpoints", "TooMany")]),
        (
            {"endpoints": [{"addresses": ["10.1.2.3"], "hostname": "A_b", "nodeName": "N!"}]},
            [("endpoints[0].nodeName", "Invalid"), ("endpoints[0].hostname", "Invalid")],
        ),
        ({"endpoints": hint("a", "a")}, [("endpoints[0].hints.forZones[1].name", "Duplicate")]),
        ({"endpoints": hint("not a zone")}, [("endpoints[0].hints.forZones[0].name", "Invalid")]),
        ({"endpoints": hint(*"abcdefghi")}, [("endpoints[0].hints.forZones", "TooMany")]),
        ({"ports": [{"port": 80}, {"port": 81}]}, [("ports[1].name", "Duplicate")]),
        ({"ports": [{"name": "A"}]}, [("ports[0].name", "Invalid")]),
        ({"ports": [{"protocol": "ICMP"}]}, [("ports[0].protocol", "NotSupported")]),
        ({"ports": [{"appProtocol": "a b"}]}, [("ports[0].appProtocol", "Invalid")]),
    ],
)
def test_a_slice_that_cannot_be_is_refused(fields: Object, expected: list[tuple[str, str]]) -> None:
    assert complaints(prepare(**fields)[1]) == expected


def test_the_address_type_cannot_be_changed() -> None:
    old, _ = prepare()
    assert complaints(prepare(old, addressType="IPv6", endpoints=[])[1]) == [("addressType", "Invalid")]


def test_endpoints_that_do_not_change_are_not_looked_at_again() -> None:
    old, _ = prepare()
    old["endpoints"] = [{"addresses": ["127.0.0.1"], "conditions": {}}]
    assert prepare(old, endpoints=[{"addresses": ["127.0.0.1"]}])[1] == []


@pytest.mark.parametrize(
    ("change", "raised"),
    [
        ({"endpoints": [{"addresses": ["10.1.2.4"]}]}, True),
        ({"metadata": {"labels": {"a": "b"}}}, True),
        ({"metadata": {"annotations": {"a": "b"}}}, False),
    ],
)
def test_endpoints_and_labels_raise_the_generation(change: Object, raised: bool) -> None:
    old, _ = prepare()
    assert builtin("EndpointSlice", "discovery.k8s.io").raises_generation(old | change, old) is raised
