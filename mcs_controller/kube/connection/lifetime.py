"""What a bearer token says of itself (RFC 7519): its life (`iat` and `exp`), and whose it is (`sub`).

Nothing is verified: the token is our own. What it says is told to operators, and decides when it is renewed.
Tokens of service accounts say it; one that is no JWT, or never ends, says nothing.
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

_ACCOUNT: Final = "system:serviceaccount:"
LATEST_SECONDS: Final = 253_402_300_799.0
"""The end of the year 9999: no later time can be shown. A token that ends after it never does."""


class Lifetime(NamedTuple):
    """In seconds since the epoch."""

    issued: float
    expires: float


class Account(NamedTuple):
    """A ServiceAccount."""

    namespace: str
    name: str


def lifetime_of(authorization: str | None) -> Lifetime | None:
    """What the token of an `Authorization` header says of itself; None if that is nothing."""
    claims = _claims((authorization or "").removeprefix("Bearer "))
    try:
        issued, expires = float(claims["iat"]), float(claims["exp"])
    except (ValueError, TypeError, LookupError, OverflowError):
        return None
    if not (0 <= issued < expires <= LATEST_SECONDS):
        return None
    return Lifetime(issued, expires)


def account_of(token: str) -> Account | None:
    """The ServiceAccount whose token it is; None if it says of none."""
    subject = str(_claims(token).get("sub"))
    namespace, _, name = subject.removeprefix(_ACCOUNT).partition(":")
    if not subject.startswith(_ACCOUNT) or not namespace or not name:
        return None
    return Account(namespace, name)


def _claims(token: str) -> Mapping[str, Any]:
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}
