"""What service accounts ask of an API server, from its audit log.

Every request of ours is there, watches included, with the body of what was written; nothing of the cluster's
own controllers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ACCOUNTS = "system:serviceaccounts"
CREDENTIAL_ID = "authentication.kubernetes.io/credential-id"
POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "omitManagedFields": True,
    "rules": [
        {"level": "None", "userGroups": [f"{ACCOUNTS}:kube-system"]},
        {"level": "Request", "userGroups": [ACCOUNTS], "verbs": ["create", "update", "patch"]},
        {"level": "Metadata", "userGroups": [ACCOUNTS]},
        {"level": "None"},
    ],
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request for a resource; `resource` is with its subresource, as RBAC spells it."""

    account: str
    """`namespace:name` of the service account."""
    verb: str
    group: str
    resource: str
    namespace: str
    allowed: bool
    body: Any = field(default=None, compare=False)
    credential: str = field(default="", compare=False)
    """Which token of the account it was: `jti` of `tokens.claims`."""


def write_audit_policy(path: Path) -> None:
    path.write_text(json.dumps(POLICY))


class AuditLog:
    """Reads on where it stopped, since a log of a whole run is long."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_bytes = 0

    def more(self) -> Iterator[Request]:
        """The requests for resources since the last time, oldest first; a watch as soon as it has begun."""
        with self._path.open("rb") as log:
            log.seek(self._read_bytes)
            for line in log:
                if not line.endswith(b"\n"):
                    return  # still being written
                self._read_bytes += len(line)
                request = _request(json.loads(line))
                if request is not None:
                    yield request


def _request(event: dict[str, Any]) -> Request | None:
    asked = event.get("objectRef")
    if not asked or "resource" not in asked:
        return None
    subresource = asked.get("subresource", "")
    # Nothing is decided about a request that is refused earlier, as one in the name of somebody else.
    decision = event.get("annotations", {}).get("authorization.k8s.io/decision")
    told = event["user"].get("extra", {}).get(CREDENTIAL_ID, [""])
    return Request(
        account=event["user"]["username"].removeprefix("system:serviceaccount:"),
        verb=event["verb"],
        group=asked.get("apiGroup", ""),
        resource=f"{asked['resource']}/{subresource}" if subresource else asked["resource"],
        namespace=asked.get("namespace", ""),
        allowed=decision == "allow",
        body=event.get("requestObject"),
        credential=told[0].removeprefix("JTI="),
    )
