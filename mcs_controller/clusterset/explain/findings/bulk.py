"""Findings about ServiceExportPolicies: one made the ServiceExport here, keeps it, or has not made it."""

from collections.abc import Iterator
from typing import Final

from mcs_controller.api.names import CONDITION_HELD, EXPORT_NEVER, LABEL_EXPORT, LABEL_EXPORT_POLICY
from mcs_controller.clusterset.explain.case import Case
from mcs_controller.clusterset.explain.findings.finding import Finding, Severity, finding
from mcs_controller.clusterset.explain.picture import InCluster
from mcs_controller.clusterset.model import Condition
from mcs_controller.clusterset.services.policies.bulk.plan import Decision, maker_of
from mcs_controller.clusterset.services.policies.bulk.service_policy import PolicyKey, ServicePolicy

_COMMAND: Final = "kubectl get serviceexportpolicies --all-namespaces"
_TOO_MANY: Final = "too many would be removed at once, so that none is until somebody confirms it"
_NOBODY: Final = "no agent has answered in the condition Accepted of any"


def bulk_findings(case: Case) -> Iterator[Finding]:
    """None of what users exported themselves, nor where it could not be read."""
    here = case.here
    if here is None or here.unread & {"Service", "ServiceExport"}:
        return
    decided = here.bulk.decided(
        case.picture.service, here.service, is_active=here.namespace not in ("missing", "ending")
    )
    maker = maker_of(here.bulk.export)
    if maker is not None:
        yield _made(case, here, maker, decided)
    elif here.bulk.export is None and here.service is not None and decided.policy is not None:
        yield _not_made(case, here, decided.policy, decided)


def _made(case: Case, here: InCluster, maker: PolicyKey, decided: Decision) -> Finding:
    what = f"ServiceExportPolicy {maker} made the ServiceExport of {_where(here)}"
    if decided.policy is not None:
        return _finding(
            "18",
            "note",
            here,
            what,
            f"ServiceExportPolicy {decided.policy.key} selects the Service",
            "nothing, if that is intended. Deleted by hand, the ServiceExport comes back: to end it, label "
            f"the Service {LABEL_EXPORT}={EXPORT_NEVER}",
        )
    if maker in here.bulk.held:
        said = _condition(here, maker, CONDITION_HELD)
        return _finding(
            "19",
            "warning",
            here,
            f"{what}, which no policy asks for any more and which is held",
            said.message if said is not None and said.status == "True" else f"{decided.why}, and {_TOO_MANY}",
            "correct the policy or the labels, or confirm it (docs/policies.md, When a policy would remove "
            "too much)",
        )
    if decided.action == "remove" and here.bulk.asked:
        return _finding(
            "19",
            "warning",
            here,
            f"{what}, which goes when it has been so for {decided.after_seconds:.0f} s",
            decided.why,
            "nothing, if that is intended; else label the Service as the policy asks, or correct the policy",
        )
    return _finding(
        "19",
        "warning",
        here,
        f"{what}, which stays although none is known to select the Service",
        decided.why if decided.action == "keep" else f"{decided.why}, and {_NOBODY}",
        "write the policy again, or correct it; to end the export, delete the ServiceExport; to keep it, "
        f"remove its label {LABEL_EXPORT_POLICY}",
    )


def _not_made(case: Case, here: InCluster, policy: ServicePolicy, decided: Decision) -> Finding:
    what = f"ServiceExportPolicy {policy.key} selects Service {case.picture.service} of {_where(here)}"
    ready = next((one for one in policy.conditions if one.type == "Ready"), None)
    if decided.action != "make":
        return _finding(
            "19",
            "note",
            here,
            f"{what}, and does not export it",
            decided.why,
            "nothing, if that is intended; a ServiceExport made by hand is nobody's business but yours",
        )
    if not here.bulk.asked:
        why = f"{_NOBODY}: most often the option is not set"
        do = f"start the agents of {_where(here)} with --service-export-policies"
    elif ready is not None and ready.status != "True":
        why, do = ready.message, "mend what the message says; the agent tries again by itself"
    else:
        why = "the agent has not made it (yet)"
        do = f"it takes seconds, so ask again first; then look at the log of the agent of {_where(here)}"
    return _finding(
        "19",
        "warning",
        here,
        f"{what}, which has no ServiceExport",
        why,
        do,
    )


def _condition(here: InCluster, key: PolicyKey, kind: str) -> Condition | None:
    policies = here.bulk.known.by_namespace.get(key.namespace, ())
    policy = next((one for one in policies if one.key == key), None)
    return next((one for one in (policy.conditions if policy else ()) if one.type == kind), None)


def _finding(number: str, severity: Severity, here: InCluster, what: str, why: str, do: str) -> Finding:
    return finding(number, severity, here.cluster, what, why, do, _COMMAND)


def _where(here: InCluster) -> str:
    return here.cluster or "this cluster"
