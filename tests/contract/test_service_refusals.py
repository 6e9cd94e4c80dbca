"""Services that a server refuses, and the field that it names."""

from __future__ import annotations

import pytest

from tests.contract.api import Api, Object, service

TWO_NAMED_A = [{"port": 80, "name": "a"}, {"port": 81, "name": "a"}]


def port(**fields: object) -> Object:
    return {"ports": [{"port": 80} | fields]}


async def causes_of(api: Api, core: str, spec: Object) -> list[tuple[str, str]]:
    answer = await api.send("POST", f"{core}/services", service("a", **spec))
    assert (answer.status, answer.reason) == (422, "Invalid")
    return [(field, reason.removeprefix("FieldValue")) for field, reason in answer.causes]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"ports": []}, [("spec.ports", "Required")]),
        (
            {"ports": [{"port": 80}, {"port": 81}]},
            [("spec.ports[0].name", "Required"), ("spec.ports[1].name", "Required")],
        ),
        ({"ports": TWO_NAMED_A}, [("spec.ports[1].name", "Duplicate")]),
        (
            {"ports": [{"port": 80, "name": "a"}, {"port": 80, "name": "b"}]},
            [("spec.ports[1]", "Duplicate")],
        ),
        (port(name="A_b"), [("spec.ports[0].name", "Invalid")]),
        (port(port=70000, targetPort=1), [("spec.ports[0].port", "Invalid")]),
        (port(port=0, targetPort=1), [("spec.ports[0].port", "Invalid")]),
        (port(targetPort=70000), [("spec.ports[0].targetPort", "Invalid")]),
        (port(targetPort="much-too-long-a-name"), [("spec.ports[0].targetPort", "Invalid")]),
        (port(protocol="ICMP"), [("spec.ports[0].protocol", "NotSupported")]),
        (port(appProtocol="a b"), [("spec.ports[0].appProtocol", "Invalid")]),
        (port(nodePort=30080), [("spec.ports[0].nodePort", "Forbidden")]),
        ({"ipFamilies": ["IPv5"]}, [("spec.ipFamilies[0]", "NotSupported")]),
        ({"ipFamilies": ["IPv4", "IPv4"]}, [("spec.ipFamilies[1]", "Duplicate")]),
        ({"ipFamilies": ["IPv4", "IPv6"]}, [("spec.ipFamilyPolicy", "Invalid")]),
        ({"ipFamilyPolicy": "Sometimes"}, [("spec.ipFamilyPolicy", "NotSupported")]),
        ({"clusterIP": "10.1.2.3"}, [("spec.clusterIPs", "Invalid")]),
        ({"clusterIP": "hello"}, [("spec.clusterIPs[0]", "Invalid")]),
        ({"clusterIPs": ["10.96.0.9"]}, [("spec.clusterIPs", "Invalid")]),
        ({"clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.8"]}, [("spec.clusterIPs", "Invalid")]),
        ({"sessionAffinity": "Sometimes"}, [("spec.sessionAffinity", "NotSupported")]),
        (
            {"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 90000}}},
            [("spec.sessionAffinityConfig.clientIP.timeoutSeconds", "Invalid")],
        ),
        ({"trafficDistribution": "PreferFar"}, [("spec.trafficDistribution", "NotSupported")]),
        ({"internalTrafficPolicy": "Far"}, [("spec.internalTrafficPolicy", "NotSupported")]),
        ({"externalTrafficPolicy": "Local"}, [("spec.externalTrafficPolicy", "Invalid")]),
        ({"type": "Sometimes"}, [("spec.type", "NotSupported")]),
        ({"type": "ExternalName"}, [("spec.externalName", "Required")]),
        ({"type": "NodePort", "clusterIP": "None"}, [("spec.clusterIPs[0]", "Invalid")]),
        ({"selector": {"a key": "x"}}, [("spec.selector", "Invalid")]),
    ],
)
async def test_a_service_is_refused_on_the_field_that_is_wrong(
    api: Api, core: str, spec: Object, expected: list[tuple[str, str]]
) -> None:
    assert await causes_of(api, core, spec) == expected


@pytest.mark.parametrize("dual_stack", [False])
@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"ipFamilies": ["IPv6"]}, [("spec.ipFamilies[0]", "Invalid")]),
        ({"ipFamilyPolicy": "RequireDualStack"}, [("spec.ipFamilyPolicy", "Invalid")]),
        ({"clusterIP": "fd00:10:96::9"}, [("spec.clusterIPs[0]", "Invalid")]),
    ],
)
async def test_a_family_that_the_cluster_does_not_have_is_refused(
    api: Api, core: str, spec: Object, expected: list[tuple[str, str]]
) -> None:
    assert await causes_of(api, core, spec) == expected


@pytest.mark.parametrize("wrong", [{"trafficDistribution": "Far"}, {"sessionAffinity": "Far"}])
async def test_a_refused_service_takes_no_address_and_no_port(api: Api, core: str, wrong: Object) -> None:
    spec = {"type": "NodePort", "clusterIP": "10.96.77.78"} | port(nodePort=32100)
    await causes_of(api, core, spec | wrong)
    await api.ok("POST", f"{core}/services", service("a", **spec))
    await api.ok("DELETE", f"{core}/services/a")


async def test_the_ports_of_a_deleted_service_can_be_asked_for_again(api: Api, core: str) -> None:
    spec = {"type": "NodePort"} | port(nodePort=32101)
    await api.ok("POST", f"{core}/services", service("a", **spec))
    answer = await api.send("POST", f"{core}/services", service("b", **spec))
    assert (answer.status, answer.causes) == (422, [("spec.ports[0].nodePort", "FieldValueInvalid")])
    await api.ok("DELETE", f"{core}/services/a")
    await api.ok("POST", f"{core}/services", service("b", **spec))
