"""All that an API server holds, to tell what somebody made and whether they left something behind."""

from __future__ import annotations

import json
from typing import Any

from tests.realkube.controlplane import ControlPlane

PASSING = ("events", "componentstatuses")
"""Resources whose objects come and go by themselves, or are none."""
OWN_LEASES = ("kube-node-lease", "kube-system")
"""Namespaces with Leases of Kubernetes' own programs."""
_VARIES = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")
_MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
_CLUSTERS_OWN = "endpointslice-controller.k8s.io"
Key = tuple[str, str, str]
"""Kind, namespace (or nothing) and name."""


async def everything(plane: ControlPlane) -> dict[Key, str]:
    """The resource version of each object."""
    return {
        (one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]): one["metadata"][
            "resourceVersion"
        ]
        for one in await _objects(plane)
    }


async def everything_lasting(plane: ControlPlane) -> dict[Key, Any]:
    """What each object says, without its status and what each write changes.

    Pods are as good as the others that their owner may make in their place, and so are their endpoints.
    """
    return {_key(one): _lasting(one) for one in await _objects(plane)}


async def _objects(plane: ControlPlane) -> list[dict[str, Any]]:
    listed = await plane.kubectl("api-resources", "--verbs=list", "--output=name")
    names = [one for one in listed.stdout.split() if not one.startswith(PASSING)]
    found = json.loads((await plane.kubectl("get", ",".join(names), "-A", "--output=json")).stdout)
    return [one for one in found["items"] if not _is_own_lease(one)]


def _key(one: dict[str, Any]) -> Key:
    metadata = one["metadata"]
    name = (one["kind"] == "Pod" and metadata.get("generateName")) or metadata["name"]
    return one["kind"], metadata.get("namespace", ""), name


def _lasting(one: dict[str, Any]) -> dict[str, Any]:
    metadata = {name: value for name, value in one["metadata"].items() if name not in _VARIES}
    if one["kind"] == "Pod":
        return {}
    if metadata.get("labels", {}).get(_MANAGED_BY) == _CLUSTERS_OWN:
        return {"labels": metadata["labels"]}
    return {**{name: value for name, value in one.items() if name != "status"}, "metadata": metadata}


def _is_own_lease(one: dict[str, Any]) -> bool:
    return one["kind"] == "Lease" and one["metadata"]["namespace"] in OWN_LEASES
