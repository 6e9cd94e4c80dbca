"""Tokens of ServiceAccounts: here a token is the name of its user, as everywhere in simcluster.

It names the user for as long as the cluster lives; only the answer says when a real one would expire.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from mcs_controller.kube.clock import rfc3339
from mcs_controller.simcluster import status
from mcs_controller.simcluster.kinds.kind import Object

LEAST_SECONDS = 600
DEFAULT_SECONDS = 3600


class _TokenRequest(NamedTuple):
    """The kind that a refusal names."""

    group: str = "authentication.k8s.io"
    plural: str = ""
    kind: str = "TokenRequest"


def issue_token(account: Object, asked: Object, now: datetime) -> Object:
    """The answer to a TokenRequest for the ServiceAccount."""
    spec = asked.get("spec") or {}
    seconds = spec.get("expirationSeconds") or DEFAULT_SECONDS
    if seconds < LEAST_SECONDS:
        complaint = "may not specify a duration less than 10 minutes"
        error = status.invalid_value("spec.expirationSeconds", seconds, complaint)
        raise status.invalid(_TokenRequest(), "", [error])
    metadata = account["metadata"]
    return {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
        "spec": {**spec, "expirationSeconds": seconds},
        "status": {
            "token": f"system:serviceaccount:{metadata['namespace']}:{metadata['name']}",
            "expirationTimestamp": rfc3339(now + timedelta(seconds=seconds)),
        },
    }
