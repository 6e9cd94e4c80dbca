"""Conditions of a status, merged by type."""

import pytest

from mcs_controller.clusterset.conditions import merge_conditions
from mcs_controller.clusterset.model import Condition

THEN, NOW = "2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z"
VALID = Condition("Valid", "True", "Valid", "", 1, THEN)
FOREIGN = Condition("example.com/Seen", "True", "Seen", "by another controller", None, THEN)


def wanted(condition: Condition, **fields: object) -> Condition:
    values = {name: getattr(condition, name) for name in ("type", "status", "reason", "message")}
    return Condition(**values | {"observed_generation": condition.observed_generation} | fields)


@pytest.mark.requirement("MCS-EXP-15")
def test_nothing_changes_when_nothing_differs() -> None:
    existing = (FOREIGN, VALID)
    assert merge_conditions(existing, [wanted(VALID)], NOW) == existing


@pytest.mark.requirement("MCS-EXP-15")
def test_the_time_moves_only_with_the_status() -> None:
    other_message = wanted(VALID, message="more", observed_generation=2)
    (found,) = merge_conditions((VALID,), [other_message], NOW)
    assert found == Condition("Valid", "True", "Valid", "more", 2, THEN)
    (found,) = merge_conditions((VALID,), [wanted(VALID, status="False", reason="NoService")], NOW)
    assert found == Condition("Valid", "False", "NoService", "", 1, NOW)


@pytest.mark.requirement("MCS-EXP-15", "MCS-API-07")
def test_conditions_of_others_survive_and_new_ones_are_added() -> None:
    ready = Condition("Ready", "True", "Exported")
    found = merge_conditions((VALID, FOREIGN), [ready], NOW)
    assert found == (VALID, FOREIGN, Condition("Ready", "True", "Exported", last_transition_at=NOW))


def test_a_condition_without_a_time_gets_one() -> None:
    (found,) = merge_conditions((wanted(VALID),), [wanted(VALID)], NOW)
    assert found.last_transition_at == NOW


def test_merging_twice_is_merging_once() -> None:
    once = merge_conditions((FOREIGN,), [wanted(VALID)], THEN)
    assert merge_conditions(once, [wanted(VALID)], NOW) == once
