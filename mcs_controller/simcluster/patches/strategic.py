"""Strategic merge patch: a merge patch that merges some lists by a key or as sets.

Only for built-in kinds: the keys are in their schemas (`x-kubernetes-patch-merge-key`). A list without a key
is replaced. Directives: `$patch: delete | replace | merge`, `$deleteFromPrimitiveList/<field>`, and
`$setElementOrder/<field>`, which gives the merged list the client's order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mcs_controller.simcluster import status
from mcs_controller.simcluster.kinds.kind import Kind, Object
from mcs_controller.simcluster.schemas.nodes import Node, field_of

_ORDER = "$setElementOrder/"
_DELETE = "$deleteFromPrimitiveList/"


def apply_strategic_patch(target: Object, patch: Object, kind: Kind) -> Object:
    node = kind.schema.root if kind.schema is not None else None
    return _merge(target, patch, node) or {}


def _merge(target: Object, patch: Object, node: Node | None) -> Object | None:
    """None when the patch deletes the object."""
    directive = patch.get("$patch", "merge")
    content = {key: value for key, value in patch.items() if key != "$patch"}
    if directive == "delete":
        return None
    if directive == "replace":
        return content
    if directive != "merge":
        raise status.bad_request(f"unrecognized directive type in patch: {directive}")
    merged = dict(target)
    for key, value in content.items():
        if key.startswith((_ORDER, _DELETE)):
            continue
        child = field_of(node, key)
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            old = merged.get(key)
            new = _merge(old if isinstance(old, dict) else {}, value, child)
            if new is None:
                merged.pop(key, None)
            else:
                merged[key] = new
        elif isinstance(value, list):
            merged[key] = _merge_list(merged.get(key), value, child)
        else:
            merged[key] = value
    for directive_key, values in content.items():
        if directive_key.startswith(_DELETE):
            key = directive_key.removeprefix(_DELETE)
            merged[key] = [one for one in merged.get(key, ()) if one not in values]
        elif directive_key.startswith(_ORDER) and (key := directive_key.removeprefix(_ORDER)) in merged:
            merged[key] = _ordered(merged[key], values, _merge_key(field_of(node, key)))
    return merged


def _merge_key(node: Node | None) -> str:
    key: str = node.openapi.get("x-kubernetes-patch-merge-key", "") if node is not None else ""
    return key


def _merge_list(old: Any, patch: list[Any], node: Node | None) -> list[Any]:
    current = list(old) if isinstance(old, list) else []
    if any(isinstance(one, dict) and one.get("$patch") == "replace" for one in patch):
        return [one for one in patch if not (isinstance(one, dict) and one.get("$patch") == "replace")]
    key = _merge_key(node)
    if key:
        return _merge_by_key(current, patch, key, node.items if node is not None else None)
    if node is not None and node.openapi.get("x-kubernetes-patch-strategy") == "merge":
        return current + [one for one in patch if one not in current]
    return patch


def _merge_by_key(current: list[Any], patch: list[Any], key: str, items: Node | None) -> list[Any]:
    for one in patch:
        if not isinstance(one, dict) or key not in one:
            raise status.bad_request(f"map: {one} does not contain declared merge key: {key}")
        matching = [index for index, old in enumerate(current) if old.get(key) == one[key]]
        if one.get("$patch") == "delete":
            current = [old for old in current if old.get(key) != one[key]]
        elif matching:
            current[matching[0]] = _merge(current[matching[0]], one, items)
        else:
            current.append(_merge({}, one, items))
    return current


def _ordered(merged: list[Any], order: Iterable[Any], key: str) -> list[Any]:
    """Named items in the client's order, then the others."""

    def identity(one: Any) -> Any:
        return one.get(key) if key and isinstance(one, dict) else one

    wanted = [identity(one) for one in order]
    named = sorted(
        (one for one in merged if identity(one) in wanted), key=lambda one: wanted.index(identity(one))
    )
    return named + [one for one in merged if identity(one) not in wanted]
