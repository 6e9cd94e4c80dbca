"""What a change would do, in every cluster and in the one that was looked at: two explanations, compared."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mcs_controller.clusterset.explain.case import judge
from mcs_controller.clusterset.explain.changes import Change, changed
from mcs_controller.clusterset.explain.explaining import explain
from mcs_controller.clusterset.explain.explanation import Explanation
from mcs_controller.clusterset.explain.findings.finding import Finding
from mcs_controller.clusterset.explain.picture import Picture
from mcs_controller.clusterset.explain.settling import settled
from mcs_controller.clusterset.services.export import conflict_condition


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that would be otherwise: before and after, as texts; "" for what is not there.

    `cluster` is where, "" for every cluster that has the namespace.
    """

    cluster: str
    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The effects of a change, the findings that it begins and ends, and the explanations before and after.

    Both are as if the agents had done their work.
    """

    changes: tuple[str, ...]
    effects: tuple[Effect, ...]
    begun: tuple[Finding, ...]
    ended: tuple[Finding, ...]
    before: Explanation
    after: Explanation


def what_if(picture: Picture, changes: Sequence[Change]) -> WhatIf:
    """What these changes would do. Raises ValueError as `changed` does."""
    asked = replace(picture, dns=None)
    first, last = settled(asked), settled(changed(asked, changes))
    before, after = explain(first), explain(last)
    return WhatIf(
        tuple(_text(one, picture) for one in changes),
        (*_everywhere(first, last), *_here(before, after)),
        tuple(one for one in after.findings if one not in before.findings),
        tuple(one for one in before.findings if one not in after.findings),
        before,
        after,
    )


def _text(change: Change, picture: Picture) -> str:
    verb = "deleted" if change.deleted else "applied"
    cluster = picture.here.cluster if picture.here is not None else ""
    where = "on the broker" if change.kind == "MemberCluster" else f"in {cluster or 'this cluster'}"
    return f"{change.kind} {change.name} is {verb} {where}"


def _everywhere(first: Picture, last: Picture) -> Iterator[Effect]:
    """What any cluster with the namespace sees: the broker holds all that decides it."""
    before, after = (_seen(replace(one, here=None)) for one in (first, last))
    for what in dict.fromkeys((*before, *after)):
        if before.get(what, "") != after.get(what, ""):
            yield Effect("", what, before.get(what, ""), after.get(what, ""))


def _seen(picture: Picture) -> dict[str, str]:
    case, explanation = judge(picture), explain(picture)
    found = {
        "exported by": ", ".join(part.cluster for part in case.exporters),
        "decided by": case.merged.winner if case.merged is not None else "",
    }
    found |= {one.field: one.value for one in explanation.decisions}
    found["ports"] = ", ".join(one.port for one in explanation.ports)
    for exporter in explanation.exporters:
        taking = [address for use in exporter.endpoints if use.state == "in" for address in use.addresses]
        found[f"endpoints of {exporter.cluster} in use"] = ", ".join(taking)
    if case.merged is not None:
        conflict = conflict_condition(case.merged)
        found["condition Conflict of every export"] = f"{conflict.status}, {conflict.reason}"
    return found


def _here(before: Explanation, after: Explanation) -> Iterator[Effect]:
    """What only the cluster that was looked at sees."""
    if before.here is None or after.here is None:
        return
    cluster = after.here.cluster or "this cluster"
    for what, old, new in (
        ("namespace", before.here.namespace, after.here.namespace),
        ("ServiceImport", _import(before), _import(after)),
        ("clusterset IP", _ips(before), _ips(after)),
    ):
        if old != new:
            yield Effect(cluster, what, old, new)


def _ips(explanation: Explanation) -> str:
    here = explanation.here
    if here is None or not here.has_import or explanation.type != "ClusterSetIP":
        return ""
    return ", ".join(here.ips) or ("a new one" if here.ready == "True" else "")


def _import(explanation: Explanation) -> str:
    here = explanation.here
    if here is None or not here.has_import:
        return ""
    return "ready" if here.ready == "True" else here.ready or "there"
