"""The `paths` of the OpenAPI documents: which requests there are on each resource.

kubectl reads three things there: that a write takes `fieldValidation` and `dryRun`, which kind a path is
about, and whether `apply` may send a strategic merge patch, which custom resources do not know.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mcs_controller.simcluster.kinds.resource_kind import Kind

OPERATION_TYPES = {
    "create": ("post", "post"),
    "get": ("get", "get"),
    "list": ("get", "list"),
    "update": ("put", "put"),
    "patch": ("patch", "patch"),
    "delete": ("delete", "delete"),
    "deletecollection": ("delete", "deletecollection"),
}
"""The HTTP method and the `x-kubernetes-action` of each verb."""

_ON_COLLECTIONS = ("list", "create", "deletecollection")
_ON_OBJECTS = ("get", "update", "patch", "delete")
_ON_STATUS = ("get", "update", "patch")
_STRATEGIC_PATCH = "application/strategic-merge-patch+json"
_PATCHES = ("application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml")
_QUERY = {
    "create": ("dryRun", "fieldManager", "fieldValidation"),
    "update": ("dryRun", "fieldManager", "fieldValidation"),
    "patch": ("dryRun", "fieldManager", "fieldValidation", "force"),
    "delete": ("dryRun", "gracePeriodSeconds", "propagationPolicy"),
    "list": ("continue", "fieldSelector", "labelSelector", "limit", "resourceVersion", "watch"),
    "deletecollection": ("dryRun", "fieldSelector", "labelSelector", "propagationPolicy"),
    "get": (),
}
_TEXTS = {
    "continue": "Token of the page to go on with.",
    "dryRun": "`All`: do everything but store the result.",
    "fieldManager": "Who makes the change.",
    "fieldSelector": "Fields that the objects must have.",
    "fieldValidation": "What to do about unknown and duplicate fields: Ignore, Warn or Strict.",
    "force": "Whether an apply takes fields over from others.",
    "gracePeriodSeconds": "How long the object may take to end.",
    "labelSelector": "Labels that the objects must have.",
    "limit": "How many objects a page may have.",
    "propagationPolicy": "What becomes of what the object owns: Orphan, Background or Foreground.",
    "resourceVersion": "The state that is asked for.",
    "watch": "Send the changes from here on.",
}
_TYPES = {
    "force": "boolean",
    "gracePeriodSeconds": "integer",
    "limit": "integer",
    "watch": "boolean",
}


def paths_of(kinds: Iterable[Kind], link: str, *, is_v3: bool) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for kind in kinds:
        base = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.api_version}"
        scope = "/namespaces/{namespace}" if kind.namespaced else ""
        collection = f"{base}{scope}/{kind.plural}"
        paths[collection] = _operations(kind, _ON_COLLECTIONS, link, is_v3, named=False)
        paths[f"{collection}/{{name}}"] = _operations(kind, _ON_OBJECTS, link, is_v3, named=True)
        if kind.has_status:
            paths[f"{collection}/{{name}}/status"] = _operations(kind, _ON_STATUS, link, is_v3, named=True)
        if kind.namespaced:
            everywhere = _operations(kind, ("list",), link, is_v3, named=False)
            everywhere["parameters"] = []
            paths[f"{base}/{kind.plural}"] = everywhere
    return paths


def _operations(kind: Kind, verbs: tuple[str, ...], link: str, is_v3: bool, *, named: bool) -> dict[str, Any]:
    operations: dict[str, Any] = {}
    for verb in verbs:
        if verb in kind.verbs:
            method, action = OPERATION_TYPES[verb]
            operations[method] = _operation(kind, verb, action, link, is_v3)
    in_path = [*(["name"] if named else []), *(["namespace"] if kind.namespaced else [])]
    operations["parameters"] = [_in_path(name, is_v3) for name in in_path]
    return operations


def _operation(kind: Kind, verb: str, action: str, link: str, is_v3: bool) -> dict[str, Any]:
    shown = f"{kind.definition}List" if verb == "list" else kind.definition
    schema = {"$ref": link + shown}
    parameters = [_in_query(name, is_v3) for name in _QUERY[verb]]
    operation: dict[str, Any] = {
        "description": f"{verb} {kind.plural}",
        "operationId": f"{verb}{kind.group.title().replace('.', '')}{kind.version.title()}{kind.kind}",
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {
            "group": kind.group,
            "version": kind.version,
            "kind": kind.kind,
        },
    }
    has_body = verb in ("create", "update", "patch")
    body_schema = {"type": "object"} if verb == "patch" else schema
    if is_v3:
        content = {"application/json": {"schema": schema}}
        operation["responses"] = {"200": {"description": "OK", "content": content}}
        if has_body:
            bodies = {one: {"schema": body_schema} for one in _body_types(kind, verb)}
            operation["requestBody"] = {"required": True, "content": bodies}
    else:
        operation["responses"] = {"200": {"description": "OK", "schema": schema}}
        operation["consumes"] = list(_body_types(kind, verb))
        operation["produces"] = ["application/json"]
        if has_body:
            parameters.insert(0, {"name": "body", "in": "body", "required": True, "schema": body_schema})
    operation["parameters"] = parameters
    return operation


def _body_types(kind: Kind, verb: str) -> tuple[str, ...]:
    if verb != "patch":
        return ("*/*",)
    return _PATCHES if kind.is_custom else (*_PATCHES, _STRATEGIC_PATCH)


def _in_query(name: str, is_v3: bool) -> dict[str, Any]:
    return _parameter(name, "query", _TYPES.get(name, "string"), _TEXTS[name], is_v3)


def _in_path(name: str, is_v3: bool) -> dict[str, Any]:
    return _parameter(name, "path", "string", f"The {name} of the object.", is_v3) | {"required": True}


def _parameter(name: str, place: str, type_: str, text: str, is_v3: bool) -> dict[str, Any]:
    shape: dict[str, Any] = {"schema": {"type": type_}} if is_v3 else {"type": type_}
    return {"name": name, "in": place, "description": text, "uniqueItems": True} | shape
