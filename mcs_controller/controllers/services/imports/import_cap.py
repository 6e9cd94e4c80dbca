"""Limits the imports that one member's exports cause in this cluster (`clusterset/membership/limits.py`).

Each import costs objects in the cluster's API server and, for a clusterset IP, an address of the range that
all Services share. So one member must not cause any number of them. An import counts for every member that
exports the service, and for none if this cluster exports it, too: then the service is wanted here. An import
keeps its place, even when the limit becomes smaller. A service without a place waits, in order of arrival.
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
    """Says whether a service may be imported, and calls `enqueue` with a waiting one once it may."""

    def __init__(self, local: LocalStores, membership: Membership) -> None:
        self.enqueue: Callable[[ServiceKey], None] = lambda key: None
        self._local = local
        self._membership = membership
        self._placed: dict[ServiceKey, frozenset[str]] = {}
        self._of_member: dict[str, set[ServiceKey]] = {}
        self._waiting: dict[str, dict[ServiceKey, None]] = {}
        self._reported: set[str] = set()
        local.imports.subscribe(self._import_changed)

    def permits(self, key: ServiceKey, exporters: Collection[str]) -> bool:
        """Whether the service, exported by these clusters, may be imported; if so, it gets a place."""
        charged = self._charged(exporters)
        waited_for = self._no_longer_waits(key)
        if key not in self._placed and not has_place(self._usage(charged)):
            for cluster in sorted(charged):
                self._waiting.setdefault(cluster, {})[key] = None
                self._report(cluster)
            return False
        self._place(key, charged)
        # If several places became free at once, only the first waiting service was enqueued.
        for cluster in waited_for:
            self._enqueue_next(cluster)
        return True

    def forget(self, key: ServiceKey) -> None:
        """The service is not imported, and not wanted: release its place."""
        waited_for = self._no_longer_waits(key)
        self._uncharge(key, self._placed.pop(key, frozenset()))
        for cluster in waited_for:
            self._enqueue_next(cluster)

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
        for cluster in sorted(clusters):
            keys = self._of_member[cluster]
            keys.discard(key)
            if not keys:
                del self._of_member[cluster]
            self._enqueue_next(cluster)

    def _enqueue_next(self, cluster: str) -> None:
        waiting = self._waiting.get(cluster)
        if waiting and has_place(self._usage([cluster])):
            self.enqueue(next(iter(waiting)))

    def _no_longer_waits(self, key: ServiceKey) -> list[str]:
        """Remove `key` from the waiting services; returns the members whose places it waited for."""
        waited_for = [cluster for cluster, keys in self._waiting.items() if key in keys]
        for cluster in waited_for:
            keys = self._waiting[cluster]
            del keys[key]
            if not keys:
                del self._waiting[cluster]
        return waited_for

    def _import_changed(self, old: Entry[LocalImport] | None, new: Entry[LocalImport] | None) -> None:
        # An import that was deleted by hand keeps its place: it is created again.
        if new is not None and new.value.managed and new.value.service not in self._placed:
            # Written by an earlier agent: its status names the exporters.
            self._place(new.value.service, self._charged(new.value.clusters))

    def _report(self, cluster: str) -> None:
        if cluster not in self._reported:
            self._reported.add(cluster)
            _log.warning(
                "member %s exports more services than are imported from one member (%d): the others wait",
                cluster,
                self._membership.limits(cluster).imports,
            )
