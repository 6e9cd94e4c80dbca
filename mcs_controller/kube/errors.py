"""The errors of this room.

    KubeError
    ├── ConfigError             a kubeconfig or in-cluster configuration that cannot be used
    ├── TransportError          no answer came
    │   ├── Unreachable         refused, reset, name not resolved, TLS failure
    │   └── Timeout             no answer, or no watch line, before the deadline
    ├── NotLeading              not sent: the lease of this replica may have run out
    ├── TooLarge                an answer beyond the bound
    │   └── LineTooLong         a watch line beyond the bound; the next one can be read
    ├── DecodeError             an answer that is not what the API promises
    └── ApiError                a refusal
        ├── NotFound            404
        ├── Conflict            409: someone else wrote first
        │   └── AlreadyExists   409 on create
        ├── Gone                410: the resource version is too old, list again
        ├── Invalid             422
        ├── Unauthorized        401
        ├── Forbidden           403
        │   └── NamespaceTerminating   403 on create in a namespace that is being deleted
        ├── TooManyRequests     429
        └── ServerError         5xx

Texts from outside are cut to 256 characters, so that a server cannot flood a log or a condition.
"""

from typing import Final

from mcs_controller.clusterset.errors import cut

TEXT_MAX_CHARS: Final = 256


class KubeError(Exception):
    """Anything that goes wrong between this program and an API server."""


class ConfigError(KubeError):
    """The connection's configuration cannot be used; the text says what to do."""


class TransportError(KubeError):
    """No answer came."""


class Unreachable(TransportError):
    """The connection could not be made, or broke."""


class Timeout(TransportError):
    """The deadline passed."""


class NotLeading(KubeError):
    """A write was not sent, because another replica may lead by now."""


class TooLarge(KubeError):
    """An answer was larger than its bound; `head` is how it began, which may tell what it was."""

    def __init__(self, message: str, *, head: bytes = b"") -> None:
        self.head = head
        super().__init__(message)


class LineTooLong(TooLarge):
    """A watch line was longer than the transport's bound; it has been skipped."""


class DecodeError(KubeError):
    """An answer could not be read as what the API promises."""


class ApiError(KubeError):
    """The API server answered with a Status that is a failure.

    `retry_after_seconds` is the server's wish, None if it named none; `causes` are (field, reason, message)
    of `details.causes`.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        retry_after_seconds: float | None = None,
        causes: tuple[tuple[str, str, str], ...] = (),
    ) -> None:
        self.status = status
        # An API server repeats what it refuses, and that may be another cluster's text.
        self.reason = cut(reason, TEXT_MAX_CHARS)
        self.message = cut(message, TEXT_MAX_CHARS)
        self.retry_after_seconds = retry_after_seconds
        self.causes = causes
        super().__init__(f"{status} {self.reason}: {self.message}")


class NotFound(ApiError):
    """404."""


class NotServed(NotFound):
    """404 that names no object: the kind is not served, or something in between knows no such path."""


class Conflict(ApiError):
    """409: the object changed since it was read."""


class AlreadyExists(Conflict):
    """409 on create."""


class Gone(ApiError):
    """410: the resource version has been compacted away."""


class Invalid(ApiError):
    """422: the object was refused by validation."""


class Unauthorized(ApiError):
    """401: the credential was refused, also after one renewal."""


class Forbidden(ApiError):
    """403."""


class NamespaceTerminating(Forbidden):
    """403 on create because the namespace is being deleted (MCS-LIFE-09)."""


class TooManyRequests(ApiError):
    """429."""


class ServerError(ApiError):
    """5xx."""
