"""How requests to the Kubernetes API are spelt: headers, queries and bodies of each verb.

A list is asked for compressed. Everything else is small or a stream, and is cheaper without.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic_core import to_json

from mcs_controller.api.resources import Resource
from mcs_controller.kube.connection.transport import Request

Query = tuple[tuple[str, str], ...]

_JSON: Final = {"accept": "application/json", "accept-encoding": "identity"}
_TEXT: Final = {"accept": "text/plain", "accept-encoding": "identity"}
_JSON_LIST: Final = {"accept": "application/json", "accept-encoding": "gzip"}
_JSON_BODY: Final = {**_JSON, "content-type": "application/json"}


def get_request(path: str, query: Query = ()) -> Request:
    """One object, or what lies at a path that is no resource."""
    return Request("GET", path, query, _JSON)


def text_request(path: str) -> Request:
    """What lies at a path that answers with text."""
    return Request("GET", path, (), _TEXT)


def list_request(path: str, query: Query, answer_max_bytes: int) -> Request:
    """A page of a list."""
    return Request("GET", path, query, _JSON_LIST, answer_max_bytes=answer_max_bytes)


def watch_request(path: str, selectors: Query, resource_version: str, timeout_seconds: float) -> Request:
    """A watch with bookmarks, which the server is asked to close after `timeout_seconds`."""
    query = (
        ("watch", "true"),
        ("allowWatchBookmarks", "true"),
        ("resourceVersion", resource_version),
        ("timeoutSeconds", str(max(1, round(timeout_seconds)))),
        *selectors,
    )
    return Request("GET", path, query, _JSON)


def write_request(
    method: str, path: str, body: Mapping[str, Any], before_sending: Callable[[], None] | None = None
) -> Request:
    """A write of a whole object, or of the options of a deletion."""
    return Request(method, path, (), _JSON_BODY, to_json(body), before_sending=before_sending)


def patch_request(
    path: str,
    patch: bytes | Mapping[str, Any] | list[Any],
    content_type: str,
    before_sending: Callable[[], None] | None = None,
    *,
    query: tuple[tuple[str, str], ...] = (),
) -> Request:
    """A patch, in the format that `content_type` names."""
    body = patch if isinstance(patch, bytes) else to_json(patch)
    headers = {**_JSON, "content-type": content_type}
    return Request("PATCH", path, query, headers, body, before_sending=before_sending)


def delete_options(uid: str | None, resource_version: str | None, propagation: str | None) -> dict[str, Any]:
    """The body of a deletion: what the object must still be, and what becomes of what it owns."""
    options: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1"}
    preconditions = {}
    if uid is not None:
        preconditions["uid"] = uid
    if resource_version is not None:
        preconditions["resourceVersion"] = resource_version
    if preconditions:
        options["preconditions"] = preconditions
    if propagation is not None:
        options["propagationPolicy"] = propagation
    return options


def selectors(label_selector: str, field_selector: str) -> Query:
    """The part of a query that says which objects; an empty selector is left out."""
    return tuple(
        pair for pair in (("labelSelector", label_selector), ("fieldSelector", field_selector)) if pair[1]
    )


def namespace_of(body: Mapping[str, Any]) -> str:
    """The namespace that an object names, "" if none."""
    metadata = body.get("metadata")
    return metadata.get("namespace", "") if isinstance(metadata, Mapping) else ""


def path_of(resource: Resource, body: Mapping[str, Any]) -> str:
    """Where an object lies."""
    metadata = body["metadata"]
    return resource.path(metadata.get("namespace", ""), metadata["name"])
