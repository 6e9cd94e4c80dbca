"""Finds the ServiceImport that owns an object, by its ownerReferences."""

from typing import Final

from mcs_controller.api.resources import MCS_GROUP
from mcs_controller.clusterset.fields import Json, an_object, items, text

_MAX_OWNERS: Final = 1000


def import_owner_uid(metadata: Json) -> str:
    """The uid of the ServiceImport that owns the object, "" if none does."""
    for item in items(metadata, "ownerReferences", _MAX_OWNERS):
        owner = an_object(item, "ownerReferences")
        if owner.get("kind") == "ServiceImport" and text(owner, "apiVersion").startswith(MCS_GROUP + "/"):
            return text(owner, "uid")
    return ""
