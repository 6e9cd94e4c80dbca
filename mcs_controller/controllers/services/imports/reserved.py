"""Keeps services of reserved namespaces from being imported (`clusterset/services/reserved.py`).

It remembers which services were refused, for the metric, and logs each namespace once. Only creation is
refused: an import that exists already goes on like any other. One that vanished is created again, unless
somebody deleted it: then the watch shows that, and goes on. When its CRD was deleted, that ends the watch.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Final, NamedTuple

from mcs_controller.clusterset.model import LocalImport, ServiceKey
from mcs_controller.clusterset.services.reserved import OPTION, kept, may_import_into
from mcs_controller.kube.store import Entry, Store

DOUBT_SECONDS: Final = 10.0
"""So long after its last object a CRD that is being deleted may still be served, and watched."""

_log = logging.getLogger(__name__)


class _Vanished(NamedTuple):
    """When a watch showed that an import was deleted, and how many lists there had been until then."""

    at_seconds: float
    lists: int


class ReservedNamespaces:
    """Says whether a service's import may be created; `allowed` are reserved namespaces that may be used.

    `lists` tells how many lists of imports there have been, None while one is missing.
    """

    def __init__(
        self, allowed: Collection[str], imports: Store[LocalImport], lists: Callable[[], int | None]
    ) -> None:
        self._allowed = allowed
        self._lists = lists
        self._vanished: dict[ServiceKey, _Vanished] = {}
        # Those that vanished, and probably nobody deleted them.
        self._lost: set[ServiceKey] = set()
        self._refused: set[ServiceKey] = set()
        self._logged: set[str] = set()
        imports.subscribe(self._import_changed)

    def doubt_seconds(self, key: ServiceKey) -> float | None:
        """For an import that vanished: seconds until it is known whether somebody deleted it; None: known."""
        vanished = self._vanished.get(key)
        if vanished is None:
            return None
        left_seconds = vanished.at_seconds + DOUBT_SECONDS - asyncio.get_running_loop().time()
        has_been_watched = self._lists() == vanished.lists
        if has_been_watched and left_seconds > 0:
            return left_seconds
        del self._vanished[key]
        if not has_been_watched:
            self._lost.add(key)
        return None

    def refuses(self, key: ServiceKey) -> bool:
        """Whether no import may be created for this exported service; if so, it counts as refused."""
        if key in self._lost or may_import_into(key.namespace, self._allowed):
            return False
        self._refused.add(key)
        self._log_once(f"services exported from namespace {key.namespace} are not imported", key.namespace)
        return True

    def note(self, key: ServiceKey) -> str:
        """The note for an import that exists and could not be created now; "" for any other."""
        if may_import_into(key.namespace, self._allowed):
            return ""
        self._log_once(
            f"imports in namespace {key.namespace} stay, and no new ones are created", key.namespace
        )
        return kept(key.namespace)

    def forget(self, key: ServiceKey) -> None:
        """The service does not count as refused until `refuses` says so again."""
        self._refused.discard(key)

    def end(self, key: ServiceKey) -> None:
        """An import that vanished is not to be created again."""
        self._vanished.pop(key, None)
        self._lost.discard(key)

    def refused(self) -> int:
        """How many exported services are not imported."""
        return len(self._refused)

    def _import_changed(self, old: Entry[LocalImport] | None, new: Entry[LocalImport] | None) -> None:
        entry = new or old
        if entry is None or may_import_into(entry.namespace, self._allowed):
            return
        key = ServiceKey(*entry.key)
        self.end(key)
        if new is not None:
            return
        lists = self._lists()
        if lists is None:
            self._lost.add(key)
        else:
            self._vanished[key] = _Vanished(asyncio.get_running_loop().time(), lists)

    def _log_once(self, what: str, namespace: str) -> None:
        if what not in self._logged:
            self._logged.add(what)
            _log.warning("%s; to allow it, start the agent with %s=%s", what, OPTION, namespace)
