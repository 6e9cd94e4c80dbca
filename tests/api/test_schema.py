"""A model that has no structural schema is refused when the CRDs are made, not by a cluster later."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import Field

from mcs_controller.api.meta import Keywords, WireModel, WireObject, list_map
from mcs_controller.api.schema import NotStructuralError, structural_schema


class Part(WireModel):
    """A part."""

    size_bytes: int
    """How large it is."""


class TwoTypes(WireObject):
    """Int-or-string."""

    spec: int | str


class Anything(WireObject):
    """No type at all."""

    spec: object


class Pair(WireObject):
    """A tuple of fixed positions."""

    spec: tuple[int, str]


@pytest.mark.parametrize("model", [TwoTypes, Anything, Pair])
def test_a_field_without_one_plain_type_is_refused_by_name(model: type[WireObject]) -> None:
    with pytest.raises(NotStructuralError, match=rf"^{model.__name__}\.spec"):
        structural_schema(model)


def test_references_optionals_titles_and_defaults_are_resolved_away() -> None:
    class Whole(WireObject):
        """A whole."""

        kind: Literal["Whole"] = "Whole"
        spec: Part | None = None
        """The part in it."""
        spare_parts: Annotated[list[Part], Field(max_length=3), list_map("sizeBytes")] | None = None
        """More of them,
        on two lines."""
        pod_cidrs: Annotated[str, Keywords((("format", "cidr"),))] = "10.0.0.0/8"

    part = {
        "type": "object",
        "properties": {"sizeBytes": {"type": "integer", "description": "How large it is."}},
        "required": ["sizeBytes"],
    }
    schema = structural_schema(Whole)
    own = {name: field for name, field in schema["properties"].items() if name not in ("apiVersion", "kind")}
    assert schema["description"] == "A whole."
    assert "required" not in schema
    assert own == {
        "metadata": {"type": "object"},
        "spec": {**part, "description": "The part in it."},
        "spareParts": {
            "type": "array",
            "description": "More of them, on two lines.",
            "maxItems": 3,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["sizeBytes"],
            "items": {**part, "description": "A part."},
        },
        "podCIDRs": {"type": "string", "format": "cidr"},
    }
