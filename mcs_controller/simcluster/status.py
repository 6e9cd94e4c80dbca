"""Refusals: `metav1.Status` bodies, and the field errors inside a 422.

Clients parse `reason`, `code`, `details.causes` and `details.retryAfterSeconds`. Messages have the form of
the real server's, because people and kubectl's own texts depend on it.

Invariant: every refusal of this API server is a `StatusError` with one of the reasons that client libraries
know.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol


class Named(Protocol):
    """The part of a `Kind` that error messages need."""

    @property
    def group(self) -> str: ...
    @property
    def plural(self) -> str: ...
    @property
    def kind(self) -> str: ...


class FieldError(NamedTuple):
    """One cause of a 422; `message` is without the field, as in `details.causes`."""

    field: str
    reason: str
    message: str


class StatusError(Exception):
    """A request refused, with everything that the `metav1.Status` body tells the client."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: dict[str, Any] | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.retry_after_seconds = retry_after_seconds

    def body(self) -> dict[str, Any]:
        details = dict(self.details or {})
        if self.retry_after_seconds is not None:
            details["retryAfterSeconds"] = self.retry_after_seconds
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        }
        if details:
            body["details"] = details
        body["code"] = self.code
        return body


def qualified_resource(kind: Named) -> str:
    return f"{kind.plural}.{kind.group}" if kind.group else kind.plural


def _resource_details(kind: Named, name: str) -> dict[str, Any]:
    details = {"name": name, "group": kind.group, "kind": kind.plural}
    return {key: value for key, value in details.items() if value}


def not_found(kind: Named, name: str) -> StatusError:
    message = f'{qualified_resource(kind)} "{name}" not found'
    return StatusError(404, "NotFound", message, _resource_details(kind, name))


def path_not_found() -> StatusError:
    """What a client gets for a resource that is not served, for example before its CRD is installed."""
    return StatusError(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(kind: Named, name: str) -> StatusError:
    message = f'{qualified_resource(kind)} "{name}" already exists'
    return StatusError(409, "AlreadyExists", message, _resource_details(kind, name))


STALE_OBJECT = "the object has been modified; please apply your changes to the latest version and try again"


def conflict(kind: Named, name: str, why: str = STALE_OBJECT) -> StatusError:
    message = f'Operation cannot be fulfilled on {qualified_resource(kind)} "{name}": {why}'
    return StatusError(409, "Conflict", message, _resource_details(kind, name))


def invalid(kind: Named, name: str, errors: Iterable[FieldError]) -> StatusError:
    causes = [{"reason": one.reason, "message": one.message, "field": one.field} for one in errors]
    texts = list(dict.fromkeys(f"{one['field']}: {one['message']}" for one in causes))
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    full_kind = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    details: dict[str, Any] = {"name": name, "group": kind.group, "kind": kind.kind}
    return StatusError(
        422,
        "Invalid",
        f'{full_kind} "{name}" is invalid: {text}',
        {key: value for key, value in details.items() if value} | {"causes": causes},
    )


def bad_request(message: str) -> StatusError:
    return StatusError(400, "BadRequest", message)


def undecodable(obj: Mapping[str, Any], why: str) -> StatusError:
    """A body with a field of the wrong type."""
    kind, version = obj.get("kind", ""), obj.get("apiVersion", "").rpartition("/")[2]
    return bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {why}')


def strict_decoding(obj: Mapping[str, Any], unknown_fields: Iterable[str]) -> StatusError:
    """The refusal of unknown fields with `fieldValidation=Strict`."""
    unknown = ", ".join(f'unknown field "{field}"' for field in unknown_fields)
    return undecodable(obj, f"strict decoding error: {unknown}")


def unprocessable(message: str) -> StatusError:
    """A body that could be read but not carried out, such as a JSON patch whose `test` fails."""
    return StatusError(422, "Invalid", message)


def expired(message: str = "The resourceVersion for the provided list is too old.") -> StatusError:
    """410, upon which clients list again."""
    return StatusError(410, "Expired", message)


def gone(message: str) -> StatusError:
    return StatusError(410, "Gone", message)


def forbidden(kind: Named, name: str, why: str) -> StatusError:
    quoted = f' "{name}"' if name else ""
    message = f"{qualified_resource(kind)}{quoted} is forbidden: {why}"
    return StatusError(403, "Forbidden", message, _resource_details(kind, name))


def namespace_terminating(kind: Named, name: str, namespace: str) -> StatusError:
    why = f"unable to create new content in namespace {namespace} because it is being terminated"
    error = forbidden(kind, name, why)
    cause = {
        "reason": "NamespaceTerminating",
        "message": f"namespace {namespace} is being terminated",
        "field": "metadata.namespace",
    }
    error.details = (error.details or {}) | {"causes": [cause]}
    return error


def method_not_allowed(kind: Named, action: str) -> StatusError:
    message = f'{action} is not supported on resources of kind "{qualified_resource(kind)}"'
    return StatusError(405, "MethodNotAllowed", message, _resource_details(kind, ""))


def not_acceptable(accepted: Sequence[str]) -> StatusError:
    message = f"only the following media types are accepted: {', '.join(accepted)}"
    return StatusError(406, "NotAcceptable", message)


def too_large(message: str) -> StatusError:
    return StatusError(413, "RequestEntityTooLarge", message)


def unsupported_media_type(media_type: str, accepted: Sequence[str]) -> StatusError:
    message = (
        f'the body of the request was in an unknown format ("{media_type}") - '
        f"accepted media types include: {', '.join(accepted)}"
    )
    return StatusError(415, "UnsupportedMediaType", message)


def too_many_requests(message: str, retry_after_seconds: int) -> StatusError:
    return StatusError(429, "TooManyRequests", message, None, retry_after_seconds)


def internal(message: str) -> StatusError:
    text = f"Internal error occurred: {message}"
    return StatusError(500, "InternalError", text, {"causes": [{"message": message}]})


def service_unavailable(message: str, retry_after_seconds: int | None = None) -> StatusError:
    return StatusError(503, "ServiceUnavailable", message, None, retry_after_seconds)


def timeout(message: str) -> StatusError:
    return StatusError(504, "Timeout", f"Timeout: {message}")


def _shown(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _with_detail(text: str, detail: str) -> str:
    return f"{text}: {detail}" if detail else text


def required(field: str, detail: str = "") -> FieldError:
    return FieldError(field, "FieldValueRequired", _with_detail("Required value", detail))


def invalid_value(field: str, value: Any, detail: str) -> FieldError:
    return FieldError(field, "FieldValueInvalid", _with_detail(f"Invalid value: {_shown(value)}", detail))


def wrong_type(field: str, value: Any, detail: str) -> FieldError:
    return FieldError(field, "FieldValueTypeInvalid", _with_detail(f"Invalid value: {_shown(value)}", detail))


def not_supported(field: str, value: Any, supported: Iterable[str]) -> FieldError:
    choices = ", ".join(json.dumps(one) for one in supported)
    return FieldError(
        field, "FieldValueNotSupported", f"Unsupported value: {_shown(value)}: supported values: {choices}"
    )


def duplicate(field: str, value: Any) -> FieldError:
    return FieldError(field, "FieldValueDuplicate", f"Duplicate value: {_shown(value)}")


def too_many(field: str, actual: int, most: int) -> FieldError:
    items = "item" if most == 1 else "items"
    message = f"Too many: {actual}: must have at most {most} {items}"
    return FieldError(field, "FieldValueTooMany", message)


def too_long(field: str, most_bytes: int) -> FieldError:
    unit = "byte" if most_bytes == 1 else "bytes"
    return FieldError(field, "FieldValueTooLong", f"Too long: may not be more than {most_bytes} {unit}")


def forbidden_field(field: str, detail: str) -> FieldError:
    return FieldError(field, "FieldValueForbidden", _with_detail("Forbidden", detail))
