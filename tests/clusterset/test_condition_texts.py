"""What conditions say, word for word: users act on it, and other programs match types and reasons."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mcs_controller.api.names import ANNOTATION_WITHDRAW, CONDITION_HELD, WITHDRAW_ALLOWED
from mcs_controller.clusterset import fuse
from mcs_controller.clusterset.conditions import MAX_MESSAGE_CHARS
from mcs_controller.clusterset.fuse import (
    EXPORTS_MISSING,
    MASS_WITHDRAWAL,
    MEMBERS_SILENT,
    Hold,
    held_for_mass_withdrawal,
)
from mcs_controller.clusterset.model import Condition, ImportSpec, LocalImport
from mcs_controller.clusterset.services.desired import import_conditions, import_spec
from mcs_controller.clusterset.services.export import conflict_condition, evaluate_export, ready_condition
from mcs_controller.clusterset.services.merge import merge
from tests.clusterset.builders import WEB, local_export, local_service, record

LONG = "x" * (MAX_MESSAGE_CHARS + 1)


def an_import(**fields: Any) -> LocalImport:
    known = LocalImport(service=WEB, uid="u", generation=1, spec=ImportSpec("ClusterSetIP", ()))
    return replace(known, **fields)


@pytest.mark.parametrize(
    ("ends_at", "end"),
    [
        ("", "it does not end by itself"),
        (
            "2026-01-01T00:30:00Z",
            "it ends by itself at 2026-01-01T00:30:00Z, or later by as long as an exporter is silent, unless "
            "the exports return",
        ),
    ],
)
def test_a_held_import_says_why_until_when_and_how_to_let_it_go(ends_at: str, end: str) -> None:
    hold = Hold((("east", 0.0),), 1800.0, ends_at=ends_at)
    assert held_for_mass_withdrawal(an_import(generation=7), hold) == Condition(
        CONDITION_HELD,
        "True",
        MASS_WITHDRAWAL,
        "no cluster exports this service any more; it is held because many others lost their exports at the "
        f"same time, which is probably a fault; {end}; if it is intended, release it with: "
        "kubectl annotate serviceimport --namespace shop web "
        f"{ANNOTATION_WITHDRAW}={WITHDRAW_ALLOWED}",
        7,
    )


@pytest.mark.parametrize(
    ("clusters", "who"), [(["east", "", "west"], "east, west"), ([""], "the exporting clusters")]
)
def test_an_import_of_which_something_is_missing_says_what_is_known_and_how_to_let_it_go(
    clusters: list[str], who: str
) -> None:
    assert fuse.held(an_import(generation=7), silent=[], missing=clusters, generation=7) == Condition(
        CONDITION_HELD,
        "True",
        EXPORTS_MISSING,
        f"data exported by {who} is missing on the broker, or older than before, and no exporter has "
        "confirmed that it is gone: the last known state is held until then; if it is gone for good, "
        "release it with: kubectl annotate serviceimport --namespace shop web "
        f"{ANNOTATION_WITHDRAW}={WITHDRAW_ALLOWED}",
        7,
    )


def test_a_conflict_over_labels_or_annotations_shows_the_pairs_in_use() -> None:
    pairs = (("a", "1"), ("b", "2"))
    merged = merge([record(labels=pairs, annotations=pairs), record("west", 1)])
    assert [one.message.partition(", by precedence")[0] for one in merged.conflicts] == [
        "conflicting exported labels: using {a: 1, b: 2}",
        "conflicting exported annotations: using {a: 1, b: 2}",
    ]
    # What looks alike is not the same.
    alike = (("a", "1, b: 2"),)
    merged = merge(
        [record(labels=pairs, annotations=pairs), record("west", 1, labels=alike, annotations=alike)]
    )
    assert [one.reason for one in merged.conflicts] == ["LabelsConflict", "AnnotationsConflict"]


def test_an_import_that_is_held_for_silent_members_says_so_and_later_that_it_is_not() -> None:
    held = fuse.held(an_import(), silent=["east", "west"], missing=[], generation=4)
    assert (held.type, held.status, held.reason, held.observed_generation) == (
        CONDITION_HELD,
        "True",
        MEMBERS_SILENT,
        4,
    )
    assert "the endpoints of east, west are held" in held.message
    assert "mcs-controller fuse release --member east,west" in held.message
    after = fuse.held(an_import(conditions=(held,)), silent=[], missing=[], generation=5)
    assert after == Condition(CONDITION_HELD, "False", "NotHeld", "", 5)


@pytest.mark.requirement("MCS-EXP-08")
def test_what_makes_an_export_invalid_is_said_in_its_valid_condition() -> None:
    deleting = evaluate_export(local_export(deleting=True), local_service(), "east")
    assert deleting.valid == Condition("Valid", "False", "Deleting", "the ServiceExport is being deleted", 3)
    assert deleting.record is None
    missing = evaluate_export(local_export(), None, "east")
    told = "there is no Service shop/web: create it, or delete this ServiceExport"
    assert missing.valid == Condition("Valid", "False", "NoService", told, 3)


def test_a_service_without_families_is_exported_as_ipv4() -> None:
    found = evaluate_export(local_export(), local_service(ip_families=()), "east")
    assert found.record is not None
    assert found.record.ip_families == ("IPv4",)


def test_ready_and_conflict_carry_type_and_generation_and_are_cut_to_what_the_api_takes() -> None:
    ready = ready_condition("Failed", LONG, observed_generation=2)
    assert (ready.type, ready.status, ready.reason, ready.observed_generation) == (
        "Ready",
        "False",
        "Failed",
        2,
    )
    assert len(ready.message) == MAX_MESSAGE_CHARS
    alike = conflict_condition(merge([record()]), observed_generation=2)
    assert (alike.type, alike.status, alike.observed_generation) == ("Conflict", "False", 2)
    merged = merge([record(), record("west", 1, type="Headless")])
    differing = conflict_condition(merged, observed_generation=2)
    assert (differing.type, differing.status, differing.observed_generation) == ("Conflict", "True", 2)


@pytest.mark.requirement("MCS-IMP-14")
def test_an_import_without_its_ip_says_what_it_waits_for() -> None:
    merged = merge([record()])

    def ready(**more: Any) -> Condition:
        (found,) = import_conditions(merged, import_spec(merged), observed_generation=2, **more)
        return found

    assert ready() == Condition("Ready", "False", "Pending", "waiting for the clusterset IP", 2)
    told = ready(error=LONG)
    assert (told.reason, len(told.message)) == ("Pending", MAX_MESSAGE_CHARS)
