"""Asks an API server for a token of a ServiceAccount: bound to it, and valid for a limited time.

It ends with its time, or with the ServiceAccount. Nothing is stored on the server.
"""

from dataclasses import dataclass, field

from mcs_controller.api.resources import SERVICE_ACCOUNTS
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import DecodeError
from mcs_controller.observe.masking import remember_secret


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token; `expires_at` is what the server says, RFC 3339."""

    text: str = field(repr=False)
    expires_at: str


async def request_token(client: Client, namespace: str, account: str, seconds: int) -> Token:
    """A new token; the server may make it last shorter. Raises `KubeError`."""
    asked = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": seconds},
    }
    answer = await client.create(
        SERVICE_ACCOUNTS, asked, namespace=namespace, name=account, subresource="token"
    )
    status = answer.get("status")
    if not isinstance(status, dict) or not isinstance(text := status.get("token"), str) or not text:
        raise DecodeError(f"the answer to the TokenRequest of {namespace}/{account} has no token")
    remember_secret(text)
    return Token(text, str(status.get("expirationTimestamp", "")))
