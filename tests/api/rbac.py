"""The rights of each component, as the charts' rules and the objects around them give them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from mcs_controller.install.rights import COMPONENTS, rights_of
from mcs_controller.install.rules import rules_of

CHARTS = Path(__file__).resolve().parents[2] / "charts"
RULES = sorted(CHARTS.glob("*/files/rules/*.yaml"))


class Right(NamedTuple):
    group: str
    resource: str
    verb: str


def roles(component: str) -> Iterator[dict[str, Any]]:
    return (found for found in rights_of(component) if found["kind"] in ("ClusterRole", "Role"))


def rights(role: dict[str, Any]) -> set[Right]:
    return {
        Right(*one)
        for rule in role["rules"]
        for one in product(rule["apiGroups"], rule["resources"], rule["verbs"])
    }


def granted_by(role: str) -> set[Right]:
    """What a role of the charts gives, by the name of its file."""
    return rights({"rules": rules_of(role)})


def as_yaml(*components: str) -> str:
    """What `kubectl apply` takes; all components without one."""
    return yaml.safe_dump_all(rights_of(*(components or COMPONENTS)))
