"""From when until when a bearer token is valid, as it says itself (RFC 7519: `iat` and `exp`).

Nothing is verified: the token is our own, and what it says is only told to operators. Tokens of service
accounts say it; one that is no JWT, or never ends, says nothing.
"""

import json
import math
from base64 import urlsafe_b64decode
from typing import NamedTuple


class Lifetime(NamedTuple):
    """In seconds since the epoch."""

    issued: float
    expires: float


def lifetime_of(authorization: str | None) -> Lifetime | None:
    """What the token of an `Authorization` header says of itself; None if that is nothing."""
    parts = (authorization or "").removeprefix("Bearer ").split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        issued, expires = float(claims["iat"]), float(claims["exp"])
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        return None
    if not (math.isfinite(issued) and issued < expires < math.inf):
        return None
    return Lifetime(issued, expires)
