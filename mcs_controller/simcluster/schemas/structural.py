"""Structural schemas: which fields an object may have, their defaults, and their values.

One class serves the schemas of CRDs and of built-in kinds. As on the real server, unknown fields are pruned
first, and nulls where none may be; then defaults are filled in; then values are checked. Metadata is checked
in `object_meta.py`; CEL rules are not evaluated.

Invariant: no method changes its argument; the result shares the parts that did not change.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from operator import is_
from typing import Any

from mcs_controller.simcluster import status
from mcs_controller.simcluster.schemas.nodes import ROOT, Node, Path, depth_of, spell_path
from mcs_controller.simcluster.schemas.values import validate_value
from mcs_controller.simcluster.status import FieldError

_ROOT_FIELDS = ("apiVersion", "kind", "metadata")
_NESTED = (dict, list)


class StructuralSchema:
    """The schema of a whole object.

    `metadata` is the schema by which the object's metadata is pruned. `built_in` is for kinds that the real
    server decodes into Go types: null means that the field is not given, no field is required at this stage,
    and a value of the wrong type makes the body unreadable (400) instead of invalid (422).
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
        return [spell_path(path) for path in in_metadata + sorted(others, key=depth_of)]

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
                validate_value(node, value, (ROOT, key), errors)
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
        if not any(isinstance(one, _NESTED) for one in value):
            return value
        items = [_prune(node.items, one, (path, index), unknown) for index, one in enumerate(value)]
        return value if all(map(is_, items, value)) else items
    return value


def _prune_object(node: Node, value: dict[str, Any], path: Path, unknown: list[Path]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    changed = False
    for key, old in value.items():
        child = node.child(key)
        if old is None and isinstance(child, Node) and child.drops_null:
            changed = True
        elif isinstance(child, Node):
            new = _prune(child, old, (path, key), unknown) if isinstance(old, _NESTED) else old
            kept[key] = new
            changed = changed or new is not old
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
