"""A dashboard as Grafana imports it: JSON of its schema, version 39 (Grafana 10.3 and later).

Grafana asks for the data source, and for the clusters (and services) to show.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from alerts import Alert
from dashboards import TAG, Dashboard, Panel
from measures import Limit, Measures, limits

Json = dict[str, Any]

SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS: Final = 3
WIDTH: Final = 24 // COLUMNS
HEIGHT: Final = 7
COLOURS: Final = {"critical": "red", "warning": "orange", "info": "blue"}
FINE: Final = "green"

_METRIC: Final = re.compile(r"\b((?:mcs|process)_\w+|ALERTS)(?:\{([^}]*)\})?")
_OF_SERVICES: Final = re.compile(r"mcs_service_(?:import|export)_\w+|mcs_dns_service_addresses")
_SHOWN_SERVICES: Final = {
    "namespace": 'service_namespace=~"$namespace"',
    "service": 'service_name=~"$service"',
}


def grafana(dashboard: Dashboard, measures: Measures, alerts: Sequence[Alert]) -> Json:
    """The whole of it. Raises ValueError as `Measures.fill` does."""
    panels: list[Json] = []
    top = 0
    for row in dashboard.rows:
        place = _place(len(panels), 0, top, 24, 1)
        panels.append({"type": "row", "title": row.title, "collapsed": False, "panels": [], **place})
        top += 1
        for number, panel in enumerate(row.panels):
            down, across = divmod(number, COLUMNS)
            place = _place(len(panels), across * WIDTH, top + down * HEIGHT, WIDTH, HEIGHT)
            panels.append(_panel(panel, dashboard, measures, panel.alerts(alerts)) | place)
        top += -(-len(row.panels) // COLUMNS) * HEIGHT
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.about,
        "tags": [TAG],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "links": [_link_to_the_others()],
        "templating": {"list": _variables(dashboard)},
        "annotations": {"list": []},
        "panels": panels,
    }


def expression(text: str, dashboard: Dashboard, measures: Measures) -> str:
    """As Prometheus is asked, for the clusters and services that are shown."""

    def selector(found: re.Match[str]) -> str:
        matchers = ['cluster=~"$cluster"']
        if _OF_SERVICES.fullmatch(found[1]):
            matchers += [_SHOWN_SERVICES[name] for name in dashboard.variables]
        return f"{found[1]}{{{','.join([*matchers, *filter(None, [found[2]])])}}}"

    return _METRIC.sub(selector, measures.fill(text, window="$__rate_interval"))


def _panel(panel: Panel, dashboard: Dashboard, measures: Measures, alerts: Sequence[Alert]) -> Json:
    steps = _steps(panel, alerts)
    defaults: Json = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}
    targets = [
        {
            "refId": chr(ord("A") + number),
            "datasource": SOURCE,
            "editorMode": "code",
            "expr": expression(text, dashboard, measures),
            **({"instant": True, "format": "table"} if panel.kind == "table" else {"range": True}),
            **({} if panel.kind == "table" else {"legendFormat": legend}),
        }
        for number, (legend, text) in enumerate(panel.queries.items())
    ]
    described = (
        f"{panel.answers} Alerts: {', '.join(one.name for one in alerts)}." if alerts else panel.answers
    )
    if panel.empty:
        described += f" Empty {panel.empty}."
    return {
        "title": panel.title,
        "description": described,
        "datasource": SOURCE,
        "targets": targets,
        **_looks(panel, defaults, has_limits=len(steps) > 1),
    }


def _looks(panel: Panel, defaults: Json, *, has_limits: bool) -> Json:
    match panel.kind:
        case "table":
            return {
                "type": "table",
                "fieldConfig": {"defaults": defaults, "overrides": []},
                "options": {"showHeader": True, "cellHeight": "sm"},
                "transformations": _columns(tuple(panel.queries)),
            }
        case "stat":
            return {
                "type": "stat",
                "fieldConfig": {"defaults": defaults | {"noValue": "none"}, "overrides": []},
                "options": {
                    "colorMode": "background" if has_limits else "value",
                    "graphMode": "none",
                    "justifyMode": "auto",
                    "orientation": "auto",
                    "textMode": "value_and_name",
                    "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
                },
            }
    # A line at a limit from below would be drawn in the colour of what is fine.
    drawn = has_limits and defaults["thresholds"]["steps"][0]["color"] == FINE
    custom = {
        "drawStyle": "line",
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "fillOpacity": 10,
        "showPoints": "never",
        "thresholdsStyle": {"mode": "line" if drawn else "off"},
        "axisSoftMin": 0,
    }
    defaults |= {"color": {"mode": "palette-classic"}, "custom": custom}
    return {
        "type": "timeseries",
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def _columns(names: tuple[str, ...]) -> list[Json]:
    """One line for each set of labels, and a column for each query; the time of the query is of no use."""
    values = {f"Value #{chr(ord('A') + number)}": name for number, name in enumerate(names)}
    renamed = {**values, "Value": names[0], "service_namespace": "namespace", "service_name": "service"}
    excluded = {"Time": True} | {column: True for column, name in renamed.items() if not name}
    return [
        {"id": "merge", "options": {}},
        {
            "id": "organize",
            "options": {
                "excludeByName": excluded,
                "indexByName": {},
                "renameByName": {column: name for column, name in renamed.items() if name},
            },
        },
    ]


def _steps(panel: Panel, alerts: Sequence[Alert]) -> list[Json]:
    """Where colours begin, lowest first: at the limits of the alerts."""
    compared = [
        (limit, COLOURS[alert.severity])
        for alert in alerts
        for limit in limits(alert.expression)
        if panel.shows(limit.measure)
    ]
    lowest, starts = FINE, dict[float, str]()
    if panel.objective is not None:
        lowest, starts = COLOURS["warning"], {panel.objective: FINE}
    for limit, colour in compared:
        if limit.operator == "<" or (limit.operator == "==" and limit.value == 0):
            lowest, starts[limit.value or 1] = colour, FINE
        else:
            starts.setdefault(_first_above(limit, panel), colour)
    return [{"color": lowest, "value": None}] + [
        {"color": colour, "value": start} for start, colour in sorted(starts.items())
    ]


def _first_above(limit: Limit, panel: Panel) -> float:
    counts = panel.unit == "short" and limit.operator == ">"
    return limit.value + 1 if counts else limit.value


def _place(panels_before: int, left: int, top: int, width: int, height: int) -> Json:
    return {"id": panels_before + 1, "gridPos": {"x": left, "y": top, "w": width, "h": height}}


def _link_to_the_others() -> Json:
    return {
        "type": "dashboards",
        "title": "Multicluster Services",
        "tags": [TAG],
        "asDropdown": False,
        "icon": "external link",
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "tooltip": "",
        "url": "",
    }


def _variables(dashboard: Dashboard) -> list[Json]:
    conditions = '{__name__=~"mcs_service_(import|export)_condition",cluster=~"$cluster"'
    queries: Mapping[str, str] = {
        "namespace": f"label_values({conditions}}}, service_namespace)",
        "service": f'label_values({conditions},service_namespace=~"$namespace"}}, service_name)',
    }
    source = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}
    return [
        source | {"current": {}, "refresh": 1, "regex": "", "hide": 0},
        _variable("cluster", "label_values(mcs_build_info, cluster)"),
        *(_variable(name, queries[name]) for name in dashboard.variables),
    ]


def _variable(name: str, query: str) -> Json:
    """All includes series without the label, as of a Prometheus that scrapes one cluster."""
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": SOURCE,
        "definition": query,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
        "hide": 0,
    }
