"""How many imports of this cluster rest on one member's exports (`clusterset/membership/limits.py`).

Each import costs a place in the cluster's API server and, for a clusterset IP, an address of a range that all
Services share, so that one member must not make as many as it likes. An import counts for every member that
exports the service, and for none when this cluster exports it itself: what is wanted here is no burden. What
is imported keeps its place, whatever becomes of the limit; what finds no place waits, the first come first.
"""

import logging
from collections.abc import Callable, Collection, Iterator

from mcs_controller.clusterset.membership.limits import has_place
from mcs_controller.clusterset.model import LocalImport, ServiceKey
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.services.stores.local import LocalStores
from mcs_controller.kube.store import Entry

_log = logging.getLogger(__name__)


class ImportCap:
    """Answers whether a service may be imported, and tells `wake` each one that waited once it may."""

    def __init__(self, local: LocalStores, membership: Membership) -> None:
        self.wake: Callable[[ServiceKey], None] = lambda key: None
        self._local = local
        self._membership = membership
        self._placed: dict[ServiceKey, frozenset[str]] = {}
        self._of_member: dict[str, set[ServiceKey]] = {}
        self._waiting: dict[str, dict[ServiceKey, None]] = {}
        self._told: set[str] = set()
        local.imports.subscribe(self._import_changed)

    def permits(self, key: ServiceKey, exporters: Collection[str]) -> bool:
        """Whether the service, exported by these clusters, is or may be imported; if so, it has its place."""
        charged = self._charged(exporters)
        waited_for = self._no_longer_waits(key)
        if key not in self._placed and not has_place(self._usage(charged)):
            for cluster in charged:
                self._waiting.setdefault(cluster, {})[key] = None
                self._tell(cluster)
            return False
        self._place(key, charged)
        # Several places may have become free before this one was taken, and only the first was woken.
        for cluster in waited_for:
            self._wake_next(cluster)
        return True

    def forget(self, key: ServiceKey) -> None:
        """The service is not imported, and is not to be."""
        waited_for = self._no_longer_waits(key)
        self._uncharge(key, self._placed.pop(key, frozenset()))
        for cluster in waited_for:
            self._wake_next(cluster)

    def waiting(self) -> Iterator[tuple[str, int]]:
        """Each member that has services waiting for a place, and how many."""
        return ((cluster, len(keys)) for cluster, keys in self._waiting.items())

    def _charged(self, exporters: Collection[str]) -> frozenset[str]:
        return frozenset() if self._local.cluster_id in exporters else frozenset(exporters)

    def _usage(self, clusters: Collection[str]) -> Iterator[tuple[int, int]]:
        for cluster in clusters:
            yield len(self._of_member.get(cluster, ())), self._membership.limits(cluster).imports

    def _place(self, key: ServiceKey, charged: frozenset[str]) -> None:
        before = self._placed.get(key, frozenset())
        self._placed[key] = charged
        for cluster in charged - before:
            self._of_member.setdefault(cluster, set()).add(key)
        self._uncharge(key, before - charged)

    def _uncharge(self, key: ServiceKey, clusters: Collection[str]) -> None:
        for cluster in clusters:
            keys = self._of_member[cluster]
            keys.discard(key)
            if not keys:
                del self._of_member[cluster]
            self._wake_next(cluster)

    def _wake_next(self, cluster: str) -> None:
        waiting = self._waiting.get(cluster)
        if waiting and has_place(self._usage([cluster])):
            self.wake(next(iter(waiting)))

    def _no_longer_waits(self, key: ServiceKey) -> list[str]:
        """The members whose places it waited for."""
        waited_for = [cluster for cluster, keys in self._waiting.items() if key in keys]
        for cluster in waited_for:
            keys = self._waiting[cluster]
            del keys[key]
            if not keys:
                del self._waiting[cluster]
        return waited_for

    def _import_changed(self, old: Entry[LocalImport] | None, new: Entry[LocalImport] | None) -> None:
        # One that was deleted by hand comes back, to its own place.
        if new is not None and new.value.managed and new.value.service not in self._placed:
            # As an earlier agent left it: it names its exporters.
            self._place(new.value.service, self._charged(new.value.clusters))

    def _tell(self, cluster: str) -> None:
        if cluster not in self._told:
            self._told.add(cluster)
            _log.warning(
                "member %s exports more services than are imported of one member (%d): the others wait",
                cluster,
                self._membership.limits(cluster).imports,
            )
