"""The fuse of endpoints in one cluster's imports (docs/decisions/0007-fuse.md).

The rule is in `clusterset/services/endpoint_loss.py`. What is kept are the imported slices as they lie in
this cluster, so a restart loses none. `look` gets every change of a source that may be a loss, so that all
losses of one event are counted before the first slice is written. Endpoints of this cluster's own exports are
never held: it knows about them first-hand. What an administrator takes from a member is no loss.
"""

from collections import Counter
from collections.abc import Callable, Collection, Set
from typing import Final

from mcs_controller.clusterset import fuse
from mcs_controller.clusterset.model import ExportRecord, LocalImport, ServiceKey, SourceSlice
from mcs_controller.clusterset.services.admission import admitted_endpoints
from mcs_controller.clusterset.services.endpoint_loss import has_ready, holds_loss
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.services.imports.fuse import Fuse
from mcs_controller.controllers.services.stores.stores import Stores
from mcs_controller.kube.store import Entry

_NOBODY: Final[frozenset[str]] = frozenset()


class EndpointFuse(Fuse):
    """Says of which clusters the last known endpoints of a service are kept.

    `records` are the exports of a service that count here.
    """

    _things = "endpoints"

    def __init__(self, context: Context, stores: Stores, membership: Membership) -> None:
        super().__init__(context, stores, membership)
        # By service, the other clusters with ready endpoints here, and those that lost them a moment ago.
        self._clusters: dict[ServiceKey, frozenset[str]] = {}
        self._had: Counter[str] = Counter()
        # By service, the clusters that lost the last of all: what is held, and what went in the last minute.
        self._losers: dict[ServiceKey, frozenset[str]] = {}
        self._lost: Counter[str] = Counter()
        self._meant: set[ServiceKey] = set()
        self._has_counted_all = False
        self.records: Callable[[ServiceKey], Collection[ExportRecord]] = lambda key: self._view.records(key)

    @property
    def held(self) -> int:
        """Of how many services the endpoints are held now."""
        return len(self._holds)

    def count(self, key: ServiceKey) -> None:
        """Count the slices that lie here again. The cost is that of one service."""
        found = set()
        for entry in self._local.imported_slices.indexed(key):
            cluster = entry.value.source_cluster
            if cluster not in found and cluster != self._local.cluster_id and has_ready(entry.value.content):
                found.add(cluster)
        before = self._clusters.get(key, _NOBODY)
        now = found | self._losers[key] if key in self._losers else found
        if before == now:
            return
        self._had.subtract(before - now)
        self._had.update(now - before)
        if now:
            self._clusters[key] = frozenset(now)
        else:
            self._clusters.pop(key, None)

    def source_changed(self, old: Entry[SourceSlice] | None, new: Entry[SourceSlice] | None) -> None:
        """Count the losses again if this may be one. What leaves ready endpoints costs next to nothing."""
        entry = new or old
        if entry is None:
            return
        key = entry.value.service
        if new is None or key in self._losers or not has_ready(new.value.content):
            self.look(key)

    def look(self, key: ServiceKey) -> None:
        """Count the losses of a service again."""
        self.count(key)
        if key in self._clusters:
            exporters = {record.cluster for record in self.records(key)}
            self._look(key, exporters, self._view.slices(key), self._membership.dead)

    def keeps(
        self,
        key: ServiceKey,
        imported: LocalImport,
        exporters: Collection[str],
        sources: Collection[SourceSlice],
        withdrawn: Set[str],
    ) -> frozenset[str]:
        """The clusters whose last known endpoints of the service stay, for now.

        `exporters` export the service, and `sources` are all slices of it; the endpoints of clusters in
        `withdrawn` are not used.
        """
        losers = self._look(key, exporters, sources, withdrawn)
        if not losers:
            return _NOBODY
        if fuse.is_released(imported.annotations) or self._holds.is_over(key):
            self._let_go(key)
            return _NOBODY
        if key in self._holds:
            return losers
        told = fuse.was_held(imported, fuse.MASS_ENDPOINT_LOSS)
        self._count_all()
        if told is None and not self._trips(losers):
            self._recent.add(key)
            return _NOBODY
        self._recent.discard(key)
        self._holds.begin(key, losers, told)
        self._tell()
        return losers

    def _what_is_held(self) -> str:
        if not self._holds:
            return ""
        return (
            f"the ready endpoints of {len(self._losers)} of {len(self._clusters)} imported services vanished "
            "at once, and their exports did not: holding the last known ones until endpoints return, the "
            "hold is over, or somebody releases them"
        )

    def _look(
        self,
        key: ServiceKey,
        exporters: Collection[str],
        sources: Collection[SourceSlice],
        withdrawn: Set[str],
    ) -> frozenset[str]:
        """The clusters that lost the last endpoints of the service; counts them."""
        for one in sources:
            if one.cluster in exporters and one.cluster not in withdrawn and has_ready(one.content):
                if key in self._losers or key in self._meant:
                    self._found(key)
                return _NOBODY
        if key in self._meant:
            if key not in self._clusters:
                self._meant.discard(key)
            return _NOBODY
        if not self._is_known(key):
            known = self._losers.get(key, _NOBODY) if key in self._holds else _NOBODY
            return known.intersection(exporters) - withdrawn
        losers = frozenset(one for one in exporters if one not in withdrawn and self._is_loss(one, key))
        if losers:
            self._count_loss(key, losers)
        elif key not in self._recent:
            self._found(key)
        return losers

    def _is_known(self, key: ServiceKey) -> bool:
        """Whether the sources of the service are all that there is."""
        return (
            self._local.synced()
            and self._view.complete()
            and not self._local.unread(key)
            and not self._view.unaccounted_slices(key)
        )

    def _is_loss(self, cluster: str, key: ServiceKey) -> bool:
        """Whether ready endpoints lie here that the cluster may have, and that it was not released for."""
        if cluster == self._local.cluster_id or cluster in self._membership.released:
            return False
        member = self._membership.member(cluster)
        return member is not None and any(
            endpoint.ready is not False
            for entry in self._local.imported_slices.indexed(key)
            if entry.value.source_cluster == cluster
            for endpoint in admitted_endpoints(entry.value.content.endpoints, member)
        )

    def _count_all(self) -> None:
        """Once, at the first loss: after a start, sources may have been read that nothing looked at yet."""
        if not self._has_counted_all:
            self._has_counted_all = True
            for key in tuple(self._local.imported_slices.index_keys()):
                if isinstance(key, ServiceKey):
                    self.look(key)

    def _trips(self, losers: Set[str]) -> bool:
        for key in self._recent.expired():
            self._found(key)
        return holds_loss(
            losers,
            had=self._had,
            lost=self._lost,
            had_in_all=len(self._clusters),
            lost_in_all=len(self._losers),
            share=self._share,
            minimum=self._minimum,
        )

    def _count_loss(self, key: ServiceKey, losers: frozenset[str]) -> None:
        before = self._losers.get(key, _NOBODY)
        if before != losers:
            self._lost.subtract(before)
            self._lost.update(losers)
            self._losers[key] = losers
            self.count(key)

    def _found(self, key: ServiceKey) -> None:
        """The service has lost nothing."""
        self._meant.discard(key)
        self._recent.discard(key)
        if key in self._holds:
            self._holds.end(key)
            self._tell()
        losers = self._losers.pop(key, None)
        if losers is not None:
            self._lost.subtract(losers)
            self.count(key)

    def _let_go(self, key: ServiceKey) -> None:
        """The loss was meant: it does not count."""
        self._found(key)
        self._meant.add(key)
