"""Findings about who owns the name: where that decided something, and where it decides nothing yet."""

from collections.abc import Iterator

from mcs_controller.clusterset.explain.case import Case
from mcs_controller.clusterset.explain.findings.finding import Finding, finding
from mcs_controller.clusterset.identity import member_namespace
from mcs_controller.clusterset.services.merge import by_precedence
from mcs_controller.clusterset.services.ownership import owns


def owner_findings(case: Case) -> Iterator[Finding]:
    """All of them; none where the broker was not read, since only it says who owns what."""
    order, merged = case.order, case.merged
    if order is None or merged is None:
        return
    key = case.picture.service
    oldest = by_precedence(order.records)[0]
    if merged.owners and oldest.cluster not in merged.owners:
        winner = order.winner.cluster
        yield finding(
            "16",
            "note",
            "",
            f"{winner} decides {key}, and not {oldest.cluster}, whose export is the oldest",
            f"the broker's administrator gave the name to {', '.join(merged.owners)} (spec.owns)",
            "nothing, if that is intended; what would change without it, --what-if shows with that "
            "MemberCluster",
            f"kubectl get membercluster --namespace {member_namespace(winner)} {winner} -o yaml",
        )
    absent = [
        one.cluster
        for one in case.picture.broker or ()
        if owns(one.member, key) and one.cluster not in merged.owners
    ]
    if absent and not merged.owners:
        tries = any(
            part.cluster in absent and part.why_not not in ("not-exported", "withdrawing")
            for part in case.parts
        )
        lacks = "whose export does not count" if tries else "which does not export it"
        yield finding(
            "17",
            "note",
            "",
            f"{key} belongs to {', '.join(absent)}, {lacks}",
            f"until then the oldest export decides: that of {order.winner.cluster}",
            f"nothing, if that is intended; as soon as an export of {absent[0]} counts, it decides, "
            "and other exports add endpoints only where they fit",
        )
