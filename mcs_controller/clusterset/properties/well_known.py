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
from mcs_controller.clusterset.errors import MAX_TEXT_CHARS, cut
from mcs_controller.clusterset.fields import Json, an_object, child, string_pairs
from mcs_controller.clusterset.model import Condition

WELL_KNOWN: Final = (CLUSTER_ID_PROPERTY, CLUSTERSET_PROPERTY)


@dataclass(frozen=True, slots=True)
class Property:
    """What a ClusterProperty says, "" if nothing. `written` is what we wrote, "" if others made it."""

    value: str
    written: str = ""

    @property
    def is_valid(self) -> bool:
        """Whether it is what any property may say (ABT-02)."""
        return 0 < len(self.value) <= PROPERTY_MAX_CHARS


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the properties are not as they should be."""

    reason: Literal["NotServed", "NotAllowed", "ClustersetUnknown", "AnotherClusterset", "ChangedAgain"]
    text: str


def decode_property(raw: Json) -> Property | None:
    """The ClusterProperty, whatever it says; None if it is not well known. Raises `MalformedObject`.

    The schema requires no spec and bounds no value: one that says nothing, or too much, has to be known, too,
    so that it can be put right.
    """
    metadata = child(an_object(raw, "object"), "metadata")
    if metadata.get("name") not in WELL_KNOWN:
        return None
    value = child(raw, "spec").get("value")
    written = dict(string_pairs(metadata, "annotations")).get(ANNOTATION_PROPERTY_VALUE, "")
    return Property(value if isinstance(value, str) else "", written)


def properties_condition(found: Mapping[str, Property], trouble: Trouble | None = None) -> Condition:
    """The MemberCluster's condition about the properties that are there, by name.

    With `trouble` it says that instead of what to do about a property that is not set.
    """
    values = {name: one.value for name, one in found.items() if one.is_valid}
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
