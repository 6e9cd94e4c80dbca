"""The fuse of one cluster's imports (docs/decisions/0007-fuse.md; the rule is in `clusterset/fuse.py`).

It counts our imports that no cluster exports any more. `look` gets every change by service key, so all losses
of one event are counted before the first import is withdrawn. Imports withdrawn within the last minute count,
too. The conditions of held imports record that the fuse holds, so a restarted agent knows it.

The losses of one cluster do not hold the imports of others: an import that other clusters exported is
withdrawn if the fuse would allow that without counting the one cluster's losses. An import that is held
already stays held, until an exporter returns, the hold is over, or somebody who may says that it was meant.
"""

import logging
from collections import Counter
from collections.abc import Callable

from mcs_controller.clusterset import fuse
from mcs_controller.clusterset.model import LocalImport, ServiceKey
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.services.imports.fuse import Fuse
from mcs_controller.controllers.services.stores.stores import Stores

_log = logging.getLogger(__name__)


class ImportFuse(Fuse):
    """Says whether an import that nobody exports must be held, or may be withdrawn.

    `policy_refuses` says whether this cluster's administrator refuses an exporter: its loss is meant, too.
    `exported` says whether an export of the service counts here.
    """

    _things = "imports"

    def __init__(self, context: Context, stores: Stores, membership: Membership) -> None:
        super().__init__(context, stores, membership)
        self.holding = False
        self.policy_refuses: Callable[[str, ServiceKey], bool] = lambda cluster, key: False
        self.exported: Callable[[ServiceKey], bool] = lambda key: self._view.exported(key)
        self._ours: set[ServiceKey] = set()
        self._missing: set[ServiceKey] = set()
        # For each missing or withdrawn import: the only cluster that exported it, "" if there were several.
        self._loser: dict[ServiceKey, str] = {}
        self._losses: Counter[str] = Counter()

    @property
    def held(self) -> int:
        """How many imports are held now."""
        return len(self._missing) if self.holding else 0

    def look(self, key: ServiceKey) -> None:
        """Count the service again, since it may have changed. The cost is that of one service."""
        self._ours.discard(key)
        self._missing.discard(key)
        if key not in self._recent:
            self._found(key)
        entry = self._local.imports.get(*key)
        if entry is None or not entry.value.managed or entry.value.deleting:
            self._holds.end(key)
        else:
            self._ours.add(key)
            nobody_exports = self._nobody_exports(key, entry.value)
            if key in self._recent and nobody_exports:
                # The import is being deleted, and is counted already.
                self._ours.discard(key)
                return
            self._recent.discard(key)
            self._found(key)
            if not nobody_exports:
                self._holds.end(key)
            elif not self._may_go(key, entry.value):
                self._missing.add(key)
                self._lost(key, entry.value)
                told = fuse.was_held(entry.value)
                if told is not None:
                    self._holds.begin(key, entry.value.clusters, told)
                self._decide(held_before=self.holding or told is not None)
                return
        if self.holding:
            self._decide(held_before=True)

    def holds(self, key: ServiceKey) -> bool:
        """Whether the import is held, although nobody exports the service."""
        self.look(key)
        if not self.holding or key not in self._missing:
            return False
        if key not in self._holds and not self._is_apart(key):
            entry = self._local.imports.get(*key)
            self._holds.begin(key, entry.value.clusters if entry is not None else ())
        return key in self._holds

    def withdraws(self, key: ServiceKey, imported: LocalImport) -> None:
        """The import is about to be deleted. One whose loss is meant does not count.

        Its hold ends with the import: if the deletion fails, a hold that is over does not begin anew.
        """
        self._ours.discard(key)
        self._missing.discard(key)
        self._found(key)
        if not self._may_go(key, imported):
            self._lost(key, imported)
            self._recent.add(key)

    def end_holds(self) -> None:
        """Enqueue what has been held for long enough."""
        over = sum(1 for _ in self._holds.over())
        if over:
            _log.warning(
                "%d imports were held for long enough, and their exporters went on stating that they do not "
                "export them: withdrawing them",
                over,
            )
        super().end_holds()

    def _may_go(self, key: ServiceKey, imported: LocalImport) -> bool:
        """Whether the loss of an import that nobody exports is meant, and so does not count.

        Somebody who may released it, or each of its exporters was removed, released, or has no right to
        export it any more; or it was held for long enough.
        """
        if fuse.is_released(imported.annotations) or self._holds.is_over(key):
            return True
        return bool(imported.clusters) and all(
            self._membership.removed(one)
            or one in self._membership.released
            or self._view.refuses(one, key)
            or self.policy_refuses(one, key)
            for one in imported.clusters
        )

    def _nobody_exports(self, key: ServiceKey, imported: LocalImport) -> bool:
        """Whether no cluster exports the service; False while that is not known yet."""
        if not (self._local.synced() and self._view.complete()):
            return False
        if self._local.exports.get(*key) is not None and not self._local.loaded(key):
            return False
        return not self.exported(key) and not self._view.unaccounted(key, imported)

    def _is_apart(self, key: ServiceKey) -> bool:
        """Whether the fuse holds for the losses of one other cluster only."""
        imported = self._local.imports.get(*key)
        exporters = imported.value.clusters if imported is not None else ()
        recent = self._recently_withdrawn()
        ours, lost = len(self._ours) + recent, len(self._missing) + recent
        return bool(exporters) and any(
            not fuse.would_trip(ours - losses, lost - losses, share=self._share, minimum=self._minimum)
            for cluster, losses in self._losses.items()
            if cluster and cluster not in exporters
        )

    def _lost(self, key: ServiceKey, imported: LocalImport) -> None:
        self._loser[key] = loser = imported.clusters[0] if len(imported.clusters) == 1 else ""
        self._losses[loser] += 1

    def _found(self, key: ServiceKey) -> None:
        loser = self._loser.pop(key, None)
        if loser is not None:
            self._losses[loser] -= 1
            if not self._losses[loser]:
                del self._losses[loser]

    def _decide(self, *, held_before: bool) -> None:
        recent = self._recently_withdrawn()
        tripping = fuse.would_trip(
            len(self._ours) + recent, len(self._missing) + recent, share=self._share, minimum=self._minimum
        )
        holding = fuse.holds(held_before, missing=len(self._missing), tripping=tripping)
        if self.holding != holding:
            self.holding = holding
            self._tell()

    def _what_is_held(self) -> str:
        if not self.holding:
            return ""
        recent = len(self._recent)
        return (
            f"{len(self._missing) + recent} of {len(self._ours) + recent} imported services have no exporter "
            f"any more ({recent} withdrawn within the last minute): holding the rest until exports return, "
            "the hold is over, or somebody releases them"
        )

    def _recently_withdrawn(self) -> int:
        for key in self._recent.expired():
            self._found(key)
        return len(self._recent)
