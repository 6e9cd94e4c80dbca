"""A Grafana dashboard from a file such as dashboard.yaml: short lists of panels, laid out in rows.

Grafana asks for the data source, and for the clusters to show.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import yaml

SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS: Final = 3
WIDTH: Final = 24 // COLUMNS
HEIGHT: Final = 7

Json = dict[str, Any]

_METRIC: Final = re.compile(r"\b((?:mcs|process)_\w+)(?:\{([^}]*)\})?")


def dashboard(file: Path) -> Json:
    """As Grafana imports it."""
    wanted = yaml.safe_load(file.read_text(encoding="utf-8"))
    panels: list[Json] = []
    top = 0
    for row in wanted["rows"]:
        place = _place(len(panels), 0, top, 24, 1)
        panels.append({"type": "row", "title": row["title"], "collapsed": False, **place})
        top += 1
        for number, panel in enumerate(row["panels"]):
            down, across = divmod(number, COLUMNS)
            place = _place(len(panels), across * WIDTH, top + down * HEIGHT, WIDTH, HEIGHT)
            panels.append({**_graph(**panel), **place})
        top += -(-len(row["panels"]) // COLUMNS) * HEIGHT
    return {
        "uid": wanted["uid"],
        "title": wanted["title"],
        "tags": ["multicluster-services"],
        "schemaVersion": 38,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_data_source(), _clusters()]},
        "panels": panels,
    }


def _of_shown_clusters(expression: str) -> str:
    def selector(found: re.Match[str]) -> str:
        matchers = ['cluster=~"$cluster"', *filter(None, [found[2]])]
        return f"{found[1]}{{{','.join(matchers)}}}"

    return _METRIC.sub(selector, expression)


def _place(panels_before: int, left: int, top: int, width: int, height: int) -> Json:
    return {"id": panels_before + 1, "gridPos": {"x": left, "y": top, "w": width, "h": height}}


def _graph(title: str, queries: dict[str, str], unit: str = "short") -> Json:
    return {
        "type": "timeseries",
        "title": title,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": SOURCE,
                "expr": _of_shown_clusters(expression),
                "legendFormat": legend,
            }
            for number, (legend, expression) in enumerate(queries.items())
        ],
    }


def _data_source() -> Json:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}


def _clusters() -> Json:
    """All includes series without the label, as of a Prometheus that scrapes one cluster."""
    query = "label_values(mcs_build_info, cluster)"
    return {
        "name": "cluster",
        "label": "Cluster",
        "type": "query",
        "datasource": SOURCE,
        "definition": query,
        "query": {"query": query, "refId": "clusters"},
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }
