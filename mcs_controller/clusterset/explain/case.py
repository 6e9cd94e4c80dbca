"""A picture, judged: what the service is, and what it should be in the cluster that was looked at.

Findings and explanation are made from this, so that each rule is asked once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from mcs_controller.clusterset.explain.endpoints import (
    Difference,
    EndpointUse,
    Place,
    difference,
    farther_uses,
    observed_uses,
    uses_of,
    wanted_slices,
    without_farther,
)
from mcs_controller.clusterset.explain.parts import Part, condition_of, is_silent, owners_of, parts_of
from mcs_controller.clusterset.explain.picture import InCluster, OnBroker, Picture, Piece
from mcs_controller.clusterset.held import Held, held_of
from mcs_controller.clusterset.membership.limits import has_place
from mcs_controller.clusterset.model import (
    ImportedSlice,
    LocalImport,
    LocalService,
    Member,
    MergedService,
    ServiceKey,
)
from mcs_controller.clusterset.services.desired import withdrawn_by_conditions
from mcs_controller.clusterset.services.disputes import Precedence
from mcs_controller.clusterset.services.locality import was_preferred
from mcs_controller.clusterset.services.merge import merge, precedence
from mcs_controller.clusterset.services.naming import derived_service_name
from mcs_controller.clusterset.services.policies.verdict import IMPORTS, judge_import, outcome, says_ends_soon
from mcs_controller.clusterset.services.recorded_merge import merge_behind
from mcs_controller.clusterset.services.reserved import may_import_into

_IMPORTED: Final[frozenset[Piece]] = frozenset({"ServiceImport", "imported EndpointSlices"})


@dataclass(frozen=True, slots=True)
class Case:
    """What follows from a picture.

    `merged` is what the exports that count make of the service, None if there are none, and `merged_here`
    what those of them make of it that policies here do not refuse. It `is_recorded` if
    the broker was not read: then it is read back from the import, and there is no `order` of precedence.
    `withdrawn` are the exporters whose endpoints are not used since they send no heartbeats. `refused` says
    why policies here do not let an exporter be imported. `place` says why nothing is imported here. `wanted`
    is what the agent here should have written, and `differs` is how what lies here differs from that; None if
    that cannot be said.
    """

    picture: Picture
    parts: tuple[Part, ...]
    order: Precedence | None
    merged: MergedService | None
    merged_here: MergedService | None
    is_recorded: bool
    withdrawn: frozenset[str]
    refused: Mapping[str, str]
    held: Held | None
    place: Place
    wanted: tuple[ImportedSlice, ...]
    uses: tuple[EndpointUse, ...]
    differs: Difference | None

    @property
    def here(self) -> InCluster | None:
        """The cluster that was looked at."""
        return self.picture.here

    @property
    def imported(self) -> LocalImport | None:
        """The import here that agents write."""
        return managed_import(self.picture)

    @property
    def exporters(self) -> tuple[Part, ...]:
        """The clusters whose exports count."""
        return tuple(part for part in self.parts if part.counts)

    @property
    def own(self) -> Part | None:
        """The part of the cluster that was looked at."""
        cluster = self.picture.here.cluster if self.picture.here is not None else ""
        return next((part for part in self.parts if cluster and part.cluster == cluster), None)

    def on_broker(self, cluster: str) -> OnBroker | None:
        """What the broker holds of a member."""
        return next((one for one in self.picture.broker or () if one.cluster == cluster), None)

    def member(self, cluster: str) -> Member | None:
        """The MemberCluster of a member."""
        held = self.on_broker(cluster)
        return held.member if held is not None else None


def managed_import(picture: Picture) -> LocalImport | None:
    """The import here, if agents write it."""
    imported = picture.here.imported if picture.here is not None else None
    return imported if imported is not None and imported.managed else None


def judge(picture: Picture) -> Case:
    """Ask all rules about a picture."""
    here, imported = picture.here, managed_import(picture)
    parts = parts_of(picture)
    records = [part.record for part in parts if part.counts and part.record is not None]
    owners = owners_of([part for part in parts if part.counts])
    is_recorded = picture.broker is None and imported is not None
    order = merged = None
    if is_recorded and imported is not None:
        merged = merge_behind(imported)
    elif records:
        order, merged = precedence(records, owners), merge(records, owners)
    withdrawn = _withdrawn(picture, parts, imported)
    refused = _refused(picture, [part.cluster for part in parts if part.counts])
    merged_here = merged
    if refused and records:
        imported_here = [part for part in parts if part.counts and part.cluster not in refused]
        left = [part.record for part in imported_here if part.record is not None]
        merged_here = merge(left, owners_of(imported_here)) if left else None
    is_refused = merged is not None and merged_here is None
    place = _place(picture, merged_here or merged, is_refused=is_refused)
    own = here.cluster if here is not None else ""
    wanted: tuple[ImportedSlice, ...] = ()
    if not is_recorded:
        wanted = wanted_slices(
            merged_here, parts, own_cluster=own, withdrawn=withdrawn, refused=refused.keys()
        )
    held = held_of(imported) if imported is not None else None
    differs = None
    observed = here.imported_slices if here is not None else ()
    near_first = imported is not None and was_preferred(imported)
    all_wanted = wanted
    if near_first:
        wanted = without_farther(all_wanted, observed)
    if here is not None and picture.broker is not None and not here.unread & _IMPORTED:
        differs = difference(() if place else wanted, observed)
    if is_recorded:
        uses = tuple(observed_uses(observed, near_first=near_first))
    else:
        offered = uses_of(
            merged_here or merged, parts, all_wanted, place=place, withdrawn=withdrawn, refused=refused.keys()
        )
        uses = tuple(farther_uses(offered, wanted) if near_first else offered)
        if held is not None and here is not None:
            known = {(one.cluster, one.addresses) for one in uses if one.state != "out"}
            uses = tuple(one for one in uses if one.state != "out" or not _lies_here(one, here)) + tuple(
                one
                for one in observed_uses(observed, "held", near_first=near_first)
                if (one.cluster, one.addresses) not in known
            )
    return Case(
        picture,
        parts,
        order,
        merged,
        merged_here,
        is_recorded,
        withdrawn,
        refused,
        held,
        place,
        wanted,
        uses,
        differs,
    )


def _lies_here(use: EndpointUse, here: InCluster) -> bool:
    return any(
        slice_.source_cluster == use.cluster and endpoint.addresses == use.addresses
        for slice_ in here.imported_slices
        for endpoint in slice_.content.endpoints
    )


def _withdrawn(picture: Picture, parts: tuple[Part, ...], imported: LocalImport | None) -> frozenset[str]:
    """The exporters whose endpoints are not used.

    Only the agent knows how long it has waited for heartbeats, so its own word counts where there is one.
    """
    if imported is not None and condition_of(imported, "Ready") is not None:
        return withdrawn_by_conditions(imported.conditions)
    own = picture.here.cluster if picture.here is not None else ""
    return frozenset(
        part.cluster for part in parts if part.cluster != own and is_silent(part.member, picture)
    )


def _refused(picture: Picture, exporters: Iterable[str]) -> Mapping[str, str]:
    """The exporters that ImportPolicies of the looked-at cluster refuse, with the reason.

    What is imported goes on while the policies are not known, or may end nothing; and, as only the agent
    knows how long, while it says that the refusal has not lasted.
    """
    here = picture.here
    rules = here.import_policies.in_force if here is not None else None
    if here is None or rules is None:
        return {}
    said = condition_of(managed_import(picture), "Ready")
    found: dict[str, str] = {}
    for cluster in exporters:
        verdict = judge_import(
            rules,
            picture.service,
            cluster,
            dict(here.namespace_labels),
            is_own=cluster == here.cluster,
        )
        decided = outcome(
            verdict,
            IMPORTS,
            is_live=_is_imported(picture, cluster),
            held=here.import_policies.held,
            lasts=here.in_the_end
            or not says_ends_soon(said.message if said is not None else "", verdict.why),
        )
        if decided.action == "refuse":
            is_known = verdict.answer == "refused"
            found[cluster] = verdict.why if is_known else f"policies are not known: {verdict.why}"
    return found


def _is_imported(picture: Picture, cluster: str) -> bool:
    """Whether a cluster's export is imported now, as agents that ask policies see it."""
    here, imported = picture.here, managed_import(picture)
    if here is None or imported is None or imported.deleting:
        return False
    lies_here = any(one.source_cluster == cluster for one in here.imported_slices)
    return lies_here or cluster in imported.clusters


def _place(picture: Picture, merged: MergedService | None, *, is_refused: bool) -> Place:
    """Why the cluster that was looked at imports nothing, "" if it should, or only the broker was read."""
    here, key = picture.here, picture.service
    if here is None:
        return ""
    if not here.serves_api:
        return "no-api"
    if here.namespace in ("missing", "ending"):
        return "namespace-missing" if here.namespace == "missing" else "namespace-ending"
    if here.imported is not None:
        return "" if here.imported.managed else "foreign-import"
    if not may_import_into(key.namespace, ()):
        return "reserved"
    if is_refused:
        return "policy"
    if here.derived is not None and _is_of_another(here.derived, key):
        return "name-taken"
    if merged is not None and not _has_room(picture, here, merged):
        return "no-room"
    return ""


def _is_of_another(derived: LocalService, key: ServiceKey) -> bool:
    other = derived.import_name
    if other in ("", key.name):
        return False
    return derived_service_name(ServiceKey(key.namespace, other)) == derived.service.name


def _has_room(picture: Picture, here: InCluster, merged: MergedService) -> bool:
    if here.imports_of is None or here.cluster in merged.clusters:
        return True
    used = dict(here.imports_of)
    members = {one.cluster: one.member for one in picture.broker or ()}
    pairs = []
    for cluster in merged.clusters:
        member = members.get(cluster)
        limits = picture.assumed.limits.stated(member.limits if member is not None else ())
        pairs.append((used.get(cluster, 0), limits.imports))
    return has_place(pairs)
