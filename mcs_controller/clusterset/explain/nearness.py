"""Whose endpoints the looked-at cluster would leave out for nearer ones, if members lay elsewhere.

What an agent prefers by its own option is in no object. So this is foretold where the exports ask for it.
"""

from mcs_controller.api.names import ANNOTATION_LOCALITY
from mcs_controller.clusterset.explain.case import Case
from mcs_controller.clusterset.explain.endpoints import wanted_slices
from mcs_controller.clusterset.model import AddressFamily, Condition, ImportedSlice, LocalImport
from mcs_controller.clusterset.services.locality import (
    RETURN_SECONDS,
    Preference,
    Reach,
    condition,
    distances_here,
    is_beyond,
    left_out,
    needed,
    preference,
    unmarked,
    was_preferred,
    with_endpoints,
)


def asked_preference(imported: LocalImport | None) -> Preference | None:
    """What the exports ask of a cluster that heeds it, by its import; None if they do not, or it does not."""
    if imported is None or not was_preferred(imported):
        return None
    exported = imported.annotations
    return preference(exported, "none") if any(name == ANNOTATION_LOCALITY for name, _ in exported) else None


def arranged(case: Case) -> tuple[tuple[ImportedSlice, ...], Condition] | None:
    """The slices as the agent writes them, and what the import says of it; None if that is not known."""
    here, merged, wanted = case.here, case.merged_here, asked_preference(case.imported)
    members = {one.cluster: one.member for one in case.picture.broker or () if one.member is not None}
    if here is None or merged is None or wanted is None or here.cluster not in members:
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
