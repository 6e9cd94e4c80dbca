"""Objects, kinds and contexts for the tests of the simulated API server's rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, settings

from mcs_controller.simcluster.kinds.builtin import BUILTIN_KINDS
from mcs_controller.simcluster.kinds.custom import kinds_of_crd
from mcs_controller.simcluster.kinds.kind import Context, Kind
from mcs_controller.simcluster.kinds.service_ips import ServiceIpAllocator
from mcs_controller.simcluster.status import FieldError

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
V4, V6 = "10.96.0.0/24", "fd00:10:96::/120"
CRDS = Path(__file__).parents[3] / "crds"

Object = dict[str, Any]

BUSY_MACHINE = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
"""For property tests: how long an example takes says nothing on a machine that does other things."""


def builtin(kind: str, group: str = "") -> Kind:
    return next(one for one in BUILTIN_KINDS if (one.kind, one.group) == (kind, group))


def shipped(plural: str, version: str = "v1beta1") -> Kind:
    """A kind of the CRDs that this project ships."""
    path = next(CRDS.glob(f"{plural}.*.yaml"))
    kinds = kinds_of_crd(yaml.safe_load(path.read_text()))
    return next(one for one in kinds if one.version == version)


def context(*cidrs: str, dry_run: bool = False, allocator: ServiceIpAllocator | None = None) -> Context:
    return Context(allocator or ServiceIpAllocator(cidrs or (V4,)), NOW, dry_run)


def crd(openapi: Object, *, plural: str = "widgets", kind: str = "Widget", **version: Any) -> Object:
    shown = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": openapi}} | version
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind},
            "versions": [shown],
        },
    }


def named(name: str = "web", /, **fields: Any) -> Object:
    return {"metadata": {"name": name, "namespace": "shop"}, **fields}


def complaints(errors: Sequence[FieldError]) -> list[tuple[str, str]]:
    """Field and reason of each error, the reason without its common beginning."""
    return [(one.field, one.reason.removeprefix("FieldValue")) for one in errors]
