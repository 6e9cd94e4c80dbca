"""What Prometheus is told of exports, imports and members: each number, and each word of it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from mcs_controller.clusterset.model import Condition, ServiceKey
from mcs_controller.controllers.membership.former_ids import FormerIds
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.membership.metrics import MembershipCollector
from mcs_controller.controllers.services.imports.endpoint_fuse import EndpointFuse
from mcs_controller.controllers.services.imports.import_cap import ImportCap
from mcs_controller.controllers.services.imports.import_fuse import ImportFuse
from mcs_controller.controllers.services.imports.locality import Locality
from mcs_controller.controllers.services.imports.reserved import ReservedNamespaces
from mcs_controller.controllers.services.metrics import (
    PROPAGATION_BUCKETS_SECONDS,
    ServicesCollector,
    ServicesMetrics,
)
from mcs_controller.controllers.services.stores.stores import Stores
from mcs_controller.kube.store import Store

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
READY, NOT_READY = Condition("Ready", "True", "R"), Condition("Ready", "False", "R")
VALID, CONFLICT = Condition("Valid", "True", "R"), Condition("Conflict", "True", "R")


def holding(*conditions: tuple[Condition, ...]) -> list[Any]:
    """What a store gives of objects with these conditions."""
    return [SimpleNamespace(value=SimpleNamespace(conditions=one)) for one in conditions]


def served(*, quiet: bool = False) -> CollectorRegistry:
    """Of an agent that has something of everything, or of one that has nothing."""
    members = SimpleNamespace(
        held=set() if quiet else {"north", "south"},
        dead={"mars"},
        released={"north"},
        heartbeat_ages_seconds=lambda: {} if quiet else {"mars": 70.5, "north": 3.0},
        others=lambda: frozenset() if quiet else frozenset({"mars", "north", "pluto"}),
        missing=lambda: frozenset({"pluto"}),
    )
    stores = SimpleNamespace(
        local=SimpleNamespace(
            exports=[] if quiet else holding((READY, VALID), (READY, CONFLICT), (NOT_READY, VALID), ()),
            imports=[] if quiet else holding((READY,), (NOT_READY,), (NOT_READY,)),
            imported_slices=() if quiet else range(7),
            unread_exports=lambda: 0 if quiet else 3,
        ),
        view=SimpleNamespace(refused=lambda: 0 if quiet else 5),
        broker=SimpleNamespace(
            left_out=lambda: iter(
                ()
                if quiet
                else (("mars", "ExportedService", "objects", 20), ("mars", "ExportedService", "bytes", 2))
            )
        ),
        retained=SimpleNamespace(
            counts=lambda: {
                (kind, reason): 0 if quiet else len(kind + reason)
                for kind in ("record", "slice")
                for reason in ("missing", "older")
            }
        ),
    )
    fuse = SimpleNamespace(holding=not quiet, held=0 if quiet else 12)
    cap = SimpleNamespace(waiting=lambda: iter(() if quiet else (("mars", 4), ("north", 1))))
    reserved = ReservedNamespaces((), Store(), lambda: 1)
    for name in () if quiet else ("web", "api"):
        reserved.refuses(ServiceKey("default", name))
    locality = SimpleNamespace(counts=lambda: dict.fromkeys(("near", "failed_over"), 0 if quiet else 8))
    former_ids = SimpleNamespace(left_behind=() if quiet else ("old", "older"))
    registry = CollectorRegistry()
    ServicesMetrics(registry)
    registry.register(
        ServicesCollector(
            cast(Stores, stores),
            cast(ImportFuse, fuse),
            cast(EndpointFuse, SimpleNamespace(held=0 if quiet else 6)),
            cast(ImportCap, cap),
            reserved,
            cast(Membership, members),
            cast(Locality, locality),
        )
    )
    registry.register(MembershipCollector(cast(Membership, members), cast(FormerIds, former_ids)))
    return registry


def samples(registry: CollectorRegistry, name: str) -> dict[tuple[str, ...], float]:
    """By the labels' values."""
    return {
        tuple(one.labels.values()): one.value
        for family in registry.collect()
        for one in family.samples
        if one.name == name
    }


LOUD: dict[str, dict[tuple[str, ...], float]] = {
    "mcs_exports": {
        ("Valid", "True"): 2,
        ("Valid", "False"): 0,
        ("Ready", "True"): 2,
        ("Ready", "False"): 1,
        ("Conflict", "True"): 1,
        ("Conflict", "False"): 0,
    },
    "mcs_imports": {
        ("Valid", "True"): 0,
        ("Valid", "False"): 0,
        ("Ready", "True"): 1,
        ("Ready", "False"): 2,
        ("Conflict", "True"): 0,
        ("Conflict", "False"): 0,
    },
    "mcs_imported_endpointslices": {(): 7},
    "mcs_exports_refused": {(): 5},
    "mcs_imports_refused": {("reserved_namespace",): 2},
    "mcs_imports_waiting": {("mars",): 4, ("north",): 1},
    "mcs_imports_by_locality": {("near",): 8, ("failed_over",): 8},
    "mcs_locality_failovers_total": {(): 0},
    "mcs_exports_unread": {(): 3},
    "mcs_member_objects_left_out": {
        ("mars", "ExportedService", "objects"): 20,
        ("mars", "ExportedService", "bytes"): 2,
    },
    "mcs_retained_objects": {
        ("record", "missing"): 13,
        ("record", "older"): 11,
        ("slice", "missing"): 12,
        ("slice", "older"): 10,
    },
    "mcs_fuse_tripped": {("imports",): 1, ("endpoints",): 1, ("members",): 1},
    "mcs_fuse_held_imports": {(): 12},
    "mcs_fuse_held_endpoints": {(): 6},
    "mcs_fuse_held_members": {(): 2},
    "mcs_former_ids": {(): 2},
    "mcs_member_heartbeat_age_seconds": {("mars",): 70.5, ("north",): 3.0},
    "mcs_member_alive": {("mars",): 0, ("north",): 1, ("pluto",): 1},
    "mcs_member_missing": {("mars",): 0, ("north",): 0, ("pluto",): 1},
    "mcs_member_released": {("mars",): 0, ("north",): 1, ("pluto",): 0},
    "mcs_export_to_import_seconds_count": {(): 0},
    "mcs_foreign_imports_total": {(): 0},
}


@pytest.mark.parametrize(("name", "told"), LOUD.items(), ids=LOUD.keys())
def test_everything_that_there_is_is_counted(name: str, told: dict[tuple[str, ...], float]) -> None:
    assert samples(served(), name) == told


@pytest.mark.parametrize("name", LOUD)
def test_where_there_is_nothing_every_number_is_nought(name: str) -> None:
    assert set(samples(served(quiet=True), name).values()) <= {0}


def test_changes_are_told_apart_from_some_milliseconds_to_some_minutes() -> None:
    bounds = [float(le) for (le,) in samples(served(), "mcs_export_to_import_seconds_bucket")]
    assert bounds == [*PROPAGATION_BUCKETS_SECONDS, float("inf")]
    assert (bounds[0], bounds[-2]) == (0.005, 300)


def test_no_other_metrics_are_served_and_each_stands_on_the_page_as_it_is() -> None:
    registry, rows = served(), PAGE.read_text().splitlines()
    families = list(registry.collect())
    assert len(families) == len(LOUD)
    for family in families:
        labels = ", ".join(f"`{label}`" for label in family.samples[0].labels if label != "le")
        name = f"{family.name}_total" if family.type == "counter" else family.name
        row = f"| `{name}` | {family.type} | {labels} | {family.documentation} |"
        assert any(one.startswith(row) for one in rows)
