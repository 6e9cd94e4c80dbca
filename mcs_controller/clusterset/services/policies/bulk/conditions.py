"""What stands on a ServiceExportPolicy, for those who wrote it: what it selects, and what is not exported."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from mcs_controller.api.names import CONDITION_HELD
from mcs_controller.clusterset.errors import cut
from mcs_controller.clusterset.model import Condition, ServiceKey
from mcs_controller.clusterset.services.policies.bulk.service_policy import Candidate, ServicePolicy
from mcs_controller.clusterset.services.policies.verdict import TOO_MANY


class Wait(NamedTuple):
    """Why a Service is not exported yet. `failed`: it was tried."""

    why: str
    failed: bool = True


@dataclass(frozen=True, slots=True)
class Selected:
    """What a policy selects: how many Services, and of these how many are not exported.

    `left_out` says of one that cannot be exported why, and how many more there are; "" if there is none.
    `waiting` says the same of what is not exported, as far as it is known; `failed`: something was tried.
    """

    services: int = 0
    missing: int = 0
    left_out: str = ""
    waiting: str = ""
    failed: bool = False


def selected_by(
    policy: ServicePolicy,
    services: Iterable[tuple[ServiceKey, Candidate, bool]],
    waits: Mapping[ServiceKey, Wait],
) -> Selected:
    """What a policy selects of the Services of its namespace, each with whether there is a ServiceExport."""
    taken = 0
    missing: list[ServiceKey] = []
    left_out: list[tuple[ServiceKey, str]] = []
    for key, service, is_exported in services:
        if not policy.selects(dict(service.labels)) or service.deleting:
            continue
        if service.left_out:
            left_out.append((key, service.left_out))
            continue
        taken += 1
        if not is_exported:
            missing.append(key)
    waiting = [(key, waits[key]) for key in missing if key in waits]
    # What failed comes first: the rest will come by itself.
    waiting.sort(key=lambda one: (not one[1].failed, one[0]))
    return Selected(
        taken,
        len(missing),
        _first([(key, why) for key, why in sorted(left_out)]),
        _first([(key, wait.why) for key, wait in waiting]),
        any(wait.failed for _, wait in waiting),
    )


def _first(found: list[tuple[ServiceKey, str]]) -> str:
    if not found:
        return ""
    key, why = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{key}{more}: {cut(why)}"


def service_policy_conditions(
    policy: ServicePolicy, selected: Selected, *, doubt: str, held: str
) -> tuple[Condition, ...]:
    """What stands on a policy.

    `doubt` says what cannot be read, so that nothing is done, "" if all can. `held` is as in `held_text`.
    """
    generation = policy.generation
    if policy.problem:
        message = f"it cannot be read, so that nothing is exported or removed by it: {policy.problem}"
        accepted = Condition("Accepted", "False", "Malformed", message, generation)
    else:
        accepted = Condition("Accepted", "True", "Accepted", "", generation)
    found = (accepted, _ready(policy, selected, doubt))
    if held:
        return *found, Condition(CONDITION_HELD, "True", TOO_MANY, held, generation)
    if any(one.type == CONDITION_HELD for one in policy.conditions):
        return *found, Condition(CONDITION_HELD, "False", "NotHeld", "", generation)
    return found


def _ready(policy: ServicePolicy, selected: Selected, doubt: str) -> Condition:
    generation, namespace = policy.generation, policy.key.namespace
    if policy.problem:
        return Condition("Ready", "False", "Pending", "the policy cannot be read", generation)
    if doubt:
        message = f"nothing is exported or removed meanwhile: {cut(doubt)}"
        return Condition("Ready", "False", "Pending", message, generation)
    left_out = f"; left out: {selected.left_out}" if selected.left_out else ""
    if selected.missing:
        message = f"{selected.missing} of {selected.services} Services that it selects are not exported yet"
        if selected.waiting:
            message += f": {selected.waiting}"
        return Condition(
            "Ready", "False", "Failed" if selected.failed else "Pending", message + left_out, generation
        )
    if not selected.services:
        message = (
            f"it selects no Service of namespace {namespace}: compare its selector with "
            f"kubectl get services -n {namespace} --show-labels{left_out}"
        )
        return Condition("Ready", "True", "NothingSelected", message, generation)
    message = (
        f"Services selected: {selected.services}; "
        f"kubectl get serviceexports -n {namespace} says what became of each{left_out}"
    )
    return Condition("Ready", "True", "AllExported", message, generation)
