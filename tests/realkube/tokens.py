"""Tokens of service accounts whose life is over soon, or most of it.

An API server issues none for less than ten minutes. So one is made here as it would make it, with its own
key: an ES256 JSON Web Token (RFC 7515, RFC 7518 section 3.4).
"""

from __future__ import annotations

import base64
import json
import subprocess
import time
from typing import Any, Final

from tests.realkube.controlplane import ControlPlane

LEEWAY_SECONDS: Final = 60
"""So long after it expired an API server still takes a token."""
TAKEN_FOR_SECONDS: Final = 12.0
"""So long an API server may remember that a token was good."""


async def requested(plane: ControlPlane, namespace: str, account: str, **spec: Any) -> str:
    """A token that the API server issues."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    answer = await plane.call("POST", path, {"spec": {"expirationSeconds": 3600, **spec}})
    token: str = answer["status"]["token"]
    return token


async def token_for_seconds(
    plane: ControlPlane, namespace: str, account: str, seconds: float, *, age_seconds: int = 120
) -> str:
    """A token that is refused that many seconds from now on; it says that it was issued `age_seconds` ago."""
    token = await requested(plane, namespace, account)
    header, said = token.partition(".")[0], claims(token)
    now = int(time.time())
    said.update(iat=now - age_seconds, nbf=now - age_seconds)
    said["exp"] = now + round(seconds) - LEEWAY_SECONDS
    signed = f"{header}.{_encoded(json.dumps(said).encode())}"
    return f"{signed}.{_encoded(_signature(plane, signed.encode()))}"


def claims(token: str) -> dict[str, Any]:
    """What it says of itself, such as `jti`, its own id."""
    return _decoded(token.split(".")[1])


def _signature(plane: ControlPlane, signed: bytes) -> bytes:
    """Both numbers of the ECDSA signature, 32 bytes each; openssl gives them as an ASN.1 sequence."""
    made = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", plane.service_account_key],
        input=signed,
        capture_output=True,
        check=True,
    ).stdout
    numbers, at = [], 2
    for _ in range(2):
        length = made[at + 1]
        numbers.append(made[at + 2 : at + 2 + length].lstrip(b"\0").rjust(32, b"\0"))
        at += 2 + length
    return b"".join(numbers)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found
