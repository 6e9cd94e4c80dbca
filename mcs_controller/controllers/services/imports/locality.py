"""Near endpoints first, in the imports of one cluster (docs/decisions/0030-locality.md).

The rules are in `clusterset/services/locality.py`. What is remembered here is how far the traffic of each
service goes, and since when nearer endpoints would be enough. After a start, the slices that lie here show
how far it went. Nothing is done, nor remembered, for a service for which nothing is preferred.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from typing import Final, NamedTuple

from prometheus_client import Counter

from mcs_controller.clusterset.model import (
    AddressFamily,
    Condition,
    ImportedSlice,
    LocalImport,
    MergedService,
    ServiceKey,
)
from mcs_controller.clusterset.services import locality
from mcs_controller.clusterset.services.locality import Reach
from mcs_controller.clusterset.services.policies.preferring import Said
from mcs_controller.clusterset.services.preference import Preference, preference
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.services.stores.local import LocalStores

_FAMILIES: Final[tuple[AddressFamily, ...]] = ("IPv4", "IPv6")
_NO_POLICIES: Final = Said()


class Places(NamedTuple):
    """How far the traffic of one service goes, and how far each cluster is that is not elsewhere."""

    reaches: locality.Reaches
    distances: Mapping[str, int]

    def arrange(self, slice_: ImportedSlice) -> ImportedSlice:
        """The slice as it must be written: endpoints that are too far away take no traffic."""
        slice_ = locality.with_endpoints(slice_, locality.brought_in)
        if locality.is_beyond(slice_, self.reaches, self.distances):
            return locality.left_out(slice_)
        return slice_


class Arranged(NamedTuple):
    """The wanted slices, in the order in which they are to be written, with nothing left out yet.

    `places` says what is to be left out, None for nothing. `condition` is said of the import, None for
    nothing. `again_seconds` is when to look again.
    """

    slices: Sequence[ImportedSlice]
    places: Places | None = None
    condition: Condition | None = None
    again_seconds: float | None = None

    @property
    def last_word(self) -> Callable[[ImportedSlice], ImportedSlice] | None:
        """What decides for each slice that is written or stays; None: nothing does."""
        return self.places.arrange if self.places is not None else None


class Locality:
    """Says which endpoints of a service take traffic here. Reads stores and members only.

    `policies` says what this cluster's policies prefer for a service, None where they are not asked.
    """

    def __init__(
        self, config: AgentConfig, local: LocalStores, membership: Membership, failovers: Counter
    ) -> None:
        self._local = local
        self._membership = membership
        self._failovers = failovers
        self.policies: Callable[[ServiceKey], Said] | None = None
        self._default = config.locality
        self._min_ready = config.locality_min_ready
        self._return_seconds = config.locality_return_seconds
        self._reaches: dict[ServiceKey, dict[AddressFamily, Reach]] = {}
        self._failed_over: set[ServiceKey] = set()

    def services(self) -> Collection[ServiceKey]:
        """The services for which near endpoints are preferred."""
        return tuple(self._reaches)

    def counts(self) -> Mapping[str, int]:
        """How many of these use near endpoints only (near), and how many have failed over (failed_over)."""
        far = len(self._failed_over)
        return {"near": len(self._reaches) - far, "failed_over": far}

    def forget(self, key: ServiceKey) -> None:
        """The service is not imported, or nothing is preferred any more."""
        if self._reaches.pop(key, None) is not None:
            self._failed_over.discard(key)

    def arrange(
        self,
        imported: LocalImport,
        merged: MergedService,
        wanted: Sequence[ImportedSlice],
        *,
        kept: Set[str],
        stay: Set[str],
        clusters: Set[str] | None = None,
    ) -> Arranged:
        """Decide which of the wanted slices' endpoints take traffic.

        Slices of clusters in `kept` are wanted as they lie here. Slices named by `stay` keep what they hold.
        If only the slices of `clusters` are known (None: all), or policies are not, more is brought in, and
        nothing is left out.
        """
        key = imported.service
        said_here = self.policies(key) if self.policies is not None else _NO_POLICIES
        preferred = self._preferred(imported, merged, said_here)
        if preferred is None or not preferred.is_for_nearness:
            self.forget(key)
            over = locality.over(imported, preferred.asked_by if preferred is not None else "")
            if not locality.was_preferred(imported):
                return Arranged(wanted, condition=over)
            # What was left out is brought in, also where the exporter cannot be asked.
            everything = dict.fromkeys(_FAMILIES, Reach(locality.ELSEWHERE))
            return Arranged(wanted, Places(everything, {}), over)
        held = [entry.value for entry in self._local.imported_slices.indexed(key)]
        widen = clusters is not None or not said_here.is_sure
        # What is in use when near endpoints become preferred need not prove that they are enough, once all
        # is known.
        before = held if widen or locality.was_preferred(imported) else []
        distances = self._distances(merged.clusters, held, preferred)
        wanted = [
            locality.with_endpoints(
                one, locality.brought_in if one.source_cluster in kept else locality.unmarked
            )
            for one in wanted
        ]
        unread = {one.source_cluster for one in held} - clusters if clusters is not None else set()
        if self._local.unread(key):
            unread.add(self._local.cluster_id)
        # What counts is what will lie here.
        known = {one.name: one for one in wanted} | {
            one.name: locality.with_endpoints(one, locality.brought_in)
            for one in held
            if one.name in stay or one.source_cluster in unread
        }
        now_seconds = asyncio.get_running_loop().time()
        reaches = self._step(key, preferred, known.values(), before, distances, now_seconds, widen=widen)
        places = Places(reaches, distances)
        said = locality.condition(
            preferred,
            reaches,
            distances,
            merged.clusters,
            return_seconds=self._return_seconds,
            is_headless=merged.type == "Headless",
        )
        self._count(key, said)
        return Arranged(
            sorted(
                wanted,
                # First what may be brought in, so that there is no moment without endpoints.
                key=lambda one: (
                    locality.is_beyond(one, reaches, distances),
                    -distances.get(one.source_cluster, locality.ELSEWHERE),
                ),
            ),
            places,
            said,
            locality.seconds_left(reaches, now_seconds, self._return_seconds) if not widen else None,
        )

    def _preferred(self, imported: LocalImport, merged: MergedService, said: Said) -> Preference | None:
        """What is preferred; while policies are not known, what is in use stays, and more is if it must."""
        found = preference(merged.annotations, self._default, self._min_ready, said.ordered)
        if said.is_sure:
            return found
        if not locality.was_preferred(imported):
            return None
        return Preference(
            found.scope if found is not None and found.scope != "none" else "cluster",
            found.min_ready if found is not None else self._min_ready,
            asked_by="it was before policies here could not be read",
        )

    def _step(
        self,
        key: ServiceKey,
        preferred: Preference,
        known: Collection[ImportedSlice],
        held: Iterable[ImportedSlice],
        distances: Mapping[str, int],
        now_seconds: float,
        *,
        widen: bool,
    ) -> dict[AddressFamily, Reach]:
        before = self._reaches.get(key, {})
        reaches: dict[AddressFamily, Reach] = {}
        for family in _FAMILIES:
            last = before.get(family)
            if last is None:
                used = locality.in_use((one for one in held if one.content.address_type == family), distances)
                last = None if used is None else Reach(used)
            needed = locality.needed(
                (one for one in known if one.content.address_type == family), distances, preferred
            )
            if widen and last is not None and needed < last.distance:
                reaches[family] = last
            else:
                reaches[family] = locality.step(last, needed, now_seconds, self._return_seconds)
        self._reaches[key] = reaches
        return reaches

    def _distances(
        self, clusters: Iterable[str], held: Iterable[ImportedSlice], preferred: Preference
    ) -> Mapping[str, int]:
        own = self._local.cluster_id
        found = {one: self._membership.member(one) for one in (own, *clusters)}
        members = {one: member for one, member in found.items() if member is not None}
        if own not in members:
            return locality.distances_in_doubt(own, held, preferred.scope)
        return locality.distances_here(own, members)

    def _count(self, key: ServiceKey, said: Condition) -> None:
        has_failed_over = said.reason == locality.FAILED_OVER
        if has_failed_over and key not in self._failed_over:
            self._failed_over.add(key)
            self._failovers.inc()
        elif not has_failed_over:
            self._failed_over.discard(key)
