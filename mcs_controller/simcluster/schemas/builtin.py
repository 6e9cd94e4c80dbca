"""The schemas of the built-in kinds, as kube-apiserver publishes them.

`builtin.json` holds them: a part of a real server's OpenAPI documents, without descriptions, written by
`hack/kube_schemas.py`. The OpenAPI documents of this server show them as they are. To prune and to check
objects, `whole` puts the definitions that one refers to in its place.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from pydantic_core import from_json

Schema = dict[str, Any]

LINK = "#/components/schemas/"
GVK = "x-kubernetes-group-version-kind"
OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_MICRO_TIME = "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime"
_SIX_DIGITS = r"^[^.]+\.\d{6}(Z|[+-]\d\d:\d\d)$"
"""The server cannot read a MicroTime with more or fewer digits; its OpenAPI document does not say so."""

DEFINITIONS: dict[str, Schema] = from_json(files(__package__).joinpath("builtin.json").read_bytes())[
    "definitions"
]
"""By full name, such as `io.k8s.api.core.v1.Service`; a `$ref` is a link to another one."""


def definition_of(group: str, version: str, kind: str) -> str:
    """The full name of the definition of a kind. Raises LookupError for a kind that is not in the file."""
    wanted = {"group": group, "version": version, "kind": kind}
    for name, schema in DEFINITIONS.items():
        if wanted in schema.get(GVK, ()):
            return name
    raise LookupError(f"builtin.json has no {kind} of {group or 'the core group'}/{version}")


@cache
def whole(name: str) -> Schema:
    """A definition with everything that it refers to in place. None of them refers to itself."""
    schema = _resolved(DEFINITIONS[name])
    return schema | {"pattern": _SIX_DIGITS} if name == _MICRO_TIME else schema


def _resolved(schema: Schema) -> Schema:
    if "allOf" in schema:
        (target,) = schema["allOf"]
        return _resolved(target) | {key: value for key, value in schema.items() if key != "allOf"}
    if "$ref" in schema:
        return whole(schema["$ref"].removeprefix(LINK))
    resolved = dict(schema)
    if "properties" in schema:
        resolved["properties"] = {key: _resolved(one) for key, one in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if key in schema:
            resolved[key] = _resolved(schema[key])
    if schema.get("type") == "object" and not resolved.keys() & {"properties", "additionalProperties"}:
        resolved["x-kubernetes-preserve-unknown-fields"] = True
    return resolved
