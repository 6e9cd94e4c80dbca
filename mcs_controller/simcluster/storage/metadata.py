"""The metadata fields that the server sets, and those that a client cannot change.

The syntax of names, labels and the rest is checked in `schemas/object_meta.py`.

Invariant: uid, creationTimestamp, generation and deletionTimestamp are never taken from a client;
managedFields are not kept.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

from mcs_controller.simcluster import status
from mcs_controller.simcluster.status import FieldError

FOREGROUND_FINALIZER = "foregroundDeletion"
ORPHAN_FINALIZER = "orphan"
GENERATED_SUFFIX_CHARS = 5
GENERATED_BASE_MAX_CHARS = 58
_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_TEXTS = ("name", "generateName", "namespace", "uid", "resourceVersion")
_TEXT_MAPS = ("labels", "annotations")

Object = dict[str, Any]


def check_shape(body: Object) -> Object:
    """The metadata of a decoded body, with types that later steps can rely on. Raises 400."""
    metadata = body.setdefault("metadata", {})
    if metadata is None:
        metadata = body["metadata"] = {}
    if not isinstance(metadata, dict):
        raise status.bad_request("metadata: must be an object")
    for field in [field for field, value in metadata.items() if value is None]:
        del metadata[field]
    for field in _TEXTS:
        if not isinstance(metadata.get(field, ""), str):
            raise status.bad_request(f"cannot unmarshal metadata.{field}: must be a string")
    for field in _TEXT_MAPS:
        values = metadata.get(field)
        if not values:
            metadata.pop(field, None)
        elif not isinstance(values, dict) or not all(isinstance(one, str) for one in values.values()):
            raise status.bad_request(f"cannot unmarshal metadata.{field}: must be a map of strings")
    _check_list(metadata, "finalizers", str)
    _check_list(metadata, "ownerReferences", dict)
    metadata.pop("managedFields", None)
    metadata.pop("selfLink", None)
    return metadata


def _check_list(metadata: Object, field: str, item_type: type) -> None:
    items = metadata.get(field)
    if not items:
        metadata.pop(field, None)
    elif not isinstance(items, list) or not all(isinstance(one, item_type) for one in items):
        raise status.bad_request(f"cannot unmarshal metadata.{field}: must be a list")


def generated_name(base: str, random: Random) -> str:
    """What a `generateName` becomes."""
    suffix = "".join(random.choice(_SUFFIX_ALPHABET) for _ in range(GENERATED_SUFFIX_CHARS))
    return base[:GENERATED_BASE_MAX_CHARS] + suffix


def initialise(metadata: Object, namespace: str, *, uid: str, now: str) -> None:
    """Set what the server sets on a new object."""
    for field in ("deletionTimestamp", "deletionGracePeriodSeconds", "generation"):
        metadata.pop(field, None)
    if namespace:
        metadata["namespace"] = namespace
    metadata["uid"] = uid
    metadata["creationTimestamp"] = now


def carry_over(metadata: Object, old: Object) -> None:
    """Restore, in an object that replaces another, what a client cannot change."""
    for field in (
        "uid",
        "creationTimestamp",
        "generation",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generateName",
    ):
        if field in old:
            metadata[field] = old[field]
        else:
            metadata.pop(field, None)


def set_finalizers(metadata: Object, finalizers: list[str]) -> None:
    """An empty list is left out."""
    if finalizers:
        metadata["finalizers"] = finalizers
    else:
        metadata.pop("finalizers", None)


def added_finalizers(metadata: Object, old: Object) -> list[FieldError]:
    """An object that is being deleted may get no new finalizers."""
    if "deletionTimestamp" not in old:
        return []
    added = sorted(set(metadata.get("finalizers", ())) - set(old.get("finalizers", ())))
    if not added:
        return []
    shown = ", ".join(json.dumps(one) for one in added)
    detail = (
        "no new finalizers can be added if the object is being deleted, "
        f"found new finalizers []string{{{shown}}}"
    )
    return [status.forbidden_field("metadata.finalizers", detail)]
