"""Findings about the cluster that was looked at: why it imports nothing, or something else than it should."""

from collections.abc import Callable, Iterator
from typing import Final

from mcs_controller.api.names import ANNOTATION_WITHDRAW, WITHDRAW_ALLOWED
from mcs_controller.clusterset import fuse
from mcs_controller.clusterset.explain.case import Case
from mcs_controller.clusterset.explain.endpoints import Place
from mcs_controller.clusterset.explain.findings.finding import Finding, Severity, finding
from mcs_controller.clusterset.explain.parts import condition_of
from mcs_controller.clusterset.explain.picture import InCluster
from mcs_controller.clusterset.model import LocalImport
from mcs_controller.clusterset.services.desired import NO_ENDPOINT_YET
from mcs_controller.clusterset.services.naming import derived_service_name
from mcs_controller.clusterset.services.policies.verdict import says_ends_soon
from mcs_controller.clusterset.services.reserved import OPTION

_SHOWN: Final = 5
_LAG: Final = (
    "changes take seconds, so ask again first; if it stays so, look at the agent of this cluster: does it "
    "run, does it reach both API servers (its log, /readyz)?"
)


def import_findings(case: Case) -> Iterator[Finding]:
    """All of them."""
    here = case.here
    if here is None:
        return
    if case.place != "policy":
        yield from _refused_sources(case, here)
    if case.place:
        if case.merged is not None or case.place in ("no-api", "foreign-import"):
            yield _PLACES[case.place](case, here)
        return
    imported = case.imported
    if imported is None:
        if case.merged is not None and not case.is_recorded and "ServiceImport" not in here.unread:
            yield _not_there(here)
        return
    if case.held is not None:
        yield _held(case, here, imported)
    yield from _refused_soon(case, here, imported)
    yield from _not_ready(here, imported)
    yield from _not_in_step(case, here)
    yield from _derived(here, imported)


def _no_api(case: Case, here: InCluster) -> Finding:
    return _here_finding(
        "51",
        here,
        "this cluster does not serve the MCS API",
        "without the CRDs of ServiceExport and ServiceImport nothing can be exported or imported",
        "install them",
        command="mcs-controller crds --for member | kubectl apply -f -",
    )


def _missing(case: Case, here: InCluster) -> Finding:
    key = case.picture.service
    return _here_finding(
        "40",
        here,
        f"{_where(here)} does not import {key}: it has no namespace {key.namespace}",
        "a service is imported only into clusters that have its namespace; the name means the same there "
        "for all",
        f"create it, if {_where(here)} should use the service",
        command=f"kubectl create namespace {key.namespace}",
    )


def _ending(case: Case, here: InCluster) -> Finding:
    namespace = case.picture.service.namespace
    return _here_finding(
        "41",
        here,
        f"namespace {namespace} is being deleted in {_where(here)}",
        "nothing can be created in it any more",
        "nothing, if that is intended; else create it again when it is gone. If the deletion does not end, "
        "its conditions say why",
        command=f"kubectl get namespace {namespace} -o yaml",
    )


def _foreign(case: Case, here: InCluster) -> Finding:
    key = case.picture.service
    return _here_finding(
        "43",
        here,
        f"{_where(here)} has a ServiceImport {key} that this program did not write, and leaves alone",
        "it lacks the label mcs-controller.io/managed-by: somebody wrote it by hand, or another "
        "implementation did",
        "if nobody needs it, delete it, and the agent creates its own",
        command=f"kubectl delete serviceimport --namespace {key.namespace} {key.name}",
    )


def _reserved(case: Case, here: InCluster) -> Finding:
    namespace = case.picture.service.namespace
    return _here_finding(
        "42",
        here,
        f"{_where(here)} creates no imports in namespace {namespace}",
        "it exists in every cluster, and its name does not mean the same owner there",
        f"export the service from a namespace of its own; or start the agent of {_where(here)} with "
        f"{OPTION}={namespace}",
    )


def _taken(case: Case, here: InCluster) -> Finding:
    other = here.derived.import_name if here.derived is not None else ""
    return _here_finding(
        "44",
        here,
        f"{_where(here)} cannot import {case.picture.service}: its derived Service would have the name of "
        "another's",
        f"Service {derived_service_name(case.picture.service)} belongs to the import {other}",
        "rename one of the two services",
    )


def _refused_by_policy(case: Case, here: InCluster) -> Finding:
    return _here_finding(
        "52",
        here,
        f"the policies of {_where(here)} do not let {case.picture.service} be imported",
        "; ".join(case.refused.values()),
        f"the administrator of {_where(here)} can change its ImportPolicies",
        command="kubectl get importpolicies",
    )


def _refused_sources(case: Case, here: InCluster) -> Iterator[Finding]:
    """Of a service that is imported all the same."""
    for cluster, why in case.refused.items():
        yield _here_finding(
            "52",
            here,
            f"no endpoint of {cluster} is used in {_where(here)}: its policies refuse them",
            why,
            f"nothing, if that is intended; else the administrator of {_where(here)} changes its "
            "ImportPolicies",
            "note",
            "kubectl get importpolicies",
        )


def _refused_soon(case: Case, here: InCluster, imported: LocalImport) -> Iterator[Finding]:
    ready = condition_of(imported, "Ready")
    if ready is None or not says_ends_soon(ready.message):
        return
    yield _here_finding(
        "52",
        here,
        f"the policies of {_where(here)} are about to end an import of {case.picture.service}",
        ready.message,
        f"nothing, if that is intended; else the administrator of {_where(here)} corrects its ImportPolicies "
        "at once",
        "warning",
        "kubectl get importpolicies",
    )


def _no_room(case: Case, here: InCluster) -> Finding:
    clusters = ", ".join(case.merged.clusters) if case.merged is not None else ""
    return _here_finding(
        "45",
        here,
        f"{_where(here)} has no room for another import of {clusters}",
        "each cluster imports only so many services of one other cluster (--member-max-imports, or "
        "spec.limits of its MemberCluster); the others wait in order of arrival",
        f"unexport services of {clusters} that nobody uses, or the broker's administrator raises "
        "spec.limits.imports of the MemberCluster",
    )


_PLACES: Final[dict[Place, Callable[[Case, InCluster], Finding]]] = {
    "no-api": _no_api,
    "namespace-missing": _missing,
    "namespace-ending": _ending,
    "foreign-import": _foreign,
    "reserved": _reserved,
    "name-taken": _taken,
    "no-room": _no_room,
    "policy": _refused_by_policy,
}


def _not_there(here: InCluster) -> Finding:
    return _here_finding(
        "46",
        here,
        f"{_where(here)} should import the service, and has no ServiceImport of it",
        "the namespace is there, and nothing forbids it: the agent has not done it (yet)",
        _LAG,
    )


def _held(case: Case, here: InCluster, imported: LocalImport) -> Finding:
    held, key = case.held, case.picture.service
    assert held is not None, "checked by the caller"
    ends = f"It ends by itself at {held.ends_at} at the earliest. " if held.ends_at else ""
    release = (
        f"kubectl annotate serviceimport --namespace {key.namespace} {key.name} "
        f"{ANNOTATION_WITHDRAW}={WITHDRAW_ALLOWED}"
        if held.takes_release
        else f"mcs-controller fuse release --member {','.join(held.clusters)}"
    )
    cause = {
        fuse.MASS_WITHDRAWAL: "find out why so many exports went at once; they may come back",
        fuse.MASS_ENDPOINT_LOSS: "find out why so many endpoints went at once; they may come back",
        fuse.EXPORTS_MISSING: f"look at the agents of {', '.join(held.clusters) or 'the exporters'}: the "
        "hold ends once they state what they export",
        fuse.MEMBERS_SILENT: "find out why so many members are silent at once: the broker, or the way to it",
    }.get(held.reason, "see the message")
    return finding(
        "47",
        "warning",
        here.cluster,
        f"the import in {_where(here)} is held ({held.reason}) since {held.since}: it goes on as it was "
        "last known",
        held.message.partition("; if ")[0],
        f"{cause}. {ends}If it is meant, release it",
        release,
    )


def _not_ready(here: InCluster, imported: LocalImport) -> Iterator[Finding]:
    ready = condition_of(imported, "Ready")
    if imported.deleting:
        yield _here_finding(
            "48",
            here,
            f"the ServiceImport in {_where(here)} is being deleted",
            "no cluster exported the service, or somebody deleted it",
            "if it stays so, its finalizers say who has not let it go: kubectl get serviceimport -o yaml",
            "warning",
        )
    elif ready is None:
        yield _here_finding(
            "48",
            here,
            f"the ServiceImport in {_where(here)} has no condition Ready",
            "no agent has looked at it yet",
            _LAG,
            "warning",
        )
    elif ready.status != "True":
        do = {
            "IPFamilyNotSupported": "export the Service with a family that this cluster has",
        }.get(ready.reason, "mend what the message says; the agent tries again by itself")
        if ready.message == NO_ENDPOINT_YET:
            do = "nothing here: as soon as an endpoint takes traffic, the agent gives the clusterset IP"
        yield _here_finding(
            "48",
            here,
            f"the ServiceImport in {_where(here)} is not ready ({ready.reason})",
            ready.message or "the agent gave no reason",
            do,
        )


def _not_in_step(case: Case, here: InCluster) -> Iterator[Finding]:
    differs = case.differs
    if differs is None or case.held is not None:
        return
    parts = [
        f"{len(found)} {text}: {_shown(found)}"
        for found, text in (
            (differs.missing, "are missing"),
            (differs.left_over, "are here and should not be"),
            (differs.other, "have another readiness or other ports"),
        )
        if found
    ]
    if parts:
        yield _here_finding(
            "49",
            here,
            f"the imported endpoints in {_where(here)} are not those that the exports give: "
            f"{'; '.join(parts)}",
            "the agent here has not followed the broker (yet)",
            _LAG,
            "warning",
        )


def _derived(here: InCluster, imported: LocalImport) -> Iterator[Finding]:
    spec, derived = imported.spec, here.derived
    if spec.type != "ClusterSetIP" or not spec.ips or "derived Service" in here.unread:
        return
    name = derived_service_name(imported.service)
    if derived is None:
        yield _here_finding(
            "50",
            here,
            f"the derived Service {name} is missing in {_where(here)}: nothing answers at "
            f"{', '.join(spec.ips)}",
            "somebody deleted it, or the agent has not created it yet",
            f"the agent creates it again with the same IP. {_LAG[0].upper()}{_LAG[1:]}",
        )
    elif not {*spec.ips} <= {*derived.cluster_ips}:
        yield _here_finding(
            "50",
            here,
            f"the derived Service {name} in {_where(here)} has the IP "
            f"{', '.join(derived.cluster_ips) or 'none'}, and the import says {', '.join(spec.ips)}",
            "somebody created it anew, or the agent has not written the new IP yet",
            _LAG,
        )


def _here_finding(
    number: str,
    here: InCluster,
    what: str,
    why: str,
    do: str,
    severity: Severity = "problem",
    command: str = "",
) -> Finding:
    return finding(number, severity, here.cluster, what, why, do, command)


def _where(here: InCluster) -> str:
    return here.cluster or "this cluster"


def _shown(texts: tuple[str, ...]) -> str:
    left = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f" and {left} more" if left > 0 else "")
