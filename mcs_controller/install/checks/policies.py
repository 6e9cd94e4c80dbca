"""MCS-CHK-24: does an agent go by the policies that there are?

An agent that asks policies answers in the conditions of each, so that the absence of an answer tells. What is
found twice counts: the answer takes a moment.
"""

from collections.abc import Iterator
from typing import Final

from mcs_controller.api.names import CONDITION_HELD
from mcs_controller.clusterset.errors import cut
from mcs_controller.clusterset.model import Condition
from mcs_controller.install.checks.facts import Facts, PolicyFacts
from mcs_controller.install.checks.model import Check, Notes, Outcome, Unknown, counted, some

_OPTIONS: Final = {
    "ExportPolicy": ("--export-policies", "agent.config.exportPolicies"),
    "ImportPolicy": ("--import-policies", "agent.config.importPolicies"),
    "ServiceExportPolicy": ("--service-export-policies", "agent.config.serviceExportPolicies"),
}
_SHOWN_CHARS: Final = 200


def _condition(policy: PolicyFacts, kind: str) -> Condition | None:
    return next((one for one in policy.conditions if one.type == kind), None)


def unanswered(facts: Facts) -> dict[str, set[str]]:
    """The policies to which no agent has answered as they are now, by kind."""
    policies = facts.cluster.policies
    if isinstance(policies, Unknown):
        return {}
    found: dict[str, set[str]] = {}
    for kind, of_kind in policies.items():
        for policy in of_kind:
            accepted = _condition(policy, "Accepted")
            if accepted is None or (accepted.observed_generation or 0) < policy.generation:
                found.setdefault(kind, set()).add(policy.name)
    return found


def judge(facts: Facts) -> Outcome:
    """The policies of this cluster."""
    notes = Notes()
    policies = facts.cluster.policies
    if not notes.knows(policies):
        return notes.outcome()
    now = unanswered(facts)
    before = unanswered(facts.earlier) if facts.earlier is not None else now
    lasting = {kind: sorted(names & before.get(kind, set())) for kind, names in now.items()}
    for kind, left in lasting.items():
        if left:
            option, value = _OPTIONS[kind]
            notes.warning(
                f"no agent goes by {counted(len(left), kind, _several(kind))}: "
                f"{cut(some(left), _SHOWN_CHARS)}",
                f"Start the agents with {option} (in the chart {value}), or delete what is not to count. "
                "Where they have it, their log says what keeps them from answering.",
            )
    found = [(kind, policy) for kind, of_kind in policies.items() for policy in of_kind]
    troubles = [told for kind, policy in found for told in _of_one(kind, policy)]
    for text, todo in troubles:
        notes.warning(text, todo)
    if not troubles and not any(lasting.values()):
        notes.ok(f"agents go by {counted(len(found), 'policy', 'policies')}" if found else "there are none")
    return notes.outcome()


def _of_one(kind: str, policy: PolicyFacts) -> Iterator[tuple[str, str]]:
    """What is wrong with a policy by its conditions, and what to do."""
    accepted, held = _condition(policy, "Accepted"), _condition(policy, CONDITION_HELD)
    ready = _condition(policy, "Ready")
    name = f"{kind} {cut(policy.name, _SHOWN_CHARS)}"
    if accepted is not None and accepted.status == "False":
        yield f"{name}: {cut(accepted.message, _SHOWN_CHARS)}", "Correct it: its condition Accepted says why."
    if held is not None and held.status == "True":
        yield (
            f"{name} is held: {cut(held.message, _SHOWN_CHARS)}",
            "Correct the policies, or confirm them: docs/policies.md says how.",
        )
    if ready is not None and (ready.status, ready.reason) == ("False", "Failed"):
        yield (
            f"{name}: {cut(ready.message, _SHOWN_CHARS)}",
            "Mend what its condition Ready says; the agent tries again by itself.",
        )


def _several(kind: str) -> str:
    return f"{kind.removesuffix('y')}ies"


POLICIES: Final = Check(
    "MCS-CHK-24",
    "policies",
    looks_at="The ExportPolicies, ImportPolicies and ServiceExportPolicies of this cluster, and what an "
    "agent says in their conditions Accepted, Held and Ready. What has no answer is looked at again after "
    "--again-after-seconds.",
    means="A warning: no agent has answered to a policy as it is now, so that it has no effect, most often "
    "since the agents run without --export-policies, --import-policies or --service-export-policies; or a "
    "policy cannot be read; or policies would end too much at once, and are held; or a ServiceExportPolicy "
    "cannot export what it selects.",
    todo="Start the agents with the option, correct the policy, or confirm it "
    "([policies.md](policies.md#when-a-policy-would-end-too-much)).",
    judge=judge,
    passing=True,
)
