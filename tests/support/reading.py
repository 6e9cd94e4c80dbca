"""What is read from objects that an API server holds, as plain values that tests compare."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mcs_controller.api.resources import Resource
from tests.support.objects import Object

_OF_ONE_RUN = (
    *("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"),
    *("lastTransitionTime", "observedGeneration", "changedAt", "exportedAt"),
    "mcs-controller.io/source-changed-at",
)


def conditions_of(body: Object | None) -> dict[str, tuple[str, str]]:
    """Type to (status, reason); nothing of an object that is not there."""
    found = ((body or {}).get("status") or {}).get("conditions", ())
    return {one["type"]: (one["status"], one["reason"]) for one in found}


def addresses_in(slices: Iterable[Object]) -> set[str]:
    """Of all endpoints, ready or not."""
    return {
        address
        for one in slices
        for endpoint in one.get("endpoints") or ()
        for address in endpoint["addresses"]
    }


def ready_addresses(slices: Iterable[Object]) -> set[str]:
    return {
        address
        for one in slices
        for endpoint in one.get("endpoints") or ()
        if endpoint["conditions"].get("ready", True)
        for address in endpoint["addresses"]
    }


def id_of(resource: Resource, body: Object) -> str:
    """For people, and the same in every run."""
    metadata = body["metadata"]
    return f"{resource.kind} {metadata['namespace']}/{metadata['name']}"


def plain(body: Object) -> Object:
    """Without identity, versions and times, which no two runs share."""

    def strip(value: Any) -> Any:
        if isinstance(value, list):
            return [strip(one) for one in value]
        if isinstance(value, dict):
            return {key: strip(one) for key, one in value.items() if key not in _OF_ONE_RUN}
        return value

    stripped: Object = strip(body)
    return stripped
