"""Conditions of an object's status: decodes, encodes, and merges wanted ones into existing ones.

Conditions are a map by type (MCS-API-12): the types of other controllers are kept, and lastTransitionTime
changes only when the status changes (MCS-EXP-15).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from mcs_controller.clusterset.fields import Json, an_object, bad, integer, items, text
from mcs_controller.clusterset.model import Condition

MAX_MESSAGE_CHARS: Final = 32_768
_MAX_CONDITIONS: Final = 1000
_STATUSES: Final = ("True", "False", "Unknown")


def decode_conditions(raw_list: Any) -> tuple[Condition, ...]:
    """A list of metav1.Condition; None is the empty list. Raises `MalformedObject`."""
    found = items({"conditions": raw_list}, "conditions", _MAX_CONDITIONS)
    return tuple(_condition(an_object(item, "conditions")) for item in found)


def _condition(raw: Json) -> Condition:
    status = raw.get("status")
    if status not in _STATUSES:
        raise bad("condition status", status, "True, False or Unknown")
    return Condition(
        type=text(raw, "type"),
        status=status,
        reason=text(raw, "reason"),
        message=text(raw, "message"),
        observed_generation=integer(raw, "observedGeneration"),
        last_transition_at=text(raw, "lastTransitionTime"),
    )


def encode_conditions(values: Sequence[Condition]) -> list[dict[str, Any]]:
    """The conditions of a status, as JSON."""
    bodies: list[dict[str, Any]] = []
    for condition in values:
        body: dict[str, Any] = {
            "type": condition.type,
            "status": condition.status,
            "reason": condition.reason,
            "message": condition.message,
            "lastTransitionTime": condition.last_transition_at,
        }
        if condition.observed_generation is not None:
            body["observedGeneration"] = condition.observed_generation
        bodies.append(body)
    return bodies


def merge_conditions(
    existing: tuple[Condition, ...], wanted: Sequence[Condition], now_text: str
) -> tuple[Condition, ...]:
    """The conditions to write; equal to `existing` when there is nothing to write."""
    merged = {condition.type: condition for condition in existing}
    for condition in wanted:
        before = merged.get(condition.type)
        same_status = before is not None and before.status == condition.status
        since = before.last_transition_at if before is not None and same_status else now_text
        merged[condition.type] = replace(condition, last_transition_at=since or now_text)
    return tuple(merged.values())
