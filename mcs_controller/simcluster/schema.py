"""Structural schemas: which fields an object may have, what is filled in, and what is refused.

The same class serves the schemas of CRDs and those of built-in kinds. It works as the real server does: first
unknown fields are pruned, and nulls where none may be; then defaults are filled in; then the values are
checked. Object metadata is not checked here (`object_meta.py` does), CEL rules are not evaluated.

Invariant: no method changes its argument; what comes back shares the parts that did not change.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from mcs_controller.simcluster import status
from mcs_controller.simcluster.status import FieldError

Path = tuple[Any, ...]
"""Nested pairs (parent path, key or index): built cheaply on the way down, spelt out only for an error."""

ROOT: Path = ()
_ROOT_FIELDS = ("apiVersion", "kind", "metadata")
_INTEGER_LIMITS = {"int32": 2**31, "int64": 2**63}


def spell_path(path: Path) -> str:
    parts: list[str] = []
    while path:
        path, key = path
        parts.append(f"[{key}]" if isinstance(key, int) else f".{key}")
    return "".join(reversed(parts)).removeprefix(".")


def _depth(path: Path) -> int:
    depth = 0
    while path:
        path, depth = path[0], depth + 1
    return depth


def json_type(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "integer" if value.is_integer() else "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


class Node:
    """One level of a schema, read once so that walking objects is only attribute access."""

    __slots__ = (
        "additional",
        "built_in",
        "checks_unique",
        "default",
        "drops_null",
        "embedded",
        "enum",
        "format",
        "has_defaults",
        "int_or_string",
        "items",
        "list_map_keys",
        "list_type",
        "nullable",
        "openapi",
        "pattern",
        "preserve",
        "properties",
        "required",
        "type",
    )

    def __init__(self, openapi: Mapping[str, Any], *, built_in: bool = False) -> None:
        self.openapi = openapi
        self.built_in = built_in
        self.type: str = openapi.get("type", "")
        self.nullable: bool = openapi.get("nullable", False)
        self.default: Any = openapi.get("default")
        self.drops_null: bool = built_in or (not self.nullable and self.default is None)
        self.enum: list[Any] | None = openapi.get("enum")
        self.format: str = openapi.get("format", "")
        self.pattern = re.compile(_python_pattern(openapi["pattern"])) if "pattern" in openapi else None
        self.properties = {key: self._child(one) for key, one in openapi.get("properties", {}).items()}
        additional = openapi.get("additionalProperties")
        self.additional: Node | bool | None = (
            self._child(additional) if isinstance(additional, dict) else additional
        )
        self.items = self._child(openapi["items"]) if "items" in openapi else None
        self.preserve: bool = openapi.get("x-kubernetes-preserve-unknown-fields", False)
        self.embedded: bool = openapi.get("x-kubernetes-embedded-resource", False)
        self.int_or_string: bool = openapi.get("x-kubernetes-int-or-string", False)
        self.list_type: str = openapi.get("x-kubernetes-list-type", "atomic")
        self.checks_unique: bool = self.list_type != "atomic" and not built_in
        self.list_map_keys: tuple[str, ...] = tuple(openapi.get("x-kubernetes-list-map-keys", ()))
        self.required: tuple[str, ...] = () if built_in else tuple(openapi.get("required", ()))
        self.has_defaults: bool = self.default is not None or any(one.has_defaults for one in self.children())

    def _child(self, openapi: Mapping[str, Any]) -> Node:
        return Node(openapi, built_in=self.built_in)

    def children(self) -> Iterator[Node]:
        yield from self.properties.values()
        if isinstance(self.additional, Node):
            yield self.additional
        if self.items is not None:
            yield self.items

    def child(self, key: str) -> Node | bool | None:
        """The schema of a field; True when it is kept as it is, None or False when it is unknown."""
        known = self.properties.get(key)
        if known is not None:
            return known
        if self.additional is not None:
            return self.additional
        return self.preserve or None


def _python_pattern(pattern: str) -> str:
    """A trailing `$` means the very end of the text to the server, but also before a newline to Python."""
    return pattern[:-1] + r"\Z" if pattern.endswith("$") and not pattern.endswith(r"\$") else pattern


class StructuralSchema:
    """The schema of a whole object.

    `metadata` is a schema to prune the object's metadata with. `built_in` is for kinds that the real server
    decodes into types of its own: null is a field not given, nothing is required at this stage, and a value
    of the wrong type is a body that cannot be read (400), not an invalid object (422).
    """

    def __init__(
        self,
        openapi: Mapping[str, Any],
        metadata: Mapping[str, Any] | None = None,
        *,
        built_in: bool = False,
    ) -> None:
        self.openapi = openapi
        self.root = Node(openapi, built_in=built_in)
        self._metadata = Node(metadata, built_in=True) if metadata is not None else None
        self._built_in = built_in

    def prune(self, obj: dict[str, Any]) -> dict[str, Any]:
        unknown: list[Path] = []
        pruned: dict[str, Any] = self._prune_root(obj, unknown)
        return pruned

    def unknown_fields(self, obj: dict[str, Any]) -> list[str]:
        """The paths that `prune` would drop, as the server names them: metadata, then from the top."""
        unknown: list[Path] = []
        self._prune_root(obj, unknown)
        in_metadata = [path for path in unknown if spell_path(path).startswith("metadata.")]
        others = [path for path in unknown if path not in in_metadata]
        return [spell_path(path) for path in in_metadata + sorted(others, key=_depth)]

    def default(self, obj: dict[str, Any]) -> dict[str, Any]:
        defaulted: dict[str, Any] = _default(self.root, obj) if self.root.has_defaults else obj
        return defaulted

    def validate(self, obj: dict[str, Any]) -> list[FieldError]:
        errors: list[FieldError] = []
        checked = {key: value for key, value in obj.items() if key not in _ROOT_FIELDS}
        for name in self.root.required:
            if name not in obj:
                errors.append(status.required(name))
        for key, value in checked.items():
            node = self.root.child(key)
            if isinstance(node, Node):
                _validate(node, value, (ROOT, key), errors)
        if errors and self._built_in:
            raise status.undecodable(obj, "; ".join(f"{one.field}: {one.message}" for one in errors))
        return errors

    def _prune_root(self, obj: dict[str, Any], unknown: list[Path]) -> Any:
        rest = {key: value for key, value in obj.items() if key not in _ROOT_FIELDS}
        pruned = _prune(self.root, rest, ROOT, unknown)
        kept = {key: obj[key] for key in _ROOT_FIELDS if key in obj}
        metadata = kept.get("metadata")
        if self._metadata is not None and isinstance(metadata, dict):
            kept["metadata"] = _prune(self._metadata, metadata, (ROOT, "metadata"), unknown)
        unchanged = pruned is rest and kept.get("metadata") is obj.get("metadata")
        return obj if unchanged else kept | pruned


def _prune(node: Node, value: Any, path: Path, unknown: list[Path]) -> Any:
    if isinstance(value, dict):
        return _prune_object(node, value, path, unknown)
    if isinstance(value, list) and node.items is not None:
        items = [_prune(node.items, one, (path, index), unknown) for index, one in enumerate(value)]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    return value


def _prune_object(node: Node, value: dict[str, Any], path: Path, unknown: list[Path]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    changed = False
    for key, old in value.items():
        child = node.child(key)
        if old is None and isinstance(child, Node) and child.drops_null:
            changed = True
        elif isinstance(child, Node):
            kept[key] = _prune(child, old, (path, key), unknown)
            changed = changed or kept[key] is not old
        elif child or (node.embedded and key in _ROOT_FIELDS):
            kept[key] = old
        else:
            unknown.append((path, key))
            changed = True
    return kept if changed else value


def _default(node: Node, value: Any) -> Any:
    if isinstance(value, dict):
        return _default_object(node, value)
    if isinstance(value, list) and node.items is not None and node.items.has_defaults:
        items = [_default(node.items, one) for one in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    return value


def _default_object(node: Node, value: dict[str, Any]) -> dict[str, Any]:
    filled: dict[str, Any] = {}
    for key, child in node.properties.items():
        if not child.has_defaults:
            continue
        old = value.get(key)
        if child.default is not None and (key not in value or (old is None and not child.nullable)):
            filled[key] = _default(child, deepcopy(child.default))
        elif old is not None:
            new = _default(child, old)
            if new is not old:
                filled[key] = new
    if isinstance(node.additional, Node) and node.additional.has_defaults:
        for key, old in value.items():
            new = _default(node.additional, old) if key not in node.properties else old
            if new is not old:
                filled[key] = new
    return {**value, **filled} if filled else value


def _validate(node: Node, value: Any, path: Path, errors: list[FieldError]) -> None:
    if value is None and node.nullable:
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
        if isinstance(child, Node):
            _validate(child, one, (path, key), errors)
    most = node.openapi.get("maxProperties")
    if most is not None and len(value) > most:
        errors.append(status.too_many(spell_path(path), len(value), most))
    _at_least(node, "minProperties", len(value), "properties", path, errors)


def _validate_list(node: Node, value: list[Any], path: Path, errors: list[FieldError]) -> None:
    most = node.openapi.get("maxItems")
    if most is not None and len(value) > most:
        errors.append(status.too_many(spell_path(path), len(value), most))
    _at_least(node, "minItems", len(value), "items", path, errors)
    if node.items is not None:
        for index, one in enumerate(value):
            _validate(node.items, one, (path, index), errors)
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
    if "T" not in text.upper() or not (text.upper().endswith("Z") or re.search(r"[+-]\d\d:\d\d\Z", text)):
        raise ValueError(text)
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.upper()))


_FORMATS: dict[str, Callable[[str], Any]] = {
    "date-time": _rfc3339,
    "ipv4": IPv4Address,
    "ipv6": IPv6Address,
    "byte": lambda text: b64decode(text, validate=True),
}
