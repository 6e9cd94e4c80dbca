"""Which rights the account of the hub has in the chart, where, and what its network policy lets it reach."""

from __future__ import annotations

import pytest

from tests.charts.rendering import BROKER, NAMESPACE, JsonObject, of_kind, one_of_kind, render

pytestmark = pytest.mark.usefixtures("helm_program")

API: JsonObject = {"ports": [{"port": 6443, "protocol": "TCP"}]}


def hub(**changes: object) -> JsonObject:
    return {"hub": {"enabled": True, "config": {"inventoryNamespace": "fleet"}}, **changes}


def test_each_right_is_bound_in_its_own_place_and_by_its_own_role() -> None:
    found = render(BROKER, hub())
    bound = {
        (one["kind"], one["metadata"].get("namespace"), one["roleRef"]["kind"], one["roleRef"]["name"])
        for one in of_kind(found, "RoleBinding", "ClusterRoleBinding")
        if {"kind": "ServiceAccount", "name": "mcs-hub", "namespace": NAMESPACE} in one["subjects"]
    }
    assert bound == {
        ("ClusterRoleBinding", None, "ClusterRole", "mcs-hub"),
        ("RoleBinding", "fleet", "Role", "mcs-hub-inventory"),
        ("RoleBinding", NAMESPACE, "Role", "mcs-hub"),
    }


def test_only_the_hubs_own_pods_get_its_token() -> None:
    found = render(BROKER, hub())
    assert one_of_kind(found, "ServiceAccount", "mcs-hub")["automountServiceAccountToken"] is False
    pod = one_of_kind(found, "Deployment", "mcs-hub")["spec"]["template"]["spec"]
    assert (pod["serviceAccountName"], pod["automountServiceAccountToken"]) == ("mcs-hub", True)


def test_what_it_may_reach_is_limited_where_the_operator_says_to_what() -> None:
    limited = render(BROKER, hub(networkPolicy={"enabled": True, "egress": [API]}))
    policy = one_of_kind(limited, "NetworkPolicy", "mcs-hub")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["egress"] == [API]
    free = one_of_kind(render(BROKER, hub(networkPolicy={"enabled": True})), "NetworkPolicy", "mcs-hub")
    assert free["spec"]["policyTypes"] == ["Ingress"]
    assert "egress" not in free["spec"]
