"""What the policies together say of one service: allowed, refused, or not known.

The order of policies means nothing: a Forbid goes before every Allow. Where something is not known (a policy
that cannot be read, labels that have not been read, no policy at all) the verdict is `unknown`, and then what
is exported stays exported and nothing else becomes so: a policy that is lost neither ends a live export nor
opens a way out (docs/decisions/0029-policies.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from mcs_controller.api.names import ANNOTATION_WITHDRAW, CONDITION_HELD
from mcs_controller.clusterset.model import Condition, LocalExport, ServiceKey
from mcs_controller.clusterset.services.export import ExportEvaluation
from mcs_controller.clusterset.services.policies.policy import Policy, labels_match
from mcs_controller.clusterset.services.reserved import RESERVED_NAMESPACES

NOT_ALLOWED: Final = "NotAllowedByPolicy"
POLICY_UNKNOWN: Final = "PolicyUnknown"
TOO_MANY: Final = "TooManyAtOnce"
REASONS: Final = frozenset({NOT_ALLOWED, POLICY_UNKNOWN})
"""What `Valid` says of a ServiceExport that policies keep from being exported."""


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies in force. `doubt` says why there may be others, "" if these are all."""

    policies: tuple[Policy, ...] = ()
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the policies say, and why: a text for people, "" of what is allowed."""

    answer: Literal["allowed", "refused", "unknown"]
    why: str = ""


ALLOWED: Final = Verdict("allowed")

LASTS_SECONDS: Final = 10.0
"""So long something live must be refused before that ends it (`lasting.py`)."""
_SOON: Final = f", which takes effect when it has been so for {LASTS_SECONDS:.0f} s"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows: `pass` is exported, `refuse` is not; `keep` is exported, and would not be if it were new.

    `reason` is that of the condition of what is refused; `message` is for people, "" for `pass`.
    """

    action: Literal["pass", "refuse", "keep"]
    reason: str = ""
    message: str = ""


PASS: Final = Outcome("pass")


@dataclass(frozen=True, slots=True)
class Words:
    """How a kind of policy is spoken of; `remedy` tells a user what to do about a refusal."""

    kind: str
    done: str
    remedy: str


EXPORTS: Final = Words(
    "ExportPolicy",
    "exported",
    "ask the cluster's administrator to change the policies, or delete this ServiceExport",
)


IMPORTS: Final = Words(
    "ImportPolicy", "imported", "the cluster's administrator can change the policies to import it"
)


def judge_export(
    rules: Policies,
    key: ServiceKey,
    namespace_labels: Mapping[str, str] | None,
    service_labels: Mapping[str, str],
) -> Verdict:
    """What the ExportPolicies say of a Service. `namespace_labels` is None if they have not been read."""

    def about(policy: Policy) -> bool | None:
        if labels_match(policy.service_selector, service_labels) is False:
            return False
        return is_about(policy, key, namespace_labels)

    is_reserved = key.namespace in RESERVED_NAMESPACES
    return _judge(rules, key, [(one, about(one)) for one in rules.policies], EXPORTS, is_reserved=is_reserved)


def judge_import(
    rules: Policies,
    key: ServiceKey,
    cluster: str,
    namespace_labels: Mapping[str, str] | None,
    *,
    is_own: bool,
) -> Verdict:
    """What the ImportPolicies say of one cluster's export; `is_own`: it is the importing cluster's own.

    Which clusters are sources does not concern a cluster's own export. Reserved namespaces have a rule of
    their own (`services/reserved.py`), which is asked besides.
    """

    def about(policy: Policy) -> bool | None:
        if policy.clusters and (policy.forbids if is_own else cluster not in policy.clusters):
            return False
        return is_about(policy, key, namespace_labels)

    words = IMPORTS if is_own else replace(IMPORTS, done=f"imported from {cluster}")
    return _judge(rules, key, [(one, about(one)) for one in rules.policies], words, is_reserved=False)


def is_about(policy: Policy, key: ServiceKey, labels: Mapping[str, str] | None) -> bool | None:
    """Whether a policy is about a service, by its name and namespace; `labels` are those of the namespace.

    None if these would say so, and are not known.
    """
    if policy.namespaces and key.namespace not in policy.namespaces:
        return False
    if policy.services and key.name not in policy.services:
        return False
    return labels_match(policy.namespace_selector, labels)


def _judge(
    rules: Policies,
    key: ServiceKey,
    matches: Sequence[tuple[Policy, bool | None]],
    words: Words,
    *,
    is_reserved: bool,
) -> Verdict:
    matches = [(one, match) for one, match in matches if one.prefers is None]
    forbidding = [one.name for one, match in matches if one.forbids and match]
    if forbidding:
        return Verdict("refused", f"{words.kind} {min(forbidding)} forbids that {key} is {words.done}")
    if rules.doubt or not matches:
        none = f"there is no {words.kind}{' that allows or forbids' if rules.policies else ''}"
        return Verdict("unknown", rules.doubt or none)
    allowing = [(one, match) for one, match in matches if not one.forbids]
    candidates = [
        (one, match)
        for one, match in allowing
        if match is not False and (not is_reserved or key.namespace in one.namespaces)
    ]
    if is_reserved and not candidates:
        return Verdict(
            "refused",
            f"namespace {key.namespace} exists in every cluster, and no {words.kind} that allows names it",
        )
    if allowing and not candidates:
        return Verdict("refused", f"no {words.kind} allows that {key} is {words.done}")
    forbids_perhaps = any(one.forbids and match is None for one, match in matches)
    if not forbids_perhaps and (not allowing or any(match for _, match in candidates)):
        return ALLOWED
    unread = min(one.name for one, match in matches if match is None)
    return Verdict("unknown", f"{words.kind} {unread} asks for labels that have not been read")


def outcome(verdict: Verdict, words: Words, *, is_live: bool, held: str, lasts: bool = True) -> Outcome:
    """What follows from a verdict.

    `is_live`: it is so now. `held` says why nothing is withdrawn. `lasts`: a refusal of it has lasted.
    """
    if verdict.answer == "allowed":
        return PASS
    if verdict.answer == "refused":
        if is_live and held:
            return Outcome("keep", message=f"{verdict.why}; it stays {words.done} for now: {held}")
        if is_live and not lasts:
            return Outcome("keep", message=f"{verdict.why}{_SOON}: {words.remedy}")
        return Outcome("refuse", NOT_ALLOWED, f"{verdict.why}: {words.remedy}")
    if is_live:
        return Outcome(
            "keep", message=f"policies are not known ({verdict.why}): what is {words.done} stays so"
        )
    return Outcome(
        "refuse",
        POLICY_UNKNOWN,
        f"policies are not known ({verdict.why}), so that nothing new is {words.done}: {words.remedy}",
    )


def says_ends_soon(message: str, why: str = "") -> bool:
    """Whether a condition's message says that a refusal has not lasted yet; `why` is its verdict's."""
    return f"{why}{_SOON}" in message


def under_policy(evaluation: ExportEvaluation, export: LocalExport, found: Outcome) -> ExportEvaluation:
    """The evaluation of an export that policies decide about, too; one that is not valid stays as it is."""
    if evaluation.record is None or found.action == "pass":
        return evaluation
    if found.action == "keep":
        message = "; ".join(filter(None, (evaluation.valid.message, found.message)))
        return replace(evaluation, valid=replace(evaluation.valid, message=message))
    return ExportEvaluation(
        Condition("Valid", "False", found.reason, found.message, observed_generation=export.generation), None
    )


def policy_conditions(
    policy: Policy, held: str, losing: tuple[int, int], words: Words
) -> tuple[Condition, ...]:
    """What stands on a policy. `held` is as for `outcome`; `losing` says how many are refused, of how many.

    That nothing is held is said only of a policy that said otherwise before.
    """
    generation = policy.generation
    if policy.problem:
        accepted = Condition(
            "Accepted",
            "False",
            "Malformed",
            f"it cannot be read; what was read of it before, if anything, stays in force: {policy.problem}",
            generation,
        )
    else:
        accepted = Condition("Accepted", "True", "Accepted", "", generation)
    if held:
        lost, live = losing
        message = f"{lost} of {live} services that are {words.done} would end: {held}"
        return accepted, Condition(CONDITION_HELD, "True", TOO_MANY, message, generation)
    if any(one.type == CONDITION_HELD for one in policy.conditions):
        return accepted, Condition(CONDITION_HELD, "False", "NotHeld", "", generation)
    return (accepted,)


def held_text(words: Words) -> str:
    """Why nothing is withdrawn: policies would end too many at once."""
    return (
        f"policies would end too many at once; whoever means it annotates any {words.kind} with "
        f"{ANNOTATION_WITHDRAW} and a time within the next 24 hours"
    )
