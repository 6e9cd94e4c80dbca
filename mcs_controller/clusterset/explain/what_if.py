"""What a change would do, in every cluster and in the one that was looked at: two explanations, compared."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mcs_controller.clusterset.explain.bulk_here import Making, making
from mcs_controller.clusterset.explain.case import judge
from mcs_controller.clusterset.explain.changes import BULK_KIND, POLICY_KINDS, Change, changed
from mcs_controller.clusterset.explain.endpoints import WhyNot
from mcs_controller.clusterset.explain.explaining import explain
from mcs_controller.clusterset.explain.explanation import Explanation
from mcs_controller.clusterset.explain.findings.finding import Finding
from mcs_controller.clusterset.explain.nearness import asked_preference
from mcs_controller.clusterset.explain.picture import InCluster, Picture
from mcs_controller.clusterset.explain.policies_here import (
    Ending,
    Live,
    LiveExport,
    export_ending,
    import_ending,
)
from mcs_controller.clusterset.explain.settling import settled
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.services.export import conflict_condition
from mcs_controller.clusterset.services.locality import was_preferred


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

    Both are as if the agents had done their work. `endings` says of the policies that would be in force how
    much of all services they refuse, and whether that is held, and `making` what ServiceExportPolicies make
    and remove; only where such policies are changed. `assumed` is what nothing that was read shows.
    """

    changes: tuple[str, ...]
    effects: tuple[Effect, ...]
    begun: tuple[Finding, ...]
    ended: tuple[Finding, ...]
    endings: tuple[Ending, ...]
    making: Making | None
    assumed: tuple[str, ...]
    before: Explanation
    after: Explanation


def what_if(picture: Picture, changes: Sequence[Change]) -> WhatIf:
    """What these changes would do. Raises ValueError as `changed` does."""
    asked = replace(picture, dns=None)
    then = changed(asked, changes)
    endings = tuple(_endings(then, then.here)) if then.here is not None else ()
    made, then = _made(then)
    first, last = settled(asked), settled(_held(then, endings))
    before, after = explain(first), explain(last)
    return WhatIf(
        tuple(_text(one, picture) for one in changes),
        (*_everywhere(first, last), *_here(before, after)),
        tuple(one for one in after.findings if one not in before.findings),
        tuple(one for one in before.findings if one not in after.findings),
        endings,
        made,
        (*_assumed(picture.here, changes), *_assumed_near(then.here, picture.service))
        if picture.here is not None
        else (),
        before,
        after,
    )


def _text(change: Change, picture: Picture) -> str:
    verb = "deleted" if change.deleted else "applied"
    cluster = picture.here.cluster if picture.here is not None else ""
    where = "on the broker" if change.kind == "MemberCluster" else f"in {cluster or 'this cluster'}"
    return f"{change.kind} {change.name} is {verb} {where}"


def _endings(picture: Picture, here: InCluster) -> Iterator[Ending]:
    """What the policies of the cluster would end of all that it exports and imports, if that was read."""
    if here.live is None:
        return
    live, now_seconds = _as_changed(here.live, here, picture.service), picture.now_seconds
    if (rules := here.export_policies.in_force) is not None:
        yield export_ending(rules, live, here.cluster, now_seconds)
    if (rules := here.import_policies.in_force) is not None:
        yield import_ending(rules, live, here.cluster, now_seconds)


def _made(picture: Picture) -> tuple[Making | None, Picture]:
    """What ServiceExportPolicies do of all services, and the picture with those that are held."""
    here = picture.here
    if here is None:
        return None, picture
    found, held = making(here.bulk, picture.service, here.service, here.cluster, picture.now_seconds)
    return found, replace(picture, here=replace(here, bulk=replace(here.bulk, held=held)))


def _as_changed(live: Live, here: InCluster, key: ServiceKey) -> Live:
    """With this service and its namespace as they would be."""
    others = tuple(one for one in live.exports if one.key != key)
    was_live = len(others) < len(live.exports)
    if was_live and here.export is not None and here.service is not None:
        others += (LiveExport(key, here.service.labels),)
    labels = {**live.namespace_labels, key.namespace: here.namespace_labels}
    return replace(live, exports=others, namespace_labels=labels)


def _held(picture: Picture, endings: Sequence[Ending]) -> Picture:
    """With what the agent would hold back; where that was not counted, it is as it was."""
    here = picture.here
    if here is None:
        return picture
    for one in endings:
        if one.kind == "ExportPolicy":
            here = replace(here, export_policies=replace(here.export_policies, held=one.held))
        else:
            here = replace(here, import_policies=replace(here.import_policies, held=one.held))
    return replace(picture, here=here)


_OPTIONS = {
    "ExportPolicy": "--export-policies",
    "ImportPolicy": "--import-policies",
    BULK_KIND: "--service-export-policies",
}


def _assumed(here: InCluster, changes: Sequence[Change]) -> Iterator[str]:
    kinds = {change.kind for change in changes}
    asked = {
        "ExportPolicy": here.export_policies.asked,
        "ImportPolicy": here.import_policies.asked,
        BULK_KIND: here.bulk.asked,
    }
    for kind, option in _OPTIONS.items():
        if kind in kinds and not asked[kind]:
            yield (
                f"the agents of {here.cluster} run with {option}: nothing shows that they do, since "
                f"no {kind} there has the condition Accepted; without the option policies mean nothing"
            )
    counted = {**dict.fromkeys(POLICY_KINDS, here.live), BULK_KIND: here.bulk.live}
    if any(kind in kinds and live is None for kind, live in counted.items()):
        yield "the change is not held: what else the cluster exports and imports could not be read"
    elif kinds & {*_OPTIONS}:
        yield "the agents' --fuse-share and --fuse-minimum are the defaults"


def _assumed_near(here: InCluster | None, key: ServiceKey) -> Iterator[str]:
    imported = here.imported if here is not None and here.relocated else None
    if here is None or imported is None or not was_preferred(imported):
        return
    if asked_preference(here, key) is None:
        yield (
            "what is left out for nearer endpoints stays so: no policy nor export asks for it, and what "
            f"--locality of the agents of {here.cluster} is cannot be seen"
        )


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
        ("kept out by its policies", _not_used(before, "policy"), _not_used(after, "policy")),
        ("left out for nearer ones", _not_used(before, "farther"), _not_used(after, "farther")),
        ("namespace", before.here.namespace, after.here.namespace),
        ("ServiceImport", _import(before), _import(after)),
        ("clusterset IP", _ips(before), _ips(after)),
    ):
        if old != new:
            yield Effect(cluster, what, old, new)


def _not_used(explanation: Explanation, why: WhyNot) -> str:
    """The exporters of which endpoints take no traffic for this reason."""
    uses = (use for one in explanation.exporters for use in one.endpoints)
    return ", ".join(sorted({use.cluster for use in uses if use.why == why}))


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
