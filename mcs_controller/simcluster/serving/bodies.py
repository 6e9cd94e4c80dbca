"""Reads request bodies: JSON, YAML, and the protobuf that `kubectl create` sends.

The result is a dict or a refusal. Whether the dict is a valid object is checked later.
"""

from __future__ import annotations

from typing import Any

import yaml

from mcs_controller.kube.connection.transport import Request
from mcs_controller.kube.decoding.json_parser import parse_json
from mcs_controller.simcluster import status
from mcs_controller.simcluster.kubectl import protobuf

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


def read_body(request: Request) -> dict[str, Any]:
    """The object in a request's body. Raises 400, 413 and 415."""
    payload = payload_of(request)
    try:
        body = _parse(payload, media_type(request))
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise status.bad_request(f"the body could not be read: {error}") from error
    if not isinstance(body, dict):
        raise status.bad_request("the body is not an object")
    return body


def _parse(payload: bytes, type_: str) -> Any:
    if type_ in _JSON_TYPES:
        return parse_json(payload)
    if type_ in _YAML_TYPES:
        return yaml.safe_load(payload)
    if type_ == protobuf.MEDIA_TYPE:
        return protobuf.decode(payload)
    raise status.unsupported_media_type(type_, ["application/json", "application/yaml"])
