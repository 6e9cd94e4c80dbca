"""The OpenAPI documents: what kubectl reads for `apply`, `explain`, `create --validate` and `edit`.

Version 3 has one document for each group and version, and an index of them; version 2 is one document for
all. Schemas are those that objects are checked with, except that built-in ones refer to one another by links.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from mcs_controller.simcluster.kinds.resource_kind import Kind
from mcs_controller.simcluster.kubectl.discovery import VERSION_INFO
from mcs_controller.simcluster.kubectl.openapi_paths import paths_of
from mcs_controller.simcluster.schemas import meta_schemas
from mcs_controller.simcluster.schemas.definitions import DEFINITIONS, Schema, full_name

_GVK = "x-kubernetes-group-version-kind"
_LIST_META = full_name("meta.v1.ListMeta")
_ALWAYS = (meta_schemas.OBJECT_META, _LIST_META, full_name("meta.v1.DeleteOptions"))
_V3_LINK = "#/components/schemas/"
_V2_LINK = "#/definitions/"


def openapi_v3_index(kinds: Iterable[Kind]) -> dict[str, Any]:
    """Which documents there are. The hash in an address changes with the document, so clients may keep it."""
    served = tuple(kinds)
    entries = {}
    for path in sorted({_path(kind.api_version) for kind in served}):
        document = openapi_v3(served, path)
        body = json.dumps(document, sort_keys=True).encode()
        digest = hashlib.sha256(body).hexdigest().upper()
        entries[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
    return {"paths": entries}


def openapi_v3(kinds: Iterable[Kind], group_version: str) -> dict[str, Any]:
    """The document of one group and version, given as `v1`, `apps/v1`, `api/v1` or `apis/apps/v1`."""
    wanted = group_version.strip("/")
    found = [kind for kind in kinds if wanted in (kind.api_version, _path(kind.api_version))]
    schemas = _definitions(found, _V3_LINK, is_v3=True)
    return {
        "openapi": "3.0.0",
        "info": _INFO,
        "paths": paths_of(found, _V3_LINK, is_v3=True),
        "components": {"schemas": schemas},
    }


def openapi_v2(kinds: Iterable[Kind]) -> dict[str, Any]:
    served = tuple(kinds)
    return {
        "swagger": "2.0",
        "info": _INFO,
        "paths": paths_of(served, _V2_LINK, is_v3=False),
        "definitions": _definitions(served, _V2_LINK, is_v3=False),
    }


_INFO = {"title": "Kubernetes", "version": VERSION_INFO["gitVersion"]}


def _path(api_version: str) -> str:
    return f"apis/{api_version}" if "/" in api_version else f"api/{api_version}"


def _definitions(kinds: Iterable[Kind], link: str, *, is_v3: bool) -> dict[str, Schema]:
    """The kinds, their lists, and everything that they refer to."""
    schemas: dict[str, Schema] = {}
    for kind in kinds:
        schema = DEFINITIONS[kind.definition] if kind.definition in DEFINITIONS else _custom(kind)
        schemas[kind.definition] = schema
        schemas[f"{kind.definition}List"] = _list_of(kind)
    gvks = [{"group": kind.group, "version": kind.version, "kind": "DeleteOptions"} for kind in kinds]
    waiting = [*_ALWAYS, *schemas]
    while waiting:
        name = waiting.pop()
        schemas.setdefault(name, DEFINITIONS.get(name, {}))
        waiting += [one for one in _references(schemas[name]) if one not in schemas]
    options = _ALWAYS[-1]
    schemas[options] = schemas[options] | {_GVK: _unique(gvks)}
    return {name: _linked(schema, link, is_v3=is_v3) for name, schema in sorted(schemas.items())}


def _unique(entries: list[dict[str, str]]) -> list[dict[str, str]]:
    return [one for index, one in enumerate(entries) if one not in entries[:index]]


def _gvk(kind: Kind, name: str) -> list[dict[str, str]]:
    return [{"group": kind.group, "version": kind.version, "kind": name}]


def _custom(kind: Kind) -> Schema:
    openapi: Schema = dict(kind.schema.openapi) if kind.schema is not None else {"type": "object"}
    own: Schema = openapi.get("properties", {})
    properties = {
        "apiVersion": own.get("apiVersion", {"type": "string"}),
        "kind": own.get("kind", {"type": "string"}),
        "metadata": {"$ref": meta_schemas.OBJECT_META, "description": "What every object has."},
    }
    rest = {key: value for key, value in own.items() if key not in properties}
    return openapi | {"properties": properties | rest, _GVK: _gvk(kind, kind.kind)}


def _list_of(kind: Kind) -> Schema:
    return {
        "type": "object",
        "description": f"A list of {kind.kind} objects.",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string", "description": "Group and version of the API."},
            "kind": {"type": "string", "description": f"{kind.list_kind}."},
            "metadata": {"$ref": _LIST_META, "description": "What lists have."},
            "items": {"type": "array", "items": {"$ref": kind.definition}, "description": "The objects."},
        },
        _GVK: _gvk(kind, kind.list_kind),
    }


def _references(schema: Any) -> Iterable[str]:
    if isinstance(schema, Mapping):
        target = schema.get("$ref")
        if isinstance(target, str):
            yield target
        for key, value in schema.items():
            if key not in ("default", "enum", "example"):
                yield from _references(value)


def _linked(schema: Any, link: str, *, is_v3: bool) -> Any:
    """The schema with names made into links, in the dialect of the version."""
    if not isinstance(schema, dict):
        return schema
    target = schema.get("$ref")
    if isinstance(target, str):
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        pointer = {"$ref": link + target}
        return {"allOf": [pointer], "default": {}} | rest if is_v3 and rest else rest | pointer
    linked = {key: value for key, value in schema.items() if is_v3 or key not in _V3_ONLY}
    if schema.get("x-kubernetes-int-or-string"):
        linked |= _INT_OR_STRING_V3 if is_v3 else _INT_OR_STRING_V2
    if "properties" in schema:
        items = schema["properties"].items()
        linked["properties"] = {key: _linked(one, link, is_v3=is_v3) for key, one in items}
    for key in ("items", "additionalProperties"):
        if key in schema:
            linked[key] = _linked(schema[key], link, is_v3=is_v3)
    return linked


_V3_ONLY = ("nullable", "oneOf", "anyOf", "not")
_INT_OR_STRING_V2 = {"type": "string", "format": "int-or-string"}
_INT_OR_STRING_V3 = {"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"}
