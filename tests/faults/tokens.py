"""Tokens of service accounts that end: those that die with a Secret, and those that expire within seconds.

An API server issues none for less than ten minutes. So a short one is made here as it would make it, with its
own key: an ES256 JSON Web Token (RFC 7515, RFC 7518 section 3.4).
"""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import time
from typing import Any, Final

from tests.faults.ways import Way
from tests.realkube.controlplane import ControlPlane

LEEWAY_SECONDS: Final = 60
"""So long after it expired an API server still takes a token."""
TAKEN_FOR_SECONDS: Final = 12.0
"""So long an API server may remember that a token was good."""


async def token_of_secret(way: Way, secret: str) -> str:
    """A token that is good as long as a new Secret of that name is there."""
    metadata = {"name": secret, "namespace": way.namespace}
    path = f"/api/v1/namespaces/{way.namespace}/secrets"
    made = await way.plane.call("POST", path, {"metadata": metadata})
    bound = {"kind": "Secret", "apiVersion": "v1", "name": secret, "uid": made["metadata"]["uid"]}
    return await _requested(way, {"boundObjectRef": bound})


async def revoke_secret(way: Way, secret: str) -> None:
    """The tokens of that Secret are good no longer."""
    await way.plane.call("DELETE", f"/api/v1/namespaces/{way.namespace}/secrets/{secret}")


async def token_for_seconds(way: Way, seconds: float) -> str:
    """A token that is refused that many seconds from now on."""
    header, claims, _ = (await _requested(way, {})).split(".")
    said = _decoded(claims)
    now = int(time.time())
    said.update(iat=now - 2 * LEEWAY_SECONDS, nbf=now - 2 * LEEWAY_SECONDS)
    said["exp"] = now + round(seconds) - LEEWAY_SECONDS
    signed = f"{header}.{_encoded(json.dumps(said).encode())}"
    return f"{signed}.{_encoded(_signature(way.plane, signed.encode()))}"


async def remake_account(way: Way, away_seconds: float) -> None:
    """Delete the service account, and with it all its tokens; create it again, as another one."""
    path = f"/api/v1/namespaces/{way.namespace}/serviceaccounts"
    await way.plane.call("DELETE", f"{path}/{way.account}")
    await asyncio.sleep(away_seconds)
    await way.plane.call("POST", path, {"metadata": {"name": way.account, "namespace": way.namespace}})


async def _requested(way: Way, spec: dict[str, Any]) -> str:
    path = f"/api/v1/namespaces/{way.namespace}/serviceaccounts/{way.account}/token"
    answer = await way.plane.call("POST", path, {"spec": {"expirationSeconds": 3600, **spec}})
    token: str = answer["status"]["token"]
    return token


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
