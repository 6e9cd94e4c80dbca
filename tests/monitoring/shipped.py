"""What Prometheus and Grafana are given of us, as it stands in the chart, and Prometheus's own tool."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = ROOT / "charts" / "mcs-controller" / "files"
ALERTS = FILES / "alerts.yaml"
DASHBOARDS = tuple(sorted((FILES / "dashboards").glob("*.json")))

ALL_CHOSEN = {"$cluster": ".*", "$namespace": ".*", "$service": ".*"}

Rule = dict[str, Any]

_SELECTOR = re.compile(r"\b((?:mcs|process)_\w+|up)\b(\{[^}]*\})?")
_UNEQUAL = re.compile(r"(\w+)!=\"[^\"]*\"")


def alert_rules() -> list[Rule]:
    """Every alert."""
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


@dataclass(frozen=True)
class Panel:
    """One panel of a dashboard, as Grafana reads it."""

    dashboard: str
    body: dict[str, Any]

    @property
    def title(self) -> str:
        return str(self.body["title"])

    @property
    def may_be_empty(self) -> bool:
        """Whether its description says when it is."""
        return " Empty while " in self.body["description"]

    def queries(self, rate_interval: str = "10s") -> list[str]:
        """With Grafana's variables filled in: all clusters and services."""
        values = {**ALL_CHOSEN, "$__rate_interval": rate_interval}
        return [_filled(target["expr"], values) for target in self.body["targets"]]

    def labels_named(self) -> list[set[str]]:
        """The labels that the names of series are made of, for each of the queries."""
        return [
            set(re.findall(r"{{(\w+)}}", target.get("legendFormat", ""))) for target in self.body["targets"]
        ]


def panels() -> list[Panel]:
    """Of all dashboards, without the headings of rows."""
    return [
        Panel(file.stem, body)
        for file in DASHBOARDS
        for body in json.loads(file.read_text())["panels"]
        if body["type"] != "row"
    ]


def variables(dashboard: Path) -> list[tuple[str, str, str]]:
    """Name, selector and label of each that is chosen from what there is."""
    listed = json.loads(dashboard.read_text())["templating"]["list"]
    queries = {one["name"]: one["query"]["query"] for one in listed if one["type"] == "query"}
    found = []
    for name, query in queries.items():
        asked = re.fullmatch(r"label_values\((.*), (\w+)\)", query)
        assert asked, query
        found.append((name, _filled(asked[1], ALL_CHOSEN), asked[2]))
    return found


def _filled(query: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        query = query.replace(name, value)
    assert "$" not in query, query
    return query


def selectors(expression: str) -> set[str]:
    """The selectors of the series that are read; of a label that is to differ only that it is there."""
    return {name + _UNEQUAL.sub(r'\1!=""', matchers) for name, matchers in _SELECTOR.findall(expression)}


def promtool(*arguments: str | Path, text: str = "") -> subprocess.CompletedProcess[str]:
    """Prometheus's tool to its end."""
    program = shutil.which("promtool")
    assert program, "promtool is missing: apt-get install prometheus"
    return subprocess.run(
        [program, *arguments], input=text, capture_output=True, text=True, check=False, timeout=180
    )
