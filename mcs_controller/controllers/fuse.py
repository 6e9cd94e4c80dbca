"""The fuse of one cluster's imports (architecture.md, decision 7; the rule is in `clusterset/fuse.py`).

It keeps count of our imports that no record stands behind any more: told of every change by service key, so
that before the first of many is withdrawn all that vanished with it has been counted. What was withdrawn
within the last minute counts, too. Whether it held is also in the conditions of what it holds, and so is
not forgotten when the agent is started anew.
"""

import asyncio
import logging

from mcs_controller.clusterset import fuse
from mcs_controller.clusterset.model import LocalImport, ServiceKey
from mcs_controller.controllers.local import LocalState
from mcs_controller.controllers.membership import Membership
from mcs_controller.controllers.view import ClustersetView

WINDOW_SECONDS = 60.0

_log = logging.getLogger(__name__)


class ImportFuse:
    """Answers whether an import that nobody exports may be withdrawn."""

    def __init__(
        self,
        local: LocalState,
        view: ClustersetView,
        membership: Membership,
        *,
        share: float,
        minimum: int,
    ) -> None:
        self.holding = False
        self._local = local
        self._view = view
        self._membership = membership
        self._share = share
        self._minimum = minimum
        self._ours: set[ServiceKey] = set()
        self._missing: set[ServiceKey] = set()
        self._withdrawn_at_seconds: dict[ServiceKey, float] = {}

    @property
    def held(self) -> int:
        """How many imports are held now."""
        return len(self._missing) if self.holding else 0

    def look(self, key: ServiceKey) -> None:
        """Something about the service may have changed; costs what one service costs."""
        self._ours.discard(key)
        self._missing.discard(key)
        entry = self._local.imports.get(*key)
        if entry is not None and entry.value.managed and not entry.value.deleting:
            self._ours.add(key)
            if key in self._withdrawn_at_seconds and self._nobody_exports(key, entry.value):
                # It is on its way out, and counted.
                self._ours.discard(key)
                return
            self._withdrawn_at_seconds.pop(key, None)
            if not self._may_go(entry.value) and self._nobody_exports(key, entry.value):
                self._missing.add(key)
                self._decide(held_before=self.holding or fuse.was_held(entry.value))
                return
        if self.holding:
            self._decide(held_before=True)

    def holds(self, key: ServiceKey) -> bool:
        """Whether the import has to stay, though nobody exports the service."""
        self.look(key)
        return self.holding and key in self._missing

    def withdraws(self, key: ServiceKey, imported: LocalImport) -> None:
        """The import is about to be deleted; what an operator let go does not count."""
        self._ours.discard(key)
        self._missing.discard(key)
        if not self._may_go(imported):
            self._withdrawn_at_seconds[key] = asyncio.get_running_loop().time()

    def _may_go(self, imported: LocalImport) -> bool:
        """An operator said so, or removed all members that exported it: neither is a loss."""
        return fuse.is_released(imported.annotations) or (
            bool(imported.clusters) and all(self._membership.removed(one) for one in imported.clusters)
        )

    def _nobody_exports(self, key: ServiceKey, imported: LocalImport) -> bool:
        """False, too, while that cannot be told yet."""
        if not (self._local.synced() and self._view.complete()):
            return False
        if self._local.exports.get(*key) is not None and not self._local.loaded(key):
            return False
        return not self._view.exported(key) and not self._view.unaccounted(key, imported)

    def _decide(self, *, held_before: bool) -> None:
        recent = self._recently_withdrawn()
        tripping = fuse.would_trip(
            len(self._ours) + recent, len(self._missing) + recent, share=self._share, minimum=self._minimum
        )
        holding = fuse.holds(held_before, missing=len(self._missing), tripping=tripping)
        if holding and not self.holding:
            _log.error(
                "nobody exports %d of %d imported services any more, %d of them withdrawn within the last "
                "minute: the rest is held until the exports come back or an operator lets them go",
                len(self._missing) + recent,
                len(self._ours) + recent,
                recent,
            )
        elif self.holding and not holding:
            _log.warning("no imports are held any more")
        self.holding = holding

    def _recently_withdrawn(self) -> int:
        since_seconds = asyncio.get_running_loop().time() - WINDOW_SECONDS
        while self._withdrawn_at_seconds:
            oldest = next(iter(self._withdrawn_at_seconds))
            if self._withdrawn_at_seconds[oldest] > since_seconds:
                break
            del self._withdrawn_at_seconds[oldest]
        return len(self._withdrawn_at_seconds)
