"""Each component's rights, as written in hack/rbac, are the ones that MCS-RBAC asks for and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcs_controller.api.resources import BROKER_GROUP, MCS_GROUP
from tests.api.rbac import FOLDER, MANIFESTS, Right, documents, rights, rights_of, roles

READ = {"get", "list", "watch"}
WRITE = {"create", "update", "delete"}
READ_AND_WRITE = READ | WRITE


def granted(group: str, resource: str, verbs: set[str]) -> set[Right]:
    return {Right(group, resource, verb) for verb in verbs}


def test_there_is_a_manifest_for_each_component_and_for_users() -> None:
    assert [path.name for path in MANIFESTS] == [
        "agent.yaml",
        "broker.yaml",
        "dns.yaml",
        "properties.yaml",
        "users.yaml",
    ]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_no_manifest_has_a_wildcard_or_a_right_to_secrets_or_to_more_rights(path: Path) -> None:
    for role in roles(path):
        for right in rights(role):
            assert "*" not in "".join(right), right
            assert right.resource not in ("secrets", "pods", "nodes", "configmaps"), right
            assert right.group != "rbac.authorization.k8s.io", right
            assert right.verb not in ("escalate", "bind", "impersonate", "deletecollection"), right
        assert all("nonResourceURLs" not in rule for rule in role["rules"])


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_every_rule_says_why_it_is_there(path: Path) -> None:
    lines = path.read_text().splitlines()
    rules = [number for number, line in enumerate(lines) if line.startswith("  - apiGroups:")]
    assert rules
    assert all(lines[number - 1].startswith("  # ") for number in rules)


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_every_binding_is_to_a_role_of_the_same_file_and_an_account_that_is_made(path: Path) -> None:
    found = documents(path)
    accounts = [one for other in MANIFESTS for one in documents(other) if one["kind"] == "ServiceAccount"]
    known = {
        (one["kind"], one["metadata"]["name"], one["metadata"].get("namespace", ""))
        for one in (*found, *accounts)
    }
    for binding in found:
        if binding["kind"] not in ("ClusterRoleBinding", "RoleBinding"):
            continue
        role, (subject,) = binding["roleRef"], binding["subjects"]
        namespace = binding["metadata"].get("namespace", "") if role["kind"] == "Role" else ""
        assert (role["kind"], role["name"], namespace) in known
        assert (subject["kind"], subject["name"], subject["namespace"]) in known


@pytest.mark.requirement("MCS-RBAC-03", "MCS-RBAC-04")
def test_the_agent_has_the_rights_that_a_member_needs() -> None:
    assert rights_of("agent.yaml", "ClusterRole", "mcs-agent") == (
        granted(MCS_GROUP, "serviceexports", READ)
        | granted(MCS_GROUP, "serviceexports/status", {"patch"})
        | granted(MCS_GROUP, "serviceimports", READ_AND_WRITE)
        | granted(MCS_GROUP, "serviceimports/status", {"patch"})
        | granted("", "services", READ_AND_WRITE)
        | granted("discovery.k8s.io", "endpointslices", READ_AND_WRITE)
        | granted("", "namespaces", READ)
        | granted("events.k8s.io", "events", {"create", "patch"})
        | granted("about.k8s.io", "clusterproperties", {"get"})
    )


def test_the_controller_of_cluster_properties_reads_them_and_nothing_else() -> None:
    assert rights_of("properties.yaml", "ClusterRole", "mcs-agent-properties") == granted(
        "about.k8s.io", "clusterproperties", READ
    )


def test_the_agent_takes_part_in_elections_in_its_own_namespace_only() -> None:
    assert rights_of("agent.yaml", "Role", "mcs-agent") == granted(
        "coordination.k8s.io", "leases", {"get", "create", "update"}
    )
    (role,) = (one for one in roles(FOLDER / "agent.yaml") if one["kind"] == "Role")
    assert [(rule.get("resourceNames"), rule["verbs"]) for rule in role["rules"]] == [
        (["mcs-agent"], ["get", "update"]),
        (None, ["create"]),
    ]
    namespaced = [found for found in documents(FOLDER / "agent.yaml") if "Role" in found["kind"]]
    assert {found["metadata"].get("namespace") for found in namespaced} == {None, "mcs-system"}


@pytest.mark.requirement("MCS-RBAC-05")
def test_the_dns_server_reads_what_names_are_made_of_and_nothing_else() -> None:
    assert rights_of("dns.yaml", "ClusterRole", "mcs-dns") == (
        granted(MCS_GROUP, "serviceimports", {"list", "watch"})
        | granted("discovery.k8s.io", "endpointslices", {"list", "watch"})
    )


@pytest.mark.requirement("MCS-RBAC-06")
def test_a_member_writes_its_exports_and_its_own_status_but_not_its_limits() -> None:
    assert rights_of("broker.yaml", "ClusterRole", "mcs-broker-member") == (
        granted(BROKER_GROUP, "exportedservices", {"get"} | WRITE)
        | granted(BROKER_GROUP, "exportedendpointslices", {"get"} | WRITE)
        | granted(BROKER_GROUP, "memberclusters", {"get"})
        | granted(BROKER_GROUP, "memberclusters/status", {"patch"})
    )
    assert rights_of("broker.yaml", "ClusterRole", "mcs-broker-reader") == (
        granted(BROKER_GROUP, "exportedservices", {"list", "watch"})
        | granted(BROKER_GROUP, "exportedendpointslices", {"list", "watch"})
        | granted(BROKER_GROUP, "memberclusters", {"list"})
    )


@pytest.mark.requirement("MCS-RBAC-01", "MCS-RBAC-02")
def test_users_export_by_ordinary_rights_and_only_read_imports() -> None:
    labels = {role["metadata"]["name"]: role["metadata"]["labels"] for role in roles(FOLDER / "users.yaml")}
    assert labels == {
        "mcs-viewer": {"rbac.authorization.k8s.io/aggregate-to-view": "true"},
        "mcs-editor": {"rbac.authorization.k8s.io/aggregate-to-edit": "true"},
    }
    assert rights_of("users.yaml", "ClusterRole", "mcs-viewer") == (
        granted(MCS_GROUP, "serviceexports", READ) | granted(MCS_GROUP, "serviceimports", READ)
    )
    assert rights_of("users.yaml", "ClusterRole", "mcs-editor") == granted(
        MCS_GROUP, "serviceexports", {"patch"} | WRITE
    )
