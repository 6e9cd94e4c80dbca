"""All that the two reconcilers read: both sides, what is kept of the broker's, and what it amounts to."""

from dataclasses import dataclass

from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.services.stores.broker import BrokerStores
from mcs_controller.controllers.services.stores.local import LocalStores
from mcs_controller.controllers.services.stores.own_limits import OwnLimits
from mcs_controller.controllers.services.stores.retained import Retained
from mcs_controller.controllers.services.stores.view import ClustersetView


@dataclass(frozen=True, slots=True)
class Stores:
    """One agent's; nothing in them is written by their readers but through an `ObjectWriter`."""

    local: LocalStores
    broker: BrokerStores
    retained: Retained
    own_limits: OwnLimits
    view: ClustersetView

    @classmethod
    def of(cls, context: Context, membership: Membership) -> "Stores":
        """Empty ones, whose informers have been asked for."""
        local, broker = LocalStores(context), BrokerStores(context, membership)
        retained = Retained(broker, membership)
        own_limits = OwnLimits(context, broker, membership)
        view = ClustersetView(local, broker, retained, membership, own_limits)
        return cls(local, broker, retained, own_limits, view)
