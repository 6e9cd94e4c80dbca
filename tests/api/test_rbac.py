"""Each component's rights, as the charts give them, are the ones that MCS-RBAC asks for and no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mcs_controller.api.crd import Place, crds_of
from mcs_controller.api.names import CLUSTER_ID_PROPERTY, CLUSTERSET_PROPERTY
from mcs_controller.api.resources import (
    BROKER_GROUP,
    EXPORT_POLICIES,
    IMPORT_POLICIES,
    MCS_GROUP,
    POLICY_GROUP,
    SERVICE_EXPORT_POLICIES,
)
from mcs_controller.cli.main import main
from mcs_controller.clusterset.reports.control_plane import COMPONENTS as COMPONENTS_WITH_LEASES
from mcs_controller.controllers.reports.writer import REPORT_NAME
from mcs_controller.install.checks.reading_cluster import KUBE_PROXY, MCS_CRDS
from mcs_controller.install.cluster_dns.config_maps import NAMES
from mcs_controller.install.cluster_dns.editing import BACKUP
from mcs_controller.install.leftovers import AGENT
from mcs_controller.install.objects import ACCOUNT, SECRET
from mcs_controller.install.rights import COMPONENTS, INVENTORY, NAMESPACE, rights_of
from mcs_controller.install.rules import rules_of
from tests.api.rbac import RULES, Right, granted_by, roles

READ = {"get", "list", "watch"}
WRITE = {"create", "update", "delete"}
READ_AND_WRITE = READ | WRITE
JOBS = ("crds", "cluster-dns", "cluster-dns-service", "check", "leave", "leave-lease", "leave-properties")
"""Of the chart mcs-controller: their rights are there only while they run."""


HUB = ("broker-hub", "broker-hub-inventory", "broker-hub-lease")

EXCEPTIONS = {
    "cluster-dns": {"configmaps"},
    "agent-credential": {"secrets"},
    "check": {"configmaps", "nodes"},
    "leave": {"secrets"},
}
"""By role, what no other may touch; each names the objects, but for nodes, which are only listed."""


def granted(group: str, resource: str, verbs: set[str]) -> set[Right]:
    return {Right(group, resource, verb) for verb in verbs}


CRD_RIGHT = granted("apiextensions.k8s.io", "customresourcedefinitions", {"get"})


def crds_named_by(role: str) -> list[str]:
    """The CRDs that a role names; one rule is about them."""
    (names,) = [
        one["resourceNames"] for one in rules_of(role) if one["resources"] == ["customresourcedefinitions"]
    ]
    return list(names)


def test_the_charts_have_rules_for_each_component_and_for_users() -> None:
    names = (
        "agent",
        "agent-lease",
        "agent-managed-properties",
        "agent-reports",
        "agent-properties",
        "agent-policies",
        "agent-service-export-policies",
        "agent-credential",
        "dns",
        "viewer",
        "editor",
        *JOBS,
    )
    assert {(path.parents[2].name, path.stem) for path in RULES} == {
        *(("mcs-broker", name) for name in ("broker-crds", "broker-member", "broker-reader", *HUB)),
        *(("mcs-controller", name) for name in names),
    }


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_no_role_has_a_wildcard_or_a_right_to_secrets_or_to_more_rights(path: Path) -> None:
    others = {"secrets", "configmaps", "pods", "nodes"} - EXCEPTIONS.get(path.stem, set())
    for right in granted_by(path.stem):
        assert "*" not in "".join(right), right
        assert right.resource not in others, right
        assert right.group != "rbac.authorization.k8s.io", right
        assert right.verb not in ("escalate", "bind", "impersonate", "deletecollection"), right
    assert all("nonResourceURLs" not in rule for rule in rules_of(path.stem))


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_every_rule_says_why_it_is_there(path: Path) -> None:
    lines = path.read_text().splitlines()
    rules = [number for number, line in enumerate(lines) if line.startswith("- apiGroups:")]
    assert len(rules) == len(rules_of(path.stem))
    assert all(lines[number - 1].startswith("# ") for number in rules)


def test_a_role_that_there_is_not_is_an_error() -> None:
    with pytest.raises(LookupError, match="no chart has rules for 'agents'"):
        rules_of("agents")


def test_each_rule_reaches_some_component_or_a_job_of_helm() -> None:
    given = [role["rules"] for component in COMPONENTS for role in roles(component)]
    of_jobs = [path.stem for path in RULES if rules_of(path.stem) not in given]
    assert set(of_jobs) == {"broker-crds", *JOBS}
    assert len(given) == len(RULES) - len(of_jobs)


@pytest.mark.parametrize(("role", "place"), [("crds", "member"), ("broker-crds", "broker")])
def test_the_job_that_installs_the_kinds_changes_those_and_no_others(role: str, place: Place) -> None:
    named, create = rules_of(role)
    ours = {crd["metadata"]["name"] for crd in crds_of(place)}
    assert (set(named["resourceNames"]), named["verbs"]) == (ours, ["get", "update"])
    assert create["verbs"] == ["create"]
    assert {right.resource for right in granted_by(role)} == {"customresourcedefinitions"}


def test_the_jobs_for_the_clusters_dns_change_its_config_maps_and_no_others() -> None:
    edit, create, delete = rules_of("cluster-dns")
    assert (set(edit["resourceNames"]), edit["verbs"]) == ({*NAMES, BACKUP}, ["get", "update"])
    assert create["verbs"] == ["create"]
    assert set(delete["resourceNames"]) < set(edit["resourceNames"])
    assert {right.resource for right in granted_by("cluster-dns")} == {"configmaps"}
    (service,) = rules_of("cluster-dns-service")
    assert (service["resources"], service["resourceNames"], service["verbs"]) == (
        ["services"],
        ["mcs-dns"],
        ["get"],
    )


def test_whoever_checks_reads_only_and_what_others_may_not_read_by_name() -> None:
    named = {
        one["resources"][0]: set(one["resourceNames"]) for one in rules_of("check") if "resourceNames" in one
    }
    assert named == {
        "customresourcedefinitions": {*MCS_CRDS},
        "leases": {AGENT},
        "configmaps": {*NAMES, KUBE_PROXY},
        "namespaces": {"kube-system"},
        "clusterproperties": {CLUSTER_ID_PROPERTY, CLUSTERSET_PROPERTY},
    }
    writes = {right for right in granted_by("check") if right.verb not in ("get", "list")}
    assert writes == granted("authorization.k8s.io", "subjectaccessreviews", {"create"})


def test_the_job_that_leaves_stops_the_agent_and_removes_its_lease_and_its_credential() -> None:
    rules = [*rules_of("leave"), *rules_of("leave-lease")]
    assert [(one["resources"], one.get("resourceNames"), one["verbs"]) for one in rules] == [
        (["deployments"], [AGENT], ["get", "patch"]),
        (["secrets"], [SECRET], ["get", "delete"]),
        (["leases"], [AGENT], ["get", "update", "delete"]),
        (["leases"], None, ["create"]),
    ]


@pytest.mark.requirement("ABT-14")
def test_of_the_properties_the_job_that_leaves_removes_the_one_that_says_the_clusterset() -> None:
    (rule,) = rules_of("leave-properties")
    assert (rule["resources"], rule["resourceNames"]) == (["clusterproperties"], [CLUSTERSET_PROPERTY])
    assert rule["verbs"] == ["patch", "delete"]


@pytest.mark.parametrize("component", COMPONENTS)
def test_every_binding_is_to_a_role_of_the_component_and_an_account_that_is_made(component: str) -> None:
    found = rights_of(component)
    accounts = [one for name in COMPONENTS for one in rights_of(name) if one["kind"] == "ServiceAccount"]
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


def printed(capsys: pytest.CaptureFixture[str], *argv: str) -> list[dict[str, Any]]:
    assert main(["rbac", *argv]) == 0
    return list(yaml.safe_load_all(capsys.readouterr().out))


def test_the_command_prints_what_each_component_needs(capsys: pytest.CaptureFixture[str]) -> None:
    for component in COMPONENTS:
        assert printed(capsys, "--for", component) == rights_of(component)


def test_what_two_components_share_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    found = printed(capsys, "--for", "agent,dns", "--for=agent")
    assert [one for one in found if one["kind"] == "Namespace"] == [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    ]
    assert [one["metadata"]["name"] for one in found if one["kind"] == "ServiceAccount"] == [
        "mcs-agent",
        "mcs-dns",
    ]


def test_the_command_says_whose_rights_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rbac", "--for", "agents"]) == 2
    assert capsys.readouterr().err == (
        "mcs-controller: --for: 'agents' is not one of: agent, properties, managed-properties, reports, "
        "policies, service-export-policies, credential, dns, broker, hub, users\n"
    )
    assert main(["rbac"]) == 2
    assert capsys.readouterr().err == "mcs-controller: --for is missing: give it, or set MCS_FOR\n"


@pytest.mark.requirement("MCS-RBAC-03", "MCS-RBAC-04")
def test_the_agent_has_the_rights_that_a_member_needs() -> None:
    assert granted_by("agent") == (
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
    assert granted_by("agent-properties") == granted("about.k8s.io", "clusterproperties", READ)


@pytest.mark.requirement("ABT-14")
def test_an_agent_that_keeps_the_well_known_properties_changes_no_others() -> None:
    change, create = rules_of("agent-managed-properties")
    assert change["resources"] == create["resources"] == ["clusterproperties"]
    assert (set(change["resourceNames"]), change["verbs"]) == (
        {CLUSTER_ID_PROPERTY, CLUSTERSET_PROPERTY},
        ["patch"],
    )
    assert create["verbs"] == ["create"]


def test_an_agent_that_reports_reads_two_leases_and_the_properties_and_nothing_else() -> None:
    properties, leases = rules_of("agent-reports")
    assert (properties["resources"], properties["verbs"]) == (["clusterproperties"], ["list", "watch"])
    assert (leases["resources"], leases["verbs"]) == (["leases"], ["get"])
    assert set(leases["resourceNames"]) == set(COMPONENTS_WITH_LEASES)


def test_the_agent_reads_policies_and_writes_only_their_status() -> None:
    assert granted_by("agent-policies") == (
        granted(POLICY_GROUP, "exportpolicies", {"list", "watch"})
        | granted(POLICY_GROUP, "importpolicies", {"list", "watch"})
        | granted(POLICY_GROUP, "exportpolicies/status", {"patch"})
        | granted(POLICY_GROUP, "importpolicies/status", {"patch"})
        | CRD_RIGHT
    )
    assert crds_named_by("agent-policies") == [EXPORT_POLICIES.crd_name, IMPORT_POLICIES.crd_name]


def test_the_agent_makes_and_deletes_exports_only_for_service_export_policies() -> None:
    assert granted_by("agent-service-export-policies") == (
        granted(POLICY_GROUP, "serviceexportpolicies", {"list", "watch"})
        | granted(POLICY_GROUP, "serviceexportpolicies/status", {"patch"})
        | granted(MCS_GROUP, "serviceexports", {"create", "delete"})
        | CRD_RIGHT
    )
    assert crds_named_by("agent-service-export-policies") == [SERVICE_EXPORT_POLICIES.crd_name]


def test_the_agent_writes_one_secret_and_reads_none() -> None:
    (rule,) = rules_of("agent-credential")
    assert (rule["resources"], rule["resourceNames"], rule["verbs"]) == (["secrets"], [SECRET], ["patch"])
    (role,) = roles("credential")
    assert (role["kind"], role["metadata"]["namespace"]) == ("Role", NAMESPACE)


def test_the_agent_takes_part_in_elections_in_its_own_namespace_only() -> None:
    assert granted_by("agent-lease") == granted("coordination.k8s.io", "leases", {"get", "create", "update"})
    assert [(rule.get("resourceNames"), rule["verbs"]) for rule in rules_of("agent-lease")] == [
        (["mcs-agent"], ["get", "update"]),
        (None, ["create"]),
    ]
    bound = {
        one["metadata"].get("namespace"): one["rules"] for one in roles("agent") if one["kind"] == "Role"
    }
    assert bound == {"mcs-system": rules_of("agent-lease")}


@pytest.mark.requirement("MCS-RBAC-05")
def test_the_dns_server_reads_what_names_are_made_of_and_nothing_else() -> None:
    assert granted_by("dns") == (
        granted(MCS_GROUP, "serviceimports", {"list", "watch"})
        | granted("discovery.k8s.io", "endpointslices", {"list", "watch"})
    )


@pytest.mark.requirement("MCS-RBAC-06")
def test_a_member_writes_its_exports_and_its_own_status_but_not_its_limits() -> None:
    assert granted_by("broker-member") == (
        granted(BROKER_GROUP, "exportedservices", {"get"} | WRITE)
        | granted(BROKER_GROUP, "exportedendpointslices", {"get"} | WRITE)
        | granted(BROKER_GROUP, "memberclusters", {"get"})
        | granted(BROKER_GROUP, "memberclusters/status", {"patch"})
        | granted(BROKER_GROUP, "memberreports", {"get", "create", "update"})
        | granted("", "serviceaccounts/token", {"create"})
    )
    (token,) = (one for one in rules_of("broker-member") if one["apiGroups"] == [""])
    assert token["resourceNames"] == [ACCOUNT]
    reports = [one for one in rules_of("broker-member") if one["resources"] == ["memberreports"]]
    assert [(one.get("resourceNames"), one["verbs"]) for one in reports] == [
        ([REPORT_NAME], ["get", "update"]),
        (None, ["create"]),
    ]
    assert granted_by("broker-reader") == (
        granted(BROKER_GROUP, "exportedservices", {"list", "watch"})
        | granted(BROKER_GROUP, "exportedendpointslices", {"list", "watch"})
        | granted(BROKER_GROUP, "memberclusters", {"list"})
    )


@pytest.mark.requirement("CP-06")
def test_the_hub_reads_of_members_and_writes_profiles_in_the_inventory_only() -> None:
    assert granted_by("broker-hub") == (
        granted(BROKER_GROUP, "memberclusters", {"list"})
        | granted(BROKER_GROUP, "memberreports", {"list", "watch"})
        | granted("", "namespaces", {"get", "patch"})
    )
    (namespace,) = (rule for rule in rules_of("broker-hub") if rule["resources"] == ["namespaces"])
    assert namespace["resourceNames"] == [INVENTORY]
    assert granted_by("broker-hub-inventory") == (
        granted(MCS_GROUP, "clusterprofiles", {"list", "watch", "create", "patch", "delete"})
        | granted(MCS_GROUP, "clusterprofiles/status", {"patch"})
    )
    bound = {one["metadata"].get("namespace", ""): one["rules"] for one in roles("hub")}
    assert bound == {
        "": rules_of("broker-hub"),
        INVENTORY: rules_of("broker-hub-inventory"),
        NAMESPACE: rules_of("broker-hub-lease"),
    }
    assert [(rule.get("resourceNames"), rule["verbs"]) for rule in rules_of("broker-hub-lease")] == [
        (["mcs-hub"], ["get", "update"]),
        (None, ["create"]),
    ]


@pytest.mark.requirement("MCS-RBAC-01", "MCS-RBAC-02")
def test_users_export_by_ordinary_rights_and_only_read_imports() -> None:
    labels = {role["metadata"]["name"]: role["metadata"]["labels"] for role in roles("users")}
    assert labels == {
        "mcs-viewer": {"rbac.authorization.k8s.io/aggregate-to-view": "true"},
        "mcs-editor": {"rbac.authorization.k8s.io/aggregate-to-edit": "true"},
    }
    assert granted_by("viewer") == (
        granted(MCS_GROUP, "serviceexports", READ)
        | granted(MCS_GROUP, "serviceimports", READ)
        | granted(POLICY_GROUP, "serviceexportpolicies", READ)
    )
    assert granted_by("editor") == (
        granted(MCS_GROUP, "serviceexports", {"patch"} | WRITE)
        | granted(POLICY_GROUP, "serviceexportpolicies", {"patch"} | WRITE)
    )
