"""All that the two reconcilers read: local and broker stores, retained objects, and the merged view."""

from dataclasses import dataclass

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.services.policies.exports import export_gate
from mcs_controller.controllers.services.policies.gate import Gate
from mcs_controller.controllers.services.policies.imports import ImportPolicies
from mcs_controller.controllers.services.stores.broker import BrokerStores
from mcs_controller.controllers.services.stores.local import LocalStores
from mcs_controller.controllers.services.stores.own_limits import OwnLimits
from mcs_controller.controllers.services.stores.retained import Retained
from mcs_controller.controllers.services.stores.view import ClustersetView


@dataclass(frozen=True, slots=True)
class Stores:
    """One agent's stores. Readers change them only through an `ObjectWriter`.

    `export_gate` and `import_policies` are there only if policies decide what is exported, or imported.
    """

    local: LocalStores
    broker: BrokerStores
    retained: Retained
    own_limits: OwnLimits
    view: ClustersetView
    export_gate: Gate[ServiceKey] | None
    import_policies: ImportPolicies | None

    @classmethod
    def of(cls, context: Context, membership: Membership) -> "Stores":
        """Empty stores, whose informers are added to the context."""
        broker = BrokerStores(context, membership)
        local = LocalStores(context, broker.stamps)
        retained = Retained(broker, membership)
        own_limits = OwnLimits(context, broker, membership)
        view = ClustersetView(local, broker, retained, membership, own_limits)
        retained.compare_with_imported(view.older_than_imported)
        gate = export_gate(context, local, broker) if context.config.export_policies else None
        policies = ImportPolicies(context, local) if context.config.import_policies else None
        return cls(local, broker, retained, own_limits, view, gate, policies)
