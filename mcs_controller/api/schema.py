"""From a pydantic model to the structural schema that a CustomResourceDefinition wants.

What pydantic writes is JSON Schema with references, titles, defaults and unions with null; an API server
takes none of these. Anything that has no structural form is refused here, when the CRDs are generated, and
not by the API server later.
"""

import copy
from typing import Any, Final

from mcs_controller.api.meta import WireObject

JsonObject = dict[str, Any]

_OBJECT_PROPERTIES: Final[JsonObject] = {
    "apiVersion": {"type": "string", "description": "Group and version of this object's schema."},
    "kind": {"type": "string", "description": "Kind of this object."},
    "metadata": {"type": "object"},
}
_KEPT: Final = frozenset(
    {
        "description",
        "enum",
        "format",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minimum",
        "pattern",
        "type",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-list-type",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-validations",
    }
)
_DROPPED: Final = frozenset({"default", "title"})


class NotStructuralError(Exception):
    """The model says something that a structural schema cannot."""


def structural_schema(model: type[WireObject]) -> JsonObject:
    """The `openAPIV3Schema` of a kind: its own fields, and the head that every object has."""
    document = model.model_json_schema(by_alias=True, mode="validation")
    schema = _structural(document, document.get("$defs", {}), model.__name__)
    schema["properties"] |= copy.deepcopy(_OBJECT_PROPERTIES)
    # The API server fills in and checks the head itself.
    required = [name for name in schema.pop("required", []) if name not in _OBJECT_PROPERTIES]
    return schema | ({"required": required} if required else {})


def _structural(node: JsonObject, definitions: JsonObject, where: str) -> JsonObject:
    node = _without_indirection(node, definitions, where)
    schema: JsonObject = {}
    for word, value in node.items():
        if word in _KEPT:
            schema[word] = " ".join(value.split()) if word == "description" else copy.deepcopy(value)
        elif word == "properties":
            fields = {
                name: _structural(field, definitions, f"{where}.{name}") for name, field in value.items()
            }
            # The API server does not keep an empty map, so that each comparison would find a difference.
            schema |= {word: fields} if fields else {}
        elif word in ("items", "additionalProperties"):
            schema[word] = _structural(value, definitions, f"{where}[]")
        elif word == "required":
            schema[word] = sorted(value)
        elif word not in _KEPT | _DROPPED | {"const"}:
            raise NotStructuralError(f"{where}: {word} has no structural form")
    if "const" in node:
        schema["enum"] = [node["const"]]
    if "type" not in schema:
        raise NotStructuralError(f"{where}: no type")
    return schema


def _without_indirection(node: JsonObject, definitions: JsonObject, where: str) -> JsonObject:
    """The node with its reference and its union with null resolved; its own words go before the target's."""
    own = {word: value for word, value in node.items() if word not in ("$defs", "$ref", "anyOf")}
    if "anyOf" in node:
        branches = [branch for branch in node["anyOf"] if branch.get("type") != "null"]
        if len(branches) != 1:
            raise NotStructuralError(f"{where}: a union of {len(branches)} types")
        return {**_without_indirection(branches[0], definitions, where), **own}
    if "$ref" in node:
        target = definitions[node["$ref"].removeprefix("#/$defs/")]
        return {**_without_indirection(target, definitions, where), **own}
    return own
