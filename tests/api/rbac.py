"""The manifests in hack/rbac, read as rules."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import yaml

FOLDER = Path(__file__).resolve().parents[2] / "hack" / "rbac"
MANIFESTS = sorted(FOLDER.glob("*.yaml"))


class Right(NamedTuple):
    group: str
    resource: str
    verb: str


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def roles(path: Path) -> Iterator[dict[str, Any]]:
    return (found for found in documents(path) if found["kind"] in ("ClusterRole", "Role"))


def rights(role: dict[str, Any]) -> set[Right]:
    return {
        Right(*one)
        for rule in role["rules"]
        for one in product(rule["apiGroups"], rule["resources"], rule["verbs"])
    }


def rights_of(manifest: str, kind: str, name: str) -> set[Right]:
    (role,) = (
        found
        for found in roles(FOLDER / manifest)
        if (found["kind"], found["metadata"]["name"]) == (kind, name)
    )
    return rights(role)
