"""Membership: this cluster's own MemberCluster, and what the agent knows about the other members.

All other controllers may use this one. It uses none of them.
"""

from collections.abc import Mapping

from mcs_controller.controllers.membership.former_ids import FormerIds
from mcs_controller.controllers.membership.history import BrokerHistory
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.membership.metrics import MembershipCollector
from mcs_controller.controllers.membership.presence import Presence
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.runtime.controller import Controller
from mcs_controller.kube.tasks import Tasks


class MembershipController(Controller):
    """Runs all of membership.

    `presence` renews the membership; its caller runs it, for longer than this controller. Without it the
    controller runs its own.
    """

    name = "membership"

    def __init__(self, context: Context, presence: Presence | None = None) -> None:
        broker = context.broker.client
        self._own_presence = presence is None
        self.presence = presence or Presence(
            context.config, context.local.client, broker, clock=context.clock, random=context.random
        )
        self.members = Membership(
            context.config, self.presence, broker, clock=context.clock, random=context.random
        )
        self.history = BrokerHistory(context.registry)
        self.history.on_break(self.presence.hurry)
        self.history.on_break(self.members.distrust)
        self._former_ids = FormerIds(
            self.members, broker, interval_seconds=context.config.heartbeat_interval_seconds
        )
        context.registry.register(MembershipCollector(self.members, self._former_ids))

    async def run(self) -> None:
        """Renew the membership and read the other members, until cancelled. Raises `ClusterIdTaken`."""
        end_listening = self.presence.listen(changed=lambda: None, broke=self.history.broke)
        try:
            async with Tasks(self.name) as tasks:
                if self._own_presence:
                    tasks.start(self.presence.run(), name="presence")
                tasks.start(self.members.run(), name="members")
                tasks.start(self._former_ids.run(), name="former ids")
        finally:
            end_listening()

    def problems(self) -> Mapping[str, str]:
        """What prevents this cluster from being a member, or from reading the others."""
        return {} if self.members.problem is None else {self.name: self.members.problem}
