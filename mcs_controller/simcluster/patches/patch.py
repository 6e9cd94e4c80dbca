"""PATCH: one object and a patch body in, the patched object out.

JSON patch (RFC 6902) and merge patch (RFC 7386) are here. Strategic merge patch and server-side apply, which
follow the list keys of the schema, are `strategic.py` and `server_side.py`. Whether the result is a valid
object is checked afterwards, as for any update.

Invariants: the target is never changed; what comes back may share parts with it. A patch cannot make the
server work or remember without bounds: body, operations, copied bytes and depth are limited.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from types import MappingProxyType
from typing import Any

import jsonpatch
from jsonpointer import JsonPointerException, resolve_pointer
from pydantic_core import to_json

from mcs_controller.simcluster import status
from mcs_controller.simcluster.kinds.kind import Kind, Object
from mcs_controller.simcluster.manifests import read_json, read_yaml
from mcs_controller.simcluster.patches.server_side import apply_configuration
from mcs_controller.simcluster.patches.strategic import apply_strategic_patch
from mcs_controller.simcluster.status import StatusError

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"

OPERATIONS_MAX = 10_000
COPIED_MAX_BYTES = 3 * 1024 * 1024
"""Both are the real server's limits: a few `copy` operations could double an object again and again."""


def accepted_types(kind: Kind) -> list[str]:
    """The media types of the patches that a kind takes."""
    return [JSON_PATCH, MERGE_PATCH, *([] if kind.is_custom else [STRATEGIC_PATCH]), APPLY]


def apply_patch(media_type: str, target: Object, body: bytes, kind: Kind) -> Object:
    """The patched object. For server-side apply, `target` may be an object without a name: it is created.

    Raises 400 for a body that cannot be read, 413 for too many operations, 415 for a type that the kind does
    not take, and 422 for a patch that does not fit the object.
    """
    accepted = accepted_types(kind)
    if media_type not in accepted:
        raise status.unsupported_media_type(media_type, accepted)
    if media_type == APPLY:
        return apply_configuration(target, _object(_parse(body, read_yaml)), kind)
    patched: Any
    if media_type == JSON_PATCH:
        patched = apply_json_patch(target, _parse(body))
    elif media_type == STRATEGIC_PATCH:
        patched = apply_strategic_patch(target, _object(_parse(body)), kind)
    else:
        patched = merge(target, _object(_parse(body)))
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


def apply_json_patch(target: Object, operations: Any) -> Any:
    """A new document. Raises 400, 413 and 422."""
    if not isinstance(operations, list) or not all(isinstance(one, dict) for one in operations):
        raise status.bad_request("a JSON patch must be a list of operations, which are objects")
    if len(operations) > OPERATIONS_MAX:
        text = f"The allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, got {len(operations)}"
        raise status.too_large(text)
    document: Any = deepcopy(target)
    copied_bytes = 0
    try:
        for operation in operations:
            if operation.get("op") == "copy":
                copied_bytes += len(to_json(resolve_pointer(document, operation.get("from"))))
                if copied_bytes > COPIED_MAX_BYTES:
                    raise ValueError(f"it copies more than {COPIED_MAX_BYTES} bytes")
            document = _Patch([operation]).apply(document, in_place=True)
        # Refuses what is nested too deeply to be stored.
        return read_json(to_json(document))
    except (
        jsonpatch.JsonPatchException,
        JsonPointerException,
        TypeError,
        ValueError,
        RecursionError,
    ) as error:
        why = f"the server rejected our request due to an error in our request: {str(error)[:256]}"
        raise status.unprocessable(why) from error


class _Test(jsonpatch.TestOperation):
    """Compares as JSON does: true is not 1, though Python says so."""

    def apply(self, obj: Any) -> Any:
        tested = super().apply(obj)
        if _with_named_flags(self.pointer.resolve(obj)) != _with_named_flags(self.operation["value"]):
            raise jsonpatch.JsonPatchTestFailed(f"testing value {self.location} failed")
        return tested


class _Patch(jsonpatch.JsonPatch):
    operations = MappingProxyType({**jsonpatch.JsonPatch.operations, "test": _Test})


def _with_named_flags(value: Any) -> Any:
    if isinstance(value, bool):
        return f"the flag {value}"
    if isinstance(value, dict):
        return {key: _with_named_flags(one) for key, one in value.items()}
    return [_with_named_flags(one) for one in value] if isinstance(value, list) else value


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


def _parse(body: bytes, read: Callable[[bytes], Any] = read_json) -> Any:
    try:
        return read(body)
    except ValueError as error:
        raise status.bad_request(f"error decoding patch: {error}") from error


def _object(patch: Any) -> Object:
    if not isinstance(patch, dict):
        raise status.bad_request(f"the patch must be an object, not {type(patch).__name__}")
    return patch
