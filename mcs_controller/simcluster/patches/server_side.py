"""Server-side apply, in a simple form that is enough where one writer owns what it declares.

The declared fields are written; lists that the schema calls maps or sets are merged by their keys. Who
declared a field is not recorded: there are no conflicts, and a field that is no longer declared stays.
"""

from __future__ import annotations

from typing import Any

from mcs_controller.simcluster import status
from mcs_controller.simcluster.kinds.kind import Kind, Object
from mcs_controller.simcluster.schemas.builtin import OBJECT_META, whole
from mcs_controller.simcluster.schemas.nodes import Node, field_of

_METADATA = Node(whole(OBJECT_META))


def apply_configuration(target: Object, declared: Object, kind: Kind) -> Object:
    for field, expected in (("apiVersion", kind.api_version), ("kind", kind.kind)):
        if declared.get(field) != expected:
            given = declared.get(field)
            raise status.bad_request(f"{field} of the configuration is {given!r}, it must be {expected!r}")
    if "managedFields" in (declared.get("metadata") or {}):
        raise status.bad_request("metadata.managedFields must be nil")
    root = kind.schema.root if kind.schema is not None else None
    applied = dict(target)
    for field, value in declared.items():
        node = _METADATA if field == "metadata" else field_of(root, field)
        applied[field] = _merge(applied.get(field), value, node)
    return applied


def _merge(old: Any, declared: Any, node: Node | None) -> Any:
    if isinstance(declared, dict) and isinstance(old, dict):
        if node is not None and node.openapi.get("x-kubernetes-map-type") == "atomic":
            return declared
        merged = dict(old)
        for key, value in declared.items():
            merged[key] = _merge(old.get(key), value, field_of(node, key))
        return merged
    if isinstance(declared, list) and isinstance(old, list) and node is not None:
        if node.list_type == "set":
            return old + [one for one in declared if one not in old]
        if node.list_type == "map":
            return _merge_by_keys(old, declared, node)
    return declared


def _merge_by_keys(old: list[Any], declared: list[Any], node: Node) -> list[Any]:
    """In the declared order; an item that is not declared stays before those that followed it."""
    known = {_identity(one, node): one for one in old}
    waiting = [(_identity(one, node), one) for one in declared]
    declared_keys = {key for key, _ in waiting}
    merged: list[Any] = []
    for one in old:
        if _identity(one, node) not in declared_keys:
            merged.append(one)
            continue
        while waiting and _identity(one, node) in (key for key, _ in waiting):
            key, new = waiting.pop(0)
            merged.append(_merge(known.get(key), new, node.items))
    return merged + [new for _, new in waiting]


def _identity(one: Any, node: Node) -> str:
    """The values of the keys; the default where one is missing."""
    if not isinstance(one, dict):
        raise status.bad_request("an item of a list with keys must be an object")
    properties = node.items.properties if node.items is not None else {}
    defaults = {key: properties[key].default for key in node.list_map_keys if key in properties}
    return repr([one.get(key, defaults.get(key)) for key in node.list_map_keys])
