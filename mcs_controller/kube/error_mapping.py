"""What a refusal means: an HTTP answer, or a Status inside a watch, as one error of our tree.

The API server explains itself in a `Status` object; proxies in front of it answer with whatever they like.
So the status code decides the class, the Status only refines it, and nothing in the body can make this
module fail.
"""

from collections.abc import Mapping
from typing import Any, Final

from mcs_controller.kube.decoding.json_parser import parse_json
from mcs_controller.kube.errors import (
    TEXT_MAX_CHARS,
    AlreadyExists,
    ApiError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NamespaceTerminating,
    NotFound,
    NotServed,
    ServerError,
    TooManyRequests,
    Unauthorized,
)
from mcs_controller.observe.masking import mask_secrets

_BY_STATUS: Final[dict[int, type[ApiError]]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}

_REASON_BY_STATUS: Final = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}

_CAUSES_MAX: Final = 16
_READ_MAX_CHARS: Final = 4 * TEXT_MAX_CHARS
_NAMESPACE_TERMINATING: Final = "NamespaceTerminating"


def error_of_response(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """The error that an answer other than 2xx stands for."""
    parsed: Any = None
    if body[:1] == b"{":
        try:
            parsed = parse_json(body)
        except ValueError:
            parsed = None
    if isinstance(parsed, dict) and parsed.get("kind") == "Status":
        return error_of_status(parsed, status=status, headers=headers)
    text = body[: _READ_MAX_CHARS + 1].decode("utf-8", "replace")
    return error_of_status({"message": text}, status=status, headers=headers)


def error_of_status(
    body: Mapping[str, Any], *, status: int = 0, headers: Mapping[str, str] | None = None
) -> ApiError:
    """The error that a Status object stands for; without `status`, its own `code` counts."""
    if not status:
        code = body.get("code")
        status = code if isinstance(code, int) else 500
    reason = body.get("reason")
    if not isinstance(reason, str) or not reason:
        reason = _REASON_BY_STATUS.get(status, "Unknown")
    message = body.get("message")
    details = body.get("details")
    if not isinstance(details, Mapping):
        details = {}
    causes = _causes(details.get("causes"))
    return _class_of(status, reason, causes, named="name" in details)(
        status,
        _one_line(reason),
        _one_line(message) if isinstance(message, str) else "",
        retry_after_seconds=_retry_after(details, headers),
        causes=causes,
    )


def _class_of(
    status: int, reason: str, causes: tuple[tuple[str, str, str], ...], *, named: bool
) -> type[ApiError]:
    found = _BY_STATUS.get(status, ServerError if status >= 500 else ApiError)
    if found is NotFound and not named:
        return NotServed
    if found is Conflict and reason == "AlreadyExists":
        return AlreadyExists
    if found is Forbidden and any(cause[1] == _NAMESPACE_TERMINATING for cause in causes):
        return NamespaceTerminating
    return found


def _causes(raw: Any) -> tuple[tuple[str, str, str], ...]:
    if not isinstance(raw, list):
        return ()
    return tuple(
        (_text(cause.get("field")), _text(cause.get("reason")), _text(cause.get("message")))
        for cause in raw[:_CAUSES_MAX]
        if isinstance(cause, Mapping)
    )


def _retry_after(details: Mapping[str, Any], headers: Mapping[str, str] | None) -> float | None:
    header = headers.get("retry-after", "") if headers else ""
    if header.isascii() and header.isdecimal():
        return float(header[:9])
    seconds = details.get("retryAfterSeconds")
    if isinstance(seconds, int) and seconds > 0:
        return float(seconds)
    return None


def _text(raw: Any) -> str:
    return _one_line(raw) if isinstance(raw, str) else ""


def _one_line(text: str) -> str:
    """On one line, masked and then cut: of half a secret nobody could tell that it is one."""
    shown = " ".join(mask_secrets(text[:_READ_MAX_CHARS]).split())
    if len(text) > _READ_MAX_CHARS and len(shown) <= TEXT_MAX_CHARS:
        # The last word may be half of one.
        shown = shown.rpartition(" ")[0]
    return shown[:TEXT_MAX_CHARS]
