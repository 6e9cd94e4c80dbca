"""Each alert, by Prometheus's own tool: it fires when it should, not before, and not when all is well."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from mcs_controller.cli.demo.ports import HTTP_PORT
from mcs_controller.cli.demo.sites import cluster_names
from tests.monitoring.shipped import ALERTS, ROOT, Rule, alert_rules, promtool
from tests.monitoring.worlds import (
    AGENTS,
    DNS_SERVERS,
    FAULT_MINUTE,
    HUBS,
    Fault,
    World,
    absent,
    growing,
    input_series,
    lagging,
    ready_of_web,
    slower,
    steady,
    well,
    well_until,
)
from tests.test_documentation import anchors

RULES = {rule["alert"]: rule for rule in alert_rules()}

GONE_AGENT = dict.fromkeys(
    ("mcs_agent_leading", "mcs_ready", 'mcs_build_info{version="1"}', "mcs_heartbeat_age_seconds"), absent
)
GONE_HUB = dict.fromkeys(("mcs_hub_leading", "mcs_ready", 'mcs_build_info{version="1"}'), absent)
GONE_DNS = dict.fromkeys(("mcs_ready", 'mcs_build_info{version="1"}', "mcs_dns_zone_synced"), absent)

FAULTS = [
    Fault("McsAgentDown", GONE_AGENT, AGENTS),
    Fault("McsNoLeader", {"mcs_agent_leading": steady(0)}),
    Fault("McsTwoLeaders", {"mcs_agent_leading": steady(1)}, AGENTS),
    Fault("McsReplicaDown", {**GONE_AGENT, "up": steady(0)}, ("agent-1",)),
    Fault("McsReplicaDown", {**GONE_DNS, "up": steady(0)}, ("dns-1",)),
    Fault("McsNotReady", {"mcs_ready": steady(0)}),
    Fault("McsNotReady", {"mcs_ready": steady(0)}, ("dns-1",)),
    Fault("McsHeartbeatNotWritten", {"mcs_heartbeat_age_seconds": steady(31)}, AGENTS),
    Fault("McsBrokerUnreachable", {'mcs_kube_reachable{client="broker"}': steady(0)}),
    Fault(
        "McsCredentialEnds",
        {
            'mcs_kube_credential_issued_timestamp_seconds{client="broker"}': steady(0),
            'mcs_kube_credential_expires_timestamp_seconds{client="broker"}': steady(FAULT_MINUTE * 60 + 60),
        },
    ),
    Fault("McsApiServerUnreachable", {'mcs_kube_reachable{client="local"}': steady(0)}),
    Fault("McsApiServerUnreachable", {'mcs_kube_reachable{client="local"}': steady(0)}, DNS_SERVERS, times=2),
    Fault(
        "McsMemberDead",
        {
            'mcs_member_alive{member="east"}': steady(0),
            'mcs_member_heartbeat_age_seconds{member="east"}': steady(900),
        },
    ),
    Fault("McsMemberMissing", {'mcs_member_missing{member="east"}': steady(1)}),
    Fault("McsMemberSilent", {'mcs_member_heartbeat_age_seconds{member="east"}': steady(61)}),
    Fault("McsFuseTripped", {'mcs_fuse_tripped{fuse="imports"}': steady(1)}),
    Fault(
        "McsFuseTripped",
        {'mcs_fuse_tripped{fuse="imports"}': steady(1), 'mcs_fuse_tripped{fuse="members"}': steady(1)},
        times=2,
    ),
    Fault("McsRetainedObjects", {'mcs_retained_objects{kind="record",reason="missing"}': steady(3)}),
    Fault("McsBrokerHistoryBroke", {"mcs_broker_history_breaks_total": steady(1)}),
    Fault("McsExportsUnread", {"mcs_exports_unread": steady(1)}),
    Fault("McsExportLag", slower(20), late_minutes=10),
    Fault("McsReconcilesFail", {'mcs_queue_failing_keys{queue="imports"}': steady(1)}),
    Fault("McsQueueStuck", {'mcs_queue_oldest_age_seconds{queue="imports"}': steady(61)}),
    Fault("McsEventLoopLag", lagging(0.8), late_minutes=6),
    Fault(
        "McsObjectsLeftOut",
        {'mcs_kube_objects_left_out_total{client="local",kind="Service",reason="unreadable"}': steady(1)},
    ),
    Fault(
        "McsMemberOverLimits",
        {'mcs_member_objects_left_out{member="east",kind="ExportedService",limit="objects"}': steady(1)},
    ),
    Fault("McsImportsWaiting", {'mcs_imports_waiting{member="east"}': steady(1)}),
    Fault("McsForeignImport", {"mcs_foreign_imports_total": steady(1)}),
    Fault("McsFormerId", {"mcs_former_ids": steady(1)}),
    Fault("McsExportConflict", {'mcs_exports{condition="Conflict",status="True"}': steady(1)}),
    Fault("McsPolicyHeld", {'mcs_policy_held{policy="export"}': steady(1)}),
    Fault("McsPolicyUnreadable", {'mcs_policy_unreadable{policy="export"}': steady(1)}),
    Fault("McsPolicyKept", {'mcs_policy_kept{policy="export"}': steady(2)}),
    Fault("McsPolicyExportsHeld", {"mcs_policy_exports_held": steady(12)}),
    Fault("McsPolicyExportsFailed", {"mcs_policy_exports_failed": steady(1)}),
    Fault("McsPolicyExportsUnreadable", {"mcs_policy_exports_unreadable": steady(1)}),
    Fault("McsServiceWithoutEndpoints", {ready_of_web("east"): steady(0)}),
    Fault("McsDnsDown", GONE_DNS, DNS_SERVERS),
    Fault("McsDnsNotReady", {"mcs_ready": steady(0)}, DNS_SERVERS),
    Fault("McsDnsServfail", {'mcs_dns_requests_total{rcode="SERVFAIL"}': growing(200)}, DNS_SERVERS),
    Fault("McsDnsZoneStale", {"mcs_dns_zone_age_seconds": steady(121)}, ("dns-1",)),
    Fault("McsDnsFaults", {"mcs_dns_faults_total": steady(1)}, ("dns-1",)),
    Fault(
        "McsDnsDropping", {'mcs_dns_dropped_total{reason="send"}': growing(90)}, ("dns-1",), late_minutes=6
    ),
    Fault("McsDnsWorkersRestart", {"mcs_dns_worker_restarts_total": steady(3)}, ("dns-1",)),
    Fault(
        "McsDnsSnapshotFails",
        {'mcs_dns_snapshot_writes_total{result="failure"}': growing(1)},
        ("dns-1",),
    ),
    Fault("McsDnsOverBounds", {"mcs_dns_zone_services_over_bounds": steady(1)}, ("dns-1",)),
    Fault("McsHubDown", GONE_HUB, HUBS),
    Fault("McsHubNoLeader", {"mcs_hub_leading": steady(0)}, HUBS),
    Fault("McsProfileConflict", {"mcs_hub_profile_names_taken": steady(1)}, ("hub-1",)),
]

NEARLY = (
    Fault(
        "none",
        {
            "mcs_heartbeat_age_seconds": steady(400),
            'mcs_member_heartbeat_age_seconds{member="east"}': steady(55),
            'mcs_queue_oldest_age_seconds{queue="imports"}': steady(50),
            'mcs_kube_objects_left_out_total{client="broker",kind="ExportedService",reason="not_admitted"}': (
                growing(1)
            ),
            **slower(9),
        },
    ),
    Fault(
        "none",
        {
            'mcs_dns_requests_total{rcode="SERVFAIL"}': growing(30),
            'mcs_dns_dropped_total{reason="response"}': growing(9000),
            'mcs_dns_dropped_total{reason="send"}': growing(10),
            "mcs_dns_zone_age_seconds": steady(110),
            "mcs_dns_worker_restarts_total": steady(1),
            **lagging(0.2),
        },
        DNS_SERVERS,
    ),
)
"""Near the limits, or one replica of two: nobody needs to be told."""


def case(name: str, world: World, looks: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": name,
        "interval": "1m",
        "input_series": input_series(world, max(int(one["eval_time"][:-1]) for one in looks) + 1),
        "promql_expr_test": looks,
    }


def look(minute: int, firing: dict[str, int], *, of: str = "", also_pending: bool = False) -> dict[str, Any]:
    matchers = [f'alertname="{of}"'] * bool(of) + ['alertstate="firing"'] * (not also_pending)
    return {
        "expr": f"count by (alertname) (ALERTS{{{','.join(matchers)}}})",
        "eval_time": f"{minute}m",
        "exp_samples": [
            {"labels": f'{{alertname="{alert}"}}', "value": times} for alert, times in firing.items()
        ],
    }


def waits_minutes(alert: str) -> int:
    return int(RULES[alert].get("for", "0m").removesuffix("m"))


def forgets_minutes(alert: str) -> int:
    """How long an alert may go on after its cause: for as long as it looks back."""
    windows = re.findall(r"\[(\d+)([mh])\]", RULES[alert]["expr"])
    return 2 + max((int(number) * {"m": 1, "h": 60}[unit] for number, unit in windows), default=0)


def test_every_alert_fires_for_its_fault_only_and_while_it_lasts(
    tmp_path: Path,
) -> None:
    cases = []
    for fault in FAULTS:
        due = FAULT_MINUTE + waits_minutes(fault.alert)
        looks = [
            look(due - 1, {}, of=fault.alert),
            look(due + fault.late_minutes, {fault.alert: fault.times}),
        ]
        mended = due + fault.late_minutes + 1
        looks.append(look(mended + forgets_minutes(fault.alert), {}, of=fault.alert, also_pending=True))
        world = well_until(fault, mended_minute=mended)
        cases.append(case(f"{fault.alert} at {fault.instances}", world, looks))
    assert_holds(tmp_path, cases)
    assert {fault.alert for fault in FAULTS} == set(RULES)


def test_nothing_is_told_while_all_is_well_whoever_leads_or_is_restarted(tmp_path: Path) -> None:
    quiet = [look(minute, {}, also_pending=True) for minute in range(5, 100, 5)]
    assert_holds(tmp_path, [case("well", well(), quiet), case("nearly", well_until(*NEARLY), quiet)])


def assert_holds(folder: Path, cases: list[dict[str, Any]]) -> None:
    """What promtool says of these cases; it reads JSON as YAML."""
    file = folder / "cases.yaml"
    file.write_text(json.dumps({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": cases}))
    told = promtool("test", "rules", file)
    assert told.returncode == 0, told.stdout + told.stderr


def test_prometheus_takes_the_rules() -> None:
    told = promtool("check", "rules", ALERTS)
    assert told.returncode == 0, told.stderr
    assert f"{len(RULES)} rules found" in told.stdout


def test_prometheus_takes_the_configuration_that_the_page_has_for_the_demo(tmp_path: Path) -> None:
    (written,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "dashboards.md").read_text(), re.DOTALL)
    file = tmp_path / "prometheus.yaml"
    file.write_text(written.replace("charts/", f"{ROOT}/charts/"))
    told = promtool("check", "config", file)
    assert told.returncode == 0, told.stderr
    assert f"{len(RULES)} rules found" in told.stdout
    labels = [
        target["labels"]["cluster"]
        for target in yaml.safe_load(written)["scrape_configs"][0]["static_configs"]
    ]
    assert labels == list(cluster_names(3))
    assert f"127.0.0.1:{HTTP_PORT}" in written


@pytest.mark.parametrize("name", RULES)
def test_an_alert_says_how_bad_it_is_what_it_means_and_what_to_do(name: str) -> None:
    rule: Rule = RULES[name]
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    told = rule["annotations"]
    assert set(told) == {"summary", "description", "action", "runbook_url"}
    page, _, anchor = told["runbook_url"].partition("#")
    assert anchor == name.lower()
    assert anchor in anchors(ROOT / page)


def test_every_section_about_an_alert_is_of_one_that_there_is() -> None:
    headings = [
        line.removeprefix("### ")
        for line in (ROOT / "docs" / "operations.md").read_text().splitlines()
        if line.startswith("### Mcs")
    ]
    assert headings == list(RULES)
