"""Whose endpoints the looked-at cluster would leave out for nearer ones, after a change of what decides it.

What an agent prefers by its own option is in no object. So this is foretold where a policy of the cluster
decides, or the exports ask for it.
"""

from mcs_controller.api.names import ANNOTATION_LOCALITY
from mcs_controller.clusterset.explain.case import Case
from mcs_controller.clusterset.explain.endpoints import wanted_slices
from mcs_controller.clusterset.explain.picture import InCluster
from mcs_controller.clusterset.model import AddressFamily, Condition, ImportedSlice, ServiceKey
from mcs_controller.clusterset.services.locality import (
    RETURN_SECONDS,
    Reach,
    condition,
    distances_here,
    is_beyond,
    left_out,
    needed,
    over,
    unmarked,
    was_preferred,
    with_endpoints,
)
from mcs_controller.clusterset.services.policies.preferring import Said, judge_preference
from mcs_controller.clusterset.services.preference import Preference, preference

_NOTHING = Preference("none")


def asked_preference(here: InCluster, key: ServiceKey) -> Preference | None:
    """What is preferred of the import there is, by the policies of the cluster or else by the exports.

    None if that cannot be told: policies are not known, or neither says anything, or the cluster does not
    heed the exports.
    """
    imported, rules = here.imported, here.import_policies.in_force
    if imported is None:
        return None
    said = judge_preference(rules, key, dict(here.namespace_labels)) if rules is not None else Said()
    if not said.is_sure:
        return None
    asks = any(name == ANNOTATION_LOCALITY for name, _ in imported.annotations)
    if said.ordered is None and not (asks and was_preferred(imported)):
        return None
    return preference(imported.annotations, "none", ordered=said.ordered) or _NOTHING


def arranged(case: Case) -> tuple[tuple[ImportedSlice, ...], Condition | None] | None:
    """The slices as the agent writes them, and what the import says of it; None if that is not known."""
    here, merged = case.here, case.merged_here
    wanted = asked_preference(here, case.picture.service) if here is not None else None
    members = {one.cluster: one.member for one in case.picture.broker or () if one.member is not None}
    if here is None or here.imported is None or merged is None or wanted is None:
        return None
    if wanted.is_for_nearness and here.cluster not in members:
        return None
    slices = [
        with_endpoints(one, unmarked)
        for one in wanted_slices(
            merged,
            case.parts,
            own_cluster=here.cluster,
            withdrawn=case.withdrawn,
            refused=case.refused.keys(),
        )
    ]
    if not wanted.is_for_nearness:
        return tuple(slices), over(here.imported, wanted.asked_by)
    distances = distances_here(here.cluster, members)
    families: dict[AddressFamily, list[ImportedSlice]] = {}
    for one in slices:
        families.setdefault(one.content.address_type, []).append(one)
    reaches = {family: Reach(needed(found, distances, wanted)) for family, found in families.items()}
    said = condition(
        wanted,
        reaches,
        distances,
        merged.clusters,
        return_seconds=RETURN_SECONDS,
        is_headless=merged.type == "Headless",
    )
    return tuple(left_out(one) if is_beyond(one, reaches, distances) else one for one in slices), said
