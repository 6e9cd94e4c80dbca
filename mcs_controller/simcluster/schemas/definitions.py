"""How the schemas of built-in kinds are written down, and put together.

The schemas themselves are in `meta_schemas.py`, `core_schemas.py` and `group_schemas.py`: named definitions
that refer to one another, as the OpenAPI documents show them. `inline` resolves the references for pruning
and checking; `openapi.py` turns them into links.

Invariant: a `$ref` holds the full name of a definition, and no definition contains itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

Schema = dict[str, Any]

DEFINITIONS: dict[str, Schema] = {}
"""Every definition by its full name, in the order in which they were made."""

_API_PREFIX = "io.k8s.api."
_PREFIXES = {
    "meta": "io.k8s.apimachinery.pkg.apis.",
    "intstr": "io.k8s.apimachinery.pkg.util.",
    "apiextensions": "io.k8s.apiextensions-apiserver.pkg.apis.",
}


def full_name(name: str) -> str:
    """`core.v1.Service` as the OpenAPI documents call it."""
    group = name.partition(".")[0]
    return _PREFIXES.get(group, _API_PREFIX) + name


def define(name: str, description: str, properties: Schema, required: Sequence[str] = (), **more: Any) -> str:
    schema: Schema = {"type": "object", "description": description, "properties": properties}
    if required:
        schema["required"] = list(required)
    DEFINITIONS[full_name(name)] = schema | more
    return full_name(name)


def define_kind(
    name: str, description: str, properties: Schema, required: Sequence[str] = (), group: str = ""
) -> str:
    """A whole object: what every object has, and then its own fields."""
    _, version, kind = name.split(".")
    common = {
        "apiVersion": text("Group and version of the API that this object is written in."),
        "kind": text("The type of this object, in CamelCase."),
        "metadata": ref(
            "meta.v1.ObjectMeta", "What every object has: its name, labels, owners and versions."
        ),
    }
    gvk = [{"group": group, "version": version, "kind": kind}]
    return define(
        name, description, common | properties, required, **{"x-kubernetes-group-version-kind": gvk}
    )


def text(description: str, **more: Any) -> Schema:
    return {"type": "string", "description": description} | more


def choice(description: str, *values: str) -> Schema:
    return text(f"{description} One of: {', '.join(values)}.")


def time(description: str) -> Schema:
    return text(description, format="date-time")


def micro_time(description: str) -> Schema:
    """A time to the microsecond: with exactly six digits, or the server cannot read it."""
    return time(description) | {"pattern": r"^[^.]+\.\d{6}(Z|[+-]\d\d:\d\d)$"}


def integer(description: str, bits: int = 32) -> Schema:
    return {"type": "integer", "format": f"int{bits}", "description": description}


def boolean(description: str) -> Schema:
    return {"type": "boolean", "description": description}


def texts(description: str, list_type: str = "atomic", **more: Any) -> Schema:
    items = {"type": "string"}
    schema = {"type": "array", "items": items, "description": description}
    return schema | {"x-kubernetes-list-type": list_type} | more


def text_map(description: str) -> Schema:
    return {"type": "object", "additionalProperties": {"type": "string"}, "description": description}


def number_or_text(description: str) -> Schema:
    return ref("intstr.IntOrString", description)


def anything(description: str) -> Schema:
    """A part that this API server keeps without looking at it."""
    return {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "description": description}


def ref(name: str, description: str) -> Schema:
    return {"$ref": full_name(name), "description": description}


def refs(
    name: str, description: str, *, map_keys: Sequence[str] = (), merge_key: str = "", **more: Any
) -> Schema:
    """A list of another definition; `map_keys` for server-side apply, `merge_key` for strategic patches."""
    schema: Schema = {"type": "array", "items": {"$ref": full_name(name)}, "description": description}
    schema["x-kubernetes-list-type"] = "map" if map_keys else "atomic"
    if map_keys:
        schema["x-kubernetes-list-map-keys"] = list(map_keys)
    if merge_key:
        schema |= {"x-kubernetes-patch-merge-key": merge_key, "x-kubernetes-patch-strategy": "merge"}
    return schema | more


@cache
def inline(name: str) -> Schema:
    """The definition with all that it refers to in place."""
    return _resolve(DEFINITIONS[name])


def _resolve(schema: Schema) -> Schema:
    target = schema.get("$ref")
    if target is not None:
        return inline(target) | {key: value for key, value in schema.items() if key != "$ref"}
    resolved = dict(schema)
    if "properties" in schema:
        resolved["properties"] = {key: _resolve(one) for key, one in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            resolved[key] = _resolve(schema[key])
    return resolved
