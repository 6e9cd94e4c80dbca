"""The dashboards of *.dashboard.yaml as they are read: rows of panels, and a table for a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from alerts import Alert
from measures import used

PAGE: Final = "docs/dashboards.md"
TAG: Final = "multicluster-services"
"""What Grafana finds the dashboards by that belong together."""
KINDS: Final = ("graph", "stat", "table")
UNITS: Final = ("short", "s", "percentunit", "ops", "reqps", "bytes")
VARIABLES: Final = ("namespace", "service")
SUFFIX: Final = ".dashboard.yaml"


@dataclass(frozen=True)
class Panel:
    """One panel; the fields are explained in operator.dashboard.yaml."""

    title: str
    answers: str
    queries: dict[str, str]
    kind: str = "graph"
    unit: str = "short"
    objective: float | None = None
    empty: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.unit not in UNITS:
            raise ValueError(f"{self.title}: kind {self.kind} or unit {self.unit} is not known")

    def shows(self, measure: str) -> bool:
        """Whether all that is seen is this, and as high as it is: then its limits mean something here."""
        return all(text.startswith("@") and used(text) == {measure} for text in self.queries.values())

    def alerts(self, all_: Sequence[Alert]) -> list[Alert]:
        """Those that look at what is seen here."""
        seen = set().union(*map(used, self.queries.values()))
        return [alert for alert in all_ if seen & used(alert.expression)]


@dataclass(frozen=True)
class Row:
    """Panels under one heading, in the order of importance."""

    title: str
    panels: list[Panel]


@dataclass(frozen=True)
class Dashboard:
    """One file; `name` is that of the file without its suffix."""

    name: str
    uid: str
    title: str
    about: str
    rows: list[Row]
    variables: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not set(self.variables) <= set(VARIABLES):
            raise ValueError(f"{self.name}: variables are {', '.join(VARIABLES)}")

    def section(self, alerts: Sequence[Alert]) -> str:
        """As in the page: each panel, the question that it answers, and its alerts."""
        lines = [f"## {self.title}", "", f"`{self.name}.json`. {self.about}"]
        for row in self.rows:
            lines += ["", f"### {row.title}", "", "| panel | what it answers | alerts |", "|---|---|---|"]
            for panel in row.panels:
                named = ", ".join(
                    f"[{one.name}](operations.md#{one.name.lower()})" for one in panel.alerts(alerts)
                )
                empty = f" *Empty {panel.empty}.*" if panel.empty else ""
                lines.append(f"| {panel.title} | {panel.answers}{empty} | {named} |")
        return "\n".join(lines)


def dashboard(file: Path) -> Dashboard:
    """As it stands there. Raises TypeError or ValueError where the file is wrong."""
    read: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    rows = [Row(row["title"], [Panel(**panel) for panel in row["panels"]]) for row in read.pop("rows")]
    return Dashboard(name=file.name.removesuffix(SUFFIX), rows=rows, **read)


def dashboards(folder: Path) -> list[Dashboard]:
    """All of them, by name."""
    return [dashboard(file) for file in sorted(folder.glob(f"*{SUFFIX}"))]
