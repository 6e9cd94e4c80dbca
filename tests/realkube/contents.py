"""All that an API server holds, to tell what a command made and whether it left something behind."""

from __future__ import annotations

import json

from tests.realkube.controlplane import ControlPlane

PASSING = ("events", "leases.coordination", "componentstatuses")
"""Kinds whose objects come and go by themselves."""


async def everything(plane: ControlPlane) -> dict[tuple[str, str, str], str]:
    """The resource version of each object, by kind, namespace and name."""
    listed = await plane.kubectl("api-resources", "--verbs=list", "--output=name")
    names = [one for one in listed.stdout.split() if not one.startswith(PASSING)]
    found = json.loads((await plane.kubectl("get", ",".join(names), "-A", "--output=json")).stdout)
    return {
        (one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]): one["metadata"][
            "resourceVersion"
        ]
        for one in found["items"]
    }
