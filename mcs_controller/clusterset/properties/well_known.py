"""The two well-known cluster properties: a cluster's id, and its clusterset (KEP-2149).

Both are read and reported unchanged. Who sets them, and to what, is decided in `keeping.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from mcs_controller.api.names import (
    ANNOTATION_PROPERTY_VALUE,
    CLUSTER_ID_PROPERTY,
    CLUSTERSET_PROPERTY,
    CONDITION_PROPERTIES,
    PROPERTY_MAX_CHARS,
)
from mcs_controller.clusterset.errors import MAX_TEXT_CHARS, MalformedObject, cut
from mcs_controller.clusterset.fields import Json, an_object, child, string_pairs
from mcs_controller.clusterset.model import Condition

WELL_KNOWN: Final = (CLUSTER_ID_PROPERTY, CLUSTERSET_PROPERTY)


@dataclass(frozen=True, slots=True)
class Property:
    """What a ClusterProperty says. `written` is what we wrote when we made it, "" if others did."""

    value: str
    written: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the properties are not as they should be."""

    reason: Literal["NotServed", "NotAllowed", "ClustersetUnknown", "AnotherClusterset"]
    text: str


def decode_property(raw: Json) -> Property | None:
    """The ClusterProperty; None if it is not well known. Raises `MalformedObject`."""
    metadata = child(an_object(raw, "object"), "metadata")
    if metadata.get("name") not in WELL_KNOWN:
        return None
    value = child(raw, "spec").get("value")
    if not isinstance(value, str) or not 0 < len(value) <= PROPERTY_MAX_CHARS:
        raise MalformedObject(f"spec.value is not a text of 1 to {PROPERTY_MAX_CHARS} characters")
    return Property(value, dict(string_pairs(metadata, "annotations")).get(ANNOTATION_PROPERTY_VALUE, ""))


def properties_condition(values: Mapping[str, str], trouble: Trouble | None = None) -> Condition:
    """The MemberCluster's condition about `values` (by name); a property that is not set is not in there.

    With `trouble` it says that instead of what to do about a property that is not set.
    """
    missing = [name for name in WELL_KNOWN if name not in values]
    texts = [f"{name} is {in_ascii(values[name])}" for name in WELL_KNOWN if name in values]
    todo = "" if trouble is not None else " (create that ClusterProperty)"
    texts += [f"{name} is not set{todo}" for name in missing]
    if trouble is not None:
        return _condition("False", trouble.reason, "; ".join([*texts, trouble.text]))
    if missing:
        return _condition("False", "PropertyMissing", "; ".join(texts))
    return _condition("True", "PropertiesSet", "; ".join(texts))


def _condition(status: Literal["True", "False"], reason: str, message: str) -> Condition:
    return Condition(CONDITION_PROPERTIES, status, reason, message)


def in_ascii(value: str) -> str:
    """The value, cut, in the characters that the broker's schema takes in a message."""
    return cut(value[: MAX_TEXT_CHARS + 1].encode("ascii", "backslashreplace").decode("ascii"))
