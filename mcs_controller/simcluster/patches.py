"""PATCH: one object and a patch body in, the patched object out.

JSON patch is `json_patches.py`; merge patch (RFC 7386) is here; strategic merge patch and server-side apply,
which follow the schema's list keys, are `strategic_patches.py` and `applies.py`. What the result may be is
checked afterwards, as for any update.

Invariant: the target is never changed; what comes back may share parts with it.
"""

from __future__ import annotations

import json
from typing import Any

import yaml

from mcs_controller.simcluster import status
from mcs_controller.simcluster.json_patches import apply_json_patch
from mcs_controller.simcluster.kinds.resource_kind import Kind, Object
from mcs_controller.simcluster.kubectl.applies import apply_configuration
from mcs_controller.simcluster.kubectl.strategic_patches import apply_strategic_patch
from mcs_controller.simcluster.status import StatusError

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


def apply_patch(content_type: str, target: Object, patch_body: bytes, kind: Kind) -> Object:
    """Raises 400 for a body that cannot be read, 415 for a type that the kind does not take, 422 for a JSON
    patch that does not fit. With the apply type, `target` may be an empty object: it is created."""
    media_type = content_type.partition(";")[0].strip().lower()
    accepted = [JSON_PATCH, MERGE_PATCH, *([] if kind.is_custom else [STRATEGIC_PATCH]), APPLY]
    if media_type not in accepted:
        raise status.unsupported_media_type(media_type, accepted)
    if media_type == APPLY:
        return apply_configuration(target, _parse_yaml(patch_body), kind)
    patched: Any
    if media_type == JSON_PATCH:
        patched = apply_json_patch(target, _parse(patch_body))
    elif media_type == STRATEGIC_PATCH:
        patched = apply_strategic_patch(target, _object(_parse(patch_body)), kind)
    else:
        patched = merge(target, _object(_parse(patch_body)))
    if not isinstance(patched, dict):
        raise status.unprocessable("the patched document is not an object")
    _check_shape(patched, kind)
    return patched


def _check_shape(patched: Object, kind: Kind) -> None:
    """A patch that leaves a built-in kind unreadable is a 422, where such a body is a 400."""
    if kind.schema is None or kind.is_custom:
        return
    try:
        kind.schema.validate(kind.schema.prune(patched))
    except StatusError as error:
        raise status.unprocessable(f"the patch does not make a {kind.kind}: {error.message}") from error


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386: objects are merged, null removes, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise status.bad_request(f"error decoding patch: {error}") from error


def _parse_yaml(body: bytes) -> Object:
    try:
        return _object(yaml.safe_load(body))
    except yaml.YAMLError as error:
        raise status.bad_request(f"error decoding YAML: {str(error)[:256]}") from error


def _object(patch: Any) -> Object:
    if not isinstance(patch, dict):
        raise status.bad_request(f"the patch must be an object, not {type(patch).__name__}")
    return patch
