"""The two well-known cluster properties: a cluster's id, and its clusterset (KEP-2149).

Both are read and reported unchanged. This module does not decide who may set them, and to what.
"""

from collections.abc import Mapping
from typing import Final

from mcs_controller.api.names import (
    CLUSTER_ID_PROPERTY,
    CLUSTERSET_PROPERTY,
    CONDITION_PROPERTIES,
    PROPERTY_MAX_CHARS,
)
from mcs_controller.clusterset.errors import MAX_TEXT_CHARS, MalformedObject, cut
from mcs_controller.clusterset.fields import Json, an_object, child
from mcs_controller.clusterset.model import Condition

WELL_KNOWN: Final = (CLUSTER_ID_PROPERTY, CLUSTERSET_PROPERTY)


def decode_property(raw: Json) -> str | None:
    """The value of a ClusterProperty; None if it is not well known. Raises `MalformedObject`."""
    if child(an_object(raw, "object"), "metadata").get("name") not in WELL_KNOWN:
        return None
    value = child(raw, "spec").get("value")
    if not isinstance(value, str) or not 0 < len(value) <= PROPERTY_MAX_CHARS:
        raise MalformedObject(f"spec.value is not a text of 1 to {PROPERTY_MAX_CHARS} characters")
    return value


def properties_condition(values: Mapping[str, str]) -> Condition:
    """The MemberCluster's condition about `values` (by name); a property that is not set is not in there."""
    missing = [name for name in WELL_KNOWN if name not in values]
    texts = [f"{name} is {_in_ascii(values[name])}" for name in WELL_KNOWN if name in values]
    texts += [f"{name} is not set (create that ClusterProperty)" for name in missing]
    return Condition(
        CONDITION_PROPERTIES,
        "False" if missing else "True",
        "PropertyMissing" if missing else "PropertiesSet",
        "; ".join(texts),
    )


def _in_ascii(value: str) -> str:
    """The value, cut, in the characters that the broker's schema takes in a message."""
    return cut(value[: MAX_TEXT_CHARS + 1].encode("ascii", "backslashreplace").decode("ascii"))
