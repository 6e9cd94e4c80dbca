"""Withdraws what this cluster left on the broker under a former id (MCS-NS-07).

A changed id is a leave followed by a join. The MemberCluster of the former id still names our kube-system
UID. Once nobody renews it any more, its exports are withdrawn, if our credential allows that. Usually it does
not, since a credential is for one member's namespace: then a log line asks the broker's administrator to
delete the namespace. No other member acts on this: a member could name any UID as its own.
"""

import asyncio
import logging

from mcs_controller.clusterset.identity import member_namespace
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.membership.withdrawal import withdraw_exports
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import Forbidden, KubeError

_log = logging.getLogger(__name__)


class FormerIds:
    """Finds former ids at an interval and withdraws their exports; `left_behind`: those where that failed."""

    def __init__(self, membership: Membership, broker: Client, *, interval_seconds: float) -> None:
        self.left_behind: frozenset[str] = frozenset()
        self._membership = membership
        self._broker = broker
        self._interval_seconds = interval_seconds
        self._reported: set[str] = set()

    async def run(self) -> None:
        """Run until cancelled: a former id shows only when its heartbeat has been missing for a long time."""
        await self._membership.wait_observed()
        while True:
            await self.step()
            await asyncio.sleep(self._interval_seconds)

    async def step(self) -> None:
        """Withdraw the exports of every former id that is known now."""
        left_behind = set()
        for cluster in sorted(self._membership.former_ids()):
            try:
                await self._leave(cluster)
                self._report(cluster, "all its exports are withdrawn")
            except Forbidden as error:
                left_behind.add(cluster)
                self._report(cluster, f"its exports stay until then: {error}")
            except KubeError as error:
                left_behind.add(cluster)
                _log.warning("cannot withdraw the exports of former member %s yet: %s", cluster, error)
        self.left_behind = frozenset(left_behind)

    async def _leave(self, cluster: str) -> None:
        async for _ in withdraw_exports(self._broker, member_namespace(cluster)):
            pass

    def _report(self, cluster: str, state: str) -> None:
        if cluster in self._reported:
            return
        self._reported.add(cluster)
        _log.warning(
            "this cluster was member %s before: the broker's administrator should delete namespace %s; %s",
            cluster,
            member_namespace(cluster),
            state,
        )
