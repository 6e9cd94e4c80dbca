"""What the charts make of values: least rights, restricted pods, and options that reach the program."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from mcs_controller.cli.options import add_options, options_of, read_options
from mcs_controller.cli.settings import AgentSettings, DnsSettings
from mcs_controller.install.rights import COMPONENTS, rights_of
from mcs_controller.install.rules import rules_of
from mcs_controller.options import Option
from tests.charts.rendering import (
    BROKER,
    CHARTS,
    MEMBER,
    NAMESPACE,
    JsonObject,
    default_values,
    helm,
    is_hook,
    of_kind,
    one_of_kind,
    pod_templates,
    render,
    template,
)
from tests.charts.values import BROKER_CASES, CASES, DIGEST, EVERYTHING, MINIMAL, OPENSHIFT

pytestmark = pytest.mark.usefixtures("helm_program")

ALL_CASES = [
    *((MEMBER, name, values) for name, values in CASES.items()),
    *((BROKER, name, values) for name, values in BROKER_CASES.items()),
]
EVERY_CASE = pytest.mark.parametrize(
    ("chart", "values"),
    [(chart, values) for chart, _, values in ALL_CASES],
    ids=[f"{chart}-{name}" for chart, name, _ in ALL_CASES],
)
SETTINGS = {"agent": AgentSettings, "dns": DnsSettings}
CREDENTIAL = "mcs-agent-credential"
LABELS = {"app.kubernetes.io/name": "mcs-controller", "app.kubernetes.io/instance": "mcs"}


@pytest.mark.parametrize("chart", [MEMBER, BROKER])
def test_helm_finds_nothing_to_complain_about(chart: str) -> None:
    for values in (CASES if chart == MEMBER else BROKER_CASES).values():
        ended = helm("lint", "--strict", CHARTS / chart, "--values", "-", stdin=json.dumps(values))
        assert ended.exit_code == 0, ended.stdout + ended.stderr
        assert "[WARNING]" not in ended.stdout


@EVERY_CASE
def test_no_object_is_there_twice_and_all_are_in_the_releases_namespace(
    chart: str, values: JsonObject
) -> None:
    found = render(chart, values, namespace="elsewhere")
    names = [(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in found]
    assert len(set(names)) == len(names)
    allowed = {None, "elsewhere", "leases", "dns-system", "mcs-inventory"}
    allowed |= {"mcs-member-east", "mcs-member-west-1"}
    assert {namespace for _, namespace, _ in names} <= allowed
    assert all(
        subject["namespace"] in ("elsewhere", *allowed)
        for one in found
        for subject in one.get("subjects", ())
    )


@EVERY_CASE
def test_all_pods_have_the_same_image(chart: str, values: JsonObject) -> None:
    images = {
        container["image"] for pod in pod_templates(render(chart, values)) for container in containers(pod)
    }
    assert len(images) <= 1
    if values is EVERYTHING:
        assert images == {f"example.com/mcs-controller@{DIGEST}"}


def containers(pod: JsonObject) -> Iterator[JsonObject]:
    yield from pod["spec"]["containers"]
    yield from pod["spec"].get("initContainers", ())


@EVERY_CASE
def test_all_pods_keep_to_the_restricted_pod_security_level(chart: str, values: JsonObject) -> None:
    for pod in pod_templates(render(chart, values)):
        spec = pod["spec"]
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["enableServiceLinks"] is False
        kinds = {kind for volume in spec.get("volumes", ()) for kind in volume if kind != "name"}
        assert kinds <= {"secret", "emptyDir"}
        for container in containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert all(port["containerPort"] >= 1024 for port in container.get("ports", ()))
            assert "hostPort" not in str(container)


@EVERY_CASE
def test_no_role_has_a_wildcard_and_a_secret_is_read_by_its_name_or_not_at_all(
    chart: str, values: JsonObject
) -> None:
    for role in of_kind(render(chart, values), "ClusterRole", "Role"):
        for rule in role["rules"]:
            assert "*" not in str(rule)
            assert "secrets" not in rule["resources"] or rule["resourceNames"]
            assert not {"escalate", "bind", "impersonate", "deletecollection"} & set(rule["verbs"])


def without_labels(one: JsonObject) -> JsonObject:
    metadata = {name: one["metadata"][name] for name in ("name", "namespace") if name in one["metadata"]}
    aggregated = {
        key: value for key, value in one["metadata"].get("labels", {}).items() if "aggregate-to" in key
    }
    return {**one, "metadata": {**metadata, **({"labels": aggregated} if aggregated else {})}}


def by_name(objects: list[JsonObject]) -> list[JsonObject]:
    return sorted(objects, key=lambda one: (one["kind"], one["metadata"]["name"]))


WITH_HUB: JsonObject = {"hub": {"enabled": True}}
RIGHTS_KINDS = ("ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding")


def test_the_charts_give_the_rights_that_the_command_prints_and_no_others() -> None:
    options = ("exportPolicies", "serviceExportPolicies", "manageProperties", "reportToInventory")
    optional: JsonObject = {"agent": {"config": dict.fromkeys(options, True)}}
    rendered = [
        without_labels(one)
        for one in of_kind([*render(MEMBER, optional), *render(BROKER, WITH_HUB)], *RIGHTS_KINDS)
        if not is_hook(one)
    ]
    printed = of_kind(rights_of(*COMPONENTS), *RIGHTS_KINDS)
    assert by_name(rendered) == by_name(printed)


def test_rights_follow_what_runs() -> None:
    lasting = [one for one in render(MEMBER, MINIMAL) if not is_hook(one)]
    assert {one["metadata"]["name"] for one in of_kind(lasting, *RIGHTS_KINDS)} == {"mcs-agent", "mcs-dns"}
    assert of_kind(lasting, "Role", "RoleBinding") == []
    everything = render(MEMBER, EVERYTHING)
    lease, _ = one_of_kind(everything, "Role", "mcs-agent")["rules"]
    assert lease["resourceNames"] == ["east.agent"]
    extra = EVERYTHING["rbac"]["agentExtraRules"]
    assert one_of_kind(everything, "ClusterRole", "mcs-agent")["rules"] == [*rules_of("agent"), *extra]
    role = one_of_kind(render(MEMBER, OPENSHIFT), "Role", "mcs-agent")
    assert role["metadata"]["namespace"] == "leases"


@pytest.mark.parametrize(
    ("values", "secret"),
    [
        ({}, f"{NAMESPACE}/mcs-broker"),
        (EVERYTHING, f"{NAMESPACE}/east-on-broker"),
        ({"agent": {"config": {"brokerRenewIn": "elsewhere/on-broker"}}}, "elsewhere/on-broker"),
        # Who brings another file says himself which Secret it is of, if any.
        (OPENSHIFT, None),
        ({"broker": {"renew": False}}, None),
    ],
)
def test_the_agent_renews_its_token_in_the_secret_that_it_may_write(
    values: JsonObject, secret: str | None
) -> None:
    found = render(MEMBER, values)
    assert environment(found, "agent").get("MCS_BROKER_RENEW_IN") == secret
    given = {
        f"{one['metadata']['namespace']}/{name}": rule["verbs"]
        for one in of_kind(found, "Role", "ClusterRole")
        for rule in one["rules"]
        if "secrets" in rule["resources"]
        for name in rule["resourceNames"]
    }
    assert given == ({} if secret is None else {secret: ["patch"]})
    bound = [one for one in of_kind(found, "RoleBinding") if one["metadata"]["name"] == CREDENTIAL]
    assert [one["metadata"]["namespace"] for one in bound] == (
        [] if secret is None else [secret.split("/")[0]]
    )


@pytest.mark.parametrize(
    ("words", "has_them"),
    [
        ([], True),
        (["*"], True),
        (["services"], False),
        (["services", "properties"], True),
        (["-properties"], False),
        (["*", "-properties"], False),
        (["-services"], True),
        (["-properties", "*"], True),
    ],
)
def test_the_rights_of_a_controller_are_there_if_it_runs(words: list[str], has_them: bool) -> None:
    found = render(MEMBER, {"agent": {"config": {"controllers": words}}})
    names = {one["metadata"]["name"] for one in of_kind(found, "ClusterRole", "ClusterRoleBinding")}
    assert ("mcs-agent-properties" in names) == has_them


@pytest.mark.parametrize(
    ("options", "has_them"),
    [
        ({}, False),
        ({"manageProperties": True}, True),
        ({"manageProperties": True, "controllers": ["-properties"]}, False),
    ],
)
def test_the_rights_to_write_properties_are_there_if_the_agent_keeps_them(
    options: JsonObject, has_them: bool
) -> None:
    found = render(MEMBER, {"agent": {"config": options}})
    names = {one["metadata"]["name"] for one in of_kind(found, "ClusterRole", "ClusterRoleBinding")}
    assert ("mcs-agent-managed-properties" in names) == has_them


@pytest.mark.parametrize("options", [{}, {"reportToInventory": True}])
def test_the_rights_to_what_is_reported_are_there_if_the_agent_reports(options: JsonObject) -> None:
    found = render(MEMBER, {"agent": {"config": options}})
    names = {one["metadata"]["name"] for one in of_kind(found, "ClusterRole", "ClusterRoleBinding")}
    assert ("mcs-agent-reports" in names) == bool(options)


@pytest.mark.parametrize("options", [{}, {"exportPolicies": True}, {"importPolicies": True}])
def test_the_rights_to_policies_are_there_if_the_agent_asks_them(options: JsonObject) -> None:
    found = render(MEMBER, {"agent": {"config": options}})
    names = {one["metadata"]["name"] for one in of_kind(found, "ClusterRole", "ClusterRoleBinding")}
    assert ("mcs-agent-policies" in names) == bool(options)


@pytest.mark.parametrize("is_on", [False, True])
def test_the_right_to_make_exports_is_there_only_with_bulk_export(is_on: bool) -> None:
    found = render(MEMBER, {"agent": {"config": {"serviceExportPolicies": is_on}}})
    names = {one["metadata"]["name"] for one in of_kind(found, "ClusterRole", "ClusterRoleBinding")}
    assert ("mcs-agent-service-export-policies" in names) is is_on


@pytest.mark.parametrize("values", CASES.values(), ids=CASES)
def test_what_finds_pods_never_changes_and_finds_those_of_one_component(values: JsonObject) -> None:
    found = render(MEMBER, values)
    pods = {
        one["metadata"]["name"].removeprefix("mcs-"): one["spec"]["template"]["metadata"]["labels"]
        for one in of_kind(found, "Deployment", "Job")
    }
    for component in ("agent", "dns"):
        wanted = {**LABELS, "app.kubernetes.io/component": component}
        deployment = one_of_kind(found, "Deployment", f"mcs-{component}")
        assert deployment["spec"]["selector"] == {"matchLabels": wanted}
        selecting = [
            one["spec"]["selector"].get("matchLabels", one["spec"]["selector"])
            for one in of_kind(found, "Service", "PodDisruptionBudget")
            if one["metadata"]["labels"]["app.kubernetes.io/component"] == component
        ]
        selecting += [
            one["spec"]["podSelector"]["matchLabels"]
            for one in of_kind(found, "NetworkPolicy")
            if one["metadata"]["name"] == f"mcs-{component}"
        ]
        assert selecting
        assert all(one == wanted for one in selecting)
        assert [name for name, labels in pods.items() if wanted.items() <= labels.items()] == [component]


POD = {"metadata.uid": "0b7a3c52-uid"}
"""What a pod says of itself."""


def environment(found: list[JsonObject], command: str) -> dict[str, str]:
    deployment = one_of_kind(found, "Deployment", f"mcs-{command}")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert [*container["command"], *container["args"]] == ["mcs-controller", command]
    return {
        one["name"]: one.get("value") or POD[one["valueFrom"]["fieldRef"]["fieldPath"]]
        for one in container["env"]
    }


def settings_in_pod(found: list[JsonObject], command: str) -> Any:
    """What the program itself reads from the pod's environment."""
    parser = argparse.ArgumentParser()
    add_options(parser, SETTINGS[command])
    return read_options(SETTINGS[command], parser.parse_args([]), environment(found, command))


@pytest.mark.parametrize("command", SETTINGS)
def test_by_default_a_pod_runs_with_the_programs_defaults(command: str) -> None:
    parser = argparse.ArgumentParser()
    add_options(parser, SETTINGS[command])
    own = {
        "agent": {
            "MCS_BROKER_KUBECONFIG": "/etc/mcs-controller/broker/kubeconfig",
            "MCS_BROKER_RENEW_IN": f"{NAMESPACE}/mcs-broker",
            "MCS_LEASE_IDENTITY": POD["metadata.uid"],
        },
        "dns": {"MCS_LISTEN": ":1053"},
    }
    wanted: Any = read_options(SETTINGS[command], parser.parse_args([]), own[command])
    assert settings_in_pod(render(MEMBER, {}), command) == wanted


def another(option: Option, default: Any) -> Any:
    """A value that is not the default, as an operator would write it."""
    special = {
        "deadMemberPolicy": "keep",
        "logLevel": "debug",
        "logFormat": "text",
        "http": "127.0.0.1:9999",
        "statusPage": "127.0.0.1:9998",
        "listen": ["10.0.0.1:5353", "[::1]:5353"],
        "controllers": ["*", "-properties"],
        "brokerRenewIn": "elsewhere/on-broker",
        "importReservedNamespaces": ["default", "kube-system"],
        "fuseShare": 0.25,
        "locality": "zone",
        "localityMinReady": "75%",
        # As a float this would be 1e+08.
        "memberMaxServices": 100000000,
    }
    if option.chart_value in special:
        return special[option.chart_value]
    if option.repeatable:
        return ["one", "two"]
    if isinstance(default, bool):
        return not default
    return default + 1 if isinstance(default, int) else "some-thing"


@pytest.mark.parametrize("command", SETTINGS)
def test_every_value_reaches_the_program_by_its_environment_variable(command: str) -> None:
    defaults = default_values(MEMBER)[command]["config"]
    options = options_of(SETTINGS[command])
    chosen = {one.chart_value: another(one, defaults[one.chart_value]) for one in options}
    found = environment(render(MEMBER, {command: {"config": chosen, "replicas": 1}}), command)
    for one in options:
        value = chosen[one.chart_value]
        assert value != defaults[one.chart_value], one
        text = ",".join(value) if isinstance(value, list) else str(value)
        assert found[one.env] == (text.lower() if isinstance(value, bool) else text)
    assert set(found) == {one.env for one in options}


def test_a_pod_finds_the_brokers_kubeconfig_where_it_looks_for_it() -> None:
    for values, secret, path in (
        ({}, "mcs-broker", "/etc/mcs-controller/broker/kubeconfig"),
        (EVERYTHING, "east-on-broker", "/etc/mcs-controller/broker/config"),
    ):
        found = render(MEMBER, values)
        pod = one_of_kind(found, "Deployment", "mcs-agent")["spec"]["template"]["spec"]
        volume = next(one for one in pod["volumes"] if one["name"] == "broker")
        assert volume["secret"] == {"secretName": secret, "defaultMode": 0o440}
        mount = next(one for one in pod["containers"][0]["volumeMounts"] if one["name"] == "broker")
        assert path.startswith(mount["mountPath"] + "/")
        assert "subPath" not in mount
        assert environment(found, "agent")["MCS_BROKER_KUBECONFIG"] == path
    own = one_of_kind(render(MEMBER, OPENSHIFT), "Deployment", "mcs-agent")["spec"]["template"]["spec"]
    assert "volumes" not in own


def test_replicas_are_spread_and_drained_one_at_a_time() -> None:
    found = render(MEMBER, {})
    for component in ("agent", "dns"):
        spec = one_of_kind(found, "Deployment", f"mcs-{component}")["spec"]
        assert spec["replicas"] >= 2
        assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
        spread = spec["template"]["spec"]["topologySpreadConstraints"]
        keys = ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
        assert [one["topologyKey"] for one in spread] == keys
        assert all(one["labelSelector"] == spec["selector"] for one in spread)
        budget = one_of_kind(found, "PodDisruptionBudget", f"mcs-{component}")["spec"]
        assert (budget["maxUnavailable"], budget["selector"]) == (1, spec["selector"])
    assert of_kind(render(MEMBER, MINIMAL), "PodDisruptionBudget") == []


@pytest.mark.parametrize("values", CASES.values(), ids=CASES)
def test_the_dns_service_has_both_protocols_and_leads_to_where_the_server_listens(values: JsonObject) -> None:
    found = render(MEMBER, values)
    service = one_of_kind(found, "Service", "mcs-dns")["spec"]
    assert {(one["protocol"], one["port"]) for one in service["ports"]} == {("UDP", 53), ("TCP", 53)}
    pod = one_of_kind(found, "Deployment", "mcs-dns")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    ports = {(one["name"], one["protocol"]): one["containerPort"] for one in container["ports"][:2]}
    listened = {port for _, port in settings_in_pod(found, "dns").dns.listen}
    for one in service["ports"]:
        assert {ports[one["targetPort"], one["protocol"]]} == listened
    assert pod["terminationGracePeriodSeconds"] >= settings_in_pod(found, "dns").drain_seconds + 25


@pytest.mark.parametrize("values", CASES.values(), ids=CASES)
def test_probes_and_metrics_ask_where_the_program_serves_them(values: JsonObject) -> None:
    found = render(MEMBER, values)
    for command in SETTINGS:
        pod = one_of_kind(found, "Deployment", f"mcs-{command}")["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        ports = {one["name"]: one["containerPort"] for one in container["ports"]}
        assert ports["http"] == settings_in_pod(found, command).http.port
        assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
        assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
        metrics = one_of_kind(found, "Service", f"mcs-{command}-metrics")["spec"]
        assert metrics["ports"][0]["targetPort"] == "http"
        assert metrics["publishNotReadyAddresses"] is True
        if values is not MINIMAL:
            allowed = one_of_kind(found, "NetworkPolicy", f"mcs-{command}")["spec"]["ingress"]
            named = {port["port"] for rule in allowed for port in rule["ports"]}
            assert named == set(ports)


@pytest.mark.parametrize(
    ("listens", "reached_from", "port", "rule"),
    [
        ("", [{}], None, False),
        ("127.0.0.1:8081", [{}], None, False),
        ("[::1]:8081", [{}], None, False),
        ("localhost:8081", [{}], None, False),
        (":8081", [], 8081, False),
        ("0.0.0.0:8081", [{"podSelector": {}}], 8081, True),
    ],
)
def test_the_status_page_is_off_and_reached_only_by_whom_the_values_name(
    listens: str, reached_from: list[JsonObject], port: int | None, rule: bool
) -> None:
    values = {
        "agent": {"config": {"statusPage": listens}},
        "networkPolicy": {"statusPageFrom": reached_from},
    }
    found = render(MEMBER, values)
    page = settings_in_pod(found, "agent").status_page
    assert str(page or "") == listens
    pod = one_of_kind(found, "Deployment", "mcs-agent")["spec"]["template"]["spec"]
    ports = {one["name"]: one["containerPort"] for one in pod["containers"][0]["ports"]}
    assert ports.get("page") == port
    rules = one_of_kind(found, "NetworkPolicy", "mcs-agent")["spec"]["ingress"]
    allowed = [one for one in rules if one["ports"] == [{"port": "page", "protocol": "TCP"}]]
    assert [one["from"] for one in allowed] == ([reached_from] if rule else [])
    assert default_values(MEMBER)["agent"]["config"]["statusPage"] == ""


def test_what_prometheus_and_grafana_take_is_made_of_the_charts_files() -> None:
    assert of_kind(render(MEMBER, {}), "ServiceMonitor", "PrometheusRule", "ConfigMap") == []
    found = render(MEMBER, EVERYTHING)
    monitor = one_of_kind(found, "ServiceMonitor", "mcs-controller")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["relabelings"] == [{"targetLabel": "cluster", "replacement": "east"}]
    selected = monitor["spec"]["selector"]["matchLabels"].items()
    services = [one for one in of_kind(found, "Service") if selected <= one["metadata"]["labels"].items()]
    with_port = [
        one for one in services if endpoint["port"] in {port["name"] for port in one["spec"]["ports"]}
    ]
    assert {one["metadata"]["name"] for one in with_port} == {"mcs-agent-metrics", "mcs-dns-metrics"}

    files = CHARTS / MEMBER / "files"
    rule = one_of_kind(found, "PrometheusRule", "mcs-controller")
    assert rule["spec"] == yaml.safe_load((files / "alerts.yaml").read_text())
    dashboards = one_of_kind(found, "ConfigMap", "mcs-controller-dashboards")
    assert dashboards["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert {name: json.loads(text) for name, text in dashboards["data"].items()} == {
        f"mcs-{file.name}": json.loads(file.read_text()) for file in files.glob("dashboards/*.json")
    }


def test_each_alert_links_to_the_page_that_the_operator_names() -> None:
    page = "https://docs.example.com/mcs/operations.html"
    rule = one_of_kind(
        render(MEMBER, {"monitoring": {"prometheusRule": {"enabled": True, "runbookPage": page}}}),
        "PrometheusRule",
        "mcs-controller",
    )
    rules = [one for group in rule["spec"]["groups"] for one in group["rules"]]
    assert {one["alert"]: one["annotations"]["runbook_url"] for one in rules} == {
        one["alert"]: f"{page}#{one['alert'].lower()}" for one in rules
    }
    assert len(rules) > 30


def test_a_member_of_the_broker_gets_what_only_it_may_use() -> None:
    found = render(BROKER, BROKER_CASES["members"])
    for member in ("east", "west-1"):
        namespace = f"mcs-member-{member}"
        kept = one_of_kind(found, "Namespace", namespace)["metadata"]["annotations"]
        assert kept == {"helm.sh/resource-policy": "keep"}
        account = {"kind": "ServiceAccount", "name": "member", "namespace": namespace}
        reader = one_of_kind(found, "ClusterRoleBinding", namespace)
        assert (reader["roleRef"]["name"], reader["subjects"]) == ("mcs-broker-reader", [account])
        (writer,) = (
            one for one in of_kind(found, "RoleBinding") if one["metadata"]["namespace"] == namespace
        )
        assert (writer["roleRef"]["name"], writer["subjects"]) == ("mcs-broker-member", [account])
    writers = {one["roleRef"]["name"] for one in of_kind(found, "ClusterRoleBinding") if not is_hook(one)}
    assert writers == {"mcs-broker-reader"}


REFUSED = [
    (MEMBER, {"agents": {}}, "'agents' not allowed"),
    (MEMBER, {"agent": {"config": {"clusterID": "east"}}}, "'clusterID' not allowed"),
    (
        MEMBER,
        {"agent": {"config": {"clusterId": "East_1"}}},
        "at '/agent/config/clusterId': 'East_1' does not match",
    ),
    (MEMBER, {"agent": {"config": {"clusterId": "e" * 53}}}, "at '/agent/config/clusterId'"),
    (MEMBER, {"agent": {"config": {"deadMemberPolicy": "drop"}}}, "value must be one of 'withdraw', 'keep'"),
    (MEMBER, {"agent": {"config": {"fuseShare": 2}}}, "at '/agent/config/fuseShare': maximum: got 2, want 1"),
    (MEMBER, {"agent": {"config": {"heartbeatIntervalSeconds": "10s"}}}, "got string, want number"),
    (MEMBER, {"agent": {"replicas": 0}}, "at '/agent/replicas': minimum: got 0, want 1"),
    (MEMBER, {"agent": {"config": {"leaderElect": False}}}, "set agent.replicas to 1"),
    (MEMBER, {"agent": {"config": {"statusPage": ":0"}}}, "at '/agent/config/statusPage'"),
    (MEMBER, {"dns": {"config": {"http": ":0"}}}, "at '/dns/config/http'"),
    (MEMBER, {"dns": {"config": {"listen": []}}}, "at '/dns/config/listen'"),
    (MEMBER, {"dns": {"config": {"listen": ["10.0.0.1:53", "[::1]:54"]}}}, "more than one port"),
    (MEMBER, {"dns": {"service": {"ipFamilyPolicy": "DualStack"}}}, "at '/dns/service/ipFamilyPolicy'"),
    (MEMBER, {"image": {"digest": "latest"}}, "at '/image/digest'"),
    (BROKER, {"members": ["East"]}, "at '/members/0'"),
    (BROKER, {"clusterset": "Prod"}, "at '/clusterset'"),
    (BROKER, {"members": ["east", "east"]}, "at '/members'"),
]


@pytest.mark.parametrize(("chart", "values", "said"), REFUSED, ids=[said for _, _, said in REFUSED])
def test_bad_values_are_refused_with_the_place_and_the_reason(
    chart: str, values: JsonObject, said: str
) -> None:
    ended = template(chart, values)
    assert ended.exit_code != 0
    assert said in ended.stderr
    assert ended.stdout == ""


def notes(chart: str, values: JsonObject) -> str:
    """What the user is told after an install."""
    _, found, told = template(chart, values, notes=True).stdout.partition("\nNOTES:\n")
    assert found
    return told


def test_the_notes_say_what_comes_next() -> None:
    told = notes(MEMBER, {})
    assert "agent.config.clusterId is empty" in told
    assert "get secret mcs-broker" in told
    assert f"mcs-controller dns install --dns-service {NAMESPACE}/mcs-dns --dry-run" in told
    assert f"helm test mcs --namespace {NAMESPACE}" in told
    assert f"mcs-controller leave --namespace {NAMESPACE}\n" in told
    leaving = notes(MEMBER, {"leave": {"onUninstall": True}})
    assert "mcs-controller leave" not in leaving
    assert "takes the cluster out of the clusterset for good" in leaving
    connected = notes(MEMBER, {"clusterDns": {"install": True}})
    assert "mcs-controller dns install" not in connected
    config = {"agent": {"config": {"clusterId": "east"}}}
    other = notes(MEMBER, config | {"dns": {"config": {"zone": "set.example"}}})
    assert "clusterId is empty" not in other
    assert "--zone set.example" in other
    assert "mcs-controller broker create-member west-1 --broker-kubeconfig" in notes(
        BROKER, BROKER_CASES["members"]
    )


def test_a_dns_server_that_ends_fails_its_probe_well_before_it_stops_answering() -> None:
    """Until then, clients that keep their UDP port are still sent to it."""
    pod = one_of_kind(render(MEMBER, {}), "Deployment", "mcs-dns")["spec"]["template"]["spec"]
    probe = pod["containers"][0]["readinessProbe"]
    drain_seconds = default_values(MEMBER)["dns"]["config"]["drainSeconds"]
    assert probe["periodSeconds"] * probe["failureThreshold"] <= drain_seconds / 2
    assert pod["terminationGracePeriodSeconds"] >= drain_seconds + 5
