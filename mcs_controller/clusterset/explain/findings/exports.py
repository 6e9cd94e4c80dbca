"""Findings about exports: whether the service is exported, validly, and whether others can see it."""

from collections.abc import Iterator

from mcs_controller.clusterset.explain.case import Case
from mcs_controller.clusterset.explain.findings.finding import Finding, Severity, finding
from mcs_controller.clusterset.explain.findings.published import published_findings
from mcs_controller.clusterset.explain.parts import Part, condition_of
from mcs_controller.clusterset.explain.picture import InCluster
from mcs_controller.clusterset.identity import member_namespace
from mcs_controller.clusterset.model import LocalExport, ServiceKey
from mcs_controller.clusterset.services.admission import refusal_of
from mcs_controller.clusterset.services.export import evaluate_export
from mcs_controller.clusterset.services.policies.verdict import says_ends_soon


def export_findings(case: Case) -> Iterator[Finding]:
    """All of them."""
    if case.merged is None and case.picture.broker is not None:
        yield _nobody(case)
    elif case.merged is None and case.here is not None and _has_neither(case.here):
        yield _nobody_known(case)
    for part in case.parts:
        yield from _of_part(case, part)
    if case.here is not None and case.here.export is not None:
        yield from published_findings(case, case.here, case.here.export)
        yield from _refused_soon(case, case.here, case.here.export)
    for held in case.picture.broker or ():
        if held.unreadable and held.record is not None:
            yield _unreadable(held.cluster, held.unreadable[0])
        if held.over_limits:
            yield _over_limits(held.cluster, held.over_limits)
    yield from _never_admitted(case)


def _has_neither(here: InCluster) -> bool:
    """Whether a cluster is known to have no export, and no import that agents write."""
    return here.export is None and not here.unread & {"ServiceExport", "ServiceImport"}


def export_command(key: ServiceKey) -> str:
    """How a user exports a Service."""
    return (
        f"create a ServiceExport named {key.name} in namespace {key.namespace} of a cluster that has the "
        "Service"
    )


def _nobody(case: Case) -> Finding:
    key, here = case.picture.service, case.here
    invalid = [part.cluster for part in case.parts if part.why_not not in ("", "withdrawing")]
    has_service = here is not None and here.service is not None and not here.service.managed
    if invalid:
        why = f"{_listed(invalid)} would export it, but that export does not count: see the findings below"
        do = "mend what these findings say"
    elif has_service and here is not None and here.export is None and "ServiceExport" not in here.unread:
        why = f"Service {key} exists in {here.cluster or 'this cluster'}, and no ServiceExport names it"
        do = f"create a ServiceExport named {key.name} in namespace {key.namespace} there"
    else:
        why = "no member has an export of it on the broker"
        do = f"{export_command(key)}; check the spelling of {key}"
        if here is not None and here.namespace == "missing":
            why += f", and there is no namespace {key.namespace} in {here.cluster or 'this cluster'}"
    severity: Severity = "warning" if case.held is not None else "problem"
    return finding("01", severity, "", f"no cluster exports {key}", why, do)


def _nobody_known(case: Case) -> Finding:
    key = case.picture.service
    return finding(
        "01",
        "problem",
        "",
        f"nothing is known of an export of {key}",
        "this cluster neither exports nor imports it, and the broker was not read",
        "give the broker's kubeconfig with --broker-kubeconfig to see what the other clusters export; if "
        f"none does, {export_command(key)}",
    )


def _of_part(case: Case, part: Part) -> Iterator[Finding]:
    key, cluster = case.picture.service, part.cluster
    match part.why_not:
        case "export-not-valid":
            yield _not_valid(case, part)
        case "refused-by-policy":
            why, _, do = part.text.partition(": ")
            yield finding(
                "09",
                "problem",
                cluster,
                f"the policies of {cluster} keep its export of {key} back",
                why,
                do or "ask the administrator of that cluster",
                "kubectl get exportpolicies",
            )
        case "not-admitted" if part.member is None:
            yield finding(
                "05",
                "problem",
                cluster,
                f"the export of {cluster} does not count",
                part.text,
                f"if {cluster} is a member, the broker's administrator runs `mcs-controller broker "
                f"create-member {cluster}`; if it left, its namespace {member_namespace(cluster)} on the "
                "broker can be deleted",
            )
        case "not-admitted":
            yield finding(
                "05",
                "problem",
                cluster,
                f"the export of {cluster} does not count",
                part.text,
                f"the broker's administrator adds {key.namespace} to spec.namespaces of the MemberCluster "
                f"{cluster} in {member_namespace(cluster)}, or the service is exported from another "
                "namespace",
            )
        case "not-published":
            yield finding(
                "06",
                "problem",
                cluster,
                f"{cluster} does not publish its export",
                part.text,
                f"unexport what {cluster} need not export, or the broker's administrator raises spec.limits "
                f"of its MemberCluster in {member_namespace(cluster)}",
            )
        case "unreadable":
            yield _unreadable(cluster, part.text)
        case "withdrawing":
            yield finding(
                "08",
                "note",
                cluster,
                f"the export of {cluster} does not count any more",
                part.text,
                f"nothing, if that is intended; if it stays so for minutes, look at the agent of {cluster}: "
                "only that agent removes it",
            )
        case "not-exported":
            yield finding(
                "08",
                "note",
                cluster,
                f"{cluster} has endpoints on the broker and no export",
                part.text,
                f"nothing, if it lasts only seconds; else look at the agent of {cluster}",
            )


def _refused_soon(case: Case, here: InCluster, export: LocalExport) -> Iterator[Finding]:
    valid = condition_of(export, "Valid")
    if valid is None or not says_ends_soon(valid.message):
        return
    why, _, do = valid.message.rpartition(": ")
    where = here.cluster or "this cluster"
    yield finding(
        "09",
        "warning",
        here.cluster,
        f"the policies of {where} are about to end its export of {case.picture.service}",
        why,
        f"at once: {do}",
        "kubectl get exportpolicies",
    )


def _not_valid(case: Case, part: Part) -> Finding:
    here, key = case.here, case.picture.service
    assert here is not None and here.export is not None, "only the export of this cluster is evaluated"  # noqa: PT018
    valid = evaluate_export(here.export, here.service, part.cluster).valid
    if valid.reason == "NoService":
        return finding(
            "02",
            "problem",
            part.cluster,
            f"{part.cluster} has a ServiceExport {key}, but no Service of that name",
            "a ServiceExport exports the Service that has its own name and namespace",
            f"create the Service {key.name} in namespace {key.namespace}, or delete the ServiceExport",
            f"kubectl delete serviceexport --namespace {key.namespace} {key.name}",
        )
    do = {
        "InvalidServiceType": "export a Service of type ClusterIP, NodePort or LoadBalancer (headless ones "
        "too); one of type ExternalName has no endpoints to export",
        "Deleting": "nothing, if the deletion is intended; create the ServiceExport again when it is gone",
    }.get(valid.reason, "correct the Service, as the reason says")
    return finding(
        "03",
        "note" if valid.reason == "Deleting" else "problem",
        part.cluster,
        f"the ServiceExport {key} in {part.cluster} is not valid ({valid.reason})",
        valid.message,
        do,
    )


def _never_admitted(case: Case) -> Iterator[Finding]:
    """Where nobody exports: members may want to, and their own agents keep back what others would refuse."""
    if case.merged is not None:
        return
    told = {part.cluster for part in case.parts}
    key = case.picture.service
    names = sorted(
        held.cluster
        for held in case.picture.broker or ()
        if held.member is not None
        and held.cluster not in told
        and refusal_of(held.cluster, key, held.member) is not None
    )
    if names:
        yield finding(
            "05",
            "note",
            "",
            f"{_listed(names)} may not export from namespace {key.namespace}",
            "spec.namespaces of a MemberCluster says from where a member may export; a ServiceExport there "
            "says so in its condition Ready",
            f"if one of them should, the broker's administrator adds {key.namespace} to spec.namespaces of "
            "its MemberCluster",
        )


def _over_limits(cluster: str, message: str) -> Finding:
    return finding(
        "06",
        "note",
        cluster,
        f"{cluster} exports more than the others take of one cluster; this service may be part of that",
        message,
        f"unexport what {cluster} need not export, or the broker's administrator raises spec.limits of its "
        f"MemberCluster in {member_namespace(cluster)}",
    )


def _unreadable(cluster: str, why: str) -> Finding:
    return finding(
        "07",
        "problem",
        cluster,
        f"every cluster leaves out an object of {cluster}, since it cannot be read",
        why,
        f"look at it on the broker in namespace {member_namespace(cluster)}; a healthy agent of {cluster} "
        "writes it again as it should be: delete it, or update that agent",
    )


def _listed(clusters: list[str]) -> str:
    return ", ".join(clusters)
