"""Brings the conditions of an object's status in step with wanted ones, and leaves all others alone.

Conditions are a map by type (MCS-API-12): other controllers' types survive, and
lastTransitionTime moves only with the status (MCS-EXP-15).
"""

from collections.abc import Sequence
from dataclasses import replace

from mcs_controller.clusterset.model import Condition

MAX_MESSAGE_CHARS = 32_768


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
