"""Keeps services of reserved namespaces from being imported (`clusterset/services/reserved.py`).

It remembers which services were refused, for the metric, and logs each namespace once. Only creation is
refused: an import that exists already goes on like any other.
"""

import logging
from collections.abc import Collection

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.services.reserved import OPTION, kept, may_import_into

_log = logging.getLogger(__name__)


class ReservedNamespaces:
    """Says whether a service's import may be created; `allowed` are reserved namespaces that may be used."""

    def __init__(self, allowed: Collection[str]) -> None:
        self._allowed = allowed
        self._refused: set[ServiceKey] = set()
        self._logged: set[str] = set()

    def refuses(self, key: ServiceKey) -> bool:
        """Whether no import may be created for this exported service; if so, it counts as refused."""
        if may_import_into(key.namespace, self._allowed):
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

    def refused(self) -> int:
        """How many exported services are not imported."""
        return len(self._refused)

    def _log_once(self, what: str, namespace: str) -> None:
        if what not in self._logged:
            self._logged.add(what)
            _log.warning("%s; to allow it, start the agent with %s=%s", what, OPTION, namespace)
