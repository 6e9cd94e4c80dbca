"""What one line of a table says, from the facts of one service or member."""

from dataclasses import replace

import pytest

from mcs_controller.api.names import CONDITION_HELD
from mcs_controller.clusterset.board.rows import (
    MemberFacts,
    MemberState,
    ServiceFacts,
    ServiceRow,
    member_row,
    service_row,
)
from mcs_controller.clusterset.explain.picture import InCluster
from mcs_controller.clusterset.model import (
    Condition,
    Endpoint,
    ImportedSlice,
    LocalImport,
    Member,
    ServicePort,
    SliceContent,
    Statement,
)
from tests.clusterset.builders import WEB, local_export, record
from tests.clusterset.explain.pictures import bystander, on_broker, picture, settled

HERE = settled(
    picture(on_broker("east"), on_broker("west"), bystander("north"), here=InCluster("north"))
).here
READY = Endpoint(("10.1.0.1",), ready=True)
NOT_READY = Endpoint(("10.1.0.2",), ready=False)
SLICE = ImportedSlice(WEB, "web-1", "east", SliceContent("IPv4", (), (READY, NOT_READY, READY)))


def imported(*conditions: Condition, **fields: object) -> LocalImport:
    assert HERE is not None
    assert HERE.imported is not None
    found = replace(HERE.imported, **fields)  # type: ignore[arg-type]
    return replace(found, conditions=(*found.conditions, *conditions))


FACTS = ServiceFacts(
    WEB, (record("east"), record("west", 1)), frozenset(), (), (), None, imported(), (SLICE,), True
)


def row(**fields: object) -> ServiceRow:
    return service_row(FACTS._replace(**fields), "north")  # type: ignore[arg-type]


def test_a_service_that_is_as_it_should_be_has_no_mark() -> None:
    found = row()
    assert (found.type, found.clusters, found.marks) == ("ClusterSetIP", ("east", "west"), ())
    assert (found.ready, found.endpoints) == (2, 3)
    assert (found.is_imported_here, found.is_exported_here, found.needs_attention) == (True, False, False)


def test_exports_that_disagree_are_a_conflict_of_all_of_them() -> None:
    other = record("west", 1, ports=(ServicePort(81, "http"),))
    found = row(records=(record("east"), other))
    assert found.marks == ("conflict",)
    assert found.dispute is not None
    assert (found.dispute.reason, found.dispute.clusters) == ("PortConflict", ("east", "west"))
    # The owner of the name decides alone.
    assert row(records=(record("east"), other), owners=frozenset({"east"})).dispute is not None


def test_a_conflict_is_shown_before_the_broker_has_been_read() -> None:
    said = Condition("Conflict", "True", "PortConflict")
    found = row(records=(), export=local_export(conditions=(said,)))
    assert found.marks == ("conflict",)


@pytest.mark.parametrize(
    ("fields", "mark"),
    [
        ({"imported": imported(Condition(CONDITION_HELD, "True", "MassWithdrawal"))}, "held"),
        ({"imported": imported(conditions=(Condition("Ready", "False", "IPFamily"),))}, "import not ready"),
        (
            {"export": local_export(conditions=(Condition("Valid", "False", "NoService"),))},
            "export not valid",
        ),
        ({"export": local_export(conditions=(Condition("Ready", "False", "Failed"),))}, "export not ready"),
        ({"refused": ("evil",)}, "not admitted"),
        ({"imported": None}, "not imported"),
        ({"imported": imported(managed=False)}, "not imported"),
    ],
)
def test_what_is_otherwise_has_a_mark_and_needs_attention(fields: dict[str, object], mark: str) -> None:
    found = row(**fields)
    assert found.marks == (mark,)
    assert found.needs_attention


def test_a_service_whose_namespace_is_not_here_needs_no_attention() -> None:
    found = row(imported=None, namespace_is_there=False, slices=())
    assert (found.marks, found.needs_attention) == (("no namespace here",), False)


def test_a_service_that_policies_keep_out_needs_no_attention_unless_an_export_is_let_in() -> None:
    found = row(imported=None, kept_out=("east", "west"), slices=())
    assert (found.marks, found.needs_attention) == (("kept out by policy",), False)
    assert row(imported=None, kept_out=("east",), slices=()).marks == ("not imported",)


def test_endpoints_of_all_slices_are_counted() -> None:
    other = replace(
        SLICE, name="web-2", source_cluster="west", content=replace(SLICE.content, endpoints=(READY,))
    )
    found = row(slices=(SLICE, other))
    assert (found.ready, found.endpoints) == (3, 4)


def test_the_owner_of_a_name_decides_what_the_service_is() -> None:
    records = (record("east"), record("west", 1, type="Headless"))
    assert row(records=records).type == "ClusterSetIP"
    assert row(records=records, owners=frozenset({"west"})).type == "Headless"


def test_what_is_imported_is_not_what_is_exported() -> None:
    found = row(imported=None, export=local_export())
    assert (found.is_imported_here, found.is_exported_here) == (False, True)
    found = row(records=())
    assert (found.is_imported_here, found.is_exported_here) == (True, False)


def test_an_import_that_outlives_its_exports_says_who_exported_it() -> None:
    found = row(records=())
    assert (found.type, found.clusters) == ("ClusterSetIP", ("east", "west"))


MEMBER = Member("west", "uid", "1.2.3", "2026-01-01T00:00:00Z", exported=Statement("t", 7, 9, "d"))
MEMBER_FACTS = MemberFacts(MEMBER, False, 1.0, False, False, False, 2)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "alive"),
        ({"is_own": True}, "this cluster"),
        ({"silent_seconds": 30.0}, "silent"),
        ({"silent_seconds": 30.0, "is_own": True}, "silent"),
        ({"silent_seconds": 90.0, "is_dead": True}, "dead"),
        ({"silent_seconds": 90.0, "is_held": True}, "held"),
        ({"silent_seconds": 29.9}, "alive"),
        ({"silent_seconds": 90.0, "is_held": True, "is_dead": True}, "held"),
        ({"is_missing": True, "is_dead": True}, "missing"),
        ({"is_missing": True, "member": replace(MEMBER, leaving="2026-01-01T00:00:00Z")}, "missing"),
        ({"member": replace(MEMBER, leaving="2026-01-01T00:00:00Z")}, "leaving"),
        ({"member": replace(MEMBER, heartbeat="")}, "never joined"),
    ],
)
def test_the_state_of_a_member(changes: dict[str, object], state: MemberState) -> None:
    found = member_row(MEMBER_FACTS._replace(**changes), 60.0)  # type: ignore[arg-type]
    assert found.state == state
    assert (found.cluster, found.services, found.left_out, found.version) == ("west", 7, 2, "1.2.3")
