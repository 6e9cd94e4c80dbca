"""The picture after the agents have done their work: what each of them writes, by their own rules.

So that the effects of a change are seen, and not how long the agents take. Holds are left out: what is held
stays so until somebody releases it, or its data returns.
"""

from dataclasses import replace

from mcs_controller.api.names import CONDITION_LOCALITY
from mcs_controller.api.resources import service_exports
from mcs_controller.clusterset.explain.case import Case, judge
from mcs_controller.clusterset.explain.changes import created
from mcs_controller.clusterset.explain.nearness import arranged
from mcs_controller.clusterset.explain.parts import condition_of
from mcs_controller.clusterset.explain.picture import InCluster, OnBroker, Picture
from mcs_controller.clusterset.model import Condition, LocalImport
from mcs_controller.clusterset.services.decode import service_export
from mcs_controller.clusterset.services.desired import (
    import_conditions,
    import_metadata,
    import_spec,
    wants_clusterset_ip,
)
from mcs_controller.clusterset.services.export import (
    ExportEvaluation,
    conflict_condition,
    evaluate_export,
    ready_condition,
)
from mcs_controller.clusterset.services.exported_content import published_slice
from mcs_controller.clusterset.services.policies.bulk.plan import maker_of
from mcs_controller.clusterset.services.policies.bulk.service_policy import decode_present, export_body
from mcs_controller.clusterset.services.policies.verdict import EXPORTS, judge_export, outcome, under_policy


def settled(picture: Picture) -> Picture:
    """The picture, with what the agent of the looked-at cluster writes there and on the broker."""
    if picture.here is None or picture.broker is None:
        return picture
    # First what its policies make and say, then what it publishes, then what it makes of everything.
    here = _under_policies(picture, _in_bulk(picture, replace(picture.here, in_the_end=True)))
    decided = replace(picture, here=here)
    published = replace(decided, broker=_published(judge(decided), here, picture.broker))
    case = judge(published)
    return replace(published, here=_imported(case, _exported(case, here)))


def _in_bulk(picture: Picture, here: InCluster) -> InCluster:
    """With what its ServiceExportPolicies make or remove, if its agent goes by any."""
    bulk, key = here.bulk, picture.service
    if not bulk.asked:
        return here
    decided = bulk.decided(key, here.service, is_active=here.namespace not in ("missing", "ending"))
    if decided.action == "make" and decided.policy is not None:
        body = export_body(key, decided.policy, service_exports().api_version)
        made = created(service_export(body), picture.now_seconds)
        return replace(here, export=made, bulk=replace(bulk, export=decode_present(body)))
    if decided.action == "remove" and maker_of(bulk.export) not in bulk.held:
        return replace(here, export=None, bulk=replace(bulk, export=None))
    return here


def _under_policies(picture: Picture, here: InCluster) -> InCluster:
    """With what the ExportPolicies of the cluster say of its ServiceExport, if its agent asks any."""
    export, service, rules = here.export, here.service, here.export_policies.in_force
    if export is None or rules is None:
        return here
    evaluation = evaluate_export(export, service, here.cluster)
    if service is not None:
        labels = dict(here.namespace_labels) if here.namespace == "active" else None
        verdict = judge_export(rules, picture.service, labels, dict(service.labels))
        held = next((one for one in picture.broker or () if one.cluster == here.cluster), None)
        is_live = held is not None and held.record is not None and not held.record.withdrawn
        decided = outcome(verdict, EXPORTS, is_live=is_live, held=here.export_policies.held)
        evaluation = under_policy(evaluation, export, decided)
    others = tuple(one for one in export.conditions if one.type != "Valid")
    return replace(here, export=replace(export, conditions=(evaluation.valid, *others)))


def _published(case: Case, here: InCluster, broker: tuple[OnBroker, ...]) -> tuple[OnBroker, ...]:
    own = case.own
    held = next((one for one in broker if one.cluster == here.cluster), None)
    if held is None or held.member is None:
        return broker
    counts = own is not None and own.counts
    after = replace(
        held,
        record=own.record if own is not None and counts else None,
        slices=tuple(map(published_slice, own.slices)) if own is not None and counts else (),
    )
    return tuple(after if one is held else one for one in broker)


def _exported(case: Case, here: InCluster) -> InCluster:
    """With the conditions of its ServiceExport."""
    if here.export is None:
        return here
    evaluation = evaluate_export(here.export, here.service, here.cluster)
    own = case.own
    told = condition_of(here.export, "Valid")
    if own is not None and own.why_not == "refused-by-policy" and told is not None:
        evaluation = ExportEvaluation(told, None)
    if evaluation.record is None:
        ready = ready_condition("Pending", "the export is not valid")
    elif own is not None and own.counts:
        ready = ready_condition("Exported")
    else:
        ready = ready_condition("Failed", own.text if own is not None else "")
    conflict = Condition("Conflict", "False", "NoConflicts")
    if own is not None and own.counts and case.merged is not None:
        conflict = conflict_condition(case.merged)
    return replace(here, export=replace(here.export, conditions=(evaluation.valid, ready, conflict)))


def _imported(case: Case, here: InCluster) -> InCluster:
    """With the import that it has, or without one."""
    merged, before = case.merged_here, case.imported
    if merged is None or case.place:
        if here.imported is not None and not here.imported.managed:
            return here
        return replace(here, imported=None, imported_slices=())
    ips = before.spec.ips if before is not None else ()
    spec, metadata = import_spec(merged, ips), import_metadata(merged)
    conditions = import_conditions(merged, spec, withdrawn=case.withdrawn)
    exporters = [part for part in case.exporters if part.cluster not in case.refused]
    slices = [slice_ for part in exporters for slice_ in part.admitted_slices]
    if not ips and wants_clusterset_ip(merged, slices):
        # The IP comes from the API server, which is not asked.
        conditions = (Condition("Ready", "True", "Ready"),)
    # Whether near endpoints come first is a setting of the agent, too: its word stays.
    slices_here = case.wanted
    near = tuple(one for one in (before.conditions if before else ()) if one.type == CONDITION_LOCALITY)
    if here.relocated and (found := arranged(case)) is not None:
        slices_here, near = found[0], (found[1],) if found[1] is not None else ()
    conditions += near
    imported = LocalImport(
        service=merged.service,
        uid=before.uid if before is not None else "",
        generation=0,
        spec=spec,
        labels=metadata.labels,
        annotations=metadata.annotations,
        clusters=merged.clusters,
        conditions=conditions,
        managed=True,
    )
    return replace(here, imported=imported, imported_slices=slices_here)
