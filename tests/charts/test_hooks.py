"""What the charts run at certain moments only: Jobs and a pod, whose rights are there no longer than they."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from mcs_controller.cli.agents_place import STOPS_WITHIN_SECONDS
from mcs_controller.cli.install_settings import CheckSettings, LeaveSettings
from mcs_controller.cli.options import add_options, read_options
from mcs_controller.cli.shared_options import agents_lease
from mcs_controller.install.rules import rules_of
from tests.charts.rendering import (
    BROKER,
    MEMBER,
    NAMESPACE,
    JsonObject,
    is_hook,
    of_kind,
    one_of_kind,
    render,
    template,
)
from tests.charts.test_manifests import environment
from tests.charts.values import EVERYTHING, MINIMAL, OPENSHIFT

pytestmark = pytest.mark.usefixtures("helm_program")


def hooks_of(chart: str, values: JsonObject, moment: str, *, namespace: str = NAMESPACE) -> list[JsonObject]:
    """What is there at that moment only."""
    found = [one for one in render(chart, values, namespace=namespace) if is_hook(one)]
    return [one for one in found if moment in one["metadata"]["annotations"]["helm.sh/hook"].split(",")]


def order_of(hooks: list[JsonObject]) -> dict[str, int]:
    """The weight of each kind: the least is made first."""
    return {one["kind"]: int(one["metadata"]["annotations"]["helm.sh/hook-weight"]) for one in hooks}


@pytest.mark.parametrize(("chart", "name"), [(MEMBER, "mcs-crds"), (BROKER, "mcs-broker-crds")])
def test_the_job_that_installs_the_kinds_has_its_own_rights_and_goes_with_them(chart: str, name: str) -> None:
    hooks = hooks_of(chart, {}, "pre-install")
    assert {one["kind"] for one in hooks} == {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Job"}
    assert {one["metadata"]["name"] for one in hooks} == {name}
    for one in hooks:
        annotations = one["metadata"]["annotations"]
        assert annotations["helm.sh/hook"] == "pre-install,pre-upgrade"
        assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"
    order = order_of(hooks)
    assert order["ServiceAccount"] < order["Job"] > order["ClusterRoleBinding"] > order["ClusterRole"]
    assert one_of_kind(hooks, "ClusterRole", name)["rules"] == rules_of(name.removeprefix("mcs-"))
    (container,) = one_of_kind(hooks, "Job", name)["spec"]["template"]["spec"]["containers"]
    role = "broker" if chart == BROKER else "member"
    assert [*container["command"], *container["args"]] == [
        "mcs-controller", "crds", "--apply", "--for", role,
    ]  # fmt: skip
    assert hooks_of(chart, {"crds": {"install": False}}, "pre-install") == []


def test_jobs_connect_the_clusters_dns_only_if_asked_to() -> None:
    assert "mcs-cluster-dns" not in str(render(MEMBER, {}))
    values = {"clusterDns": {"install": True}, "dns": {"config": {"zone": "set.example"}}}
    hooks = [one for one in render(MEMBER, values) if "cluster-dns" in one["metadata"]["name"]]
    assert all(map(is_hook, hooks))
    moments = {
        one["metadata"]["name"]: one["metadata"]["annotations"]["helm.sh/hook"]
        for one in of_kind(hooks, "Job")
    }
    assert moments == {
        "mcs-cluster-dns-install": "post-install,post-upgrade",
        "mcs-cluster-dns-uninstall": "pre-delete",
    }
    for one in hooks:
        if one["kind"] != "Job":
            assert one["metadata"]["annotations"]["helm.sh/hook"] == ",".join(moments.values())
    where = {one["metadata"]["namespace"]: one["rules"] for one in of_kind(hooks, "Role")}
    assert where == {"kube-system": rules_of("cluster-dns"), NAMESPACE: rules_of("cluster-dns-service")}
    for action, more in (("install", [f"--dns-service={NAMESPACE}/mcs-dns"]), ("uninstall", [])):
        pod = one_of_kind(hooks, "Job", f"mcs-cluster-dns-{action}")["spec"]["template"]["spec"]
        asked = ["dns", action, "--zone=set.example", "--dns-namespace=kube-system", *more]
        assert pod["containers"][0]["args"] == asked


def settings_of(settings: type, spec: JsonObject) -> Any:
    """What the program in a pod reads from its command line and its environment."""
    (container,) = spec["containers"]
    parser = argparse.ArgumentParser()
    add_options(parser, settings)
    environment = {one["name"]: one["value"] for one in container.get("env") or ()}
    return read_options(settings, parser.parse_args(container["args"][1:]), environment)


def agents_files(values: JsonObject) -> tuple[Any, Any]:
    """The volumes of the agent's pods, and where they are."""
    spec = one_of_kind(render(MEMBER, values), "Deployment", "mcs-agent")["spec"]["template"]["spec"]
    return spec.get("volumes"), spec["containers"][0].get("volumeMounts")


_LEASE_ELSEWHERE: JsonObject = {"agent": {"config": {"leaseNamespace": "leases"}}}


@pytest.mark.parametrize("values", [{}, MINIMAL, EVERYTHING, OPENSHIFT, _LEASE_ELSEWHERE], ids=str)
def test_helm_test_runs_check_with_the_agents_credential_for_the_broker(values: JsonObject) -> None:
    hooks = hooks_of(MEMBER, values, "test")
    assert {one["metadata"]["name"] for one in hooks} == {"mcs-check"}
    order = order_of(hooks)
    assert order["ServiceAccount"] < order["Pod"] > order["ClusterRoleBinding"] > order["ClusterRole"]
    spec = one_of_kind(hooks, "Pod", "mcs-check")["spec"]
    assert spec["restartPolicy"] == "Never"
    assert spec["containers"][0]["command"] == ["mcs-controller"]
    assert spec["containers"][0]["args"][0] == "check"
    assert (spec.get("volumes"), spec["containers"][0].get("volumeMounts")) == agents_files(values)
    told = environment(render(MEMBER, values), "agent")
    settings: CheckSettings = settings_of(CheckSettings, spec)
    assert str(settings.broker_kubeconfig) == told["MCS_BROKER_KUBECONFIG"]
    assert settings.cluster_id == told.get("MCS_CLUSTER_ID")
    assert settings.namespace == NAMESPACE
    assert agents_lease(settings) == (told["MCS_LEASE_NAMESPACE"], told["MCS_LEASE_NAME"])


def test_check_has_rights_to_read_the_objects_that_it_looks_at() -> None:
    values = {"agent": {"config": {"leaseName": "east.agent"}}, "clusterDns": {"dnsNamespace": "dns-system"}}
    hooks = hooks_of(MEMBER, values, "test")
    (lease,) = (rule for rule in rules_of("check") if rule["resources"] == ["leases"])
    assert lease["resourceNames"] == ["mcs-agent"]
    assert one_of_kind(hooks, "ClusterRole", "mcs-check")["rules"] == [
        {**rule, "resourceNames": ["east.agent"]} if rule == lease else rule for rule in rules_of("check")
    ]
    settings: CheckSettings = settings_of(CheckSettings, one_of_kind(hooks, "Pod", "mcs-check")["spec"])
    assert settings.dns_namespace == "dns-system"


def test_a_job_takes_the_cluster_out_before_an_uninstall_only_if_asked_to() -> None:
    assert "mcs-leave" not in str(render(MEMBER, {}))
    values = {
        "leave": {"onUninstall": True, "waitSeconds": 60},
        "clusterDns": {"install": True},
        "agent": {"config": {"clusterId": "east", "leaseName": "east.agent"}},
    }
    before = hooks_of(MEMBER, values, "pre-delete")
    hooks = [one for one in before if one["metadata"]["name"].startswith("mcs-leave")]
    assert {one["metadata"]["annotations"]["helm.sh/hook"] for one in hooks} == {"pre-delete"}
    order = order_of(hooks)
    assert order["ServiceAccount"] < order["Job"] > order["RoleBinding"] > order["Role"]
    assert order["Job"] > order["ClusterRoleBinding"]
    # If it cannot leave, its users go on resolving names.
    assert order["Job"] < order_of([one_of_kind(before, "Job", "mcs-cluster-dns-uninstall")])["Job"]
    job = one_of_kind(hooks, "Job", "mcs-leave")["spec"]
    settings: LeaveSettings = settings_of(LeaveSettings, job["template"]["spec"])
    assert (settings.namespace, settings.lease_name, settings.cluster_id) == (NAMESPACE, "east.agent", "east")
    assert settings.wait_seconds == 60
    assert job["activeDeadlineSeconds"] > settings.wait_seconds + STOPS_WITHIN_SECONDS


def test_the_job_that_leaves_has_the_agents_rights_and_its_own() -> None:
    config = {"leaseNamespace": "leases", "leaseName": "east.agent"}
    values = {"leave": {"onUninstall": True}, "agent": {"config": config}}
    hooks = hooks_of(MEMBER, values, "pre-delete")
    assert one_of_kind(hooks, "Role", "mcs-leave")["rules"] == rules_of("leave")
    of_lease = one_of_kind(hooks, "Role", "mcs-leave-lease")
    holds, creates = rules_of("leave-lease")
    assert of_lease["rules"] == [{**holds, "resourceNames": ["east.agent"]}, creates]
    agents = next(
        one for one in of_kind(render(MEMBER, values), "Role") if one["metadata"]["name"] == "mcs-agent"
    )
    assert of_lease["metadata"]["namespace"] == agents["metadata"]["namespace"] == "leases"
    (subject,) = one_of_kind(hooks, "RoleBinding", "mcs-leave-lease")["subjects"]
    assert (subject["name"], subject["namespace"]) == ("mcs-leave", NAMESPACE)
    job = one_of_kind(hooks, "Job", "mcs-leave")["spec"]["template"]["spec"]
    assert agents_lease(settings_of(LeaveSettings, job)) == ("leases", "east.agent")
    assert one_of_kind(hooks, "ClusterRoleBinding", "mcs-leave")["roleRef"]["name"] == "mcs-agent"
    of_properties = one_of_kind(hooks, "ClusterRole", "mcs-leave-properties")
    assert of_properties["rules"] == rules_of("leave-properties")
    bound = one_of_kind(hooks, "ClusterRoleBinding", "mcs-leave-properties")
    assert (bound["roleRef"]["name"], bound["subjects"][0]["name"]) == ("mcs-leave-properties", "mcs-leave")
    # It goes with the release, and so is there as long as the Job runs.
    assert not is_hook(one_of_kind(render(MEMBER, values), "ClusterRole", "mcs-agent"))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"broker": {"secretName": "east-on-broker"}}, "the credential that `mcs-controller join` made"),
        ({"broker": {"secretKey": "config"}}, "the credential that `mcs-controller join` made"),
        ({"agent": {"config": {"brokerKubeconfig": "/broker"}}}, "the credential that `mcs-controller join`"),
    ],
)
def test_where_the_job_could_not_leave_the_chart_says_so_at_once(values: JsonObject, reason: str) -> None:
    ended = template(MEMBER, {**values, "leave": {"onUninstall": True}})
    assert ended.exit_code == 1
    assert reason in ended.stderr
