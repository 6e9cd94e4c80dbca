"""Which of the members that are leaving this cluster has let go of: the word that their `leave` waits for.

A member is let go of when nothing of its exports is left: no record or slice in the stores of the broker,
none that is retained, and no import or imported slice here that names it. It is looked for only while a
member is leaving, once for each heartbeat, and nothing is written for it but the heartbeat.
"""

from collections.abc import Mapping

from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.services.stores.stores import Stores


class LetGo:
    """Reads the stores of the reconcilers, and changes nothing."""

    def __init__(self, stores: Stores, members: Membership) -> None:
        self._stores = stores
        self._members = members

    def answers(self) -> Mapping[str, str] | None:
        """The leaving members of which nothing is held, and since when they are leaving; None if unknown."""
        leaving = self._members.leaving()
        if not leaving:
            return {}
        local, broker = self._stores.local, self._stores.broker
        if not (local.synced() and broker.imports_synced() and broker.imports_current()):
            return None
        held = self._held()
        return {cluster: since for cluster, since in leaving.items() if cluster not in held}

    def _held(self) -> set[str]:
        """The clusters of which anything is here."""
        stores = self._stores
        held = stores.retained.clusters()
        held.update(entry.value.cluster for entry in stores.broker.records)
        held.update(entry.value.cluster for entry in stores.broker.slices)
        held.update(entry.value.source_cluster for entry in stores.local.imported_slices)
        for entry in stores.local.imports:
            held.update(entry.value.clusters)
        return held
