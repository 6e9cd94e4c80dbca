"""Lists: selectors, versions, pages.

All pages show the collection as it was when the first page was read. Nothing is kept between pages: later
events are undone (`Storage.select_at`), and a compaction makes the token expire, as on a real server.
"""

from __future__ import annotations

import base64
import json
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from mcs_controller.kube.decoding.json_parser import parse_json
from mcs_controller.simcluster import status
from mcs_controller.simcluster.kinds.kind import Kind
from mcs_controller.simcluster.serving.paths import ListOptions
from mcs_controller.simcluster.serving.selectors import field_selector, label_selector
from mcs_controller.simcluster.storage.versions import Object, Storage, Stored

Match = Callable[[Object], bool]


class Page(NamedTuple):
    """A list before it is rendered."""

    items: Sequence[Stored]
    resource_version: int
    continue_: str = ""
    remaining: int | None = None


def selection(kind: Kind, options: ListOptions) -> Match | None:
    """The selectors as one predicate on stored objects; None when there are none."""
    by_label = label_selector(options.label_selector) if options.label_selector else None
    by_field = field_selector(options.field_selector, kind) if options.field_selector else None
    if by_label is None and by_field is None:
        return None

    def match(stored: Object) -> bool:
        if by_label is not None and not by_label(stored["metadata"].get("labels", {})):
            return False
        return by_field is None or by_field(kind.from_storage(stored))

    return match


def read_page(storage: Storage, kind: Kind, namespace: str, options: ListOptions) -> Page:
    """List a collection, or a page of it."""
    revision, start = storage.revision, ""
    if options.continue_:
        if options.resource_version:
            raise status.bad_request("specifying resource version is not allowed when using continue")
        revision, start = _decode_token(options.continue_)
    elif options.resource_version:
        if options.resource_version > storage.revision:
            raise _too_large(options.resource_version, storage.revision)
        if options.match == "Exact" or (options.limit and not options.match):
            revision = options.resource_version
    found = storage.select_at(kind.storage, namespace, revision)
    if start:
        found = found[bisect_right(found, start, key=lambda stored: stored.key) :]
    match = selection(kind, options)
    if match is not None:
        found = [stored for stored in found if match(stored.object)]
    if not options.limit or len(found) <= options.limit:
        return Page(found, revision)
    items = found[: options.limit]
    remaining = None if match is not None else len(found) - len(items)
    return Page(items, revision, _encode_token(revision, items[-1].key), remaining)


def _too_large(wanted: int, current: int) -> status.StatusError:
    error = status.timeout(f"Too large resource version: {wanted}, current: {current}")
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    error.details = {"causes": [cause]}
    error.retry_after_seconds = 1
    return error


def _encode_token(revision: int, last_key: str) -> str:
    token = json.dumps({"v": "meta.k8s.io/v1", "rv": revision, "start": last_key})
    return base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


def _decode_token(token: str) -> tuple[int, str]:
    try:
        fields = parse_json(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return int(fields["rv"]), str(fields["start"])
    except (ValueError, KeyError, TypeError) as error:
        raise status.bad_request("continue key is not valid: it could not be decoded") from error
