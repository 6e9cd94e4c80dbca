"""Findings about endpoints: why fewer take traffic than somebody expects."""

from collections.abc import Callable, Iterator

from mcs_controller.api.names import ANNOTATION_LOCALITY, CONDITION_LOCALITY
from mcs_controller.clusterset.explain.case import Case
from mcs_controller.clusterset.explain.endpoints import EndpointUse
from mcs_controller.clusterset.explain.findings.finding import Finding, Severity, finding
from mcs_controller.clusterset.explain.parts import condition_of
from mcs_controller.clusterset.services.locality import FAILED_OVER, INVALID, NOT_PREFERRED

_SHOWN = 5


def endpoint_findings(case: Case) -> Iterator[Finding]:
    """All of them."""
    if case.merged is None:
        return
    if not case.uses and (case.exporters or case.is_recorded):
        clusters = ", ".join(part.cluster for part in case.exporters) or ", ".join(case.merged.clusters)
        yield finding(
            "20",
            "problem",
            "",
            "the service is exported, and no cluster offers an endpoint of it",
            f"in {clusters} the Service has no EndpointSlice with endpoints: most often its selector "
            "matches no pod, or its workload is scaled to zero",
            f"compare in {clusters} the selector of the Service, the last column of this, with the labels of "
            "the pods (kubectl get pods --show-labels)",
            f"kubectl get service --namespace {case.picture.service.namespace} {case.picture.service.name} "
            "-o wide",
        )
        return
    for find in (_not_ready, _not_admitted, _family, _no_zone, _locality):
        yield from find(case)


def _not_ready(case: Case) -> Iterator[Finding]:
    for cluster, uses in _by_cluster(case, lambda use: use.state == "not ready"):
        all_of_it = [one for one in case.uses if one.cluster == cluster]
        whole = len(uses) == len(all_of_it)
        nothing_else = not any(one.state == "in" for one in case.uses)
        severity: Severity = "problem" if nothing_else else "warning" if whole else "note"
        going = sum(one.why == "terminating" for one in uses)
        how = f" ({going} of them are being deleted)" if going else ""
        yield finding(
            "21",
            severity,
            cluster,
            f"{len(uses)} of {len(all_of_it)} endpoints of {cluster} are not ready{how}: {_addresses(uses)}",
            "their own cluster says so, by the readiness of the pods; clients and DNS do not get them",
            f"look at the pods behind the Service in {cluster}: kubectl describe pod, their readiness "
            "probes and events",
        )


def _not_admitted(case: Case) -> Iterator[Finding]:
    for cluster, uses in _by_cluster(case, lambda use: use.why == "address-not-admitted"):
        member = case.member(cluster)
        allowed = ", ".join(member.allowed_cidrs) if member is not None else ""
        yield finding(
            "22",
            "problem",
            cluster,
            f"{_left_out(uses)}, outside of the networks that it may have: {_addresses(uses)}",
            f"the MemberCluster {cluster} allows endpoints only in {allowed} (spec.podCIDRs)",
            f"if these are pods of {cluster}, the broker's administrator adds their network to "
            f"spec.podCIDRs of its MemberCluster; else find out who wrote them in {cluster}",
        )


def _family(case: Case) -> Iterator[Finding]:
    merged = case.merged
    assert merged is not None, "checked by the caller"
    for cluster, uses in _by_cluster(case, lambda use: use.why == "family"):
        other = {one.family for one in uses}
        yield finding(
            "23",
            "note",
            cluster,
            f"{_left_out(uses)}, of family {' and '.join(sorted(other))}",
            f"the service has only {', '.join(merged.ip_families)}, as the export of {merged.winner} has",
            f"give the Service in {merged.winner} both families (ipFamilyPolicy: PreferDualStack) if "
            "clients should use them",
        )


def _no_zone(case: Case) -> Iterator[Finding]:
    for cluster, uses in _by_cluster(case, lambda use: use.why == "no-zone"):
        yield finding(
            "24",
            "warning",
            cluster,
            f"{_left_out(uses)}, without a zone: {_addresses(uses)}",
            "the service prefers endpoints of the client's zone (trafficDistribution), and kube-proxy "
            "would ignore that for all endpoints because of these",
            f"label the nodes of {cluster} with topology.kubernetes.io/zone",
        )


def _locality(case: Case) -> Iterator[Finding]:
    said = condition_of(case.imported, CONDITION_LOCALITY)
    here = case.here.cluster if case.here is not None else ""
    if said is None or said.reason == NOT_PREFERRED:
        return
    for cluster, uses in _by_cluster(case, lambda use: use.why == "farther"):
        yield finding(
            "25",
            "note",
            cluster,
            f"{_counted(uses, 'takes', 'take')} no traffic from here: {_addresses(uses)}",
            said.message,
            f"nothing, if that is meant; else change what asks for it: the exported annotation "
            f"{ANNOTATION_LOCALITY}, an ImportPolicy here, or the option --locality of the agent here",
        )
    if said.reason == FAILED_OVER:
        yield finding(
            "26",
            "warning",
            here,
            "clients here get endpoints of farther clusters, too",
            said.message,
            "look at the pods of the nearer clusters, their readiness probes and events; traffic comes back "
            "by itself",
        )
    elif said.reason == INVALID:
        yield finding(
            "27",
            "warning",
            case.merged.winner if case.merged is not None else "",
            f"an annotation that begins with {ANNOTATION_LOCALITY} has a value that nobody knows",
            said.message,
            "correct it in spec.exportedAnnotations of the ServiceExport, in all clusters that export the "
            "service",
        )


def _by_cluster(case: Case, holds: Callable[[EndpointUse], bool]) -> Iterator[tuple[str, list[EndpointUse]]]:
    found: dict[str, list[EndpointUse]] = {}
    for use in case.uses:
        if holds(use):
            found.setdefault(use.cluster, []).append(use)
    yield from found.items()


def _left_out(uses: list[EndpointUse]) -> str:
    return f"{_counted(uses, 'is', 'are')} left out"


def _counted(uses: list[EndpointUse], verb_of_one: str, verb_of_more: str) -> str:
    """Endpoints of one cluster as the subject of a sentence."""
    noun, verb = ("endpoint", verb_of_one) if len(uses) == 1 else ("endpoints", verb_of_more)
    return f"{len(uses)} {noun} of {uses[0].cluster} {verb}"


def _addresses(uses: list[EndpointUse]) -> str:
    addresses = [use.addresses[0] for use in uses if use.addresses]
    left = len(addresses) - _SHOWN
    return ", ".join(addresses[:_SHOWN]) + (f" and {left} more" if left > 0 else "")
