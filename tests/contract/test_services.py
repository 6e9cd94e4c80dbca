"""Services: defaults, cluster IPs, and what cannot be changed."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from tests.contract.api import MERGE, Api, Object, service

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


@pytest.mark.parametrize(
    ("spec", "policy", "families"),
    [
        ({}, "SingleStack", ["IPv4"]),
        ({"ipFamilies": ["IPv6"]}, "SingleStack", ["IPv6"]),
        ({"ipFamilyPolicy": "PreferDualStack"}, "PreferDualStack", ["IPv4", "IPv6"]),
        ({"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv6"]}, "PreferDualStack", ["IPv6", "IPv4"]),
        ({"ipFamilyPolicy": "RequireDualStack"}, "RequireDualStack", ["IPv4", "IPv6"]),
        ({"clusterIP": "fd00:10:96::9"}, "SingleStack", ["IPv6"]),
    ],
)
async def test_a_service_gets_an_address_of_each_of_its_families(
    api: Api, core: str, spec: Object, policy: str, families: list[str]
) -> None:
    made = (await api.ok("POST", f"{core}/services", service("a", **spec)))["spec"]
    assert (made["ipFamilyPolicy"], made["ipFamilies"]) == (policy, families)
    ranges = {"IPv4": RANGE, "IPv6": RANGE_V6}
    for family, address in zip(families, made["clusterIPs"], strict=True):
        assert ip_address(address) in ranges[family]
    assert made["clusterIP"] == made["clusterIPs"][0]


@pytest.mark.parametrize("dual_stack", [False])
async def test_dual_stack_is_a_wish_that_a_cluster_of_one_family_may_leave_open(api: Api, core: str) -> None:
    spec = (await api.ok("POST", f"{core}/services", service("a", ipFamilyPolicy="PreferDualStack")))["spec"]
    assert (spec["ipFamilyPolicy"], spec["ipFamilies"]) == ("PreferDualStack", ["IPv4"])


@pytest.mark.parametrize("dual_stack", [False])
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
async def test_a_headless_service_has_no_address_and_without_a_selector_any_family(
    api: Api, core: str, spec: Object, policy: str, families: list[str]
) -> None:
    body = service("a", clusterIP="None", **spec)
    made = (await api.ok("POST", f"{core}/services", body))["spec"]
    assert made["clusterIPs"] == ["None"]
    assert (made["ipFamilyPolicy"], made["ipFamilies"]) == (policy, families)


async def test_an_external_name_has_no_address_family_or_internal_policy(api: Api, core: str) -> None:
    body = service("a", type="ExternalName", externalName="a.example.com", ports=None)
    assert (await api.ok("POST", f"{core}/services", body))["spec"] == {
        "externalName": "a.example.com",
        "sessionAffinity": "None",
        "type": "ExternalName",
    }


async def test_client_affinity_lasts_three_hours_by_default(api: Api, core: str) -> None:
    body = service("a", sessionAffinity="ClientIP")
    spec = (await api.ok("POST", f"{core}/services", body))["spec"]
    assert spec["sessionAffinityConfig"] == {"clientIP": {"timeoutSeconds": 10800}}
    body = service("b", sessionAffinityConfig={"clientIP": {"timeoutSeconds": 5}})
    assert "sessionAffinityConfig" not in (await api.ok("POST", f"{core}/services", body))["spec"]


@pytest.mark.parametrize("kind", ["NodePort", "LoadBalancer"])
async def test_a_service_for_outside_has_a_node_port(api: Api, core: str, kind: str) -> None:
    spec = (await api.ok("POST", f"{core}/services", service("a", type=kind)))["spec"]
    assert spec["ports"][0]["nodePort"] in range(30000, 32768)
    assert spec["externalTrafficPolicy"] == "Cluster"


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


async def test_the_status_of_a_service_is_its_own_subresource(api: Api, core: str) -> None:
    body = service("a", type="LoadBalancer")
    await api.ok("POST", f"{core}/services", body)
    status = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}
    shown = await api.ok("PATCH", f"{core}/services/a/status", status, content_type=MERGE)
    assert shown["status"]["loadBalancer"]["ingress"][0]["ip"] == "192.0.2.1"
