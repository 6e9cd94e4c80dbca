"""Namespaces, as far as every capability needs to know of them."""

from mcs_controller.clusterset.fields import Json, an_object, child, text


def namespace_active(raw: Json) -> bool:
    """Whether objects can be created in the namespace (MCS-LIFE-09)."""
    metadata = child(an_object(raw, "object"), "metadata")
    return metadata.get("deletionTimestamp") is None and text(child(raw, "status"), "phase") != "Terminating"
