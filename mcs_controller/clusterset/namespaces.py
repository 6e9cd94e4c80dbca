"""Namespaces, as far as every capability needs to know of them."""

from mcs_controller.clusterset.fields import Json, an_object, child, string_pairs, text
from mcs_controller.clusterset.model import StringMap


def namespace_active(raw: Json) -> bool:
    """Whether objects can be created in the namespace (MCS-LIFE-09)."""
    metadata = child(an_object(raw, "object"), "metadata")
    return metadata.get("deletionTimestamp") is None and text(child(raw, "status"), "phase") != "Terminating"


def namespace_labels(raw: Json) -> StringMap:
    """The labels of the namespace, which policies select by."""
    return string_pairs(child(an_object(raw, "object"), "metadata"), "labels")
