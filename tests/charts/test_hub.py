"""The hub in the broker's chart: off unless asked for, least rights, and options that reach the program."""

from __future__ import annotations

import argparse
from typing import Any

import pytest
import yaml

from mcs_controller.cli.options import add_options, options_of, read_options
from mcs_controller.cli.settings import HubSettings
from mcs_controller.install.rules import rules_of
from mcs_controller.options import Option
from tests.charts.rendering import (
    BROKER,
    NAMESPACE,
    JsonObject,
    default_values,
    is_hook,
    of_kind,
    one_of_kind,
    render,
    schema,
    template,
)
from tests.charts.values import BROKER_CASES

pytestmark = pytest.mark.usefixtures("helm_program")

ENABLED: JsonObject = {"hub": {"enabled": True}}
SINGLE, OWN = BROKER_CASES["a-single-hub"], BROKER_CASES["inventory-of-one's-own"]
HUBS = pytest.mark.parametrize("values", [ENABLED, OWN, SINGLE], ids=["defaults", "own", "single"])
OPTIONS = options_of(HubSettings)
POD_UID = "0b7a3c52-uid"
SELECTOR = {
    "app.kubernetes.io/name": "mcs-broker",
    "app.kubernetes.io/instance": "mcs",
    "app.kubernetes.io/component": "hub",
}


def with_config(**config: Any) -> JsonObject:
    return {"hub": {"enabled": True, "config": config}}


def pod_of(found: list[JsonObject]) -> JsonObject:
    spec: JsonObject = one_of_kind(found, "Deployment", "mcs-hub")["spec"]["template"]["spec"]
    return spec


def environment(found: list[JsonObject]) -> dict[str, str]:
    (container,) = pod_of(found)["containers"]
    assert [*container["command"], *container["args"]] == ["mcs-controller", "hub"]
    return {one["name"]: one.get("value") or POD_UID for one in container["env"]}


def settings_with(words: dict[str, str]) -> HubSettings:
    """What the program itself reads from an environment."""
    parser = argparse.ArgumentParser()
    add_options(parser, HubSettings)
    return read_options(HubSettings, parser.parse_args([]), words)


def test_without_asking_there_is_no_hub_and_none_of_its_rights() -> None:
    lasting = [one for one in render(BROKER, {}) if not is_hook(one)]
    assert [one for one in lasting if "hub" in one["metadata"]["name"]] == []
    assert of_kind(lasting, "Deployment", "Role", "RoleBinding", "Namespace", "Service") == []


def test_every_option_is_a_value_and_every_value_an_option() -> None:
    names = [option.chart_value for option in OPTIONS]
    assert list(default_values(BROKER)["hub"]["config"]) == names
    assert list(schema(BROKER)["properties"]["hub"]["properties"]["config"]["properties"]) == names


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.chart_value)
def test_a_value_has_the_options_default_and_says_what_it_says(option: Option) -> None:
    name = option.chart_value
    default = "" if option.default is None or name == "leaseNamespace" else option.default
    wanted = default if option.parse is str else yaml.safe_load(default or "''")
    assert str(default_values(BROKER)["hub"]["config"][name]) == str(wanted)
    described = schema(BROKER)["properties"]["hub"]["properties"]["config"]["properties"][name]
    assert described["description"] == option.help[0].upper() + option.help[1:]


def test_by_default_a_pod_runs_with_the_programs_defaults() -> None:
    own = {"MCS_LEASE_IDENTITY": POD_UID}
    assert settings_with(environment(render(BROKER, ENABLED))) == settings_with(own)


def another(option: Option, default: Any) -> Any:
    """A value that is not the default, as an operator would write it."""
    special = {"logLevel": "debug", "logFormat": "text", "http": "127.0.0.1:9999"}
    if option.chart_value in special:
        return special[option.chart_value]
    if isinstance(default, bool):
        return not default
    return default + 1 if isinstance(default, int) else "some-thing"


def test_every_value_reaches_the_program_by_its_environment_variable() -> None:
    defaults = default_values(BROKER)["hub"]["config"]
    chosen = {one.chart_value: another(one, defaults[one.chart_value]) for one in OPTIONS}
    found = environment(render(BROKER, {"hub": {"enabled": True, "config": chosen, "replicas": 1}}))
    for one in OPTIONS:
        value = chosen[one.chart_value]
        assert value != defaults[one.chart_value], one
        assert found[one.env] == (str(value).lower() if isinstance(value, bool) else str(value))
    assert set(found) == {one.env for one in OPTIONS}


@HUBS
def test_what_finds_pods_finds_the_hubs_and_no_others(values: JsonObject) -> None:
    found = render(BROKER, values)
    deployment = one_of_kind(found, "Deployment", "mcs-hub")["spec"]
    assert deployment["selector"] == {"matchLabels": SELECTOR}
    labels = deployment["template"]["metadata"]["labels"]
    assert SELECTOR.items() <= labels.items()
    assert one_of_kind(found, "Service", "mcs-hub-metrics")["spec"]["selector"] == SELECTOR
    for one in of_kind(found, "PodDisruptionBudget"):
        assert one["spec"]["selector"] == {"matchLabels": SELECTOR}
    for one in of_kind(found, "NetworkPolicy"):
        assert one["spec"]["podSelector"] == {"matchLabels": SELECTOR}
    for job in of_kind(found, "Job"):
        assert not SELECTOR.items() <= job["spec"]["template"]["metadata"]["labels"].items()


@HUBS
def test_probes_and_metrics_ask_where_the_program_serves_them(values: JsonObject) -> None:
    found = render(BROKER, values)
    (container,) = pod_of(found)["containers"]
    (port,) = container["ports"]
    assert port == {"name": "http", "containerPort": settings_with(environment(found)).http.port}
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    metrics = one_of_kind(found, "Service", "mcs-hub-metrics")["spec"]
    assert metrics["ports"][0]["targetPort"] == "http"
    assert metrics["publishNotReadyAddresses"] is True
    for one in of_kind(found, "NetworkPolicy"):
        (rule,) = one["spec"]["ingress"]
        assert rule["ports"] == [{"port": "http", "protocol": "TCP"}]
        assert rule.get("from") == values.get("networkPolicy", {}).get("metricsFrom")
    monitors = of_kind(found, "ServiceMonitor")
    assert [one["spec"]["selector"] for one in monitors] == (
        [{"matchLabels": SELECTOR}] if values is SINGLE else []
    )


def test_replicas_are_spread_and_drained_one_at_a_time() -> None:
    found = render(BROKER, ENABLED)
    spec = one_of_kind(found, "Deployment", "mcs-hub")["spec"]
    assert spec["replicas"] >= 2
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    spread = spec["template"]["spec"]["topologySpreadConstraints"]
    assert [one["topologyKey"] for one in spread] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    assert all(one["labelSelector"] == spec["selector"] for one in spread)
    assert one_of_kind(found, "PodDisruptionBudget", "mcs-hub")["spec"]["maxUnavailable"] == 1
    assert of_kind(render(BROKER, SINGLE), "PodDisruptionBudget", "NetworkPolicy") == []


def test_it_writes_in_the_inventory_and_in_no_other_namespace() -> None:
    found = render(
        BROKER, with_config(inventoryNamespace="fleet", leaseNamespace="leases", leaseName="the.hub")
    )
    inventory = one_of_kind(found, "Role", "mcs-hub-inventory")
    assert (inventory["metadata"]["namespace"], inventory["rules"]) == (
        "fleet",
        rules_of("broker-hub-inventory"),
    )
    lease = one_of_kind(found, "Role", "mcs-hub")
    assert lease["metadata"]["namespace"] == "leases"
    assert lease["rules"][0]["resourceNames"] == ["the.hub"]
    everywhere = one_of_kind(found, "ClusterRole", "mcs-hub")["rules"]
    *reading, namespace = everywhere
    assert {verb for rule in reading for verb in rule["verbs"]} <= {"get", "list", "watch"}
    assert (namespace["resources"], namespace["resourceNames"]) == (["namespaces"], ["fleet"])
    account = {"kind": "ServiceAccount", "name": "mcs-hub", "namespace": NAMESPACE}
    bound = [
        one
        for one in of_kind(found, "RoleBinding", "ClusterRoleBinding")
        if one["metadata"]["name"].startswith("mcs-hub")
    ]
    assert len(bound) == 3
    assert all(one["subjects"] == [account] for one in bound)


def test_the_inventory_stays_when_the_chart_is_uninstalled() -> None:
    metadata = one_of_kind(render(BROKER, ENABLED), "Namespace", "mcs-inventory")["metadata"]
    assert metadata["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert of_kind(render(BROKER, with_config(inventoryNamespace=NAMESPACE)), "Namespace") == []


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (with_config(leaderElect=False), "set hub.replicas to 1"),
        (with_config(clusterManager=""), "at '/hub/config/clusterManager'"),
        (with_config(clusterManager="m" * 64), "at '/hub/config/clusterManager'"),
        (with_config(inventoryNamespace=""), "at '/hub/config/inventoryNamespace'"),
        (with_config(memberTimeoutSeconds=0), "at '/hub/config/memberTimeoutSeconds'"),
        (with_config(clusterID="east"), "'clusterID' not allowed"),
        ({"hub": {"replicas": 0}}, "at '/hub/replicas': minimum: got 0, want 1"),
    ],
)
def test_bad_values_are_refused_with_the_place_and_the_reason(values: JsonObject, said: str) -> None:
    ended = template(BROKER, values)
    assert ended.exit_code != 0
    assert said in ended.stderr
    assert ended.stdout == ""


def test_the_notes_say_how_the_inventory_is_listed() -> None:
    told = template(BROKER, ENABLED, notes=True).stdout.partition("\nNOTES:\n")[2]
    assert "mcs-controller clusters --namespace mcs-inventory" in told
    assert "clusters --namespace" not in template(BROKER, {}, notes=True).stdout.partition("\nNOTES:\n")[2]
