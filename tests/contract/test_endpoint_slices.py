"""EndpointSlices: defaults, and everything that a writer of them can get wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.api import Api


@pytest.fixture
async def slices(namespace: str) -> str:
    return f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"


def endpoint_slice(**fields: Any) -> dict[str, Any]:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "a"},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.1.0.1"], "conditions": {"ready": True}}],
        "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
    } | fields


async def test_a_whole_slice_is_kept_as_it_is(api: Api, slices: str) -> None:
    endpoint = {
        "addresses": ["10.1.0.1"],
        "conditions": {"ready": True, "serving": True, "terminating": False},
        "hostname": "db-0",
        "nodeName": "node-1",
        "zone": "zone-a",
        "hints": {"forZones": [{"name": "zone-a"}]},
        "targetRef": {"kind": "Pod", "name": "db-0", "namespace": "x", "uid": "u"},
    }
    port = {"name": "http", "port": 80, "protocol": "TCP", "appProtocol": "http"}
    made = await api.ok("POST", slices, endpoint_slice(endpoints=[endpoint], ports=[port]))
    assert made["endpoints"] == [endpoint]
    assert made["ports"] == [port]


async def test_ports_have_defaults(api: Api, slices: str) -> None:
    made = await api.ok("POST", slices, endpoint_slice(ports=[{"port": 80}]))
    assert made["ports"] == [{"name": "", "port": 80, "protocol": "TCP"}]


async def test_empty_lists_are_shown_as_null(api: Api, slices: str) -> None:
    made = await api.ok("POST", slices, endpoint_slice(endpoints=[], ports=[]))
    assert (made["endpoints"], made["ports"]) == (None, None)


async def test_conditions_are_always_shown_and_the_deprecated_topology_is_dropped(
    api: Api, slices: str
) -> None:
    endpoint = {"addresses": ["10.1.2.3"], "deprecatedTopology": {"a": "b"}, "zone": "z"}
    made = await api.ok("POST", slices, endpoint_slice(endpoints=[endpoint]))
    assert made["endpoints"] == [{"addresses": ["10.1.2.3"], "conditions": {}, "zone": "z"}]


def at(*addresses: str, **fields: Any) -> dict[str, Any]:
    return {"endpoints": [{"addresses": list(addresses)} | fields]}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"addressType": None}, [("addressType", "Required")]),
        ({"addressType": "IPv5"}, [("addressType", "NotSupported")]),
        (at(), [("endpoints[0].addresses", "Required")]),
        (at("1.2.3.256"), [("endpoints[0].addresses[0]", "Invalid")]),
        (at("fd00::1"), [("endpoints[0].addresses", "Invalid")]),
        (at("127.0.0.1"), [("endpoints[0].addresses[0]", "Invalid")]),
        (at("169.254.1.1"), [("endpoints[0].addresses[0]", "Invalid")]),
        (at("224.0.0.1"), [("endpoints[0].addresses[0]", "Invalid")]),
        ({"addressType": "IPv6"} | at("ff02::1"), [("endpoints[0].addresses[0]", "Invalid")]),
        ({"addressType": "FQDN"} | at("example"), [("endpoints[0].addresses[0]", "Invalid")]),
        (at(*(f"10.0.0.{last}" for last in range(101))), [("endpoints[0].addresses", "TooMany")]),
        ({"endpoints": [{"addresses": ["10.1.0.1"]}] * 1001}, [("endpoints", "TooMany")]),
        (
            at("10.1.2.3", hostname="A_b", nodeName="N!"),
            [("endpoints[0].nodeName", "Invalid"), ("endpoints[0].hostname", "Invalid")],
        ),
        ({"ports": [{"port": 80}, {"port": 81}]}, [("ports[1].name", "Duplicate")]),
        ({"ports": [{"name": "Not_A_Name", "port": 80}]}, [("ports[0].name", "Invalid")]),
        ({"ports": [{"port": 80, "protocol": "ICMP"}]}, [("ports[0].protocol", "NotSupported")]),
        ({"ports": [{"appProtocol": "a b"}]}, [("ports[0].appProtocol", "Invalid")]),
    ],
)
async def test_what_no_slice_may_be(
    api: Api, slices: str, fields: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    body = {key: value for key, value in endpoint_slice(**fields).items() if value is not None}
    answer = await api.send("POST", slices, body)
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert [(field, reason.removeprefix("FieldValue")) for field, reason in answer.causes] == expected


async def test_the_address_type_cannot_be_changed(api: Api, slices: str) -> None:
    made = await api.ok("POST", slices, endpoint_slice())
    changed = made | {"addressType": "IPv6", "endpoints": [{"addresses": ["fd00::1"]}]}
    answer = await api.send("PUT", f"{slices}/a", changed)
    assert (answer.status, answer.causes) == (422, [("addressType", "FieldValueInvalid")])
