"""The dashboards as Grafana reads them, and what is in the panels that are mostly empty."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.monitoring.shipped import DASHBOARDS, Panel, panels
from tests.monitoring.test_alerts import GONE_AGENT, GONE_DNS, GONE_HUB, assert_holds, case
from tests.monitoring.worlds import (
    AGENTS,
    DNS_SERVERS,
    FAULT_MINUTE,
    HUBS,
    Fault,
    growing,
    steady,
    well,
    well_until,
)

LOOK_MINUTE = FAULT_MINUTE + 8
COLUMNS = 24
PANELS = panels()

OVER_LIMITS = 'mcs_member_objects_left_out{member="east",kind="ExportedService",limit="objects"}'
LEFT_OUT = 'mcs_kube_objects_left_out_total{client="local",kind="Service",reason="unreadable"}'

FILLED_BY = {
    "Alerts that fire": (Fault("McsFuseTripped", {'mcs_fuse_tripped{fuse="imports"}': steady(1)}),),
    "Nobody answers": (
        Fault("McsAgentDown", GONE_AGENT, AGENTS),
        Fault("McsDnsDown", {**GONE_DNS, "up": steady(0)}, DNS_SERVERS),
        Fault("McsHubDown", {**GONE_HUB, "up": steady(0)}, HUBS),
    ),
    "Over a member's limits": (
        Fault(
            "McsMemberOverLimits",
            {
                'mcs_member_objects_left_out{member="east",kind="ExportedService",limit="objects"}': steady(
                    1
                ),
                'mcs_imports_waiting{member="east"}': steady(1),
            },
        ),
    ),
    "Objects left out": (
        Fault(
            "McsObjectsLeftOut",
            {
                'mcs_kube_objects_left_out_total{client="local",kind="Service",reason="unreadable"}': growing(
                    1
                )
            },
        ),
    ),
    "Watches that end": (
        Fault(
            "none",
            {'mcs_watch_restarts_total{client="broker",reflector="r",reason="timeout"}': growing(1)},
        ),
    ),
    "Policies": (
        Fault(
            "none",
            {
                f'mcs_policy_{what}{{policy="export"}}': steady(0)
                for what in ("refused", "kept", "held", "unreadable")
            },
        ),
    ),
    "Bulk export": (
        Fault(
            "none",
            {f"mcs_policy_exports_{what}": steady(0) for what in ("made", "failed", "held", "unreadable")},
        ),
    ),
    "Hubs that lead": (),
    "Clusters of the inventory": (),
    "Members that the hub has not heard of for": (),
    "Members without a profile": (),
    "Writes to profiles": (),
    "Time left of credentials": (),
    "Share left of credentials": (),
    "Renewals of the token for the broker": (
        Fault("none", {'mcs_credential_renewals_total{result="ok"}': growing(1)}),
    ),
}
"""What puts something into each panel that says when it is empty; hubs and tokens are always there."""


def is_there(query: str) -> dict[str, Any]:
    return {
        "expr": f"count({query}) > bool 0",
        "eval_time": f"{LOOK_MINUTE}m",
        "exp_samples": [{"labels": "{}", "value": 1}],
    }


def is_not_there(query: str) -> dict[str, Any]:
    return {"expr": f"count({query})", "eval_time": f"{LOOK_MINUTE}m", "exp_samples": []}


def test_a_panel_that_may_be_empty_is_not_when_there_is_what_it_shows(tmp_path: Path) -> None:
    may_be_empty = {panel.title: panel for panel in PANELS if panel.may_be_empty}
    assert set(may_be_empty) == set(FILLED_BY)
    cases = []
    for title, faults in FILLED_BY.items():
        queries = may_be_empty[title].queries(rate_interval="5m")
        cases.append(case(title, well_until(*faults), [is_there(query) for query in queries]))
        if faults:
            cases.append(case(f"well: {title}", well(), [is_not_there(query) for query in queries]))
    assert_holds(tmp_path, cases)


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: f"{panel.dashboard}: {panel.title}")
def test_a_panel_has_all_that_grafana_and_its_readers_need(panel: Panel) -> None:
    body = panel.body
    assert re.fullmatch(r"[A-Z].*[.?]", body["description"])
    assert body["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    targets = body["targets"]
    assert targets
    assert len({target["refId"] for target in targets}) == len(targets)
    assert all(target["datasource"] == body["datasource"] for target in targets)
    defaults = body["fieldConfig"]["defaults"]
    assert defaults["unit"] in {"short", "s", "percentunit", "ops", "reqps", "bytes"}
    first, *others = defaults["thresholds"]["steps"]
    assert first["value"] is None
    assert [step["value"] for step in others] == sorted({step["value"] for step in others})
    if body["type"] == "timeseries":
        assert all("{{" in target["legendFormat"] for target in targets)


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_a_dashboard_finds_its_data_and_the_other_one(file: Path) -> None:
    board = json.loads(file.read_text())
    known = {f"${one['name']}" for one in board["templating"]["list"]} | {"$__rate_interval"}
    named = {name for panel in PANELS if panel.dashboard == file.stem for name in variables_in(panel)}
    assert named <= known
    assert known - named <= {"$datasource"}
    (link,) = board["links"]
    assert (link["type"], link["tags"], link["includeVars"]) == ("dashboards", board["tags"], True)
    assert (board["refresh"], board["schemaVersion"]) == ("30s", 39)
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def variables_in(panel: Panel) -> set[str]:
    return {name for target in panel.body["targets"] for name in re.findall(r"\$\w+", target["expr"])}


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_no_panel_covers_another(file: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(file.read_text())["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS
        cells = {
            (place["x"] + across, place["y"] + down)
            for across in range(place["w"])
            for down in range(place["h"])
        }
        assert not cells & taken
        taken |= cells


def test_dashboards_can_be_told_apart() -> None:
    boards = [json.loads(file.read_text()) for file in DASHBOARDS]
    assert len({board["uid"] for board in boards}) == len({board["title"] for board in boards}) == 2
    assert len({tuple(board["tags"]) for board in boards}) == 1
