"""Tokens of service accounts that end: those that die with a Secret, and those that expire within seconds."""

from __future__ import annotations

import asyncio

from tests.faults.ways import Way
from tests.realkube import tokens


async def token_of_secret(way: Way, secret: str) -> str:
    """A token that is good as long as a new Secret of that name is there."""
    metadata = {"name": secret, "namespace": way.namespace}
    path = f"/api/v1/namespaces/{way.namespace}/secrets"
    made = await way.plane.call("POST", path, {"metadata": metadata})
    bound = {"kind": "Secret", "apiVersion": "v1", "name": secret, "uid": made["metadata"]["uid"]}
    return await tokens.requested(way.plane, way.namespace, way.account, boundObjectRef=bound)


async def revoke_secret(way: Way, secret: str) -> None:
    """The tokens of that Secret are good no longer."""
    await way.plane.call("DELETE", f"/api/v1/namespaces/{way.namespace}/secrets/{secret}")


async def token_for_seconds(way: Way, seconds: float) -> str:
    """A token that is refused that many seconds from now on."""
    return await tokens.token_for_seconds(way.plane, way.namespace, way.account, seconds)


async def remake_account(way: Way, away_seconds: float) -> None:
    """Delete the service account, and with it all its tokens; create it again, as another one."""
    path = f"/api/v1/namespaces/{way.namespace}/serviceaccounts"
    await way.plane.call("DELETE", f"{path}/{way.account}")
    await asyncio.sleep(away_seconds)
    await way.plane.call("POST", path, {"metadata": {"name": way.account, "namespace": way.namespace}})
