"""Validation of `metadata`, the same for every kind; `prepare` hooks call it.

The server's own fields (uid, timestamps, resourceVersion, generated names) are set in `storage/metadata.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mcs_controller.simcluster import status
from mcs_controller.simcluster.schemas import names
from mcs_controller.simcluster.status import FieldError

ANNOTATIONS_MAX_BYTES = 256 * 1024


def validate_metadata(
    new: Mapping[str, Any],
    old: Mapping[str, Any] | None,
    *,
    namespaced: bool,
    name_complaint: Callable[[str], str] = names.subdomain_complaint,
) -> list[FieldError]:
    metadata = new.get("metadata") or {}
    errors = [
        *_validate_name(metadata, namespaced, name_complaint),
        *validate_labels(metadata.get("labels"), "metadata.labels"),
        *_validate_annotations(metadata.get("annotations")),
        *_validate_owners(metadata.get("ownerReferences")),
        *_validate_finalizers(metadata.get("finalizers")),
    ]
    if old is not None:
        for field in ("name", "namespace"):
            value = metadata.get(field)
            if value != old["metadata"].get(field):
                errors.append(status.invalid_value(f"metadata.{field}", value, "field is immutable"))
    return errors


def validate_labels(labels: Any, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for key, value in (labels or {}).items():
        if complaint := names.qualified_name_complaint(key):
            errors.append(status.invalid_value(path, key, complaint))
        if complaint := names.label_value_complaint(str(value)):
            errors.append(status.invalid_value(path, value, complaint))
    return errors


def _validate_name(
    metadata: Mapping[str, Any], namespaced: bool, name_complaint: Callable[[str], str]
) -> list[FieldError]:
    errors: list[FieldError] = []
    name = metadata.get("name") or ""
    if not name:
        errors.append(status.required("metadata.name", "name or generateName is required"))
    elif complaint := name_complaint(name):
        errors.append(status.invalid_value("metadata.name", name, complaint))
    namespace = metadata.get("namespace") or ""
    if namespaced and not namespace:
        errors.append(status.required("metadata.namespace"))
    if not namespaced and namespace:
        errors.append(status.forbidden_field("metadata.namespace", "not allowed on this type"))
    return errors


def _validate_annotations(annotations: Any) -> list[FieldError]:
    errors: list[FieldError] = []
    total_bytes = 0
    for key, value in (annotations or {}).items():
        if complaint := names.qualified_name_complaint(key.lower()):
            errors.append(status.invalid_value("metadata.annotations", key, complaint))
        total_bytes += len(key.encode()) + len(str(value).encode())
    if total_bytes > ANNOTATIONS_MAX_BYTES:
        errors.append(status.too_long("metadata.annotations", ANNOTATIONS_MAX_BYTES))
    return errors


def _validate_owners(owners: Any) -> list[FieldError]:
    errors: list[FieldError] = []
    controllers = 0
    path = "metadata.ownerReferences"
    for owner in owners or ():
        for field in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(field):
                value = owner.get(field) or ""
                errors.append(status.invalid_value(f"{path}.{field}", value, "must not be empty"))
        controllers += bool(owner.get("controller"))
    if controllers > 1:
        detail = "Only one reference can have Controller set to true"
        errors.append(status.invalid_value(path, list(owners), detail))
    return errors


def _validate_finalizers(finalizers: Any) -> list[FieldError]:
    return [
        status.invalid_value("metadata.finalizers", finalizer, complaint)
        for finalizer in finalizers or ()
        if (complaint := names.qualified_name_complaint(finalizer))
    ]
