"""Reads request bodies: JSON, YAML, and the protobuf that `kubectl create` sends.

The result is a dict or a refusal. Whether the dict is a valid object is checked later.
"""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json

from mcs_controller.kube.connection.transport import Request
from mcs_controller.simcluster import status
from mcs_controller.simcluster.kinds.kind import Kind
from mcs_controller.simcluster.kubectl import protobuf
from mcs_controller.simcluster.manifests import read_json, read_yaml
from mcs_controller.simcluster.serving.paths import Query
from mcs_controller.simcluster.storage.objects import DeleteOptions

BODY_MAX_BYTES = 3 * 1024 * 1024
_JSON_TYPES = ("", "application/json", "*/*")
_YAML_TYPES = ("application/yaml", "application/x-yaml", "text/yaml")


def media_type(request: Request) -> str:
    """The content type without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def payload_of(request: Request) -> bytes:
    """The body as it came. Raises 413."""
    payload = request.body or b""
    if len(payload) > BODY_MAX_BYTES:
        raise status.too_large(f"Request entity too large: limit is {BODY_MAX_BYTES}")
    return payload


def read_object(request: Request, query: Query, kind: Kind) -> dict[str, Any]:
    """The object to be written. Raises 400, 413 and 415."""
    body = read_body(request)
    if kind.is_custom and not (body.get("kind") and body.get("apiVersion")):
        missing = "apiVersion" if body.get("kind") else "Kind"
        raise status.bad_request(f"Object '{missing}' is missing in '{to_json(body).decode()}'")
    for what, given, expected in (
        ("API version", body.get("apiVersion"), kind.api_version),
        ("kind", body.get("kind"), kind.kind),
    ):
        if given and given != expected:
            text = f"the {what} in the data ({given}) does not match the expected {what} ({expected})"
            raise status.bad_request(text)
    check_fields(body, query, kind)
    return body


def check_fields(body: dict[str, Any], query: Query, kind: Kind) -> None:
    """With `fieldValidation=Strict` unknown fields are refused; otherwise they are dropped."""
    if query.text("fieldValidation") == "Strict" and kind.schema is not None:
        unknown = kind.schema.unknown_fields(body)
        if unknown:
            raise status.strict_decoding({"kind": kind.kind, "apiVersion": kind.api_version}, unknown)


def read_delete_options(request: Request, query: Query) -> DeleteOptions:
    """From the body and the query. Raises 400, 413 and 415."""
    body = read_body(request) if request.body else {}
    conditions = body.get("preconditions") or {}
    return DeleteOptions(
        uid=conditions.get("uid") or "",
        resource_version=conditions.get("resourceVersion") or "",
        propagation=body.get("propagationPolicy") or query.text("propagationPolicy"),
        dry_run=query.dry_run or body.get("dryRun") == ["All"],
    )


def read_body(request: Request) -> dict[str, Any]:
    """The object in a request's body. Raises 400, 413 and 415."""
    payload = payload_of(request)
    try:
        body = _parse(payload, media_type(request))
    except ValueError as error:
        raise status.bad_request(f"the body could not be read: {error}") from error
    if not isinstance(body, dict):
        raise status.bad_request("the body is not an object")
    return body


def _parse(payload: bytes, type_: str) -> Any:
    if type_ in _JSON_TYPES:
        return read_json(payload)
    if type_ in _YAML_TYPES:
        return read_yaml(payload)
    if type_ == protobuf.MEDIA_TYPE:
        return protobuf.decode(payload)
    raise status.unsupported_media_type(type_, ["application/json", "application/yaml"])
