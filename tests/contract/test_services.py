"""Services: defaults, cluster IPs, and what cannot be changed."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from tests.contract.api import MERGE, Api, service

RANGE = ip_network("10.96.0.0/16")
RANGE_V6 = ip_network("fd00:10:96::/108")


async def test_the_defaults_of_a_service(api: Api, core: str) -> None:
    spec = (await api.ok("POST", f"{core}/services", service("a")))["spec"]
    assert ip_address(spec["clusterIP"]) in RANGE
    assert spec == {
        "clusterIP": spec["clusterIP"],
        "clusterIPs": [spec["clusterIP"]],
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
        "sessionAffinity": "None",
        "type": "ClusterIP",
    }


async def test_a_service_of_two_families_gets_an_address_of_each(api: Api, core: str) -> None:
    body = service("a", ipFamilyPolicy="RequireDualStack", ipFamilies=["IPv6"])
    spec = (await api.ok("POST", f"{core}/services", body))["spec"]
    assert spec["ipFamilies"] == ["IPv6", "IPv4"]
    six, four = (ip_address(one) for one in spec["clusterIPs"])
    assert six in RANGE_V6
    assert four in RANGE


async def test_a_headless_service_has_no_address(api: Api, core: str) -> None:
    spec = (await api.ok("POST", f"{core}/services", service("a", clusterIP="None")))["spec"]
    assert spec["clusterIPs"] == ["None"]


async def test_an_external_name_has_no_address_at_all(api: Api, core: str) -> None:
    body = service("a", type="ExternalName", externalName="example.com", ports=[])
    assert "clusterIP" not in (await api.ok("POST", f"{core}/services", body))["spec"]


async def test_an_address_is_given_to_one_service_only_and_again_when_it_is_free(api: Api, core: str) -> None:
    first = await api.ok("POST", f"{core}/services", service("a"))
    address = first["spec"]["clusterIP"]
    answer = await api.send("POST", f"{core}/services", service("b", clusterIP=address))
    assert (answer.status, answer.causes) == (422, [("spec.clusterIPs", "FieldValueInvalid")])
    assert "provided IP is already allocated" in answer.body["message"]
    await api.ok("DELETE", f"{core}/services/a")
    taken = await api.ok("POST", f"{core}/services", service("b", clusterIP=address))
    assert taken["spec"]["clusterIP"] == address


async def test_a_dry_run_takes_no_address(api: Api, core: str) -> None:
    body = service("a", clusterIP="10.96.77.77")
    for _ in range(2):
        await api.ok("POST", f"{core}/services", body, query={"dryRun": "All"})
    await api.ok("POST", f"{core}/services", body)


async def test_the_address_survives_an_update_that_leaves_it_out(api: Api, core: str) -> None:
    made = await api.ok("POST", f"{core}/services", service("a"))
    spec = service("a", ports=[{"port": 81}])["spec"]
    changed = await api.ok("PUT", f"{core}/services/a", service("a") | {"spec": spec})
    assert changed["spec"]["clusterIPs"] == made["spec"]["clusterIPs"]


async def test_the_address_cannot_be_changed(api: Api, core: str) -> None:
    await api.ok("POST", f"{core}/services", service("a"))
    patch = {"spec": {"clusterIP": "10.96.1.2", "clusterIPs": ["10.96.1.2"]}}
    answer = await api.send("PATCH", f"{core}/services/a", patch, content_type=MERGE)
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert ("spec.clusterIPs[0]", "FieldValueInvalid") in answer.causes


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"ports": []}, "spec.ports"),
        ({"ports": [{"port": 0}]}, "spec.ports[0].port"),
        ({"ports": [{"port": 80}, {"port": 81}]}, "spec.ports[0].name"),
        ({"ports": [{"name": "a", "port": 80}, {"name": "b", "port": 80}]}, "spec.ports[1]"),
        ({"ports": [{"name": "a", "port": 80}, {"name": "a", "port": 81}]}, "spec.ports[1].name"),
        ({"ports": [{"name": "A_b", "port": 80}]}, "spec.ports[0].name"),
        ({"ports": [{"port": 80, "protocol": "ICMP"}]}, "spec.ports[0].protocol"),
        ({"type": "Magic"}, "spec.type"),
        ({"sessionAffinity": "Cookie"}, "spec.sessionAffinity"),
        ({"clusterIP": "10.1.2.3"}, "spec.clusterIPs"),
        ({"clusterIP": "nonsense"}, "spec.clusterIPs[0]"),
        ({"internalTrafficPolicy": "Elsewhere"}, "spec.internalTrafficPolicy"),
        ({"ipFamilies": ["IPv5"]}, "spec.ipFamilies[0]"),
    ],
)
async def test_what_no_service_may_be(api: Api, core: str, spec: dict[str, Any], field: str) -> None:
    answer = await api.send("POST", f"{core}/services", service("a", **spec))
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert field in [one for one, _ in answer.causes]


async def test_the_status_of_a_service_is_its_own_subresource(api: Api, core: str) -> None:
    body = service("a", type="LoadBalancer")
    await api.ok("POST", f"{core}/services", body)
    status = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}
    shown = await api.ok("PATCH", f"{core}/services/a/status", status, content_type=MERGE)
    assert shown["status"]["loadBalancer"]["ingress"][0]["ip"] == "192.0.2.1"
