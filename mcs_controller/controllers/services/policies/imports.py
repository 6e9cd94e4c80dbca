"""ImportPolicies: what this cluster imports, and from whom (docs/decisions/0029-policies.md).

There is one only with --import-policies. The importer asks for each service which of its exports count here.
What other clusters see of this cluster's own exports does not depend on it.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Final, NamedTuple

from mcs_controller.api.resources import IMPORT_POLICIES, POLICY_GROUP
from mcs_controller.clusterset.model import ExportRecord, LocalImport, ServiceKey, StringMap
from mcs_controller.clusterset.services.policies.policy import decode_policy
from mcs_controller.clusterset.services.policies.preferring import Said, judge_preference
from mcs_controller.clusterset.services.policies.verdict import (
    IMPORTS,
    Outcome,
    Policies,
    Verdict,
    judge_import,
)
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.runtime.informers import Kind
from mcs_controller.controllers.runtime.kinds import NAMESPACE_LABELS
from mcs_controller.controllers.services.policies.gate import Gate
from mcs_controller.controllers.services.policies.known import KnownPolicies
from mcs_controller.controllers.services.stores.local import LocalStores
from mcs_controller.kube.store import Entry

_KIND: Final = Kind(
    "importpolicies", lambda client: IMPORT_POLICIES, decode_policy, optional_group=POLICY_GROUP
)


class Source(NamedTuple):
    """One cluster's export of one service, as far as it is imported here."""

    key: ServiceKey
    cluster: str


class ImportPolicies:
    """Says which exports of a service count in this cluster; `gate` decides about each."""

    def __init__(self, context: Context, local: LocalStores) -> None:
        self._local = local
        self._labels = context.local.get(NAMESPACE_LABELS)
        known = KnownPolicies(context.local, _KIND, IMPORT_POLICIES, IMPORTS, self._labels)
        self.gate: Gate[Source] = Gate(
            context,
            known,
            judge=self._judge,
            is_live=self._is_live,
            was_admitted=lambda source: source.cluster in self._admitted.get(source.key, ()),
            live=self._live,
            read=_nothing_more,
            namespace_of=lambda source: source.key.namespace,
        )
        # Of each service the exporters that were asked about, and what follows.
        self._outcomes: dict[ServiceKey, dict[str, Outcome]] = {}
        # Of each service those whose exports counted last: an import that somebody deletes is made again.
        self._admitted: dict[ServiceKey, frozenset[str]] = {}
        self._labels.subscribe(self._labels_changed)
        local.imports.subscribe(self._import_changed)

    def answered(self) -> bool:
        """Whether anything can be said yet."""
        return self.gate.known.answered()

    def select(self, key: ServiceKey, records: Sequence[ExportRecord]) -> tuple[ExportRecord, ...]:
        """Those of the service's records that count here."""
        found = {one.cluster: self.gate.outcome(Source(key, one.cluster)) for one in records}
        for cluster in self._outcomes.pop(key, {}).keys() - found.keys():
            self.gate.forget(Source(key, cluster))
        if found:
            self._outcomes[key] = found
        return tuple(one for one in records if found[one.cluster].action != "refuse")

    def remember(self, key: ServiceKey, records: Collection[ExportRecord]) -> None:
        """These are all exports of the service that count here."""
        if records:
            self._admitted[key] = frozenset(one.cluster for one in records)
        else:
            self._admitted.pop(key, None)

    def refuses(self, cluster: str, key: ServiceKey) -> bool:
        """Whether the cluster's export of the service did not count when it was asked about last."""
        found = self._outcomes.get(key, {}).get(cluster)
        return found is not None and found.action == "refuse"

    def seen(self, namespace: str) -> tuple[Policies, StringMap] | None:
        """The policies in force, and the labels of the namespace; None while nothing can be said."""
        if not self.answered():
            return None
        labels = self._labels.get("", namespace)
        return self.gate.known.rules(), labels.value if labels is not None else ()

    def prefers(self, key: ServiceKey) -> Said:
        """Which endpoints of the service are preferred here, as policies say."""
        labels = self._labels.get("", key.namespace)
        return judge_preference(
            self.gate.known.rules(), key, dict(labels.value) if labels is not None else None
        )

    def note(self, key: ServiceKey) -> str:
        """Whose exports do not count here, or only for now, as users read it; "" if nothing."""
        messages = (one.message for _, one in sorted(self._outcomes.get(key, {}).items()))
        return "; ".join(dict.fromkeys(filter(None, messages)))

    def _judge(self, rules: Policies, source: Source) -> Verdict:
        labels = self._labels.get("", source.key.namespace)
        return judge_import(
            rules,
            source.key,
            source.cluster,
            dict(labels.value) if labels is not None else None,
            is_own=source.cluster == self._local.cluster_id,
        )

    def _is_live(self, source: Source) -> bool:
        imported = self._local.imports.get(*source.key)
        if imported is None or not imported.value.managed or imported.value.deleting:
            return False
        if source.cluster in imported.value.clusters:
            return True
        slices = self._local.imported_slices.indexed(source.key)
        return any(one.value.source_cluster == source.cluster for one in slices)

    def _live(self, namespace: str | None) -> Iterator[Source]:
        for entry in self._local.imports:
            if namespace not in (None, entry.namespace):
                continue
            for cluster in entry.value.clusters:
                source = Source(ServiceKey(*entry.key), cluster)
                if self._is_live(source):
                    yield source

    def _labels_changed(self, old: Entry[StringMap] | None, new: Entry[StringMap] | None) -> None:
        if (entry := old or new) and (old is None or new is None or old.value != new.value):
            self.gate.changed_in(entry.name)

    def _import_changed(self, old: Entry[LocalImport] | None, new: Entry[LocalImport] | None) -> None:
        """Of what is gone, nothing is live: it is asked about anew if it still is exported."""
        if new is None and old is not None:
            key = ServiceKey(*old.key)
            asked = self._outcomes.pop(key, {}).keys()
            for cluster in {*asked, *old.value.clusters}:
                self.gate.forget(Source(key, cluster))


async def _nothing_more(sources: Collection[Source]) -> None:
    """An import is judged by policies and by the labels of its namespace."""
