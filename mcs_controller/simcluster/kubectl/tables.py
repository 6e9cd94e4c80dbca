"""Server-side tables: what `kubectl get` prints.

Built-in kinds have getters for their cells, custom ones JSONPaths. Of these only plain fields are understood,
such as `.spec.type`; the cell of any other path stays empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic_core import to_json

from mcs_controller.simcluster.kinds.kind import Column, Kind
from mcs_controller.simcluster.kubectl.ages import age_since
from mcs_controller.simcluster.kubectl.media_types import accepted_types

TABLE_API_VERSIONS = ("meta.k8s.io/v1", "meta.k8s.io/v1beta1")


def wants_table(accept: str) -> bool:
    """Whether the client prefers a Table: the first type that this server can speak decides."""
    for media_type in accepted_types(accept):
        if media_type.name in ("application/json", "*/*"):
            return media_type.parameters.get("as") == "Table"
    return False


def render_table(
    kind: Kind,
    objects: Iterable[Mapping[str, Any]],
    *,
    resource_version: str,
    continue_: str,
    include_object: str,
    now: datetime,
) -> dict[str, Any]:
    """A Table with one row for each object; `include_object` is Metadata, Object or None."""
    metadata = {"resourceVersion": resource_version}
    if continue_:
        metadata["continue"] = continue_
    return {
        "kind": "Table",
        "apiVersion": TABLE_API_VERSIONS[0],
        "metadata": metadata,
        "columnDefinitions": [_definition(column) for column in kind.columns],
        "rows": [_row(kind, obj, include_object, now) for obj in objects],
    }


def _definition(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": "",
        "priority": column.priority,
    }


def _row(kind: Kind, obj: Mapping[str, Any], include_object: str, now: datetime) -> dict[str, Any]:
    row: dict[str, Any] = {"cells": [_cell(column, obj, now) for column in kind.columns]}
    match include_object or "Metadata":
        case "Object":
            row["object"] = obj
        case "Metadata":
            row["object"] = {
                "kind": "PartialObjectMetadata",
                "apiVersion": TABLE_API_VERSIONS[0],
                "metadata": obj["metadata"],
            }
        case _:
            row["object"] = None
    return row


def _cell(column: Column, obj: Mapping[str, Any], now: datetime) -> Any:
    if column.getter is not None:
        return column.getter(obj, now)
    value: Any = obj
    for field in column.json_path.strip(".").split("."):
        value = value.get(field) if isinstance(value, dict) else None
    return None if value is None else _custom_cell(column.type, value, now)


def _custom_cell(kind: str, value: Any, now: datetime) -> Any:
    """A value that is not of the column's type is left out."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    match kind:
        case "string":
            return value if isinstance(value, str) else to_json(value).decode()
        case "integer":
            return int(value) if is_number else None
        case "number":
            return float(value) if is_number else None
        case "boolean":
            return value if isinstance(value, bool) else None
        case "date":
            return age_since(value, now) if isinstance(value, str) else None
    return None
