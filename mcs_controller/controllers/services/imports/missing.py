"""What an import's exporters have not confirmed: whose exports and slices are missing and may come back.

After a start that is all that no member has stated yet; later, what vanished without proof. This only reads
the stores; the importer decides, and writes.
"""

import asyncio
from collections.abc import Set
from typing import Final

from mcs_controller.clusterset import fuse
from mcs_controller.clusterset.model import LocalImport, ServiceKey
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.runtime.proof import Evidence
from mcs_controller.controllers.services.stores.stores import Stores
from mcs_controller.kube.store import Entry

TELL_UNSURE_AFTER_SECONDS: Final = 30.0
"""After a start each member's statement comes within half of that, so an earlier report would be false."""


class Missing:
    """Asked by the importer about one service at a time."""

    def __init__(self, stores: Stores, membership: Membership, evidence: Evidence) -> None:
        self._local = stores.local
        self._view = stores.view
        self._retained = stores.retained
        self._membership = membership
        self._evidence = evidence
        self._imported_here: set[tuple[str, ServiceKey]] = set()
        self._unsure_since_seconds: dict[ServiceKey, float] = {}

    def forget(self, key: ServiceKey) -> None:
        """Nothing is missing: what is next is reported after its own time."""
        self._unsure_since_seconds.pop(key, None)

    def remembered_exporters(self, key: ServiceKey, imported: Entry[LocalImport] | None) -> set[str]:
        """The clusters that exported the service when its objects here were written."""
        remembered = {entry.value.source_cluster for entry in self._local.imported_slices.indexed(key)}
        if imported is not None:
            remembered.update(imported.value.clusters)
        return remembered

    def unsure(
        self,
        key: ServiceKey,
        exporters: Set[str],
        remembered: Set[str],
        imported: Entry[LocalImport] | None,
    ) -> frozenset[str]:
        """The clusters that exported the service by the objects here, and have not confirmed the opposite.

        After a start these are all clusters without a record, until each has made a statement. Exports that
        vanish later are retained, and so are not missing here.
        """
        if imported is not None and fuse.is_released(imported.value.annotations):
            return frozenset()
        unsure = self._view.unaccounted(key, imported.value if imported else None, exporters)
        own = self._local.cluster_id
        is_left = own not in exporters and own in remembered
        if is_left and not self._evidence.proves_gone([(own, key)]):
            return unsure | {own}
        return unsure

    def seconds_to_report(self, key: ServiceKey) -> float:
        """Seconds until the hold of `key` must be reported; counted from the first call for it."""
        now_seconds = asyncio.get_running_loop().time()
        since_seconds = self._unsure_since_seconds.setdefault(key, now_seconds)
        return max(0.0, since_seconds + TELL_UNSURE_AFTER_SECONDS - now_seconds)

    def reported(self, key: ServiceKey) -> tuple[list[str], float | None]:
        """The exporters with data held long enough to report, and in how many seconds to requeue."""
        clusters, again_seconds = self._retained.held_clusters(key)
        reported = {*clusters}
        staying = self.slices_that_stay(key)
        if staying:
            left_seconds = self.seconds_to_report(key)
            if left_seconds > 0:
                again_seconds = min(left_seconds, again_seconds or left_seconds)
            else:
                held = self._local.imported_slices.indexed(key)
                reported.update(one.value.source_cluster for one in held if one.name in staying)
        else:
            self.forget(key)
        return sorted(reported), again_seconds

    def slices_that_stay(self, key: ServiceKey) -> Set[str]:
        """Names of slices without a source, whose clusters have not confirmed that it is gone."""
        missing = self._view.unaccounted_slices(key)
        if not missing:
            return missing
        held = self._local.imported_slices.indexed(key)
        dead = self._membership.dead
        return {one.name for one in held if one.name in missing and one.value.source_cluster not in dead}

    def withdrawn(self, key: ServiceKey, imported: Entry[LocalImport], exporters: Set[str]) -> frozenset[str]:
        """The exporting clusters whose endpoints must not be used.

        After a start it takes some time to know which members are dead. Until then a cluster whose endpoints
        were withdrawn before the start stays withdrawn: the import names it, but there is no slice of it.
        """
        dead = self._membership.dead & exporters
        doubtful = self._membership.doubtful & exporters
        if not doubtful:
            return frozenset(dead)
        held = {entry.value.source_cluster for entry in self._local.imported_slices.indexed(key)}
        named = imported.value.clusters
        self._imported_here.update((cluster, key) for cluster in doubtful.difference(named))
        left_out = (
            cluster
            for cluster in doubtful.intersection(named) - held
            if (cluster, key) not in self._imported_here
        )
        return frozenset(dead.union(left_out))
