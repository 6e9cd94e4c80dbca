"""Checks values against a schema: types, ranges, lengths, patterns, required fields, unique list items.

Messages are the real server's: people compare them, and programs parse their causes.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from mcs_controller.simcluster import status
from mcs_controller.simcluster.schemas.nodes import Node, Path, spell_path
from mcs_controller.simcluster.status import FieldError

_OFFSET = re.compile(r"[+-]\d\d:\d\d\Z")
_FINER_THAN_MICROSECONDS = re.compile(r"(\.\d{6})\d+")
_JSON_TYPES = {type(None): "null", bool: "boolean", int: "integer", str: "string", list: "array"}
_INTEGER_LIMITS = {"int32": 2**31, "int64": 2**63}


def validate_value(node: Node, value: Any, path: Path, errors: list[FieldError]) -> None:
    if type(value) is node.sufficient_type or (value is None and node.nullable):
        return
    if not _has_type(node, value):
        expected = "integer,string" if node.int_or_string else node.type
        actual = json_type(value)
        where = spell_path(path)
        detail = f'{where} in body must be of type {expected}: "{actual}"'
        errors.append(status.wrong_type(where, actual, detail))
    if node.enum is not None and value not in node.enum:
        choices = (one if isinstance(one, str) else str(one) for one in node.enum)
        errors.append(status.not_supported(spell_path(path), value, choices))
    match value:
        case dict():
            _validate_object(node, value, path, errors)
        case list():
            _validate_list(node, value, path, errors)
        case str():
            _validate_string(node, value, path, errors)
        case int() | float() if not isinstance(value, bool):
            _validate_number(node, value, path, errors)


def json_type(value: Any) -> str:
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    return _JSON_TYPES.get(type(value), "object")


def _has_type(node: Node, value: Any) -> bool:
    actual = json_type(value)
    if node.int_or_string:
        return actual in ("integer", "string")
    if node.type == "number":
        return actual in ("integer", "number")
    return actual == node.type or not node.type


def _validate_object(node: Node, value: dict[str, Any], path: Path, errors: list[FieldError]) -> None:
    for name in node.required:
        if name not in value:
            errors.append(status.required(spell_path((path, name))))
    for key, one in value.items():
        child = node.child(key)
        if isinstance(child, Node) and type(one) is not child.sufficient_type:
            validate_value(child, one, (path, key), errors)
    if not node.is_bounded:
        return
    most = node.openapi.get("maxProperties")
    if most is not None and len(value) > most:
        errors.append(status.too_many(spell_path(path), len(value), most))
    _at_least(node, "minProperties", len(value), "properties", path, errors)


def _validate_list(node: Node, value: list[Any], path: Path, errors: list[FieldError]) -> None:
    if node.is_bounded:
        most = node.openapi.get("maxItems")
        if most is not None and len(value) > most:
            errors.append(status.too_many(spell_path(path), len(value), most))
        _at_least(node, "minItems", len(value), "items", path, errors)
    if node.items is not None:
        for index, one in enumerate(value):
            validate_value(node.items, one, (path, index), errors)
    if node.checks_unique:
        _validate_unique(node, value, path, errors)


def _validate_unique(node: Node, value: list[Any], path: Path, errors: list[FieldError]) -> None:
    seen: set[str] = set()
    for index, one in enumerate(value):
        if node.list_type == "map":
            if not isinstance(one, dict):
                detail = "must be an object for an array of list-type map"
                errors.append(status.invalid_value(spell_path((path, index)), one, detail))
                continue
            shown: Any = {key: one[key] for key in node.list_map_keys if key in one}
        else:
            shown = one
        if repr(shown) in seen:
            errors.append(status.duplicate(spell_path((path, index)), shown))
        seen.add(repr(shown))


def _validate_string(node: Node, value: str, path: Path, errors: list[FieldError]) -> None:
    if node.is_bounded:
        most = node.openapi.get("maxLength")
        if most is not None and len(value) > most:
            errors.append(status.too_long(spell_path(path), most))
        _at_least(node, "minLength", len(value), "chars long", path, errors, shown=value)
    if node.pattern is not None and not node.pattern.search(value):
        where = spell_path(path)
        detail = f"{where} in body should match '{node.openapi['pattern']}'"
        errors.append(status.invalid_value(where, value, detail))
    if node.format in _FORMATS and not _parses(_FORMATS[node.format], value):
        where = spell_path(path)
        detail = f'{where} in body must be of type {node.format}: "{value}"'
        errors.append(status.wrong_type(where, value, detail))


def _validate_number(node: Node, value: float, path: Path, errors: list[FieldError]) -> None:
    limit = _INTEGER_LIMITS.get(node.format, _INTEGER_LIMITS["int64"])
    if node.type == "integer" and not (-limit <= value < limit and int(value) == value):
        form = f"with format {node.format}" if node.format else "(default format)"
        detail = f"Checked value must be of type integer {form} in {spell_path(path)}"
        errors.append(status.invalid_value("<nil>", "", detail))
    if not node.is_bounded:
        return
    most, least = node.openapi.get("maximum"), node.openapi.get("minimum")
    open_top, open_bottom = node.openapi.get("exclusiveMaximum"), node.openapi.get("exclusiveMinimum")
    if most is not None and (value > most or (open_top and value == most)):
        _out_of_bounds("less than" if open_top else "less than or equal to", most, value, path, errors)
    if least is not None and (value < least or (open_bottom and value == least)):
        _out_of_bounds(
            "greater than" if open_bottom else "greater than or equal to", least, value, path, errors
        )


def _out_of_bounds(relation: str, bound: float, value: float, path: Path, errors: list[FieldError]) -> None:
    where = spell_path(path)
    errors.append(status.invalid_value(where, value, f"{where} in body should be {relation} {bound}"))


def _at_least(
    node: Node,
    keyword: str,
    actual: int,
    unit: str,
    path: Path,
    errors: list[FieldError],
    shown: Any = None,
) -> None:
    least = node.openapi.get(keyword)
    if least is not None and actual < least:
        where = spell_path(path)
        detail = f"{where} in body should {'be' if unit == 'chars long' else 'have'} at least {least} {unit}"
        errors.append(status.invalid_value(where, actual if shown is None else shown, detail))


def _parses(parse: Callable[[str], Any], text: str) -> bool:
    try:
        parse(text)
    except (ValueError, Base64Error):
        return False
    return True


def _rfc3339(text: str) -> datetime:
    upper = text.upper()
    if "T" not in upper or not (upper.endswith("Z") or _OFFSET.search(text)):
        raise ValueError(text)
    return datetime.fromisoformat(_FINER_THAN_MICROSECONDS.sub(r"\1", upper) if "." in upper else upper)


_FORMATS: dict[str, Callable[[str], Any]] = {
    "date-time": _rfc3339,
    "ipv4": IPv4Address,
    "ipv6": IPv6Address,
    "byte": lambda text: b64decode(text, validate=True),
}
