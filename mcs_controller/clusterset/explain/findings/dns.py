"""Findings about DNS: whether the answers are those that the objects of the cluster ask for."""

from collections.abc import Iterator
from typing import Final

from mcs_controller.clusterset.explain.case import Case
from mcs_controller.clusterset.explain.findings.finding import Finding, finding

_NO_NAME: Final = "no such name"


def dns_findings(case: Case) -> Iterator[Finding]:
    """None if DNS was not asked."""
    dns = case.picture.dns
    if dns is None:
        return
    cluster = case.here.cluster if case.here is not None else ""
    if dns.problem:
        yield finding(
            "70",
            "note",
            cluster,
            "it is not known what DNS answers",
            dns.problem,
            "ask from where the server can be reached: --dns ADDRESS:PORT names another server, and "
            "`kubectl port-forward` carries no UDP; from a pod of the cluster: dig @ADDRESS NAME",
        )
        return
    wrong = [one for one in dns.answers if not one.right]
    if not wrong:
        return
    first = wrong[0]
    more = f" ({len(wrong)} of {len(dns.answers)} questions differ)" if len(dns.answers) > 1 else ""
    question = f"{first.name} {first.type}"
    # Where only some records differ, the difference is told.
    is_difference = first.said.startswith(("with ", "without "))
    said = f"answers {question} {first.said}" if is_difference else f"says {first.said} for {question}"
    what = f"DNS {said}, and should say {first.should}{more}"
    if all(one.said == _NO_NAME for one in dns.answers):
        yield finding(
            "71",
            "problem",
            cluster,
            what,
            f"the server {dns.server} knows none of the names: most often it is the cluster's own DNS, and "
            "its Corefile does not forward the zone to ours; or it is ours, and has not read the "
            "ServiceImport yet",
            "`check` says whether the zone is forwarded (MCS-CHK-17), and `dns install` writes that; if it "
            "is, ask our own server by its address (--dns), and look at it (/readyz, its log)",
            "mcs-controller check",
        )
        return
    yield finding(
        "71",
        "problem",
        cluster,
        what,
        f"the server {dns.server} has not read what this cluster's ServiceImport and EndpointSlices say "
        "(yet), or it serves another cluster",
        "changes take a second, and answers may be kept for 5 s by others, so ask again; then look at the "
        "DNS server (/readyz, its log): does it reach the cluster's API server?",
    )
