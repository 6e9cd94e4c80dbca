"""ExportPolicies: what of this cluster may be exported (docs/decisions/0029-policies.md).

There is one only with --export-policies. The exporter knows nothing of it: an export that policies refuse is
not valid (`stores/local.py`), and is withdrawn like any other that is not.
"""

from collections.abc import Iterator
from typing import Final

from mcs_controller.api.resources import EXPORT_POLICIES, POLICY_GROUP
from mcs_controller.clusterset.model import LocalExport, ServiceKey, StringMap
from mcs_controller.clusterset.services.naming import exported_service_name
from mcs_controller.clusterset.services.policies.policy import decode_policy
from mcs_controller.clusterset.services.policies.verdict import (
    ALLOWED,
    EXPORTS,
    REASONS,
    Policies,
    Verdict,
    judge_export,
)
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.runtime.informers import Kind
from mcs_controller.controllers.runtime.kinds import NAMESPACE_LABELS
from mcs_controller.controllers.services.policies.gate import Gate
from mcs_controller.controllers.services.policies.known import KnownPolicies
from mcs_controller.controllers.services.stores.broker import BrokerStores
from mcs_controller.controllers.services.stores.local import LocalStores
from mcs_controller.kube.store import Entry

_KIND: Final = Kind(
    "exportpolicies", lambda client: EXPORT_POLICIES, decode_policy, optional_group=POLICY_GROUP
)


def export_gate(context: Context, local: LocalStores, broker: BrokerStores) -> Gate[ServiceKey]:
    """The gate of this cluster's exports, which `local` asks from now on."""
    labels = context.local.get(NAMESPACE_LABELS)
    # What policies let through since the start, as the condition is another while the Service is gone.
    admitted: set[ServiceKey] = set()

    def judge(rules: Policies, key: ServiceKey) -> Verdict:
        if not local.loaded(key):
            return Verdict("unknown", "the Service has not been read")
        namespace, service = labels.get("", key.namespace), local.services.get(*key)
        if service is None:
            return ALLOWED
        namespace_labels = dict(namespace.value) if namespace is not None else None
        verdict = judge_export(rules, key, namespace_labels, dict(service.value.labels))
        if verdict.answer == "refused":
            admitted.discard(key)
        elif verdict.answer == "allowed" or is_live(key):
            admitted.add(key)
        return verdict

    def was_admitted(key: ServiceKey) -> bool:
        export = local.exports.get(*key)
        return key in admitted or (
            export is not None
            and any((one.type, one.status) == ("Valid", "True") for one in export.value.conditions)
        )

    def is_live(key: ServiceKey) -> bool:
        if broker.exports_synced():
            record = broker.own_records.get(broker.own_namespace, exported_service_name(key))
            return record is not None and not record.value.withdrawn
        # Until the broker has been read, what was refused last time stays refused, and all else as it is.
        export = local.exports.get(*key)
        return export is not None and all(one.reason not in REASONS for one in export.value.conditions)

    def live(namespace: str | None) -> Iterator[ServiceKey]:
        for entry in local.exports:
            key = ServiceKey(entry.namespace, entry.name)
            if namespace in (None, key.namespace) and is_live(key):
                yield key

    def labels_changed(old: Entry[StringMap] | None, new: Entry[StringMap] | None) -> None:
        if (entry := old or new) and (old is None or new is None or old.value != new.value):
            gate.changed_in(entry.name)

    def export_changed(old: Entry[LocalExport] | None, new: Entry[LocalExport] | None) -> None:
        if old is not None and (new is None or new.uid != old.uid):
            key = ServiceKey(*old.key)
            admitted.discard(key)
            gate.forget(key)

    known = KnownPolicies(context.local, _KIND, EXPORT_POLICIES, EXPORTS, labels)
    gate = Gate(
        context,
        known,
        judge=judge,
        is_live=is_live,
        was_admitted=was_admitted,
        live=live,
        read=local.read_services,
        namespace_of=lambda key: key.namespace,
    )
    labels.subscribe(labels_changed)
    local.exports.subscribe(export_changed)
    local.ask_policies(gate)
    return gate
