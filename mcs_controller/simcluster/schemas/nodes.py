"""One level of a structural schema, and the paths by which errors name fields.

A schema is read into nodes once. `structural.py` and `values.py` walk objects along them; patches look up
list keys in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[Any, ...]
"""Nested pairs (parent path, key or index): cheap to build on the way down, spelt out for errors only."""

ROOT: Path = ()

_PLAIN_TYPES: dict[str, type] = {"string": str, "boolean": bool}
_BOUNDS = (
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
)
_TEXT_CONSTRAINTS = ("enum", "format", "maxLength", "minLength", "pattern")


def spell_path(path: Path) -> str:
    parts: list[str] = []
    while path:
        path, key = path
        parts.append(f"[{key}]" if isinstance(key, int) else f".{key}")
    return "".join(reversed(parts)).removeprefix(".")


def depth_of(path: Path) -> int:
    depth = 0
    while path:
        path, depth = path[0], depth + 1
    return depth


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
        "is_bounded",
        "items",
        "list_map_keys",
        "list_type",
        "nullable",
        "openapi",
        "pattern",
        "preserve",
        "properties",
        "required",
        "sufficient_type",
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
        self.int_or_string: bool = (
            openapi.get("x-kubernetes-int-or-string", False) or self.format == "int-or-string"
        )
        self.list_type: str = openapi.get("x-kubernetes-list-type", "atomic")
        self.checks_unique: bool = self.list_type != "atomic" and not built_in
        self.list_map_keys: tuple[str, ...] = tuple(openapi.get("x-kubernetes-list-map-keys", ()))
        self.required: tuple[str, ...] = () if built_in else tuple(openapi.get("required", ()))
        self.is_bounded: bool = any(keyword in openapi for keyword in _BOUNDS)
        is_constrained = any(keyword in openapi for keyword in _TEXT_CONSTRAINTS)
        self.sufficient_type = None if is_constrained else _PLAIN_TYPES.get(self.type)
        """A value of this Python type needs no further check: most fields are plain texts and flags."""
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
        """The schema of a field; True when any value is kept, None or False when the field is unknown."""
        if (known := self.properties.get(key)) is not None:
            return known
        if self.additional is not None:
            return self.additional
        return self.preserve or None


def field_of(node: Node | None, key: str) -> Node | None:
    """The schema of a field, None where there is none."""
    child = node.child(key) if node is not None else None
    return child if isinstance(child, Node) else None


def _python_pattern(pattern: str) -> str:
    """A trailing `$` means the very end of the text to the server, but also before a newline to Python."""
    return pattern[:-1] + r"\Z" if pattern.endswith("$") and not pattern.endswith(r"\$") else pattern
