"""What a new Service is stored as, and which are refused; compared with kube-apiserver 1.36."""

from __future__ import annotations

from typing import Any

import pytest

from mcs_controller.simcluster.kinds.service_ips import ServiceIpAllocator
from mcs_controller.simcluster.kinds.services import prepare_service, release_service
from mcs_controller.simcluster.status import FieldError
from tests.simcluster.pure.builders import V4, V6, Object, complaints, context, named

HTTP = [{"port": 80}]
DUAL = (V4, V6)


def create(spec: Object, *cidrs: str) -> tuple[Object, list[FieldError]]:
    service = named(spec=spec)
    errors = prepare_service(service, None, context(*cidrs))
    return service["spec"], errors


def created(spec: Object, *cidrs: str) -> Object:
    stored, errors = create(spec, *cidrs)
    assert errors == []
    return stored


def test_a_plain_service_is_filled_in_as_a_real_server_does() -> None:
    service = named(spec={"ports": HTTP, "selector": {"app": "web"}})
    assert prepare_service(service, None, context()) == []
    assert service["spec"] == {
        "clusterIP": "10.96.0.2",
        "clusterIPs": ["10.96.0.2"],
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
        "selector": {"app": "web"},
        "sessionAffinity": "None",
        "type": "ClusterIP",
    }
    assert service["status"] == {"loadBalancer": {}}


@pytest.mark.parametrize(
    ("spec", "cidrs", "policy", "families"),
    [
        ({}, (V4,), "SingleStack", ["IPv4"]),
        ({}, (V6,), "SingleStack", ["IPv6"]),
        ({}, (V6, V4), "SingleStack", ["IPv6"]),
        ({"ipFamilies": ["IPv6"]}, DUAL, "SingleStack", ["IPv6"]),
        ({"ipFamilyPolicy": "PreferDualStack"}, (V4,), "PreferDualStack", ["IPv4"]),
        ({"ipFamilyPolicy": "PreferDualStack"}, DUAL, "PreferDualStack", ["IPv4", "IPv6"]),
        ({"ipFamilyPolicy": "RequireDualStack"}, (V6, V4), "RequireDualStack", ["IPv6", "IPv4"]),
        (
            {"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv6"]},
            DUAL,
            "PreferDualStack",
            ["IPv6", "IPv4"],
        ),
        ({"clusterIP": "fd00:10:96::9"}, DUAL, "SingleStack", ["IPv6"]),
    ],
)
def test_families_follow_the_request_and_the_cluster(
    spec: Object, cidrs: tuple[str, ...], policy: str, families: list[str]
) -> None:
    stored = created({"ports": HTTP} | spec, *cidrs)
    assert (stored["ipFamilyPolicy"], stored["ipFamilies"]) == (policy, families)
    shown = ["IPv6" if ":" in ip else "IPv4" for ip in stored["clusterIPs"]]
    assert shown == families
    assert stored["clusterIP"] == stored["clusterIPs"][0]


@pytest.mark.parametrize(
    ("spec", "policy", "families"),
    [
        ({"selector": {"a": "b"}}, "SingleStack", ["IPv4"]),
        ({}, "RequireDualStack", ["IPv4", "IPv6"]),
        ({"ipFamilyPolicy": "SingleStack"}, "SingleStack", ["IPv4"]),
        ({"ipFamilies": ["IPv6"]}, "RequireDualStack", ["IPv6", "IPv4"]),
        ({"ipFamilies": ["IPv6"], "ipFamilyPolicy": "SingleStack"}, "SingleStack", ["IPv6"]),
    ],
)
def test_a_headless_service_has_no_address_and_without_selector_any_family(
    spec: Object, policy: str, families: list[str]
) -> None:
    stored = created({"clusterIP": "None"} | spec, V4)
    assert stored["clusterIPs"] == ["None"]
    assert (stored["ipFamilyPolicy"], stored["ipFamilies"]) == (policy, families)


def test_an_external_name_gets_no_address_family_or_internal_policy() -> None:
    assert created({"type": "ExternalName", "externalName": "a.example.com"}) == {
        "externalName": "a.example.com",
        "sessionAffinity": "None",
        "type": "ExternalName",
    }


def test_client_affinity_gets_its_three_hours() -> None:
    stored = created({"ports": HTTP, "sessionAffinity": "ClientIP"})
    assert stored["sessionAffinityConfig"] == {"clientIP": {"timeoutSeconds": 10800}}


def test_affinity_settings_without_affinity_are_dropped() -> None:
    config = {"clientIP": {"timeoutSeconds": 5}}
    assert "sessionAffinityConfig" not in created({"ports": HTTP, "sessionAffinityConfig": config})


def test_node_ports_of_one_number_are_shared_by_protocols() -> None:
    ports = [
        {"port": 53, "name": "a"},
        {"port": 53, "protocol": "UDP", "name": "b"},
        {"port": 80, "name": "c"},
    ]
    stored = created({"type": "NodePort", "ports": ports})
    numbers = [port["nodePort"] for port in stored["ports"]]
    assert numbers[0] == numbers[1] != numbers[2]
    assert stored["externalTrafficPolicy"] == "Cluster"


def test_a_local_load_balancer_gets_a_health_check_port_and_may_do_without_node_ports() -> None:
    spec = {"type": "LoadBalancer", "ports": HTTP, "externalTrafficPolicy": "Local"}
    stored = created(spec | {"allocateLoadBalancerNodePorts": False})
    assert stored["healthCheckNodePort"] == 30000
    assert stored["allocateLoadBalancerNodePorts"] is False
    assert "nodePort" not in stored["ports"][0]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"ports": []}, [("spec.ports", "Required")]),
        (
            {"ports": [{"port": 80}, {"port": 81}]},
            [("spec.ports[0].name", "Required"), ("spec.ports[1].name", "Required")],
        ),
        (
            {"ports": [{"port": 80, "name": "a"}, {"port": 81, "name": "a"}]},
            [("spec.ports[1].name", "Duplicate")],
        ),
        (
            {"ports": [{"port": 80, "name": "a"}, {"port": 80, "name": "b"}]},
            [("spec.ports[1]", "Duplicate")],
        ),
        ({"ports": [{"port": 80, "name": "A_b"}]}, [("spec.ports[0].name", "Invalid")]),
        ({"ports": [{"port": 70000, "targetPort": 1}]}, [("spec.ports[0].port", "Invalid")]),
        ({"ports": [{"port": 80, "targetPort": 70000}]}, [("spec.ports[0].targetPort", "Invalid")]),
        (
            {"ports": [{"port": 80, "targetPort": "much-too-long-a-name"}]},
            [("spec.ports[0].targetPort", "Invalid")],
        ),
        ({"ports": [{"port": 80, "protocol": "ICMP"}]}, [("spec.ports[0].protocol", "NotSupported")]),
        ({"ports": [{"port": 80, "appProtocol": "a b"}]}, [("spec.ports[0].appProtocol", "Invalid")]),
        ({"ports": [{"port": 80, "nodePort": 30080}]}, [("spec.ports[0].nodePort", "Forbidden")]),
        ({"ipFamilies": ["IPv6"]}, [("spec.ipFamilies[0]", "Invalid")]),
        ({"ipFamilies": ["IPv5"]}, [("spec.ipFamilies[0]", "NotSupported")]),
        ({"ipFamilies": ["IPv4", "IPv4"]}, [("spec.ipFamilies[1]", "Duplicate")]),
        ({"ipFamilies": ["IPv4", "IPv6"]}, [("spec.ipFamilyPolicy", "Invalid")]),
        ({"ipFamilyPolicy": "RequireDualStack"}, [("spec.ipFamilyPolicy", "Invalid")]),
        ({"ipFamilyPolicy": "Sometimes"}, [("spec.ipFamilyPolicy", "NotSupported")]),
        ({"clusterIP": "10.1.2.3"}, [("spec.clusterIPs", "Invalid")]),
        ({"clusterIP": "hello"}, [("spec.clusterIPs[0]", "Invalid")]),
        ({"clusterIP": "fd00:10:96::9"}, [("spec.clusterIPs[0]", "Invalid")]),
        ({"clusterIPs": ["10.96.0.9"]}, [("spec.clusterIPs", "Invalid")]),
        ({"clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.8"]}, [("spec.clusterIPs", "Invalid")]),
        ({"sessionAffinity": "Sometimes"}, [("spec.sessionAffinity", "NotSupported")]),
        (
            {
                "sessionAffinity": "ClientIP",
                "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 90000}},
            },
            [("spec.sessionAffinityConfig.clientIP.timeoutSeconds", "Invalid")],
        ),
        ({"trafficDistribution": "PreferFar"}, [("spec.trafficDistribution", "NotSupported")]),
        ({"internalTrafficPolicy": "Far"}, [("spec.internalTrafficPolicy", "NotSupported")]),
        ({"externalTrafficPolicy": "Local"}, [("spec.externalTrafficPolicy", "Invalid")]),
        ({"externalIPs": ["127.0.0.1"]}, [("spec.externalIPs[0]", "Invalid")]),
        ({"type": "Sometimes"}, [("spec.type", "NotSupported")]),
        ({"type": "ExternalName"}, [("spec.externalName", "Required")]),
        ({"type": "NodePort", "clusterIP": "None"}, [("spec.clusterIPs[0]", "Invalid")]),
        ({"selector": {"a key": "x"}}, [("spec.selector", "Invalid")]),
    ],
)
def test_a_service_that_cannot_be_is_refused_on_the_field_that_says_so(
    spec: Object, expected: list[tuple[str, str]]
) -> None:
    _, errors = create({"ports": HTTP} | spec)
    assert complaints(errors) == expected


@pytest.mark.parametrize(
    "spec", [{"trafficDistribution": "Far"}, {"type": "NodePort", "sessionAffinity": "Far"}]
)
def test_a_refused_service_takes_nothing(spec: Object) -> None:
    allocator = ServiceIpAllocator([V4])
    assert prepare_service(named(spec={"ports": HTTP} | spec), None, context(allocator=allocator))
    allocator.request("10.96.0.2")
    allocator.request_node_port(30000)


def test_a_dry_run_shows_an_address_and_takes_nothing() -> None:
    allocator = ServiceIpAllocator([V4])
    service = named(spec={"ports": HTTP})
    assert prepare_service(service, None, context(allocator=allocator, dry_run=True)) == []
    allocator.request(service["spec"]["clusterIP"])


def test_the_address_of_a_deleted_service_can_be_asked_for_again() -> None:
    allocator = ServiceIpAllocator([V4])
    ctx = context(allocator=allocator)
    spec = {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}], "clusterIP": "10.96.0.9"}
    service = named(spec=spec)
    assert prepare_service(service, None, ctx) == []
    second: Any = named("other", spec=spec)
    assert complaints(prepare_service(second, None, ctx)) == [("spec.clusterIPs", "Invalid")]
    release_service(service, ctx)
    assert prepare_service(named("other", spec=spec), None, ctx) == []
