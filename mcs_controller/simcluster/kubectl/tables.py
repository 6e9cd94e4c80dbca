"""Server-side tables: what `kubectl get` prints.

Built-in kinds have getters for their cells, custom ones JSONPaths of the forms that `json_path` reads; the
cell of any other path stays empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic_core import to_json

from mcs_controller.simcluster.kinds.kind import Column, Kind
from mcs_controller.simcluster.kubectl import json_path
from mcs_controller.simcluster.kubectl.ages import age_since

API_VERSION = "meta.k8s.io/v1"


def wants_table(accept: str) -> bool:
    """Whether the client prefers a Table: the first media type that this server knows decides."""
    types = [[part.strip() for part in one.split(";")] for one in accept.split(",")]
    known = [one for one in types if one[0] in ("application/json", "*/*")]
    return bool(known) and "as=Table" in max(known, key=_quality)


def _quality(media_type: Sequence[str]) -> float:
    """By how much a client prefers it; the first of equals wins."""
    given = next((part.removeprefix("q=") for part in media_type if part.startswith("q=")), "1")
    try:
        return float(given)
    except ValueError:
        return 0.0


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
        "apiVersion": API_VERSION,
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
                "apiVersion": API_VERSION,
                "metadata": obj["metadata"],
            }
        case _:
            row["object"] = None
    return row


def _cell(column: Column, obj: Mapping[str, Any], now: datetime) -> Any:
    if column.getter is not None:
        return column.getter(obj, now)
    value = json_path.find(column.json_path, obj)
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
