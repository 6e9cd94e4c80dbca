"""What Prometheus and Grafana are given of us, as it stands in the chart, and Prometheus's own tool."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = ROOT / "charts" / "mcs-controller" / "files"
ALERTS = FILES / "alerts.yaml"
DASHBOARDS = tuple(sorted(FILES.glob("*dashboard.json")))

Rule = dict[str, Any]

_SELECTOR = re.compile(r"\b((?:mcs|process)_\w+|up)\b(\{[^}]*\})?")
_UNEQUAL = re.compile(r"(\w+)!=\"[^\"]*\"")


def alert_rules() -> list[Rule]:
    """Every alert."""
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries_of(dashboard: Path) -> list[str]:
    """The expression of every graph, with Grafana's variables filled in: all clusters, rates over 10 s."""
    targets = [
        target["expr"]
        for panel in json.loads(dashboard.read_text())["panels"]
        for target in panel.get("targets", ())
    ]
    return [one.replace("$cluster", ".*").replace("$__rate_interval", "10s") for one in targets]


def selectors(expression: str) -> set[str]:
    """The selectors of the series that are read; of a label that is to differ only that it is there."""
    return {name + _UNEQUAL.sub(r'\1!=""', matchers) for name, matchers in _SELECTOR.findall(expression)}


def promtool(*arguments: str | Path, text: str = "") -> subprocess.CompletedProcess[str]:
    """Prometheus's tool to its end."""
    program = shutil.which("promtool")
    assert program, "promtool is missing: apt-get install prometheus"
    return subprocess.run(
        [program, *arguments], input=text, capture_output=True, text=True, check=False, timeout=60
    )
