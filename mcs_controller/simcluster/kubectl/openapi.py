"""The OpenAPI documents, as far as kubectl reads them: for `apply`, `create`, `edit`, `patch` and `explain`.

There is one document of version 3 for each group and version, and an index of them. kubectl reads from it
the fields of a kind, which forms of patch the kind takes, and that the server checks for unknown fields
(`fieldValidation`); otherwise kubectl does that itself.

Version 2 it reads for one thing only: to check `kind: List`, which no document of version 3 describes. It
takes protobuf and nothing else. The answer defines no kinds: then kubectl lets the list pass, and the server
checks each object in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mcs_controller.simcluster.kinds.kind import Kind
from mcs_controller.simcluster.kubectl.discovery import VERSION_INFO
from mcs_controller.simcluster.patches.patch import accepted_types
from mcs_controller.simcluster.schemas.builtin import DEFINITIONS, GVK, LINK, OBJECT_META, Schema

V2_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
"""kubectl asks for it under its old name, with `@v1.0`, which is no media type that it could read itself."""
V2_DOCUMENT = b"\x0a\x032.0"
"""Field 1 (`swagger`) of the message `openapi.v2.Document` is "2.0"; the others are not set."""

_ON_PATCHES = ("dryRun", "fieldManager", "fieldValidation", "force")


def openapi_v3_index(kinds: Iterable[Kind]) -> Schema:
    """Which documents there are. The hash in an address changes with the document, so clients may keep it."""
    served = tuple(kinds)
    entries = {}
    for path in sorted({_path(kind) for kind in served}):
        body = json.dumps(openapi_v3(served, path), sort_keys=True).encode()
        digest = hashlib.sha256(body).hexdigest().upper()
        entries[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
    return {"paths": entries}


def openapi_v3(kinds: Iterable[Kind], path: str) -> Schema | None:
    """The document of one group and version, such as `api/v1` or `apis/apps/v1`; None when there is none."""
    found = [kind for kind in kinds if _path(kind) == path]
    if not found:
        return None
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": VERSION_INFO["gitVersion"]},
        "paths": {_object_path(kind): {"patch": _patch(kind)} for kind in found},
        "components": {"schemas": _schemas(found)},
    }


def _path(kind: Kind) -> str:
    return f"apis/{kind.api_version}" if kind.group else f"api/{kind.api_version}"


def _object_path(kind: Kind) -> str:
    scope = "namespaces/{namespace}/" if kind.namespaced else ""
    return f"/{_path(kind)}/{scope}{kind.plural}/{{name}}"


def _gvk(kind: Kind) -> dict[str, str]:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def _patch(kind: Kind) -> Schema:
    names = [("query", name) for name in _ON_PATCHES]
    names += [("path", "name"), *([("path", "namespace")] if kind.namespaced else [])]
    return {
        GVK: _gvk(kind),
        "x-kubernetes-action": "patch",
        "parameters": [
            {"name": name, "in": place, "schema": {"type": "string"}, "required": place == "path"}
            for place, name in names
        ],
        "requestBody": {"content": {type_: {"schema": {"type": "object"}} for type_ in accepted_types(kind)}},
        "responses": {"200": {"description": "OK"}},
    }


def _schemas(kinds: Iterable[Kind]) -> dict[str, Schema]:
    """The schemas of the kinds, and of everything that they refer to."""
    schemas = {kind.definition: DEFINITIONS.get(kind.definition) or _custom(kind) for kind in kinds}
    waiting = list(schemas.values())
    while waiting:
        for name in _references(waiting.pop()):
            if name not in schemas:
                schemas[name] = DEFINITIONS[name]
                waiting.append(DEFINITIONS[name])
    return dict(sorted(schemas.items()))


def _custom(kind: Kind) -> Schema:
    openapi: Schema = dict(kind.schema.openapi) if kind.schema is not None else {"type": "object"}
    properties: Schema = openapi.get("properties", {})
    common = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"$ref": LINK + OBJECT_META},
    }
    known = {key: properties[key] for key in ("apiVersion", "kind") if key in properties}
    return openapi | {"properties": properties | common | known, GVK: [_gvk(kind)]}


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        target = schema.get("$ref")
        if isinstance(target, str):
            yield target.removeprefix(LINK)
        for value in schema.values():
            yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)
