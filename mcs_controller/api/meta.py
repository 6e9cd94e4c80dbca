"""What all objects on the wire share: the base models, object metadata and conditions.

The models are the one source of the CRDs (schema.py turns them into structural schemas; the docstring below a
field is what `kubectl explain` prints), and tests check documents with them. Objects are not read with them:
`clusterset/services/decode/` reads plain JSON into slim values. A field that was absent is None and stays
absent when written again; an empty list stays an empty list.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, StringConstraints
from pydantic_core import CoreSchema

_INITIALISMS: Final = {"cidrs": "CIDRs", "ip": "IP", "tls": "TLS", "uid": "UID"}


def _wire_name(field: str) -> str:
    """The JSON name as the Kubernetes API conventions spell it: `pod_cidrs` is `podCIDRs`."""
    first, *rest = field.split("_")
    return first + "".join(_INITIALISMS.get(word, word.capitalize()) for word in rest)


@dataclass(frozen=True, slots=True)
class Keywords:
    """JSON Schema keywords that pydantic has no word for, such as formats and Kubernetes' list types.

    Type unions hash their members, so a list is given as a tuple; None takes a keyword away.
    """

    extra: tuple[tuple[str, Any], ...]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        words = {word: list(value) if isinstance(value, tuple) else value for word, value in self.extra}
        return {word: value for word, value in {**handler(core), **words}.items() if value is not None}


def list_map(key: str) -> Keywords:
    """A list that holds at most one item per value of `key`, and is merged by it."""
    return Keywords((("x-kubernetes-list-type", "map"), ("x-kubernetes-list-map-keys", (key,))))


@dataclass(frozen=True, slots=True)
class Rule:
    """A CEL rule for a value, and what an API server says of one that breaks it."""

    rule: str
    message: str

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        known = {"rule": self.rule, "message": self.message}
        return {**handler(core), "x-kubernetes-validations": [known]}


ATOMIC_LIST: Final = Keywords((("x-kubernetes-list-type", "atomic"),))
SET_LIST: Final = Keywords((("x-kubernetes-list-type", "set"),))

# The bounds of the Go type behind the format, which an API server checks without being told in the schema.
Int32 = Annotated[
    int,
    Field(ge=-(2**31), le=2**31 - 1),
    Keywords((("minimum", None), ("maximum", None), ("format", "int32"))),
]
PortNumber = Annotated[int, Field(ge=1, le=65535), Keywords((("format", "int32"),))]
Timestamp = Annotated[str, Keywords((("format", "date-time"),))]
"""RFC 3339, kept as text: what was read is written again to the digit (metav1.Time, metav1.MicroTime)."""


class WireModel(BaseModel):
    """Part of an object: unknown fields are dropped, as the API server prunes them."""

    model_config = ConfigDict(
        alias_generator=_wire_name,
        extra="ignore",
        frozen=True,
        strict=True,
        use_attribute_docstrings=True,
        validate_by_alias=True,
        validate_by_name=True,
    )


class ObjectMeta(WireModel):
    """The part of metav1.ObjectMeta that this project reads or writes."""

    name: str
    namespace: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    generation: int | None = None
    creation_timestamp: Timestamp | None = None
    deletion_timestamp: Timestamp | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class WireObject(WireModel):
    """A whole object; each kind narrows `api_version` and `kind` to its own."""

    api_version: str
    kind: str
    metadata: ObjectMeta


class Condition(WireModel):
    """One aspect of the object's current state, as a controller last observed it."""

    type: Annotated[
        str,
        StringConstraints(
            max_length=316,
            pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
            r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
        ),
    ]
    """Name of the condition, such as Valid, Ready or Conflict; one condition per type."""
    status: Literal["True", "False", "Unknown"]
    """Whether the condition holds; Unknown when the controller cannot tell."""
    reason: Annotated[
        str,
        StringConstraints(min_length=1, max_length=1024, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"),
    ]
    """CamelCase word for programs saying why; several reasons are joined by a comma without a space."""
    message: Annotated[str, StringConstraints(max_length=32768)]
    """Explanation for people; may be empty."""
    last_transition_time: Timestamp
    """When the status last changed from one value to another."""
    observed_generation: Annotated[int, Field(ge=0), Keywords((("format", "int64"),))] | None = None
    """The metadata.generation that the condition was computed from; an older one means out of date."""
