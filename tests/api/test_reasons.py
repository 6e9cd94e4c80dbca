"""The catalogue of reasons has just what rules and controllers write, and the Events that they send."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcs_controller.api.names import CONDITION_HELD
from mcs_controller.api.reasons import CONDITIONS, NOTHING, OTHER_EVENTS, ConditionKind, Reason, conflict_todo
from mcs_controller.clusterset.model import Condition
from mcs_controller.controllers.services.bulk import status as bulk_status
from mcs_controller.controllers.services.exports import export_status
from mcs_controller.controllers.services.imports import import_status
from mcs_controller.controllers.services.policies import status as policy_status

PROGRAM = Path(__file__).resolve().parents[2] / "mcs_controller"
ROOMS = ("clusterset", "controllers")
MAKERS = frozenset(
    {
        "Condition",
        "Conflict",
        "Outcome",
        "Trouble",
        "_condition",
        "_conflict",
        "_found",
        "_invalid",
        "event",
        "ready",
        "ready_condition",
    }
)
"""The functions that are given a reason."""
TYPES = frozenset(one.type for one in CONDITIONS)
NO_REASONS = frozenset({"True", "False", "Unknown", "Normal", "Warning", *TYPES})
NEVER_SHOWN = frozenset({"Deleting"})
"""The status of a ServiceExport that is being deleted is not written."""
REASONS = [
    pytest.param(condition, reason, id=f"{condition.kind} {condition.type} {reason.reason}")
    for condition in CONDITIONS
    for reason in condition.reasons
]


def written_reasons() -> set[str]:
    """What looks like a reason, and is given to one of the functions that are given reasons."""
    found: set[str] = set()
    for room in ROOMS:
        for file in (PROGRAM / room).rglob("*.py"):
            tree = ast.parse(file.read_text())
            constants = dict(_constants(tree))
            for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
                if _name(call.func) in MAKERS:
                    found |= {
                        text
                        for argument in call.args
                        for text in _texts(argument, constants)
                        if re.fullmatch(r"[A-Z][a-zA-Z]+", text) and text not in NO_REASONS
                    }
    return found


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str(text))):
                yield name, text


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _texts(argument: ast.expr, constants: dict[str, str]) -> Iterator[str]:
    match argument:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Name(id=name) if name in constants:
            yield constants[name]
        case ast.IfExp(body=one, orelse=other):
            yield from (*_texts(one, constants), *_texts(other, constants))


def test_every_reason_that_is_written_is_in_the_catalogue_and_the_other_way_round() -> None:
    told = {reason.reason for condition in CONDITIONS for reason in condition.reasons}
    # `Ready` and `Valid` are reasons, too, and cannot be told from the types.
    assert written_reasons() - NEVER_SHOWN == (told | {other.reason for other in OTHER_EVENTS}) - TYPES


@pytest.mark.parametrize(("condition", "reason"), REASONS)
def test_a_reason_that_asks_for_something_says_what_to_do(condition: ConditionKind, reason: Reason) -> None:
    assert reason.means.endswith(".")
    assert reason.todo.endswith(".")
    if reason.event == "Warning":
        assert reason.todo != NOTHING


@pytest.mark.parametrize(("condition", "reason"), REASONS)
def test_an_event_is_of_the_type_that_the_catalogue_says(condition: ConditionKind, reason: Reason) -> None:
    new = Condition(condition.type, reason.status, reason.reason, "")
    if condition.kind == "ServiceExport":
        before = Condition(condition.type, "False" if reason.status == "True" else "True", "Other", "")
        assert export_status._event_type(before, new) == reason.event
    elif condition.kind == "ServiceImport" and condition.type == "Ready":
        assert import_status._is_news(None, new) == (reason.event == "Warning")
    elif condition.kind in ("ExportPolicy", "ImportPolicy"):
        before = Condition(condition.type, "False" if reason.status == "True" else "True", "Other", "")
        assert policy_status._event_type(before, new) == reason.event
        assert policy_status._event_type(None, new) == (reason.event if reason.event == "Warning" else None)
    elif condition.kind == "ServiceExportPolicy":
        bad = {"Accepted": "Malformed", "Ready": "Failed", CONDITION_HELD: "TooManyAtOnce"}[condition.type]
        former = [Condition(condition.type, "Unknown", "Other" if reason.reason == bad else bad, "")]
        told = [event for event, _ in bulk_status._news(former, [new])]
        assert told == [reason.event] * bool(reason.event)
        assert list(bulk_status._news([new], [new])) == []
        is_news = reason.reason in (bad, "NothingSelected")
        assert bool(list(bulk_status._news((), [new]))) is is_news
    elif condition.kind == "MemberCluster":
        assert reason.event is None


def test_explain_gives_the_same_advice_as_a_part_of_a_sentence() -> None:
    assert conflict_todo("IPFamilyConflict").startswith("give the Services the same ipFamilies;")
    assert conflict_todo("LabelsConflict") == conflict_todo("NoSuchConflict")
    assert not conflict_todo("PortConflict").endswith(".")
