"""What a refused object's error says: which field, what it holds, and what would be right.

Users read it in logs and conditions, about objects that somebody else wrote.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mcs_controller.clusterset import fields
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.membership.member import decode_member
from mcs_controller.clusterset.namespaces import namespace_active
from mcs_controller.clusterset.services import decode
from tests.clusterset.builders import raw_exported_service, raw_exported_slice, raw_slice

Json = dict[str, Any]


def refusal(read: Callable[[Any], Any], raw: Any) -> str:
    with pytest.raises(MalformedObject) as refused:
        read(raw)
    return str(refused.value)


@pytest.mark.parametrize(
    ("metadata", "spec", "told"),
    [
        ({"namespace": "shop"}, {}, "namespace is 'shop', not a member's"),
        ({"name": "other"}, {}, "name is 'other', not shop.web, which its content requires"),
        ({}, {"type": "ExternalName"}, "type is 'ExternalName', not ClusterSetIP or Headless"),
        ({}, {"type": None}, "type is None, not ClusterSetIP or Headless"),
        ({}, {"ports": []}, "a service with a clusterset IP has no ports"),
        ({}, {"ports": ["http"]}, "ports is 'http', not an object"),
        ({}, {"ports": {}}, "ports is a dict, not a list"),
        ({}, {"ports": [{"port": 0}]}, "port is 0, not a port number"),
        ({}, {"ports": [{"port": 1, "name": "A"}]}, "port name is 'A', not a DNS label"),
        ({}, {"ports": [{"port": 1, "protocol": "tcp"}]}, "protocol is 'tcp', not TCP, UDP or SCTP"),
        ({}, {"ports": [{"port": 1, "appProtocol": "a b"}]}, "appProtocol is 'a b', not a qualified name"),
        ({}, {"ipFamilies": []}, "ipFamilies is empty"),
        ({}, {"ipFamilies": ["IPv4", "IPX"]}, "ipFamilies is 'IPv4, IPX', not IPv4, IPv6 or both"),
        ({}, {"ipFamilies": ["IPv4"] * 3}, "ipFamilies has 3 items, more than 2"),
        ({}, {"ipFamilies": [4]}, "ipFamilies is 4, not a text"),
        ({}, {"exportedAt": "today"}, "exportedAt is 'today', not a time in UTC with whole seconds"),
        ({}, {"changedAt": "today"}, "changedAt is 'today', not a time in UTC"),
        ({}, {"serviceName": "Web"}, "serviceName is 'Web', not a DNS label"),
        ({}, {"serviceNamespace": 7}, "serviceNamespace is 7, not a text"),
        ({}, {"sessionAffinity": "Cookie"}, "sessionAffinity is 'Cookie', not None or ClientIP"),
        ({}, {"internalTrafficPolicy": "Node"}, "internalTrafficPolicy is 'Node', not Cluster or Local"),
        ({}, {"trafficDistribution": "a b"}, "trafficDistribution is 'a b', not a name"),
        ({}, {"exportedLabels": {"a": 1.5}}, "exportedLabels['a'] is 1.5, not a text"),
        ({}, {"exportedLabels": []}, "exportedLabels is a list, not an object"),
    ],
)
def test_a_refused_record_says_which_field_holds_what_and_what_would_be_right(
    metadata: Json, spec: Json, told: str
) -> None:
    raw = raw_exported_service(**spec)
    raw["metadata"] = raw["metadata"] | metadata
    assert refusal(decode.exported_service, raw) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "timeoutSeconds is 0, not 1 to 86400"),
        (86_401, "timeoutSeconds is 86401, not 1 to 86400"),
        ("5", "timeoutSeconds is '5', not a whole number"),
        (True, "timeoutSeconds is True, not a whole number"),
    ],
)
def test_a_refused_affinity_time_says_its_bounds(seconds: object, told: str) -> None:
    config = {"clientIP": {"timeoutSeconds": seconds}}
    raw = raw_exported_service(sessionAffinity="ClientIP", sessionAffinityConfig=config)
    assert refusal(decode.exported_service, raw) == told


@pytest.mark.parametrize("seconds", [1, 86_400])
def test_both_bounds_of_an_affinity_time_are_times(seconds: int) -> None:
    config = {"clientIP": {"timeoutSeconds": seconds}}
    found = fields.affinity({"sessionAffinity": "ClientIP", "sessionAffinityConfig": config})
    assert found.timeout_seconds == seconds


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"addressType": "FQDN"}, "addressType is 'FQDN', not IPv4 or IPv6"),
        ({"addressType": ["IPv4"]}, "addressType is a list, not IPv4 or IPv6"),
        ({"ports": [7]}, "ports is 7, not an object"),
        ({"ports": [{"port": 1}, {"port": 2}]}, "two ports of a slice have the same name"),
        ({"endpoints": ["web"]}, "endpoint is 'web', not an object"),
        ({"endpoints": [{"addresses": []}]}, "addresses is a list, not a list of 1 to 100 addresses"),
        ({"endpoints": [{"addresses": "x"}]}, "addresses is 'x', not a list of 1 to 100 addresses"),
        (
            {"endpoints": [{"addresses": ["fd00::1"]}]},
            "address is 'fd00::1', not an IPv4 address that an endpoint can have",
        ),
        (
            {"endpoints": [{"addresses": ["10.0.0.1"], "conditions": []}]},
            "conditions is a list, not an object",
        ),
        (
            {"endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": "yes"}}]},
            "endpoint condition is 'yes', not true or false",
        ),
        (
            {"endpoints": [{"addresses": ["10.0.0.1"], "hostname": "a.b"}]},
            "hostname is 'a.b', not a DNS label",
        ),
        ({"endpoints": [{"addresses": ["10.0.0.1"], "zone": 1}]}, "zone or nodeName is 1, not a text"),
        ({"endpoints": [{"addresses": ["10.0.0.1"], "nodeName": 2}]}, "zone or nodeName is 2, not a text"),
        ({"endpoints": [{"addresses": ["10.0.0.1"], "hints": "z"}]}, "hints is 'z', not an object"),
        (
            {"endpoints": [{"addresses": ["10.0.0.1"], "hints": {"forZones": ["z"]}}]},
            "forZones is 'z', not an object",
        ),
        ({"sliceName": "A/b"}, "sliceName is 'A/b', not a name of an object"),
    ],
)
def test_a_refused_slice_says_which_field_holds_what_and_what_would_be_right(spec: Json, told: str) -> None:
    assert refusal(decode.exported_slice, raw_exported_slice(**spec)) == told


@pytest.mark.parametrize(
    "read",
    [
        decode.exported_service,
        decode.exported_slice,
        decode_member,
        decode.service,
        decode.service_export,
        decode.service_import,
        namespace_active,
        decode.imported_slice,
        decode.imported_slice_any_manager,
        lambda raw: decode.source_slice(raw, "east"),
    ],
)
def test_what_is_no_object_at_all_is_called_so(read: Callable[[Any], Any]) -> None:
    assert refusal(read, "web") == "object is 'web', not an object"


def test_items_of_statuses_and_owners_are_named() -> None:
    metadata = {"name": "web", "namespace": "shop"}
    raw: Json = {"metadata": metadata, "spec": {"type": "ClusterSetIP", "ports": []}}
    clusters = {**raw, "status": {"clusters": ["east"]}}
    assert refusal(decode.service_import, clusters) == "clusters is 'east', not an object"
    conditions = {**raw, "status": {"conditions": ["Ready"]}}
    assert refusal(decode.service_import, conditions) == "conditions is 'Ready', not an object"
    unknown = {**raw, "status": {"conditions": [{"type": "Ready", "status": "yes"}]}}
    told = refusal(decode.service_import, unknown)
    assert told == "condition status is 'yes', not True, False or Unknown"
    labels = {
        "multicluster.kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "mcs-controller.io",
    }
    owned = raw_slice(metadata={**metadata, "labels": labels, "ownerReferences": ["web"]})
    assert refusal(decode.imported_slice, owned) == "ownerReferences is 'web', not an object"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "None"),
        (1.5, "1.5"),
        (10**20 - 1, "99999999999999999999"),
        (10**20, "a huge number"),
        (-(10**30), "a huge number"),
        ("x" * 80, repr("x" * 80)),
        ("x" * 81, repr("x" * 79 + "…")),
        ([1], "a list"),
    ],
)
def test_what_a_field_holds_is_shown_in_a_few_characters(value: object, shown: str) -> None:
    assert str(fields.bad("field", value, "it")) == f"field is {shown}, not it"
