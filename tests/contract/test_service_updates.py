"""What may change in a Service, and what becomes of its addresses and ports."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.api import Answer, Api, Object, service


class Changing:
    """One Service that is replaced again and again."""

    def __init__(self, api: Api, path: str, body: Object) -> None:
        self._api, self._path, self.body = api, path, body

    @property
    def spec(self) -> Object:
        spec: Object = self.body["spec"]
        return spec

    async def replace(self, spec: Object) -> Answer:
        """With nothing but this spec."""
        return self._after(await self._api.send("PUT", self._path, service("a") | {"spec": spec}))

    async def change(self, **fields: Any) -> Answer:
        """Some fields; None takes one away."""
        spec = {key: value for key, value in (self.spec | fields).items() if value is not None}
        return self._after(await self._api.send("PUT", self._path, self.body | {"spec": spec}))

    def _after(self, answer: Answer) -> Answer:
        if answer.status == 200:
            self.body = answer.body
        return answer


async def changing(api: Api, core: str, **spec: Any) -> Changing:
    return Changing(api, f"{core}/services/a", await api.ok("POST", f"{core}/services", service("a", **spec)))


async def is_free(api: Api, core: str, **spec: Any) -> bool:
    answer = await api.send("POST", f"{core}/services", service("other", **spec), query={"dryRun": "All"})
    return answer.status == 201


async def test_a_replacement_keeps_the_address_that_it_does_not_name(api: Api, core: str) -> None:
    one = await changing(api, core)
    before = one.spec
    assert (await one.replace({"ports": [{"port": 90}]})).status == 200
    assert one.spec == before | {"ports": [{"port": 90, "protocol": "TCP", "targetPort": 90}]}


async def test_a_replacement_keeps_the_node_ports_of_the_ports_that_stay(api: Api, core: str) -> None:
    ports = [{"port": 80, "name": "a"}, {"port": 81, "name": "b"}]
    one = await changing(api, core, type="NodePort", ports=ports)
    kept, gone = (port["nodePort"] for port in one.spec["ports"])
    assert (await one.replace({"type": "NodePort", "ports": [{"port": 8080, "name": "a"}]})).status == 200
    assert one.spec["ports"][0]["nodePort"] == kept
    assert await is_free(api, core, type="NodePort", ports=[{"port": 1, "nodePort": gone}])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"clusterIP": "10.96.0.77"}, "spec.clusterIPs[0]"),
        ({"clusterIP": "None"}, "spec.clusterIPs[0]"),
        ({"clusterIP": None, "clusterIPs": ["10.96.0.77"]}, "spec.clusterIPs"),
        ({"ipFamilies": ["IPv6"]}, "spec.clusterIPs[0]"),
    ],
)
async def test_the_first_address_and_its_family_stay(
    api: Api, core: str, change: dict[str, Any], field: str
) -> None:
    one = await changing(api, core)
    answer = await one.change(**change)
    assert answer.status == 422
    assert answer.causes[0] == (field, "FieldValueInvalid")


async def test_a_second_family_can_be_gained_and_given_up(api: Api, core: str) -> None:
    one = await changing(api, core)
    first = one.spec["clusterIP"]
    assert (await one.change(ipFamilyPolicy="PreferDualStack")).status == 200
    assert one.spec["ipFamilies"] == ["IPv4", "IPv6"]
    second = one.spec["clusterIPs"][1]
    assert (await one.change(ipFamilyPolicy="SingleStack")).status == 200
    assert (one.spec["clusterIPs"], one.spec["ipFamilies"]) == ([first], ["IPv4"])
    assert await is_free(api, core, clusterIP=second)


async def test_the_second_address_is_not_given_up_by_accident(api: Api, core: str) -> None:
    one = await changing(api, core, ipFamilyPolicy="RequireDualStack")
    answer = await one.change(clusterIPs=one.spec["clusterIPs"][:1])
    assert answer.causes == [("spec.ipFamilyPolicy", "FieldValueInvalid")]


async def test_becoming_an_external_name_gives_the_addresses_back(api: Api, core: str) -> None:
    one = await changing(api, core)
    address = one.spec["clusterIP"]
    assert (await one.change(type="ExternalName", externalName="a.example.com")).status == 200
    gone = {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"}
    assert gone.isdisjoint(one.spec)
    assert await is_free(api, core, clusterIP=address)
    assert (await one.change(type="ClusterIP", externalName=None)).status == 200
    assert one.spec["clusterIPs"] == [one.spec["clusterIP"]]
    assert one.spec["ipFamilies"] == ["IPv4"]


async def test_node_ports_come_and_go_with_the_type(api: Api, core: str) -> None:
    one = await changing(api, core)
    assert (await one.change(type="NodePort")).status == 200
    port = one.spec["ports"][0]["nodePort"]
    assert (await one.change(type="ClusterIP")).status == 200
    assert "nodePort" not in one.spec["ports"][0]
    assert "externalTrafficPolicy" not in one.spec
    assert await is_free(api, core, type="NodePort", ports=[{"port": 1, "nodePort": port}])


async def test_a_headless_service_stays_headless_and_may_change_its_families(api: Api, core: str) -> None:
    one = await changing(api, core, clusterIP="None")
    ports = [{"port": 80}]
    assert (await one.replace({"ports": ports})).status == 200
    assert one.spec["clusterIP"] == "None"
    families = {"ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv6"]}
    assert (await one.replace({"ports": ports, "clusterIP": "None"} | families)).status == 200
    assert one.spec["ipFamilies"] == ["IPv6"]


async def test_a_load_balancer_that_becomes_a_plain_service_loses_its_state(api: Api, core: str) -> None:
    one = await changing(api, core, type="LoadBalancer")
    state = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}
    one.body = await api.ok("PUT", f"{core}/services/a/status", one.body | state)
    assert one.body["status"]["loadBalancer"]["ingress"] == [{"ip": "192.0.2.1", "ipMode": "VIP"}]
    assert (await one.change(type="ClusterIP")).status == 200
    assert one.body["status"] == {"loadBalancer": {}}
    assert "allocateLoadBalancerNodePorts" not in one.spec
