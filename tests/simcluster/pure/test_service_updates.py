"""What may change in a Service, and what happens to its addresses. Compared with kube-apiserver 1.36."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from mcs_controller.simcluster.kinds.service_ips import ServiceIpAllocator
from mcs_controller.simcluster.kinds.services import prepare_service
from mcs_controller.simcluster.status import FieldError
from tests.simcluster.pure.builders import V4, V6, Object, complaints, context, named

HTTP = [{"port": 80}]


class Cluster:
    """One Service in a cluster of its own."""

    def __init__(self, spec: Object, *cidrs: str) -> None:
        self.allocator = ServiceIpAllocator(cidrs or (V4,))
        self.service = named(spec={"ports": HTTP} | spec)
        assert prepare_service(self.service, None, context(allocator=self.allocator)) == []

    @property
    def spec(self) -> Object:
        spec: Object = self.service["spec"]
        return spec

    def replace(self, spec: Object, **fields: Any) -> list[FieldError]:
        new = named(spec=deepcopy(spec), **fields)
        errors = prepare_service(new, self.service, context(allocator=self.allocator))
        if not errors:
            self.service = new
        return errors

    def change(self, **fields: object) -> list[FieldError]:
        spec = {key: value for key, value in (self.spec | fields).items() if value is not None}
        return self.replace(spec, status=self.service["status"])


def test_a_replacement_keeps_the_address_that_it_does_not_name() -> None:
    cluster = Cluster({})
    before = dict(cluster.spec)
    assert cluster.replace({"ports": [{"port": 90}]}) == []
    assert cluster.spec == before | {"ports": [{"port": 90, "protocol": "TCP", "targetPort": 90}]}


def test_a_replacement_keeps_the_node_ports_of_the_ports_that_stay() -> None:
    ports = [{"port": 80, "name": "a"}, {"port": 81, "name": "b"}]
    cluster = Cluster({"type": "NodePort", "ports": ports})
    kept = cluster.spec["ports"][0]["nodePort"]
    assert cluster.replace({"type": "NodePort", "ports": [{"port": 8080, "name": "a"}]}) == []
    assert cluster.spec["ports"][0]["nodePort"] == kept
    cluster.allocator.request_node_port(kept + 1)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"clusterIP": "10.96.0.77"}, "spec.clusterIPs[0]"),
        ({"clusterIP": "None"}, "spec.clusterIPs[0]"),
        ({"clusterIP": None, "clusterIPs": ["10.96.0.77"]}, "spec.clusterIPs"),
    ],
)
def test_an_address_once_given_stays(change: dict[str, object], field: str) -> None:
    cluster = Cluster({})
    before = deepcopy(cluster.spec)
    assert [one.field for one in cluster.change(**change)][:1] == [field]
    assert cluster.spec == before


def test_the_first_family_stays() -> None:
    cluster = Cluster({}, V4, V6)
    assert complaints(cluster.change(ipFamilies=["IPv6"])) == [("spec.clusterIPs[0]", "Invalid")]


def test_a_second_family_can_be_gained_and_given_up() -> None:
    cluster = Cluster({}, V4, V6)
    first = cluster.spec["clusterIP"]
    assert cluster.change(ipFamilyPolicy="PreferDualStack") == []
    assert cluster.spec["ipFamilies"] == ["IPv4", "IPv6"]
    second = cluster.spec["clusterIPs"][1]
    assert cluster.change(ipFamilyPolicy="SingleStack") == []
    assert cluster.spec["clusterIPs"] == [first]
    assert cluster.spec["ipFamilies"] == ["IPv4"]
    cluster.allocator.request(second)


def test_the_second_address_is_not_given_up_by_accident() -> None:
    cluster = Cluster({"ipFamilyPolicy": "RequireDualStack"}, V4, V6)
    errors = cluster.change(clusterIPs=cluster.spec["clusterIPs"][:1])
    assert complaints(errors) == [("spec.ipFamilyPolicy", "Invalid")]


def test_becoming_an_external_name_gives_the_addresses_back() -> None:
    cluster = Cluster({}, V4, V6)
    address = cluster.spec["clusterIP"]
    assert cluster.change(type="ExternalName", externalName="a.example.com") == []
    gone = {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"}
    assert gone.isdisjoint(cluster.spec)
    cluster.allocator.request(address)


def test_an_external_name_that_becomes_a_service_gets_an_address() -> None:
    cluster = Cluster({"type": "ExternalName", "externalName": "a.example.com"})
    assert cluster.change(type="ClusterIP", externalName=None) == []
    assert cluster.spec["clusterIPs"] == [cluster.spec["clusterIP"]]
    assert cluster.spec["ipFamilies"] == ["IPv4"]


def test_node_ports_come_and_go_with_the_type() -> None:
    cluster = Cluster({})
    assert cluster.change(type="NodePort") == []
    port = cluster.spec["ports"][0]["nodePort"]
    assert cluster.change(type="ClusterIP") == []
    assert "nodePort" not in cluster.spec["ports"][0]
    assert "externalTrafficPolicy" not in cluster.spec
    cluster.allocator.request_node_port(port)


def test_a_headless_service_may_change_its_families() -> None:
    cluster = Cluster({"clusterIP": "None"})
    assert (
        cluster.replace(
            {"ports": HTTP, "clusterIP": "None", "ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv6"]}
        )
        == []
    )
    assert cluster.spec["ipFamilies"] == ["IPv6"]


def test_a_headless_service_stays_headless() -> None:
    cluster = Cluster({"clusterIP": "None", "selector": {"a": "b"}})
    assert cluster.replace({"ports": HTTP, "selector": {"a": "b"}}) == []
    assert cluster.spec["clusterIP"] == "None"


def test_only_a_load_balancer_can_be_given_the_state_of_one() -> None:
    state: Object = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
    plain, balanced = Cluster({}), Cluster({"type": "LoadBalancer"})
    errors = plain.replace(plain.spec, status=state)
    assert complaints(errors) == [("status.loadBalancer.ingress", "Forbidden")]
    assert balanced.replace(balanced.spec, status=state) == []
    assert balanced.service["status"]["loadBalancer"]["ingress"] == [{"ip": "192.0.2.1", "ipMode": "VIP"}]
    assert balanced.change(type="ClusterIP") == []
    assert balanced.service["status"] == {"loadBalancer": {}}
